/* SPDX-License-Identifier: MIT
 * engine/op/variance_bound.h: one value of improved DDPM's bound and its derivative, for the op and
 * its gradient. With f = (v + 1) / 2 the log variance is l = f high + (1 - f) low, and d = gain
 * (target - F) is the difference of the means:
 *   KL = (l - low - 1 + exp(low - l) + d^2 exp(-l)) / 2
 *   last step: -ln of the probability of x0's bin of width 2/255 under N(x0 - d, exp(l)), whose
 *   outermost bins reach to infinity, with Phi(x) = (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
 * in nats; d/dl of both beside it. */
#ifndef DUET_ENGINE_OP_VARIANCE_BOUND_H
#define DUET_ENGINE_OP_VARIANCE_BOUND_H

#include <math.h>

typedef struct variance_value {
    double nats, slope; /* slope: of dl */
} variance_value;

static inline variance_value variance_kl(double l, double low, double d) {
    const double a = exp(low - l), b = d * d * exp(-l);
    return (variance_value){0.5 * (l - low - 1.0 + a + b), 0.5 * (1.0 - a - b)};
}

/* Phi and its derivative. */
static inline void variance_phi(double x, double *phi, double *slope) {
    const double k = 0.79788456080286535588, h = tanh(k * (x + 0.044715 * x * x * x));
    *phi = 0.5 * (1.0 + h);
    *slope = 0.5 * (1.0 - h * h) * k * (1.0 + 3.0 * 0.044715 * x * x);
}

static inline variance_value variance_nll(double l, double d, double x0) {
    const double by = exp(-0.5 * l), high = by * (d + 1.0 / 255.0), low = by * (d - 1.0 / 255.0);
    double above = 0.0, below = 0.0, above_slope = 0.0, below_slope = 0.0;
    variance_phi(high, &above, &above_slope);
    variance_phi(low, &below, &below_slope);
    /* d high / dl = -high / 2 */
    double p = above - below, slope = -0.5 * (above_slope * high - below_slope * low);
    if (x0 < -0.999) {
        p = above;
        slope = -0.5 * above_slope * high;
    } else if (x0 > 0.999) {
        p = 1.0 - below;
        slope = 0.5 * below_slope * low;
    }
    if (!(p > 1e-12)) return (variance_value){-log(1e-12), 0.0};
    return (variance_value){-log(p), -slope / p};
}

/* rows[4] of the sample. */
static inline variance_value variance_at(const float *rows, double v, double error, double x0) {
    const double f = 0.5 * (v + 1.0), low = (double)rows[0], high = (double)rows[1];
    const double l = f * high + (1.0 - f) * low, d = (double)rows[2] * error;
    variance_value out = rows[3] != 0.0f ? variance_nll(l, d, x0) : variance_kl(l, low, d);
    out.slope *= 0.5 * (high - low);
    return out;
}

#endif
