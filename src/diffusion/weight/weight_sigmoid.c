/* SPDX-License-Identifier: MIT
 * The sigmoid weights of Kingma and Gao 2023 (section 5), of the squared error of the noise:
 *   w = 1 / (1 + exp(ln SNR - bias))
 * Of that of x0 it is SNR times as much. */
#include <math.h>

#include "diffusion/denoiser.h"

typedef struct sigmoid_options {
    double bias;
} sigmoid_options;

static const duet_param rows[] = {
    DUET_FLOAT(sigmoid_options, bias, "0", -20, 20, "ln SNR at which the weight is one half"),
};

static double at(const void *options, duet_level level) {
    const double snr = duet_level_snr(level);
    return snr / (1.0 + snr * exp(-((const sigmoid_options *)options)->bias));
}

const duet_weight duet_weight_sigmoid = {
    .info = {.name = "sigmoid",
             .help = "a sigmoid of ln SNR",
             .params = DUET_TABLE(rows, sigmoid_options)},
    .at = at,
};
