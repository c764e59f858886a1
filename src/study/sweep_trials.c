/* SPDX-License-Identifier: MIT
 * study/sweep_trials.c: see sweep.h. Each head is fitted by a thread of its own; only as many
 * tables as that takes are in memory. */
#include "study/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "base/choice.h"
#include "base/context.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/view.h"
#include "feature/feature_set.h"

static const double most_bytes = 4294967296.0; /* bytes of tables in memory at once */

duet_status duet_head_list_parse(duet_head_list *out, const char *text) {
    duet_head_list list = {.count = 0};
    if (*text == '\0') text = "linear";
    for (const char *at = text; at != NULL && *at != '\0';) {
        duet_choice choice;
        if (list.count == DUET_MOST_HEADS)
            return duet_fail(DUET_ARG, "there are more than %d heads in '%s'", DUET_MOST_HEADS,
                             text);
        char *const spec = list.v[list.count++];
        const size_t size = duet_spec_take(&at, spec, sizeof list.v[0]);
        if (size >= sizeof list.v[0])
            return duet_fail(DUET_ARG, "a head of %zu characters is too long", size);
        DUET_TRY(duet_choice_parse(&choice, &duet_family_head, spec));
    }
    *out = list;
    return DUET_OK;
}

duet_status duet_trial_load(const duet_trials *trials, duet_trial *trial, void *set) {
    DUET_TRY(duet_feature_set_table(set, trial->column, trials->fit, &trial->fit));
    return duet_feature_set_table(set, trial->column, trials->val, &trial->val);
}

duet_status duet_trials_list(duet_trial **out, int64_t *count, const duet_feature_set *set,
                             int heads) {
    const int64_t columns = duet_feature_set_columns(set);
    DUET_TRY(duet_alloc(out, columns * heads, sizeof **out));
    for (int64_t c = 0; c < columns; c++)
        for (int h = 0; h < heads; h++) {
            duet_trial *const trial = &(*out)[c * heads + h];
            *trial = (duet_trial){.column = c, .head = h};
            duet_feature_set_column(set, c, NULL, &trial->dim);
        }
    *count = columns * heads;
    return DUET_OK;
}

static int wider(const void *a, const void *b) {
    const duet_trial *x = a, *y = b;
    if (x->head != y->head) return x->head - y->head;
    return x->dim != y->dim ? (x->dim < y->dim) - (x->dim > y->dim)
                            : (x->column > y->column) - (x->column < y->column);
}

void duet_trials_sort(duet_trial *trials, int64_t count) {
    qsort(trials, (size_t)count, sizeof *trials, wider);
}

static void fit_head(const duet_trials *trials, duet_trial *t) {
    const duet_head_fit problem = {.train = &t->fit,
                                   .val = &t->val,
                                   .class_count = trials->class_count,
                                   .quick = trials->quick};
    t->status = duet_head_train(trials->ctx, NULL, trials->heads->v[t->head], &problem, &t->result);
    if (t->status != DUET_OK) duet_failure_take(&t->failure);
}

static int in_order(const void *a, const void *b) {
    const duet_trial *x = a, *y = b;
    return x->column != y->column ? (x->column > y->column) - (x->column < y->column)
                                  : x->head - y->head;
}

/* In the order of the list. */
static duet_status fit_all(const duet_trials *trials, duet_trial *list, int64_t count) {
    const int threads = duet_context_threads(trials->ctx);
    const double rows = (double)(trials->fit->count + trials->val->count);
    for (int64_t done = 0; done < count;) {
        double bytes = 0;
        int64_t end = done;
        while (end < count && end - done < threads) {
            bytes += 8.0 * (double)list[end].dim * rows; /* the rows, and a standardised copy */
            if (end > done && bytes > most_bytes) break;
            DUET_TRY(trials->load(trials, &list[end++], trials->user));
        }
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) if (end - done > 1)
        for (int64_t i = done; i < end; i++) fit_head(trials, &list[i]);
        for (; done < end; done++) {
            if (list[done].status != DUET_OK) {
                duet_failure_put(&list[done].failure);
                return list[done].status;
            }
            duet_feature_table_free(&list[done].val);
            duet_release(list[done].fit.x);
            list[done].fit.x = NULL;
        }
        DUET_TRY(duet_check_cancelled(trials->ctx));
        duet_progress_report(trials->ctx, trials->label, "heads", (double)done, (double)count,
                             NULL);
    }
    return DUET_OK;
}

duet_status duet_trials_run(const duet_trials *trials, duet_trial *list, int64_t count) {
    duet_trials_sort(list, count);
    const duet_status status = fit_all(trials, list, count);
    qsort(list, (size_t)count, sizeof *list, in_order);
    return status;
}

void duet_trials_free(duet_trial *list, int64_t count) {
    for (int64_t i = 0; i < count && list != NULL; i++) {
        duet_feature_table_free(&list[i].fit);
        duet_feature_table_free(&list[i].val);
    }
    duet_release(list);
}

/* ---- rows ---- */

/* Both views are sorted. */
duet_status duet_sweep_views_join(duet_sweep_views *v) {
    v->rows = (duet_view){.split = v->fit.split};
    DUET_TRY(duet_alloc(&v->rows.index, v->fit.count + v->val.count, sizeof *v->rows.index));
    for (int64_t f = 0, k = 0; f < v->fit.count || k < v->val.count;) {
        const bool first =
            k == v->val.count || (f < v->fit.count && v->fit.index[f] < v->val.index[k]);
        v->rows.index[v->rows.count++] = first ? v->fit.index[f++] : v->val.index[k++];
    }
    return DUET_OK;
}

duet_status duet_sweep_views_new(duet_sweep_views *out, const duet_dataset *dataset, int64_t fit,
                                 int64_t val, uint64_t seed) {
    duet_view all = {0};
    duet_sweep_views v = {.fit = {.count = 0}};
    DUET_TRY(duet_view_all(&all, dataset, DUET_TRAIN));
    duet_view_keep_labelled(&all, dataset);
    if (fit <= 0) {
        val = val > 0 ? val : all.count / 5;
        fit = all.count - val;
    }
    duet_status status = duet_view_divide(&v.fit, &v.val, dataset, &all, fit, val, seed);
    duet_view_free(&all);
    if (status == DUET_OK && (v.fit.count < 1 || v.val.count < 1))
        status = duet_fail(DUET_ARG, "the training split is too small to fit and validate on");
    if (status == DUET_OK) status = duet_sweep_views_join(&v);
    if (status != DUET_OK) {
        duet_sweep_views_free(&v);
        return status;
    }
    *out = v;
    return DUET_OK;
}

void duet_sweep_views_free(duet_sweep_views *views) {
    duet_view_free(&views->fit);
    duet_view_free(&views->val);
    duet_view_free(&views->rows);
}

int64_t duet_sweep_good_rows(duet_bad_images *bad, const duet_view *view) {
    int64_t rows = 0;
    for (int64_t i = 0; i < view->count; i++)
        rows += duet_bad_images_reason(bad, view->split, view->index[i]) == NULL;
    return rows;
}
