/* SPDX-License-Identifier: MIT
 * log u evenly, u = sigma/alpha (sigma for `flow`). */
#include <math.h>

#include "diffusion/spacing/spacing.h"

typedef struct exponential_options {
    double low, high;
} exponential_options;

static const duet_param rows[] = {
    DUET_FLOAT(exponential_options, low, "0", 0, 1e6, "lowest sigma/alpha; 0 = the schedule's"),
    DUET_FLOAT(exponential_options, high, "0", 0, 1e6, "highest sigma/alpha; 0 = the schedule's"),
};

static double path(const void *options, double part, double low, double high) {
    (void)options;
    return exp(log(low) + part * (log(high) - log(low)));
}

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    const exponential_options *o = options;
    return duet_curve_fill(options, noise, o->low, o->high, path, count, out);
}

const duet_spacing duet_spacing_exponential = {
    .info = {.name = "exponential",
             .help = "the logarithm of sigma evenly",
             .params = DUET_TABLE(rows, exponential_options)},
    .fill = fill,
};
