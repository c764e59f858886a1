/* SPDX-License-Identifier: MIT
 * P2 (Choi et al. 2022, equation 8), of the squared error of the noise: w = 1 / (k + SNR)^gamma. Of
 * that of x0 it is SNR times as much. */
#include <math.h>

#include "diffusion/denoiser.h"

typedef struct p2_options {
    double k, gamma;
} p2_options;

static const duet_param rows[] = {
    DUET_FLOAT(p2_options, k, "1", 1e-6, 1e6, "keeps weights finite"),
    DUET_FLOAT(p2_options, gamma, "1", 0, 10, "how much less levels with little noise count"),
};

static double at(const void *options, duet_level level) {
    const p2_options *const o = options;
    const double snr = duet_level_snr(level);
    return snr / pow(o->k + snr, o->gamma);
}

const duet_weight duet_weight_p2 = {
    .info = {.name = "p2",
             .help = "less for levels with little noise",
             .params = DUET_TABLE(rows, p2_options)},
    .at = at,
};
