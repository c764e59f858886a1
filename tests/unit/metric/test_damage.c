/* SPDX-License-Identifier: MIT
 * The share of damaged images, against numpy (np.percentile of np.abs(np.diff(...)).mean()) on
 * images made by a formula; in parts and at once; over a data set. */
#include "tiny_model.h"

#include <math.h>

#include <duet/metric.h>

#include "base/mem.h"

/* Image i: ((37 i + x y (i + 1) + 11 c + y^2) mod (8 + i mod 97)) at row y, column x, channel c. */
static uint8_t *make_images(int64_t first, int64_t count, int64_t size, int channels) {
    uint8_t *pixels = NULL;
    OK(duet_alloc(&pixels, count * size * size * channels, 1));
    int64_t k = 0;
    for (int64_t i = first; i < first + count; i++)
        for (int64_t y = 0; y < size; y++)
            for (int64_t x = 0; x < size; x++)
                for (int c = 0; c < channels; c++)
                    pixels[k++] =
                        (uint8_t)((37 * i + x * y * (i + 1) + 11 * c + y * y) % (8 + i % 97));
    return pixels;
}

enum { REAL = 50, DRAWN = 130 };

static void check(int64_t size, int channels, double low, double high, int64_t rough, int64_t flat,
                  int64_t part) {
    duet_damage damage;
    uint8_t *real = make_images(20, REAL, size, channels),
            *drawn = make_images(0, DRAWN, size, channels);
    const int64_t image = size * size * channels;
    OK(duet_damage_new(&damage, size, channels));
    for (int64_t i = 0; i < REAL; i += part)
        OK(duet_damage_real(&damage, real + i * image, part < REAL - i ? part : REAL - i));
    OK(duet_damage_limits(&damage));
    assert_true(isnan(duet_damage_percent(&damage)));
    for (int64_t i = 0; i < DRAWN; i += part)
        duet_damage_add(&damage, drawn + i * image, part < DRAWN - i ? part : DRAWN - i);
    assert_true(fabs(damage.low - low) < 1e-9 && fabs(damage.high - high) < 1e-9);
    assert_int_equal(damage.real, REAL);
    assert_int_equal(damage.count, DRAWN);
    assert_int_equal(damage.rough, rough);
    assert_int_equal(damage.flat, flat);
    assert_true(fabs(duet_damage_percent(&damage) - 100.0 * (double)(rough + flat) / DRAWN) <
                1e-12);
    duet_damage_free(&damage);
    duet_release(real);
    duet_release(drawn);
}

static void test_against_numpy(void **state) {
    (void)state;
    for (int64_t part = 1; part <= DRAWN; part += 43) {
        check(7, 3, 17.426309523809522, 49.68052380952381, 17, 42, part);
        check(5, 1, 15.388200000000001, 45.4902, 7, 38, part);
    }
}

/* Rows of a data set against itself; a grey image and a chessboard are none of them. */
static void test_data_set(void **state) {
    (void)state;
    enum { SIZE = 8, TRAIN = 300 };
    const duet_preprocess how = {.size = SIZE, .channels = 3, .fit = "auto"};
    duet_context *ctx = make_context(2, true);
    duet_dataset *dataset = open_data("synth:size=8,classes=3,train=300,test=24");
    duet_damage damage;
    uint8_t pixels[SIZE * SIZE * 3];
    OK(duet_damage_open(ctx, &damage, dataset, &how));
    assert_int_equal(damage.real, TRAIN);
    for (int64_t i = 0; i < TRAIN; i++) {
        OK(duet_dataset_read(dataset, DUET_TRAIN, i, &how, pixels));
        duet_damage_add(&damage, pixels, 1);
    }
    assert_int_equal(damage.rough, 1); /* of 300 rows one lies above, one below */
    assert_int_equal(damage.flat, 1);
    for (int i = 0; i < SIZE * SIZE * 3; i++) pixels[i] = 128;
    duet_damage_add(&damage, pixels, 1);
    assert_int_equal(damage.flat, 2);
    for (int i = 0; i < SIZE * SIZE * 3; i++)
        pixels[i] = (i / 3 % SIZE + i / 3 / SIZE) % 2 == 0 ? 0 : 255;
    duet_damage_add(&damage, pixels, 1);
    assert_int_equal(damage.rough, 2);
    duet_damage_free(&damage);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

static void test_refusals(void **state) {
    (void)state;
    duet_damage damage;
    assert_int_equal(duet_damage_new(&damage, 1, 3), DUET_ARG);
    OK(duet_damage_new(&damage, 4, 1));
    assert_int_equal(duet_damage_limits(&damage), DUET_ARG);
    duet_damage_free(&damage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_numpy),
        cmocka_unit_test(test_data_set),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
