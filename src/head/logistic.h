/* SPDX-License-Identifier: MIT
 * head/logistic.h: multinomial logistic regression with an L2 penalty,
 *   F(W, b) = 1/M sum_i -log softmax(W x_i + b)[y_i] + strength/2 ||W||^2   (the bias is free),
 * by Newton's method (head/newton.c). scikit-learn's C is 1 / (M strength). Variables: w[K*D]
 * row-major W[K,D], then b[K]. */
#ifndef DUET_HEAD_LOGISTIC_H
#define DUET_HEAD_LOGISTIC_H

#include <duet/base.h>

typedef struct duet_logistic duet_logistic;

typedef struct duet_logistic_data {
    const float *x;        /* [M,D], standardised; borrowed */
    const int32_t *labels; /* [M], 0..K-1; borrowed */
    int64_t rows, dim;
    int classes;
    int lanes; /* most problems on these rows that are passed at once; 0 = 1 */
} duet_logistic_data;

typedef struct duet_logistic_limits {
    int passes; /* most passes over the rows */
    /* stop when the step to the minimum of the quadratic model of F would lower F by less than this
     * part of F */
    double gap;
} duet_logistic_limits;

typedef struct duet_logistic_result {
    double loss; /* F */
    int passes;
    bool converged;
} duet_logistic_result;

DUET_NODISCARD duet_status duet_logistic_new(duet_context *ctx, duet_logistic **out,
                                             const duet_logistic_data *data);
void duet_logistic_free(duet_logistic *problem);
const duet_logistic_data *duet_logistic_rows(const duet_logistic *problem);
duet_context *duet_logistic_context(const duet_logistic *problem);
int64_t duet_logistic_variables(const duet_logistic *problem); /* K*D + K */

/* One of several problems on the same rows, of which each keeps the probabilities of its last F in
 * a place of its own. */
typedef struct duet_logistic_lane {
    int place; /* 0 … lanes - 1 */
    double strength;
    const double *at; /* w, or v */
    bool curve;       /* H v instead of F and its gradient */
    double *out;      /* gradient, or H v; same layout as w */
    double loss;      /* F */
} duet_logistic_lane;
/* One pass over the rows serves all lanes: their classes are columns of one product. Bits depend
 * neither on the number of threads nor on the other lanes, up to the blocks of the product. H is
 * that at the w of the lane's last F. */
void duet_logistic_pass(duet_logistic *problem, duet_logistic_lane *lanes, int count);
/* The mean over the rows (of many: over some, evenly spread) of diag(p) - p p', [K,K], at the
 * lane's last F. */
void duet_logistic_classes(const duet_logistic *problem, int place, double *out);
/* Its trace for each row, 1 - sum p^2, [M]: the curvature of F that the row brings. */
void duet_logistic_curvature(const duet_logistic *problem, int place, float *out);

#endif
