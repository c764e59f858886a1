/* SPDX-License-Identifier: MIT
 * metric/metric_accuracy.c: top-1, top-5 and mean per class (accuracy.c), with the confusion
 * matrix. counts: rows, correct 1, correct 5, confusion [K,K]. */
#include <string.h>

#include "base/error.h"
#include "metric/metric.h"

enum { ROWS, TOP1, TOP5, CONFUSION };

static const duet_metric_scalar scalars[] = {
    {"top1", "top-1", "%", 1},
    {"top5", "top-5", "%", 1},
    {"mean_class", "mean of the classes", "%", 1},
};

static duet_accuracy view_of(const duet_metric *metric) {
    return (duet_accuracy){.classes = metric->setup->classes,
                           .rows = metric->counts[ROWS],
                           .correct1 = metric->counts[TOP1],
                           .correct5 = metric->counts[TOP5],
                           .confusion = metric->counts + CONFUSION};
}

static duet_status open(duet_metric *metric) {
    const int64_t classes = metric->setup->classes;
    DUET_TRY(duet_accuracy_check(metric->setup->classes));
    metric->count = CONFUSION + classes * classes;
    return DUET_OK;
}

static duet_status add(duet_metric *metric, const duet_metric_batch *batch) {
    duet_accuracy view = view_of(metric);
    duet_accuracy_add(&view, batch->logits, batch->labels, batch->rows);
    metric->counts[ROWS] = view.rows;
    metric->counts[TOP1] = view.correct1;
    metric->counts[TOP5] = view.correct5;
    return DUET_OK;
}

static duet_status finish(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count) {
    static const char *const percent[] = {"accuracy, %"};
    const duet_accuracy view = view_of(metric);
    const char *const *names = metric->setup->class_names;
    double *each = duet_arena_alloc(arena, view.classes, sizeof *each);
    DUET_TRY(duet_arena_status(arena));
    for (int k = 0; k < view.classes; k++) each[k] = duet_accuracy_class(&view, k);
    values[0] = duet_accuracy_top1(&view);
    values[1] = duet_accuracy_top5(&view);
    values[2] = duet_accuracy_mean_class(&view);
    tables[0] = (duet_metric_table){.name = "per_class",
                                    .rows = view.classes,
                                    .columns = 1,
                                    .row_names = names,
                                    .column_names = percent,
                                    .cells = each};
    tables[1] = (duet_metric_table){.name = "confusion",
                                    .rows = view.classes,
                                    .columns = view.classes,
                                    .row_names = names,
                                    .column_names = names,
                                    .counts = view.confusion};
    *table_count = 2;
    return DUET_OK;
}

const duet_metric_kind duet_metric_accuracy = {
    .info = {.name = "accuracy",
             .help = "rows whose label has the largest logit, or one of the five largest",
             .params = DUET_TABLE_EMPTY},
    .needs = DUET_METRIC_LABELS | DUET_METRIC_LOGITS,
    .scalars = scalars,
    .scalar_count = DUET_COUNT(scalars),
    .open = open,
    .add = add,
    .finish = finish,
};
