/* SPDX-License-Identifier: MIT
 * metric/metric_nll.c: mean over rows of -log p(label), p = softmax(logits); the cross-entropy.
 * counts: rows, rows with p(label) = 0, sum [2] of the others. */
#include <math.h>

#include "metric/metric.h"

enum { ROWS, IMPOSSIBLE, SUM, COUNTS = SUM + 2 };

static const duet_metric_scalar scalars[] = {{"nll", "negative log-likelihood", "nats", -1}};

static duet_status open(duet_metric *metric) {
    metric->count = COUNTS;
    return DUET_OK;
}

static duet_status add(duet_metric *metric, const duet_metric_batch *batch) {
    const int classes = metric->setup->classes;
    for (int64_t i = 0; i < batch->rows; i++) {
        const int label = batch->labels[i];
        if (label < 0 || label >= classes) continue;
        const double nll = duet_softmax_of(batch->logits + i * classes, classes, label).nll;
        metric->counts[ROWS]++;
        if (isinf(nll))
            metric->counts[IMPOSSIBLE]++;
        else
            duet_fixed_add(metric->counts + SUM, nll);
    }
    return DUET_OK;
}

static duet_status finish(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count) {
    const int64_t *counts = metric->counts;
    (void)arena, (void)tables, (void)table_count;
    values[0] = counts[ROWS] == 0        ? (double)NAN
                : counts[IMPOSSIBLE] > 0 ? (double)INFINITY
                                         : duet_fixed_value(counts + SUM) / (double)counts[ROWS];
    return DUET_OK;
}

const duet_metric_kind duet_metric_nll = {
    .info = {.name = "nll",
             .help = "mean of -log of the probability of the label (cross-entropy)",
             .params = DUET_TABLE_EMPTY},
    .needs = DUET_METRIC_LABELS | DUET_METRIC_LOGITS,
    .scalars = scalars,
    .scalar_count = DUET_COUNT(scalars),
    .open = open,
    .add = add,
    .finish = finish,
};
