/* SPDX-License-Identifier: MIT
 * The exact denoiser of a mixture of two Gaussians, and the exact end of its probability flow.
 *   E[x0 | x_t] = sum_i r_i (m_i + s_i^2 alpha / v_i (x_t - alpha m_i)),  v_i = alpha^2 s_i^2 +
 * sigma^2, r_i the weights of the components given x_t. */
#ifndef DUET_TESTS_MIXTURE_H
#define DUET_TESTS_MIXTURE_H

#include <math.h>

#include "diffusion/sampler/sampler.h"

typedef struct mixture {
    double weight[2], mean[2], spread[2];
    int64_t cells; /* rows * dim */
    int calls;
} mixture;

static const mixture usual_mixture = {
    .weight = {0.3, 0.7}, .mean = {-0.6, 0.5}, .spread = {0.2, 0.25}};

static inline double mixture_x0(const mixture *m, double x, double alpha, double sigma) {
    double part[2], clean[2];
    for (int i = 0; i < 2; i++) {
        const double s2 = m->spread[i] * m->spread[i], v = alpha * alpha * s2 + sigma * sigma,
                     d = x - alpha * m->mean[i];
        part[i] = log(m->weight[i]) - 0.5 * log(v) - 0.5 * d * d / v;
        clean[i] = m->mean[i] + s2 * alpha / v * d;
    }
    return clean[0] + (clean[1] - clean[0]) / (1.0 + exp(part[0] - part[1]));
}

static inline duet_status mixture_exact(void *user, const double *x, duet_level level, double *x0) {
    mixture *m = user;
    m->calls++;
    for (int64_t i = 0; i < m->cells; i++) x0[i] = mixture_x0(m, x[i], level.alpha, level.sigma);
    return DUET_OK;
}

static inline duet_status mixture_denoise(void *user, const float *x, duet_level level,
                                          const duet_denoised *out) {
    mixture *m = user;
    m->calls++;
    for (int64_t i = 0; i < m->cells; i++)
        out->x0[i] = (float)mixture_x0(m, (double)x[i], level.alpha, level.sigma);
    return DUET_OK;
}

/* dy/dw = y - x0 at w = log u, on the curve c (diffusion/spacing/spacing.h). */
static inline double mixture_slope(const mixture *m, double curve, double y, double w) {
    const double u = exp(w);
    return y - mixture_x0(m, y, 1.0 - curve * u, u);
}

/* The flow from (y, u) to u', by the classical Runge-Kutta method in log u. */
static inline double mixture_flow(const mixture *m, double curve, double y, double from,
                                  double to) {
    enum { STEPS = 2000 };
    const double h = (log(to) - log(from)) / STEPS;
    for (int k = 0; k < STEPS; k++) {
        const double w = log(from) + h * k, a = mixture_slope(m, curve, y, w),
                     b = mixture_slope(m, curve, y + 0.5 * h * a, w + 0.5 * h),
                     c = mixture_slope(m, curve, y + 0.5 * h * b, w + 0.5 * h),
                     d = mixture_slope(m, curve, y + h * c, w + h);
        y += h / 6.0 * (a + 2.0 * b + 2.0 * c + d);
    }
    return y;
}

#endif
