/* SPDX-License-Identifier: MIT
 * head/logistic.h: multinomial logistic regression with an L2 penalty,
 *   F(W, b) = 1/M sum_i -log softmax(W x_i + b)[y_i] + strength/2 ||W||^2   (the bias is free),
 * by L-BFGS. scikit-learn's C is 1 / (M strength). Variables: w[K*D] row-major W[K,D], then b[K]. */
#ifndef DUET_HEAD_LOGISTIC_H
#define DUET_HEAD_LOGISTIC_H

#include <duet/base.h>

typedef struct duet_logistic duet_logistic;

typedef struct duet_logistic_data {
    const float *x;        /* [M,D], standardised; borrowed */
    const int32_t *labels; /* [M], 0..K-1; borrowed */
    int64_t rows, dim;
    int classes;
} duet_logistic_data;

typedef struct duet_logistic_limits {
    int iterations;
    double gradient; /* stop when ||gradient|| < this * max(1, ||variables||), in scaled variables */
    double decrease; /* stop when 5 iterations lower F by less than this part of it */
} duet_logistic_limits;

typedef struct duet_logistic_result {
    double loss; /* F */
    int iterations;
    bool converged;
} duet_logistic_result;

/* widest: the most columns for which variables are scaled by the Hessian at zero, (X'X)/(M K) + strength I. */
DUET_NODISCARD duet_status duet_logistic_new(duet_context *ctx, duet_logistic **out, const duet_logistic_data *data, int64_t widest);
void duet_logistic_free(duet_logistic *problem);
int64_t duet_logistic_variables(const duet_logistic *problem); /* K*D + K */
/* F and its gradient (same layout as w). Bits do not depend on the number of threads. */
double duet_logistic_objective(duet_logistic *problem, double strength, const double *w, double *gradient);
/* Minimises from w, in place. */
DUET_NODISCARD duet_status duet_logistic_fit(duet_logistic *problem, double strength, const duet_logistic_limits *limits, double *w,
                                             duet_logistic_result *result);

#endif
