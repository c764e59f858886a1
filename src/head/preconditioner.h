/* SPDX-License-Identifier: MIT
 * head/preconditioner.h: the preconditioner of Newton's method for logistic regression
 * (head/newton.h): the Hessian with its class part and its feature part averaged on their own,
 *   P = C (x) G + penalty I,  C = mean over the rows of diag(p) - p p' at w,  G = X'VX / sum V,
 * with V the trace of each row's diag(p) - p p', 1 - sum p^2, so that rows count by the curvature
 * they bring. With C = U diag(c) U', row U'_i of the gradient is solved with c_i G + penalty I
 * (head/scaling.h). Neglected: that the directions of C and x depend on each other. */
#ifndef DUET_HEAD_PRECONDITIONER_H
#define DUET_HEAD_PRECONDITIONER_H

#include "head/logistic.h"
#include "head/scaling.h"

/* What all strengths of a problem share. */
typedef struct duet_preconditioner_base {
    duet_logistic *problem; /* borrowed */
    int64_t classes, dim, weights, variables;
    int threads;
    duet_scaling scaling; /* G of all rows with equal weight, where `scaled` */
    bool scaled;
} duet_preconditioner_base;

typedef struct duet_preconditioner {
    double *mean, *axes, *values; /* C, U [K,K] and c [K], ascending, not below a floor */
    double made_for, spread;      /* the penalty and the trace of C it was made for */
    duet_scaling scaling;         /* G; without axes: that of the base */
    double scaled_at;             /* trace of C for which G was made */
    float *curvature;             /* [M], V */
    double *turned;               /* [variables] */
    float *rows, *work;           /* [K,D] */
} duet_preconditioner;

/* widest: the most columns for which G is kept; wider ones count as uncorrelated. */
DUET_NODISCARD duet_status duet_preconditioner_base_new(duet_preconditioner_base *out,
                                                        duet_logistic *problem, int64_t widest);
void duet_preconditioner_base_free(duet_preconditioner_base *base);

DUET_NODISCARD duet_status duet_preconditioner_new(duet_preconditioner *out,
                                                   const duet_preconditioner_base *base);
void duet_preconditioner_free(duet_preconditioner *p);
/* Forgets C and G: the next problem begins at w = 0. */
void duet_preconditioner_reset(duet_preconditioner *p, const duet_preconditioner_base *base);
/* Takes C, and where it has changed much G, at the last F of lane `place` of the problem. */
DUET_NODISCARD duet_status duet_preconditioner_update(duet_preconditioner *p,
                                                      const duet_preconditioner_base *base,
                                                      int place, double penalty);
/* out = P^-1 g, [variables] */
void duet_preconditioner_apply(duet_preconditioner *p, const duet_preconditioner_base *base,
                               double penalty, const double *g, double *out);

#endif
