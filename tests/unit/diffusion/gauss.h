/* SPDX-License-Identifier: MIT
 * The exact denoiser of data N(mean, spread^2), independent in each dimension:
 *   E[x0 | x_t] = mean + spread^2 alpha / (alpha^2 spread^2 + sigma^2) (x_t - alpha mean) */
#ifndef DUET_TESTS_GAUSS_H
#define DUET_TESTS_GAUSS_H

#include "diffusion/sampler/sampler.h"

typedef struct gauss {
    double mean, spread;
    int64_t cells; /* rows * dim */
    int calls;
} gauss;

static inline double gauss_x0(const gauss *g, double x, double alpha, double sigma) {
    const double s2 = g->spread * g->spread;
    return g->mean + s2 * alpha / (alpha * alpha * s2 + sigma * sigma) * (x - alpha * g->mean);
}

static inline duet_status gauss_denoise(void *user, const float *x, duet_level level,
                                        const duet_denoised *out) {
    gauss *g = user;
    g->calls++;
    for (int64_t i = 0; i < g->cells; i++) {
        const double clean = gauss_x0(g, (double)x[i], level.alpha, level.sigma);
        if (out->x0 != NULL) out->x0[i] = (float)clean;
        if (out->eps != NULL)
            out->eps[i] = (float)(((double)x[i] - level.alpha * clean) / level.sigma);
    }
    return DUET_OK;
}

#endif
