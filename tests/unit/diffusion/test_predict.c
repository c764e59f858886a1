/* SPDX-License-Identifier: MIT
 * Every meaning that a network's output can have: what it should give for an image and its noise is decoded to that image and that
 * noise, at low and high levels, and channels behind the image's are not read. */
#include "unit/data/fixtures.h"

#include <math.h>

#include "base/rng.h"
#include "diffusion/denoiser.h"

extern const duet_family duet_family_predict;

enum { PIXELS = 5, CHANNELS = 3, OUT = 6, COUNT = PIXELS * CHANNELS };

static void targets_are_decoded(void **unused) {
    (void)unused;
    static const double levels[] = {1e-2, 0.3, 0.8, 0.999};
    float x0[COUNT], eps[COUNT], x[COUNT], target[COUNT], raw[PIXELS * OUT], have_x0[COUNT], have_eps[COUNT];
    duet_rng_normal(duet_rng_make(1, "x0", 0), 0, x0, COUNT);
    duet_rng_normal(duet_rng_make(1, "eps", 0), 0, eps, COUNT);
    assert_true(duet_family_predict.count >= 3);
    for (int k = 0; k < duet_family_predict.count * DUET_COUNT(levels); k++) {
        const duet_predict *const p = (const duet_predict *)(const void *)duet_family_predict.entries[k / DUET_COUNT(levels)];
        const duet_entry *entry = NULL;
        max_align_t options[16];
        OK(duet_family_parse(&duet_family_predict, &entry, options, sizeof options, p->info.name));
        const double sigma = levels[k % DUET_COUNT(levels)];
        const duet_level level = {.alpha = sqrt(1.0 - sigma * sigma), .sigma = sigma, .in_scale = 1.0};
        duet_add_noise(x, x0, eps, level, COUNT);
        p->target(options, x0, eps, level, COUNT, target);
        for (int i = 0; i < PIXELS; i++) {
            for (int c = 0; c < OUT; c++) raw[i * OUT + c] = c < CHANNELS ? target[i * CHANNELS + c] : NAN;
        }
        p->decode(options, raw, OUT, x, level, PIXELS, CHANNELS, have_x0, have_eps);
        for (int i = 0; i < COUNT; i++) { /* rounding of x, divided by alpha or sigma */
            if (!(fabsf(have_x0[i] - x0[i]) < 1e-6 * 4 / level.alpha)) fail_msg("%s at sigma %g: x0 %g, not %g", p->info.name, sigma, have_x0[i], x0[i]);
            if (!(fabsf(have_eps[i] - eps[i]) < 1e-6 * 4 / level.sigma)) fail_msg("%s at sigma %g: eps %g, not %g", p->info.name, sigma, have_eps[i], eps[i]);
        }
        p->decode(options, raw, OUT, x, level, PIXELS, CHANNELS, NULL, have_eps);
        p->decode(options, raw, OUT, x, level, PIXELS, CHANNELS, have_x0, NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(targets_are_decoded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
