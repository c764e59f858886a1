/* SPDX-License-Identifier: MIT
 * head/scaling.h: a change of variables that makes logistic regression round. With P = (X'X)/(M K) + ridge I = L L',
 * the Hessian of the mean cross-entropy at zero, w = L'^-1 v has the identity as Hessian there; L-BFGS in v then needs tens
 * instead of hundreds of iterations on correlated features. */
#ifndef DUET_HEAD_SCALING_H
#define DUET_HEAD_SCALING_H

#include <duet/base.h>

typedef struct duet_scaling {
    int64_t dim;
    int threads;
    float *gram;    /* [D,D], lower tiles of (X'X)/(M K) */
    float *work;    /* [D,D] */
    double *factor; /* [D,D], L; zero above the diagonal */
} duet_scaling;

/* Sums over at most `most` rows of x[rows,dim], evenly spread. */
DUET_NODISCARD duet_status duet_scaling_new(duet_scaling *out, const float *x, int64_t rows, int64_t dim, int classes, int64_t most,
                                            int threads);
void duet_scaling_free(duet_scaling *scaling);
/* Makes L for one ridge (raised where single precision needs more). DUET_NUMERIC when X holds no numbers. */
DUET_NODISCARD duet_status duet_scaling_factor(duet_scaling *scaling, double ridge);
/* Rows of v[classes, D]: v -> v L (w to v). out and v differ. */
void duet_scaling_enter(const duet_scaling *scaling, double *out, const double *w, int classes);
/* In place: v -> w, the solution of w L = v. */
void duet_scaling_leave(const duet_scaling *scaling, double *v, int classes);
/* In place: the gradient in v, the solution of g' L^T = g. */
void duet_scaling_gradient(const duet_scaling *scaling, double *g, int classes);

#endif
