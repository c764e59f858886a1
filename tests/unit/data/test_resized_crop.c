/* SPDX-License-Identifier: MIT
 * The augmentations `resized_crop`, `brightness` and `erase`: nothing is changed where nothing is
 * asked for; a ramp stays a ramp, only less steep and within the image's range; a factor is a
 * factor; what is erased is a rectangle. */
#include "tiny_model.h"

#include <math.h>
#include <string.h>

#include "data/augment/augment.h"

enum { SIZE = 32, CHANNELS = 3, BYTES = SIZE * SIZE * CHANNELS };

static void apply(const char *spec, uint64_t position, const uint8_t *from, uint8_t *to) {
    uint8_t scratch[BYTES];
    duet_augment_chain chain;
    OK(duet_augment_chain_parse(&chain, spec));
    memcpy(to, from, BYTES);
    duet_augment_chain_apply(&chain, 3, position, to, scratch, SIZE, CHANNELS);
}

/* 7 x + y / 4 in all channels but the last, which is constant. */
static void ramp(uint8_t *out) {
    for (int i = 0; i < BYTES; i++)
        out[i] = (uint8_t)(i % CHANNELS == CHANNELS - 1
                               ? 90
                               : 7 * (i / CHANNELS % SIZE) + i / CHANNELS / SIZE / 4);
}

static void as_it_was(void **state) {
    (void)state;
    uint8_t from[BYTES], to[BYTES];
    ramp(from);
    for (uint64_t k = 0; k < 8; k++) {
        apply("resized_crop:least=1,ratio=1+brightness:by=0+erase:p=0", k, from, to);
        assert_memory_equal(from, to, BYTES);
    }
}

static void ramps(void **state) {
    (void)state;
    uint8_t from[BYTES], to[BYTES], again[BYTES];
    double least = 1, most = 0;
    ramp(from);
    for (uint64_t k = 0; k < 60; k++) {
        apply("resized_crop:least=0.25,ratio=2", k, from, to);
        apply("resized_crop:least=0.25,ratio=2", k, from, again);
        assert_memory_equal(to, again, BYTES);
        const uint8_t *const row = to + SIZE / 2 * SIZE * CHANNELS;
        const double width = (row[(SIZE - 2) * CHANNELS] - row[CHANNELS]) / (7.0 * (SIZE - 3));
        least = fmin(least, width);
        most = fmax(most, width);
        for (int x = 2; x < SIZE - 1; x++) { /* equal steps, but for rounding */
            const double step = row[x * CHANNELS] - row[(x - 1) * CHANNELS];
            assert_true(fabs(step - 7 * width) <= 1.5);
            assert_true(row[x * CHANNELS + 2] == 90);
        }
    }
    assert_true(least > 0.34 && least < 0.6 && most > 0.9 && most <= 1.001);
}

static void factors(void **state) {
    (void)state;
    uint8_t from[BYTES], to[BYTES];
    double least = 2, most = 0;
    memset(from, 100, BYTES);
    for (uint64_t k = 0; k < 60; k++) {
        apply("brightness:by=0.5", k, from, to);
        for (int i = 1; i < BYTES; i++) assert_true(to[i] == to[0]);
        least = fmin(least, to[0] / 100.0);
        most = fmax(most, to[0] / 100.0);
    }
    assert_true(least >= 0.5 && least < 0.6 && most > 1.4 && most <= 1.5);
    memset(from, 250, BYTES);
    for (uint64_t k = 0; k < 20; k++) { /* saturates */
        apply("brightness:by=0.5", k, from, to);
        assert_true(to[0] >= 125);
    }
}

/* The smallest rectangle around all that was changed has no pixel inside that was not, but for
 * bytes that happen to be the same. */
static void rectangles(void **state) {
    (void)state;
    uint8_t from[BYTES], to[BYTES];
    int erased = 0;
    double least = 1, most = 0;
    memset(from, 100, BYTES);
    for (uint64_t k = 0; k < 200; k++) {
        int low[2] = {SIZE, SIZE}, high[2] = {-1, -1}, count = 0;
        apply("erase:p=0.5,least=0.1,most=0.3,ratio=2", k, from, to);
        for (int i = 0; i < SIZE * SIZE; i++) {
            const int at[2] = {i / SIZE, i % SIZE};
            if (memcmp(from + i * CHANNELS, to + i * CHANNELS, CHANNELS) == 0) continue;
            count++;
            for (int a = 0; a < 2; a++) {
                if (at[a] < low[a]) low[a] = at[a];
                if (at[a] > high[a]) high[a] = at[a];
            }
        }
        if (count == 0) continue;
        const int height = high[0] - low[0] + 1, width = high[1] - low[1] + 1;
        assert_true(height * width - count <= 2);
        const double area = height * width / (double)(SIZE * SIZE),
                     ratio = fmax(height, width) / fmin(height, width);
        assert_true(area > 0.085 && area < 0.32 && ratio < 2.3);
        least = fmin(least, area);
        most = fmax(most, area);
        erased++;
    }
    assert_true(erased > 70 && erased < 130); /* half of 200 */
    assert_true(least < 0.14 && most > 0.26);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_it_was), cmocka_unit_test(ramps),
                                       cmocka_unit_test(factors), cmocka_unit_test(rectangles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
