/* SPDX-License-Identifier: MIT
 * Every meaning that a network's output can have: what it should give for an image and its noise is
 * decoded to that image and that noise, at low and high levels, and channels behind the image's are
 * not read. */
#include "unit/data/fixtures.h"

#include <math.h>

#include "base/rng.h"
#include "diffusion/denoiser.h"

extern const duet_family duet_family_predict;

enum { PIXELS = 5, CHANNELS = 3, OUT = 6, COUNT = PIXELS * CHANNELS };

static void targets_are_decoded(void **unused) {
    (void)unused;
    static const double levels[] = {1e-2, 0.3, 0.8, 0.999};
    static const char *const more[] = {
        "edm:low=0.002"}; /* beside the members as they are by default */
    float x0[COUNT], eps[COUNT], x[COUNT], target[COUNT], raw[PIXELS * OUT], have_x0[COUNT],
        have_eps[COUNT];
    duet_rng_normal(duet_rng_make(1, "x0", 0), 0, x0, COUNT);
    duet_rng_normal(duet_rng_make(1, "eps", 0), 0, eps, COUNT);
    assert_true(duet_family_predict.count >= 3);
    for (int k = 0; k < (duet_family_predict.count + DUET_COUNT(more)) * DUET_COUNT(levels); k++) {
        const int member = k / DUET_COUNT(levels);
        const duet_entry *entry = NULL;
        max_align_t options[16];
        OK(duet_family_parse(&duet_family_predict, &entry, options, sizeof options,
                             member < duet_family_predict.count
                                 ? duet_family_predict.entries[member]->name
                                 : more[member - duet_family_predict.count]));
        const duet_predict *const p = duet_predict_of(entry);
        const double sigma = levels[k % DUET_COUNT(levels)];
        const duet_level level = {
            .alpha = sqrt(1.0 - sigma * sigma), .sigma = sigma, .in_scale = 1.0};
        duet_add_noise(x, x0, eps, level, COUNT);
        const duet_predict_map map = p->map(options, level);
        duet_predict_target(&map, x0, eps, COUNT, target);
        for (int i = 0; i < PIXELS; i++) {
            for (int c = 0; c < OUT; c++)
                raw[i * OUT + c] = c < CHANNELS ? target[i * CHANNELS + c] : NAN;
        }
        duet_predict_decode(&map, raw, OUT, x, PIXELS, CHANNELS, have_x0, have_eps);
        for (int i = 0; i < COUNT; i++) { /* rounding of x, divided by alpha or sigma */
            if (!(fabsf(have_x0[i] - x0[i]) < 1e-6 * 4 / level.alpha))
                fail_msg("%s at sigma %g: x0 %g, not %g", p->info.name, sigma, have_x0[i], x0[i]);
            if (!(fabsf(have_eps[i] - eps[i]) < 1e-6 * 4 / level.sigma))
                fail_msg("%s at sigma %g: eps %g, not %g", p->info.name, sigma, have_eps[i],
                         eps[i]);
        }
        duet_predict_decode(&map, raw, OUT, x, PIXELS, CHANNELS, NULL, have_eps);
        duet_predict_decode(&map, raw, OUT, x, PIXELS, CHANNELS, have_x0, NULL);
    }
}

/* Consistency models leave a picture at the lowest level as it is; far from it they are EDM's
 * networks. */
static void the_lowest_level_stays(void **unused) {
    (void)unused;
    const duet_entry *entry = NULL;
    max_align_t edm[16], consistency[16];
    OK(duet_family_parse(&duet_family_predict, &entry, edm, sizeof edm, "edm"));
    OK(duet_family_parse(&duet_family_predict, &entry, consistency, sizeof consistency,
                         "edm:low=0.002"));
    const duet_predict *const p = duet_predict_of(entry);
    const float x[COUNT] = {0.5f, -0.25f, 1.0f}, raw[COUNT] = {3.0f, -2.0f, 1.0f};
    float a[COUNT], b[COUNT];
    static const double low[] = {0.0, 0.001, 0.002};
    for (int k = 0; k < DUET_COUNT(low); k++) {
        const duet_predict_map map =
            p->map(consistency, (duet_level){.alpha = 1.0, .sigma = low[k]});
        duet_predict_decode(&map, raw, CHANNELS, x, PIXELS, CHANNELS, a, b);
        for (int i = 0; i < COUNT; i++) assert_true(a[i] == x[i] && isfinite(b[i]));
    }
    const duet_level high = {.alpha = 1.0, .sigma = 80.0};
    const duet_predict_map of_edm = p->map(edm, high), of_consistency = p->map(consistency, high);
    duet_predict_decode(&of_edm, raw, CHANNELS, x, PIXELS, CHANNELS, a, NULL);
    duet_predict_decode(&of_consistency, raw, CHANNELS, x, PIXELS, CHANNELS, b, NULL);
    for (int i = 0; i < COUNT; i++) assert_true(fabsf(a[i] - b[i]) < 1e-4f);
    assert_true(a[0] != b[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(targets_are_decoded),
                                       cmocka_unit_test(the_lowest_level_stays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
