/* SPDX-License-Identifier: MIT
 * metric/metric_classes.c: which classes a classifier sees in images: n_k of the N rows have their
 * largest logit at class k.
 *   classes_seen:  number of k with n_k >= least N, and n_k > 0
 *   classes_alike: exp(-sum_k p_k log p_k), p_k = n_k / N: as many classes, all alike often, would
 *                  be as uneven
 * A generator that draws few kinds of images (mode collapse) shows here, also where each of its
 * images is good. The table has the n_k. */
#include <math.h>

#include "metric/metric.h"

typedef struct classes_options {
    double least;
} classes_options;

static const duet_param params[] = {
    DUET_FLOAT(classes_options, least, "0.02", 0, 1, "share of the rows that a seen class has"),
};

static const duet_metric_scalar scalars[] = {
    {"classes_seen", "classes seen", "", 1},
    {"classes_alike", "as many classes alike often", "", 1},
};

static duet_status open(duet_metric *metric) {
    metric->count = metric->setup->classes;
    return DUET_OK;
}

static duet_status add(duet_metric *metric, const duet_metric_batch *batch) {
    const int classes = metric->setup->classes;
    for (int64_t i = 0; i < batch->rows; i++)
        metric->counts[duet_softmax_of(batch->logits + i * classes, classes, 0).best]++;
    return DUET_OK;
}

static duet_status finish(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count) {
    const classes_options *o = (const classes_options *)(const void *)&metric->choice.options;
    const int64_t *const n = metric->counts;
    double rows = 0, entropy = 0;
    (void)arena;
    for (int64_t k = 0; k < metric->count; k++) rows += (double)n[k];
    values[0] = values[1] = (double)NAN;
    if (rows <= 0) return DUET_OK;
    values[0] = 0;
    for (int64_t k = 0; k < metric->count; k++) {
        const double p = (double)n[k] / rows;
        if (n[k] > 0) entropy -= p * log(p);
        if (n[k] > 0 && p >= o->least) values[0]++;
    }
    values[1] = exp(entropy);
    tables[0] =
        (duet_metric_table){.name = "classes", .rows = metric->count, .columns = 1, .counts = n};
    *table_count = 1;
    return DUET_OK;
}

const duet_metric_kind duet_metric_classes = {
    .info = {.name = "classes",
             .help = "classes that a classifier sees in the images, and how evenly",
             .params = DUET_TABLE(params, classes_options)},
    .needs = DUET_METRIC_LOGITS,
    .scalars = scalars,
    .scalar_count = DUET_COUNT(scalars),
    .open = open,
    .add = add,
    .finish = finish,
};
