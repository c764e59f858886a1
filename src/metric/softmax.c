/* SPDX-License-Identifier: MIT
 * metric/softmax.c: probabilities of a row of logits in double, and sums of reals that do not
 * depend on their order. With m the largest logit and S = sum_k exp(l_k - m): the largest
 * probability is 1 / S, -log p_k = log S - (l_k - m). */
#include <math.h>

#include "metric/metric.h"

#define UNITS 68719476736.0 /* 2^36 */
#define MOST  2147483648.0  /* 2^31 */

void duet_fixed_add(int64_t sum[2], double value) {
    const double kept = value < MOST ? value : MOST, whole = floor(kept);
    sum[0] += (int64_t)whole;
    sum[1] += (int64_t)llround((kept - whole) * UNITS);
}

double duet_fixed_value(const int64_t sum[2]) {
    return (double)sum[0] + (double)sum[1] / UNITS;
}

static double value_of(float logit) {
    return isnan(logit) ? (double)-INFINITY : (double)logit;
}

/* l - m, also where both are infinite. */
static double below(float logit, double most) {
    const double value = value_of(logit);
    return value == most ? 0.0 : value - most;
}

duet_softmax_row duet_softmax_of(const float *logits, int classes, int label) {
    duet_softmax_row row = {.best = 0};
    double sum = 0;
    for (int k = 1; k < classes; k++)
        if (value_of(logits[k]) > value_of(logits[row.best])) row.best = k;
    const double most = value_of(logits[row.best]);
    for (int k = 0; k < classes; k++) sum += exp(below(logits[k], most));
    row.confidence = 1.0 / sum;
    row.nll = isnan(logits[label]) ? (double)INFINITY : log(sum) - below(logits[label], most);
    return row;
}
