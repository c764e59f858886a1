/* SPDX-License-Identifier: MIT
 * Levels of Karras et al. 2022 (equation 5) with the inputs of EDM and consistency models (Song et
 * al. 2023):
 *   sigma_t = (low^(1/rho) + t/(T-1) (high^(1/rho) - low^(1/rho)))^rho,  alpha = 1,
 *   in_scale = 1 / sqrt(sigma^2 + data^2),  net_t = 1000/4 ln sigma
 * Variance exploding: x_t = x0 + sigma eps. Training draws t uniformly. */
#include "noise/noise.h"

typedef struct karras_options {
    int64_t steps;
    double low, high, rho, data;
} karras_options;

static const duet_param rows[] = {
    DUET_INT(karras_options, steps, "1000", 2, 1e6, "levels"),
    DUET_FLOAT(karras_options, low, "0.002", 1e-6, 1e3, "sigma of the first"),
    DUET_FLOAT(karras_options, high, "80", 1e-6, 1e6, "sigma of the last"),
    DUET_FLOAT(karras_options, rho, "7", 1, 100, "how dense the low ones lie"),
    DUET_FLOAT(karras_options, data, "0.5", 1e-6, 1e6, "standard deviation of the images"),
};

static int64_t steps_of(const void *options) {
    return ((const karras_options *)options)->steps;
}

static duet_level at(const void *options, double t) {
    const karras_options *o = options;
    const double u = t / (double)(o->steps - 1);
    return duet_level_edm(t, duet_sigma_karras(u, o->low, o->high, o->rho), o->data, 250.0);
}

const duet_noise_schedule duet_noise_karras = {
    .info = {.name = "karras",
             .help = "levels of EDM and consistency models, drawn uniformly",
             .params = DUET_TABLE(rows, karras_options)},
    .steps = steps_of,
    .at = at,
};
