/* SPDX-License-Identifier: MIT
 * Min-SNR (Hang et al. 2023, section 3.4), of the squared error of x0:
 *   w = min(SNR, gamma),   that is min(SNR, gamma) / SNR of the noise's
 * Levels with little noise (large SNR) count less, not more. */
#include <math.h>

#include "diffusion/denoiser.h"

typedef struct min_snr_options {
    double gamma;
} min_snr_options;

static const duet_param rows[] = {
    DUET_FLOAT(min_snr_options, gamma, "5", 1e-6, 1e6, "largest weight"),
};

static double at(const void *options, duet_level level) {
    return fmin(duet_level_snr(level), ((const min_snr_options *)options)->gamma);
}

const duet_weight duet_weight_min_snr = {
    .info = {.name = "min_snr",
             .help = "min(SNR, gamma) of the error of x0",
             .params = DUET_TABLE(rows, min_snr_options)},
    .at = at,
};
