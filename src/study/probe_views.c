/* SPDX-License-Identifier: MIT
 * study/probe_views.c: which rows a probe trains on, chooses by, calibrates with and tests. */
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/view.h"
#include "study/probe.h"

enum { MOST_HELD = 10000, MOST_VAL = 10000 };

bool duet_probing_budget(const duet_probing *p) {
    return duet_label_budget_given(&p->options->labels);
}

duet_status duet_probing_pick(duet_feature_table *out, const duet_feature_table *table,
                              const duet_view *view) {
    int64_t *order = NULL, found = 0;
    DUET_TRY(duet_alloc(&order, view->count, sizeof *order));
    for (int64_t i = 0, k = 0; i < table->rows && k < view->count; i++) {
        while (k < view->count && view->index[k] < table->index[i]) k++;
        if (k < view->count && view->index[k] == table->index[i]) order[found++] = i;
    }
    const duet_status status = duet_study_rows(out, table, order, found);
    duet_release(order);
    return status;
}

void duet_probing_free_views(duet_probing *p) {
    duet_view_free(&p->train);
    duet_view_free(&p->test);
    duet_view_free(&p->apart);
    for (int s = 0; s < DUET_PROBE_DRAWS; s++) {
        duet_view_free(&p->draw[s].rows);
        duet_view_free(&p->draw[s].part);
        duet_view_free(&p->draw[s].held);
    }
}

/* A class-balanced tenth, at most 10,000 rows, chooses the strength. */
static duet_status hold_out(const duet_probing *p, duet_probe_draw *draw, const duet_view *rows,
                            uint64_t seed) {
    const int64_t held = rows->count / 10 < MOST_HELD ? rows->count / 10 : MOST_HELD;
    return duet_view_divide(&draw->part, &draw->held, p->dataset, rows, rows->count - held, held,
                            seed);
}

/* Rows that only calibrate: of the training rows, or those of a split val that is not tested on.
 * With a budget of labels these labels would come on top of it. */
static duet_status set_apart(duet_probing *p, duet_view *all) {
    const duet_dataset_info *info = duet_dataset_describe(p->dataset);
    const int64_t apart = p->options->calibration_rows;
    duet_view rest = {0}, val = {0};
    if (apart > 0) {
        if (all->count < 2 * apart)
            return duet_fail(DUET_ARG,
                             "%lld calibration rows are more than half of the %lld training images",
                             (long long)apart, (long long)all->count);
        DUET_TRY(duet_view_divide(&rest, &p->apart, p->dataset, all, all->count - apart, apart,
                                  p->options->seed));
        duet_view_free(all);
        *all = rest;
        return DUET_OK;
    }
    if (info->count[DUET_VAL] == 0 || info->count[DUET_TEST] == 0 || duet_probing_budget(p) ||
        p->options->minutes > 0)
        return DUET_OK;
    DUET_TRY(duet_view_all(&val, p->dataset, DUET_VAL));
    duet_view_keep_labelled(&val, p->dataset);
    const duet_status status =
        duet_view_divide(&p->apart, NULL, p->dataset, &val,
                         val.count < MOST_VAL ? val.count : MOST_VAL, 0, p->options->seed);
    duet_view_free(&val);
    return status;
}

/* The rows that any of the draws has. */
static duet_status join(duet_probing *p, int64_t most) {
    bool *there = NULL;
    int64_t count = 0;
    duet_status status = DUET_OK;
    DUET_DO(duet_alloc(&there, most, sizeof *there));
    for (int s = 0; s < p->draws; s++)
        for (int64_t i = 0; i < p->draw[s].rows.count; i++) there[p->draw[s].rows.index[i]] = true;
    for (int64_t i = 0; i < most; i++) count += there[i];
    p->train = (duet_view){.split = DUET_TRAIN};
    DUET_DO(duet_alloc(&p->train.index, count, sizeof *p->train.index));
    for (int64_t i = 0; i < most; i++)
        if (there[i]) p->train.index[p->train.count++] = i;
done:
    duet_release(there);
    return status;
}

static int classes_of(const duet_probing *p, const duet_view *rows) {
    const int K = duet_dataset_describe(p->dataset)->class_count;
    bool *seen = NULL;
    int count = 0;
    if (duet_alloc(&seen, K, sizeof *seen) != DUET_OK) return 0;
    for (int64_t i = 0; i < rows->count; i++) {
        const int32_t label = duet_dataset_label(p->dataset, rows->split, rows->index[i]);
        if (label < 0 || seen[label]) continue;
        seen[label] = true;
        count++;
    }
    duet_release(seen);
    return count;
}

static duet_status draw_labels(duet_probing *p, const duet_view *all) {
    const duet_label_budget *budget = &p->options->labels;
    const duet_dataset_info *info = duet_dataset_describe(p->dataset);
    p->draws = budget->list[0] != '\0' ? 1 : p->out->seeds;
    for (int s = 0; s < p->draws; s++) {
        const uint64_t seed = p->options->seed + (uint64_t)s;
        DUET_TRY(
            duet_view_labels(&p->draw[s].rows, p->dataset, all, budget, seed, &p->out->listed));
        DUET_TRY(hold_out(p, &p->draw[s], &p->draw[s].rows, seed));
    }
    p->out->label_draws = p->draws;
    p->out->label_classes = classes_of(p, &p->draw[0].rows);
    if (p->out->label_classes < 2)
        return duet_fail(DUET_ARG, "the labels are of %d class; a head needs at least 2",
                         p->out->label_classes);
    if (p->out->label_classes < info->class_count)
        duet_log(p->ctx, DUET_LOG_WARNING, "no label for %d of the %d classes",
                 info->class_count - p->out->label_classes, info->class_count);
    return join(p, info->count[DUET_TRAIN]);
}

static duet_status take_rows(duet_probing *p, duet_view *all) {
    const int64_t want = p->options->train_rows;
    duet_probe_draw *draw = &p->draw[0];
    p->draws = 1;
    if (want > 0 && want < all->count) {
        DUET_TRY(duet_view_divide(&p->train, NULL, p->dataset, all, want, 0, p->options->seed));
    } else {
        p->train = *all;
        all->index = NULL;
    }
    DUET_TRY(hold_out(p, draw, &p->train, p->options->seed));
    return draw->held.count > 0
               ? DUET_OK
               : duet_fail(DUET_ARG,
                           "the training split has %lld images, which are too few to hold some out",
                           (long long)p->train.count);
}

duet_status duet_probing_views(duet_probing *p) {
    const duet_dataset_info *info = duet_dataset_describe(p->dataset);
    duet_view all = {0};
    DUET_TRY(duet_view_all(&all, p->dataset, DUET_TRAIN));
    duet_view_keep_labelled(&all, p->dataset);
    duet_status status = DUET_OK;
    DUET_DO(set_apart(p, &all));
    DUET_DO(duet_probing_budget(p) ? draw_labels(p, &all) : take_rows(p, &all));
    DUET_DO(duet_view_all(&p->test, p->dataset, info->count[DUET_TEST] > 0 ? DUET_TEST : DUET_VAL));
    duet_view_keep_labelled(&p->test, p->dataset);
    if (p->test.count < 1) DUET_FAIL(DUET_ARG, "the data set has no test or val split to test on");
done:
    duet_view_free(&all);
    return status;
}
