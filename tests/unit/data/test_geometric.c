/* SPDX-License-Identifier: MIT
 * The augmentation `geometric`: conditions are zero where nothing is changed and only there, and
 * say what was done: on images that rise along x, and on random ones where the map is exact. */
#include "unit/data/fixtures.h"

#include <math.h>

#include "base/rng.h"
#include "data/augment/augment.h"

enum { S = 16, BYTES = S * S * 3, TOLD = 13, DRAWS = 300 };
#define OFF "geometric:p=1,mirror=false,upside_down=false,scale=0,rotate=0,stretch=0,move=0"

static void random_image(uint8_t *image) {
    for (int i = 0; i < BYTES; i++)
        image[i] = (uint8_t)duet_rng_below(duet_rng_make(1, "image", 0), (uint64_t)i, 256);
}

/* 80 + 6 x about the centre: inside, bilinear reading is exact but for rounding. */
static void ramp(uint8_t *image) {
    for (int i = 0; i < BYTES; i++) image[i] = (uint8_t)(35 + 6 * (i / 3 % S));
}

static void draw(const char *spec, uint64_t position, uint8_t *image, float told[TOLD]) {
    uint8_t scratch[BYTES];
    duet_augment_chain chain;
    OK(duet_augment_chain_parse(&chain, spec));
    assert_int_equal(duet_augment_chain_conditions(&chain), TOLD);
    duet_augment_chain_apply(&chain, 3, position, image, scratch, S, 3);
    duet_augment_chain_tell(&chain, 3, position, S, told);
}

static bool all_zero(const float *told) {
    for (int k = 0; k < TOLD; k++)
        if (told[k] != 0.0F) return false;
    return true;
}

static void zeros_are_the_image(void **state) {
    (void)state;
    uint8_t image[BYTES], made[BYTES];
    float told[TOLD];
    int unchanged = 0;
    random_image(image);
    for (uint64_t p = 0; p < DRAWS; p++) {
        memcpy(made, image, BYTES);
        draw("geometric:shift=0.1", p, made, told);
        assert_true((memcmp(made, image, BYTES) == 0) == all_zero(told));
        unchanged += all_zero(told);
    }
    /* half are mirrored; six further changes of 0.12, two of which may draw nothing */
    assert_true(unchanged > DRAWS / 10 && unchanged < DRAWS / 3);
}

/* Pixel (x, y) of the result is pixel (fx, fy) of the image. */
static void is_pixel(const uint8_t *made, const uint8_t *image, int x, int y, int fx, int fy) {
    assert_memory_equal(made + (y * S + x) * 3, image + (fy * S + fx) * 3, 3);
}

static int reflected(int i) {
    return i < 0 ? -i : i >= S ? 2 * (S - 1) - i : i;
}

static void whole_changes_are_exact(void **state) {
    (void)state;
    uint8_t image[BYTES], made[BYTES];
    float told[TOLD];
    random_image(image);
    for (uint64_t p = 0; p < 40; p++) {
        memcpy(made, image, BYTES);
        draw(OFF ",mirror=true,upside_down=true", p, made, told);
        for (int i = 0; i < S * S; i++)
            is_pixel(made, image, i % S, i / S, told[0] > 0.0F ? S - 1 - i % S : i % S,
                     told[1] > 0.0F ? S - 1 - i / S : i / S);
        memcpy(made, image, BYTES);
        draw(OFF ",quarter=true", p, made, told);
        const int cosine = (int)told[2] + 1, sine = (int)told[3];
        for (int i = 0; i < S * S; i++) {
            const int x = 2 * (i % S) - S + 1, y = 2 * (i / S) - S + 1; /* twice about the centre */
            is_pixel(made, image, i % S, i / S, (cosine * x - sine * y + S - 1) / 2,
                     (sine * x + cosine * y + S - 1) / 2);
        }
        memcpy(made, image, BYTES);
        draw(OFF ",shift=0.25", p, made, told);
        const int dx = (int)roundf(told[4] * 4.0F), dy = (int)roundf(told[5] * 4.0F);
        for (int i = 0; i < S * S; i++)
            is_pixel(made, image, i % S, i / S, reflected(i % S - dx), reflected(i / S - dy));
    }
}

/* The height of the ramp at x of the image, where that is within. */
static void is_height(const uint8_t *made, int x, int y, double from) {
    if (from < 0.0 || from > S - 1) return;
    assert_true(fabs(made[(y * S + x) * 3] - (35.0 + 6.0 * from)) <= 0.51);
}

static void conditions_say_what_was_done(void **state) {
    (void)state;
    uint8_t made[BYTES];
    float told[TOLD];
    const double centre = 0.5 * (S - 1);
    for (uint64_t p = 0; p < 40; p++) {
        ramp(made);
        draw(OFF ",scale=0.5", p, made, told);
        const double scale = exp2(0.5 * (double)told[6]);
        for (int i = 0; i < S * S; i++)
            is_height(made, i % S, i / S, centre + (i % S - centre) / scale);
        ramp(made);
        draw(OFF ",rotate=1", p, made, told);
        for (int i = 0; i < S * S; i++) {
            const double x = i % S - centre, y = i / S - centre;
            const double fy = centre + (double)told[8] * x + ((double)told[7] + 1.0) * y;
            if (fy > 0.0 && fy < S - 1)
                is_height(made, i % S, i / S,
                          centre + ((double)told[7] + 1.0) * x - (double)told[8] * y);
        }
        ramp(made);
        draw(OFF ",move=0.1", p, made, told);
        for (int i = 0; i < S * S; i++)
            is_height(made, i % S, i / S, i % S - 0.1 * S * (double)told[11]);
    }
}

static void beside_others(void **state) {
    (void)state;
    duet_augment_chain chain;
    float told[2 * TOLD];
    OK(duet_augment_chain_parse(&chain, "flip+geometric+crop:pad=2"));
    assert_int_equal(duet_augment_chain_conditions(&chain), TOLD);
    OK(duet_augment_chain_parse(&chain, "flip+crop:pad=2"));
    assert_int_equal(duet_augment_chain_conditions(&chain), 0);
    OK(duet_augment_chain_parse(&chain, "geometric+" OFF));
    assert_int_equal(duet_augment_chain_conditions(&chain), 2 * TOLD);
    duet_augment_chain_tell(&chain, 3, 5, S, told);
    assert_true(all_zero(told + TOLD));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeros_are_the_image), cmocka_unit_test(whole_changes_are_exact),
        cmocka_unit_test(conditions_say_what_was_done), cmocka_unit_test(beside_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
