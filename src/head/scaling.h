/* SPDX-License-Identifier: MIT
 * head/scaling.h: the feature side of the preconditioner of logistic regression: the axes of X'X/M
 * = Q diag(v) Q', from which (c X'X/M + s)^-1 follows for any c and s. */
#ifndef DUET_HEAD_SCALING_H
#define DUET_HEAD_SCALING_H

#include <duet/base.h>

typedef struct duet_scaling {
    int64_t dim;
    int threads;
    float *axes;   /* Q, [D,D] */
    float *values; /* [D], ascending, not below 0 */
} duet_scaling;

/* Sums over at most `most` rows of x[rows,dim], evenly spread. DUET_NUMERIC when X holds no
 * numbers. */
DUET_NODISCARD duet_status duet_scaling_new(duet_scaling *out, const float *x, int64_t rows,
                                            int64_t dim, int64_t most, int threads);
/* X'VX / sum V instead, V = diag(weight[rows]) >= 0, from `count` rows drawn in proportion to their
 * weight. */
DUET_NODISCARD duet_status duet_scaling_weighted(duet_scaling *out, const float *x,
                                                 const float *weight, int64_t rows, int64_t dim,
                                                 int64_t count, int threads);
void duet_scaling_free(duet_scaling *scaling);
/* Rows of g[count,D], row i: (c[i] X'X/M + s)^-1 g_i, in place. work: [count,D]. */
void duet_scaling_solve(const duet_scaling *scaling, const double *c, double s, float *g,
                        float *work, int64_t count);

#endif
