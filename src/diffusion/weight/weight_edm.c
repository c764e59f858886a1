/* SPDX-License-Identifier: MIT
 * EDM (Karras et al. 2022, table 1), of the squared error of x0, with s = data and sigma for sigma
 * / alpha: w = (sigma^2 + s^2) / (sigma s)^2, which is 1 for the preconditioned output. */
#include "diffusion/denoiser.h"

typedef struct edm_options {
    double data;
} edm_options;

static const duet_param rows[] = {
    DUET_FLOAT(edm_options, data, "0.5", 1e-6, 1e6, "standard deviation of the images"),
};

static double at(const void *options, duet_level level) {
    const double s = ((const edm_options *)options)->data, sigma = duet_level_ratio(level);
    return (sigma * sigma + s * s) / (sigma * s * sigma * s);
}

const duet_weight duet_weight_edm = {
    .info = {.name = "edm",
             .help = "EDM's, 1 for its preconditioned output",
             .params = DUET_TABLE(rows, edm_options)},
    .at = at,
};
