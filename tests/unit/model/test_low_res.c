/* SPDX-License-Identifier: MIT
 * The enlarged picture against PyTorch: interpolate(interpolate(x, 2, mode="area"), 4,
 * mode="bilinear") of the pixels below. */
#include "unit/data/fixtures.h"

#include <math.h>

#include "model/low_res.h"

static void small_and_large_again(void **unused) {
    (void)unused;
    static const uint8_t pixels[16] = {0,  10, 20,  30,  40,  50,  60,  70,
                                       80, 90, 100, 110, 120, 130, 140, 255};
    static const float want[16] = {-0.80392158f, -0.76470590f, -0.68627453f, -0.64705884f,
                                   -0.64705878f, -0.59497547f, -0.49080884f, -0.43872550f,
                                   -0.33333331f, -0.25551468f, -0.09987745f, -0.02205881f,
                                   -0.17647056f, -0.08578429f, 0.09558825f,  0.18627453f};
    float have[16];
    duet_low_res(have, pixels, 4, 1, 2);
    for (int i = 0; i < 16; i++)
        if (!(fabsf(have[i] - want[i]) < 1e-6f))
            fail_msg("pixel %d is %.7f, not %.7f", i, (double)have[i], (double)want[i]);
}

/* Channels stand beside each other: three equal ones stay equal, and one colour stays that colour.
 */
static void channels_are_apart(void **unused) {
    (void)unused;
    uint8_t pixels[8 * 8 * 3];
    float have[8 * 8 * 3];
    for (int i = 0; i < 8 * 8 * 3; i++) pixels[i] = (uint8_t)(i % 3 * 100);
    duet_low_res(have, pixels, 8, 3, 2);
    for (int i = 0; i < 8 * 8 * 3; i++)
        assert_true(fabsf(have[i] - ((float)(i % 3 * 100) / 127.5f - 1.0f)) < 1e-6f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(small_and_large_again),
                                       cmocka_unit_test(channels_are_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
