/* SPDX-License-Identifier: MIT
 * Weights of the squared error of x0: SNR^power + add, SNR = alpha^2 / sigma^2. With power 1, add 0
 * that of the noise, with add 1 that of the velocity, with power 0, add 0 that of x0. */
#include <math.h>

#include "diffusion/denoiser.h"

typedef struct snr_options {
    double power, add;
} snr_options;

static const duet_param rows[] = {
    DUET_FLOAT(snr_options, power, "1", 0, 4, "of the signal-to-noise ratio"),
    DUET_FLOAT(snr_options, add, "0", 0, 1e6, "to it"),
};

static double at(const void *options, duet_level level) {
    const snr_options *const o = options;
    return pow(duet_level_snr(level), o->power) + o->add;
}

const duet_weight duet_weight_snr = {
    .info = {.name = "snr",
             .help =
                 "signal-to-noise ratio: 1 the loss of eps, add=1 that of v, power=0 that of x0",
             .params = DUET_TABLE(rows, snr_options)},
    .at = at,
};
