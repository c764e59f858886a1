/* SPDX-License-Identifier: MIT
 * Quantiles of a beta distribution as parts of the way from low to high (Lee et al. 2024; as
 * use_beta_sigmas of diffusers): both ends are dense where both shapes are less than 1. With the
 * regularised incomplete beta function I_x(a,b) by its continued fraction (Lentz's method):
 *   u_k = low + q(1 - k / (n - 1)) (high - low),   I_q(a,b) = 1 - k / (n - 1) */
#include <math.h>

#include "diffusion/spacing/spacing.h"

typedef struct beta_options {
    double a, b, low, high;
} beta_options;

static const duet_param rows[] = {
    DUET_FLOAT(beta_options, a, "0.6", 0.01, 100, "first shape"),
    DUET_FLOAT(beta_options, b, "0.6", 0.01, 100, "second shape"),
    DUET_FLOAT(beta_options, low, "0", 0, 1e6, "lowest sigma/alpha; 0 = the schedule's"),
    DUET_FLOAT(beta_options, high, "0", 0, 1e6, "highest sigma/alpha; 0 = the schedule's"),
};

static double away_from_zero(double x) {
    return fabs(x) < 1e-300 ? 1e-300 : x;
}

static double fraction(double a, double b, double x) {
    double c = 1.0, d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)), h = d;
    for (int m = 1; m <= 300; m++) {
        const double k = (double)m, even = k * (b - k) * x / ((a + 2.0 * k - 1.0) * (a + 2.0 * k)),
                     odd = -(a + k) * (a + b + k) * x / ((a + 2.0 * k) * (a + 2.0 * k + 1.0));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        h *= d * c;
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        h *= d * c;
        if (fabs(d * c - 1.0) < 1e-15) break;
    }
    return h;
}

static double incomplete(double a, double b, double x) {
    if (x <= 0.0 || x >= 1.0) return x <= 0.0 ? 0.0 : 1.0;
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1.0) / (a + b + 2.0)) return front * fraction(a, b, x) / a;
    return 1.0 - front * fraction(b, a, 1.0 - x) / b;
}

static double path(const void *options, double part, double low, double high) {
    const beta_options *o = options;
    double below = 0.0, above = 1.0;
    for (int i = 0; i < 100 && part > 0.0 && part < 1.0; i++) {
        const double middle = 0.5 * (below + above);
        if (incomplete(o->a, o->b, middle) < part)
            below = middle;
        else
            above = middle;
    }
    const double quantile = part > 0.0 && part < 1.0 ? 0.5 * (below + above) : part;
    return low + quantile * (high - low);
}

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    const beta_options *o = options;
    return duet_curve_fill(options, noise, o->low, o->high, path, count, out);
}

const duet_spacing duet_spacing_beta = {
    .info = {.name = "beta",
             .help = "quantiles of a beta distribution",
             .params = DUET_TABLE(rows, beta_options)},
    .fill = fill,
};
