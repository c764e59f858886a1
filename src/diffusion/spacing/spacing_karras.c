/* SPDX-License-Identifier: MIT
 * Karras et al. 2022 (equation 5), in u = sigma/alpha (in sigma for `flow`):
 *   u = (low^(1/rho) + part (high^(1/rho) - low^(1/rho)))^rho */
#include "diffusion/spacing/spacing.h"

typedef struct karras_options {
    double rho, low, high;
} karras_options;

static const duet_param rows[] = {
    DUET_FLOAT(karras_options, rho, "7", 1, 100, "how dense the low ones lie"),
    DUET_FLOAT(karras_options, low, "0", 0, 1e6, "lowest sigma/alpha; 0 = the schedule's"),
    DUET_FLOAT(karras_options, high, "0", 0, 1e6, "highest sigma/alpha; 0 = the schedule's"),
};

static double path(const void *options, double part, double low, double high) {
    return duet_sigma_karras(part, low, high, ((const karras_options *)options)->rho);
}

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    const karras_options *o = options;
    return duet_curve_fill(options, noise, o->low, o->high, path, count, out);
}

const duet_spacing duet_spacing_karras = {
    .info = {.name = "karras",
             .help = "sigma to the power 1/rho evenly, as EDM",
             .params = DUET_TABLE(rows, karras_options)},
    .fill = fill,
};
