/* SPDX-License-Identifier: MIT
 * head/scaling.h: the feature side of the preconditioner of logistic regression: P = (X'X)/(M K) + ridge I = L L' for
 * several ridges, from one Gram matrix. */
#ifndef DUET_HEAD_SCALING_H
#define DUET_HEAD_SCALING_H

#include <duet/base.h>

#define DUET_SCALING_FACTORS 4

typedef struct duet_scaling {
    int64_t dim;
    int threads;
    float *gram;                          /* [D,D], lower tiles of (X'X)/(M K) */
    float *work;                          /* [D,D] */
    double *factor[DUET_SCALING_FACTORS]; /* [D,D] each, L; zero above the diagonal; NULL: not made yet */
} duet_scaling;

/* Sums over at most `most` rows of x[rows,dim], evenly spread. */
DUET_NODISCARD duet_status duet_scaling_new(duet_scaling *out, const float *x, int64_t rows, int64_t dim, int classes, int64_t most,
                                            int threads);
void duet_scaling_free(duet_scaling *scaling);
/* Makes factor f for one ridge (raised where single precision needs more). DUET_NUMERIC when X holds no numbers. */
DUET_NODISCARD duet_status duet_scaling_factor(duet_scaling *scaling, int f, double ridge);
/* Rows of g[count, D]: P^-1 g, in place. */
void duet_scaling_solve(const duet_scaling *scaling, int f, double *g, int64_t count);

#endif
