/* SPDX-License-Identifier: MIT
 * White Gaussian noise on what the operators before it leave; it comes last. */
#include "diffusion/operator/operator.h"

typedef struct noise_options {
    double sigma;
} noise_options;

static const duet_param rows[] = {
    DUET_FLOAT(noise_options, sigma, "0.1", 1e-4, 4,
               "standard deviation; pixels reach from -1 to 1"),
};

static duet_status apply(const void *options, duet_measure *measure) {
    measure->noise = ((const noise_options *)options)->sigma;
    return DUET_OK;
}

const duet_operator duet_operator_noise = {
    .info = {.name = "noise",
             .help = "white noise; the last of a chain",
             .params = DUET_TABLE(rows, noise_options)},
    .apply = apply,
};
