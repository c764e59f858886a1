/* SPDX-License-Identifier: MIT
 * log u as a power of a line, u = sigma/alpha (sigma for `flow`), as k-diffusion:
 *   log u = log low + part^rho (log high - log low) */
#include <math.h>

#include "diffusion/spacing/spacing.h"

typedef struct polyexponential_options {
    double rho, low, high;
} polyexponential_options;

static const duet_param rows[] = {
    DUET_FLOAT(polyexponential_options, rho, "1", 0.01, 100, "more than 1 = denser at the low end"),
    DUET_FLOAT(polyexponential_options, low, "0", 0, 1e6, "lowest sigma/alpha; 0 = the schedule's"),
    DUET_FLOAT(polyexponential_options, high, "0", 0, 1e6,
               "highest sigma/alpha; 0 = the schedule's"),
};

static double path(const void *options, double part, double low, double high) {
    const double rho = ((const polyexponential_options *)options)->rho;
    return exp(log(low) + pow(part, rho) * (log(high) - log(low)));
}

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    const polyexponential_options *o = options;
    return duet_curve_fill(options, noise, o->low, o->high, path, count, out);
}

const duet_spacing duet_spacing_polyexponential = {
    .info = {.name = "polyexponential",
             .help = "the logarithm of sigma as a power",
             .params = DUET_TABLE(rows, polyexponential_options)},
    .fill = fill,
};
