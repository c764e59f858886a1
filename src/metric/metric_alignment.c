/* SPDX-License-Identifier: MIT
 * metric/metric_alignment.c: how near rows of one class are (Wang and Isola 2020, with alpha = 2):
 * the mean of |x_i - x_j|^2 over pairs of different rows with equal labels, x_i of length one. With
 * n rows of a class and S their sum, its pairs add up to 2 n^2 - 2 |S|^2; so what is counted are
 * sums. counts: of each class rows, sum [D] in units of 2^-36. */
#include <math.h>

#include "base/error.h"
#include "metric/metric.h"

#define UNIT   68719476736.0 /* 2^36 */
#define MOST   ((int64_t)1 << 26)
#define COUNTS ((int64_t)1 << 28)

static const duet_metric_scalar scalars[] = {
    {"alignment", "alignment", "", -1},
};

static int64_t *class_of(const duet_metric *metric, int64_t label) {
    return metric->counts + label * (metric->setup->dim + 1);
}

static duet_status open(duet_metric *metric) {
    metric->count = metric->setup->classes * (metric->setup->dim + 1);
    if (metric->count <= COUNTS) return DUET_OK;
    return duet_fail(DUET_ARG, "the sums of %d classes of %lld features take too much memory",
                     metric->setup->classes, (long long)metric->setup->dim);
}

/* 0 where the row has no direction. */
static double length_of(const float *x, int64_t dim) {
    double square = 0;
    for (int64_t j = 0; j < dim; j++) square += (double)x[j] * (double)x[j];
    return isfinite(square) ? sqrt(square) : 0;
}

static duet_status add(duet_metric *metric, const duet_metric_batch *batch) {
    const int64_t dim = metric->setup->dim;
    for (int64_t i = 0; i < batch->rows; i++) {
        const float *x = batch->features + i * dim;
        const int label = batch->labels[i];
        const double length = length_of(x, dim);
        if (label < 0 || label >= metric->setup->classes || !(length > 0)) continue;
        int64_t *const to = class_of(metric, label);
        if (to[0] >= MOST)
            return duet_fail(DUET_ARG, "more than %lld rows of a class", (long long)MOST);
        to[0]++;
        for (int64_t j = 0; j < dim; j++)
            to[1 + j] += (int64_t)nearbyint((double)x[j] / length * UNIT);
    }
    return DUET_OK;
}

static duet_status finish(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count) {
    double sum = 0, pairs = 0;
    (void)arena, (void)tables, (void)table_count;
    for (int k = 0; k < metric->setup->classes; k++) {
        const int64_t *const from = class_of(metric, k);
        const double n = (double)from[0];
        double square = 0;
        for (int64_t j = 0; j < metric->setup->dim; j++) {
            const double s = (double)from[1 + j] / UNIT;
            square += s * s;
        }
        sum += fmax(2 * n * n - 2 * square, 0);
        pairs += n * (n - 1);
    }
    values[0] = pairs > 0 ? sum / pairs : (double)NAN;
    return DUET_OK;
}

const duet_metric_kind duet_metric_alignment = {
    .info = {.name = "alignment",
             .help = "how near rows of one class are, of features of length one",
             .params = DUET_TABLE_EMPTY},
    .needs = DUET_METRIC_LABELS | DUET_METRIC_FEATURES,
    .scalars = scalars,
    .scalar_count = DUET_COUNT(scalars),
    .open = open,
    .add = add,
    .finish = finish,
};
