/* SPDX-License-Identifier: MIT
 * The family `optim`: optimisers, and the norm and finiteness of gradients before a step. */
#include "optim/optim.h"

#include <math.h>

#include "optim/optim.def"

DUET_FAMILY(optim, DUET_OPTIMS, "optimisers");

double duet_optim_norm(const float *grad, const duet_optim_tile *tiles, int64_t count, double *sums,
                       int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t k = 0; k < count; k++) {
        const float *g = grad + tiles[k].grad;
        double sum = 0.0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < tiles[k].count; i++) sum += (double)g[i] * (double)g[i];
        sums[k] = sum;
    }
    double total = 0.0;
    for (int64_t k = 0; k < count; k++) total += sums[k];
    return sqrt(total);
}

int64_t duet_optim_first_bad(const float *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(x[i])) return i;
    }
    return -1;
}
