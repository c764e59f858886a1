/* SPDX-License-Identifier: MIT
 * Kept steps of a respaced schedule, and the prediction of noise. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "diffusion/denoiser.h"
#include "diffusion/spacing/spacing.h"

static void test_evenly(void **state) {
    (void)state;
    static const int64_t five[] = {999, 749, 500, 250, 0}; /* 499.5 to even */
    int64_t t[1000];
    assert_int_equal(duet_respace(t, 1000, 5), DUET_OK);
    assert_memory_equal(t, five, sizeof five);
    assert_int_equal(duet_respace(t, 1000, 1000), DUET_OK);
    for (int i = 0; i < 1000; i++) assert_int_equal(t[i], 999 - i);
    assert_int_equal(duet_respace(t, 1000, 250), DUET_OK);
    assert_true(t[0] == 999 && t[249] == 0);
    for (int i = 1; i < 250; i++) assert_true(t[i] < t[i - 1] && t[i - 1] - t[i] <= 5);
    assert_int_equal(duet_respace(t, 1000, 1), DUET_OK);
    assert_int_equal(t[0], 999);
    assert_int_equal(duet_respace(t, 1000, 1001), DUET_ARG);
    assert_int_equal(duet_respace(t, 1000, 0), DUET_ARG);
}

/* A network that gives the target gives back x0, through noise and decoding; other output channels
 * are not read. */
static void test_round_trip(void **state) {
    (void)state;
    enum { PIXELS = 6, C = 3, OUT = 6 };
    const float junk = NAN;
    duet_noise *noise = NULL;
    assert_int_equal(duet_noise_new(&noise, "linear"), DUET_OK);
    for (int m = 0; m < duet_family_predict.count; m++) {
        const duet_predict *predict = duet_predict_of(duet_family_predict.entries[m]);
        max_align_t options[64];
        const duet_entry *entry = NULL;
        assert_int_equal(duet_family_parse(&duet_family_predict, &entry, options, sizeof options,
                                           predict->info.name),
                         DUET_OK);
        float x0[PIXELS * C], eps[PIXELS * C], x[PIXELS * C], target[PIXELS * C], raw[PIXELS * OUT],
            a[PIXELS * C], b[PIXELS * C];
        for (int i = 0; i < PIXELS * C; i++) x0[i] = (float)sin(i);
        duet_image_noise(eps, 1, 2, PIXELS * C);
        for (int64_t t = 0; t < 600; t += 99) {
            const duet_level level = duet_noise_level(noise, t);
            duet_add_noise(x, x0, eps, level, PIXELS * C);
            const duet_predict_map map = predict->map(options, level);
            duet_predict_target(&map, x0, eps, PIXELS * C, target);
            for (int i = 0; i < PIXELS * OUT; i++)
                raw[i] = i % OUT < C ? target[i / OUT * C + i % OUT] : junk;
            duet_predict_decode(&map, raw, OUT, x, PIXELS, C, a, b);
            for (int i = 0; i < PIXELS * C; i++) {
                assert_true(fabsf(a[i] - x0[i]) < 1e-5F);
                assert_true(fabsf(b[i] - eps[i]) < 1e-4F);
            }
            memset(b, 0, sizeof b);
            duet_predict_decode(&map, raw, OUT, x, PIXELS, C, b, NULL); /* either may be absent */
            assert_memory_equal(a, b, sizeof a);
        }
    }
    duet_noise_free(noise);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_evenly),
                                       cmocka_unit_test(test_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
