/* SPDX-License-Identifier: MIT
 * Weights of levels: in which direction they go, and the same loss whatever the network predicts.
 */
#include "unit/data/fixtures.h"

#include <math.h>

#include "diffusion/denoiser.h"

extern const duet_family duet_family_weight;

typedef struct chosen {
    duet_choice weight, predict;
} chosen;

static double raw(const char *weight, const char *predict, duet_level level) {
    chosen c;
    OK(duet_choice_parse(&c.weight, &duet_family_weight, weight));
    OK(duet_choice_parse(&c.predict, &duet_family_predict, predict));
    const duet_predict_map map = duet_predict_of(c.predict.entry)->map(&c.predict.options, level);
    return duet_weight_raw(duet_weight_of(c.weight.entry), &c.weight.options, &map, level);
}

static duet_level level_of(double snr) {
    const double alpha = sqrt(snr / (1.0 + snr));
    return (duet_level){.alpha = alpha, .sigma = sqrt(1.0 / (1.0 + snr)), .in_scale = 1.0};
}

/* Hang et al.: of eps min(SNR, 5)/SNR, of v min(SNR, 5)/(SNR + 1), of x0 min(SNR, 5). Levels with
 * little noise lose weight in the loss of eps, levels with much noise keep it. */
static void min_snr_clamps_little_noise(void **unused) {
    (void)unused;
    static const double snrs[] = {1e-3, 0.5, 4.9, 5.1, 80.0, 1e4};
    for (int i = 0; i < DUET_COUNT(snrs); i++) {
        const double snr = snrs[i], least = snr < 5.0 ? snr : 5.0;
        const duet_level level = level_of(snr);
        assert_true(fabs(raw("min_snr", "eps", level) - least / snr) < 1e-9);
        assert_true(fabs(raw("min_snr", "v", level) - least / (snr + 1.0)) < 1e-9);
        assert_true(fabs(raw("min_snr", "x0", level) - least) < 1e-9 * least);
    }
    assert_true(raw("min_snr", "eps", level_of(1e4)) < 1e-3);
    assert_true(raw("min_snr", "eps", level_of(1e-3)) == 1.0 ||
                fabs(raw("min_snr", "eps", level_of(1e-3)) - 1.0) < 1e-12);
}

static void weights_are_those_of_their_papers(void **unused) {
    (void)unused;
    static const double snrs[] = {1e-3, 0.5, 7.0, 1e3};
    for (int i = 0; i < DUET_COUNT(snrs); i++) {
        const double snr = snrs[i];
        const duet_level level = level_of(snr);
        const struct {
            const char *weight, *predict;
            double want;
        } known[] = {{"none", "eps", 1.0},
                     {"none", "v", 1.0},
                     {"snr", "eps", 1.0},
                     {"snr:add=1", "v", 1.0},
                     {"snr:power=0", "x0", 1.0},
                     {"p2", "eps", 1.0 / (1.0 + snr)},
                     {"p2:k=2,gamma=0.5", "eps", pow(2.0 + snr, -0.5)},
                     {"sigmoid:bias=1", "eps", 1.0 / (1.0 + snr * exp(-1.0))},
                     {"edm", "edm", 1.0},
                     {"edm:data=0.3", "edm:data=0.3", 1.0}};
        for (int k = 0; k < DUET_COUNT(known); k++) {
            const double have = raw(known[k].weight, known[k].predict, level);
            if (!(fabs(have - known[k].want) < 1e-9 * known[k].want))
                fail_msg("%s of %s at SNR %g: %.12g, not %.12g", known[k].weight, known[k].predict,
                         snr, have, known[k].want);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(min_snr_clamps_little_noise),
                                       cmocka_unit_test(weights_are_those_of_their_papers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
