/* SPDX-License-Identifier: MIT
 * study/sweep.c: validation accuracy over (t, tap, pool). All settings come from one pass over the
 * rows; with a cache only a few columns are in memory at a time, each fitted by a thread of its
 * own. Only the training split is read. Baselines: the untrained network at the winner's t, and raw
 * pixels. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "feature/feature_set.h"
#include "feature/reader/reader.h"
#include "study/budget.h"
#include "study/sweep.h"

/* Rows to fit on that are timed where the time is limited, and the fewest of a sweep. */
enum { PILOT_ROWS = 250, LEAST_ROWS = 500, FEWEST_ROWS = 50 };

typedef struct sweep {
    duet_context *ctx;
    duet_model *model;
    const duet_dataset *dataset;
    const duet_sweep_options *options;
    duet_baselines baselines;
    duet_sweep_result *out;
    int64_t capacity;
    duet_head_list heads;
    duet_sweep_views views;
    duet_preprocess how;
    int64_t bad; /* images left out when the first table was made */
    bool read;
} sweep;

/* Better accuracy; on ties the smaller feature, then the smaller t. */
static bool better(const duet_sweep_row *a, const duet_sweep_row *b) {
    if (b->dim == 0 || a->top1 != b->top1) return b->dim == 0 || a->top1 > b->top1;
    return a->dim != b->dim ? a->dim < b->dim : a->setting.t < b->setting.t;
}

static duet_status add_row(sweep *s, const char *reader, const duet_trial *t,
                           duet_sweep_row *best) {
    const duet_feature_table *fit = &t->fit;
    duet_sweep_row row = {
        .dim = fit->dim, .strength = t->result.strength, .top1 = t->result.val_top1};
    (void)duet_copy_text(row.head, sizeof row.head, s->heads.v[t->head]);
    if (fit->settings.count > 0) row.setting = fit->settings.v[0];
    (void)duet_copy_text(row.reader, sizeof row.reader, reader);
    DUET_TRY(duet_grow(&s->out->rows, &s->capacity, s->out->count + 1, sizeof *s->out->rows));
    s->out->rows[s->out->count++] = row;
    if (better(&row, best)) *best = row;
    return DUET_OK;
}

static duet_trials trials_of(const sweep *s, duet_feature_set *set, const char *label) {
    return (duet_trials){.ctx = s->ctx,
                         .fit = &s->views.fit,
                         .val = &s->views.val,
                         .heads = &s->heads,
                         .class_count = duet_dataset_describe(s->dataset)->class_count,
                         .quick = true,
                         .label = label,
                         .load = duet_trial_load,
                         .user = set};
}

/* Heads for each column of the set; the rows of the result in the order of the columns. */
static duet_status fit_heads(sweep *s, duet_feature_set *set, const char *reader,
                             duet_sweep_row *best) {
    duet_status status = DUET_OK;
    duet_trial *list = NULL;
    int64_t count = 0;
    char label[64];
    snprintf(label, sizeof label, "heads, %s", reader);
    const duet_trials trials = trials_of(s, set, label);
    DUET_TRY(duet_trials_list(&list, &count, set, s->heads.count));
    DUET_DO(duet_trials_run(&trials, list, count));
    for (int64_t i = 0; i < count; i++) DUET_DO(add_row(s, reader, &list[i], best));
done:
    duet_trials_free(list, count);
    return status;
}

/* The columns of the sweep at the levels `times`. */
static duet_status open_reader(const sweep *s, duet_reader **out, const char *name,
                               const duet_int_list *times) {
    const duet_reader_options options = {.times = *times,
                                         .taps = s->options->taps,
                                         .pools = s->options->pools,
                                         .noise_seed = s->options->seed,
                                         .weight_seed = s->options->seed + 1,
                                         .batch = s->options->batch};
    return duet_reader_open(s->ctx, out, name, s->model, &s->how, &options);
}

/* Their rows of both views. */
static duet_status open_set(const sweep *s, duet_feature_set **out, duet_reader *reader,
                            const char *label) {
    duet_features_options options = {
        .stored = s->options->stored, .label = label, .bad = s->options->bad};
    (void)duet_copy_text(options.cache, sizeof options.cache, s->options->cache);
    return duet_feature_set_open(s->ctx, out, reader, s->dataset, &s->views.rows, &options);
}

/* Features of both views at all levels in one pass, then the heads. */
static duet_status sweep_reader(sweep *s, const char *name, const duet_int_list *times,
                                duet_sweep_row *best) {
    duet_status status = DUET_OK;
    duet_reader *reader = NULL;
    duet_feature_set *set = NULL;
    char label[64];
    snprintf(label, sizeof label, "features, %.16s", name);
    DUET_DO(open_reader(s, &reader, name, times));
    DUET_DO(open_set(s, &set, reader, label));
    if (!s->read) s->bad = duet_bad_images_count(s->options->bad, DUET_TRAIN);
    s->read = true;
    const double start = duet_clock();
    DUET_DO(fit_heads(s, set, name, best));
    s->out->seconds_heads += duet_clock() - start;
    duet_study_add_work(&s->out->features, duet_feature_set_work(set));
done:
    duet_feature_set_close(set);
    duet_reader_close(reader);
    return status;
}

static duet_status sweep_baselines(sweep *s) {
    const duet_int_list winner = {.count = 1, .v = {s->out->best.setting.t}};
    for (int i = 0; i < s->baselines.count; i++)
        DUET_TRY(sweep_reader(s, s->baselines.v[i]->name, &winner, &s->out->baselines[i]));
    s->out->baseline_count = s->baselines.count;
    return DUET_OK;
}

/* All readers use the same images: where one of them finds an image unreadable that others could
 * read, all start again without it; what they have computed is in the cache. */
static duet_status sweep_readers(sweep *s) {
    duet_sweep_result *out = s->out;
    do {
        s->read = false;
        out->count = 0;
        out->best = (duet_sweep_row){.dim = 0};
        memset(out->baselines, 0, sizeof out->baselines);
        DUET_TRY(sweep_reader(s, "model", &s->options->t, &out->best));
        DUET_TRY(sweep_baselines(s));
    } while (duet_bad_images_count(s->options->bad, DUET_TRAIN) != s->bad);
    out->fit_rows = duet_sweep_good_rows(s->options->bad, &s->views.fit);
    out->val_rows = duet_sweep_good_rows(s->options->bad, &s->views.val);
    return DUET_OK;
}

static duet_status divide(sweep *s, int64_t fit, int64_t val) {
    duet_sweep_views_free(&s->views);
    return duet_sweep_views_new(&s->views, s->dataset, fit, val, s->options->seed);
}

/* Opens the set over the present rows; *seconds and *rows receive its cost. */
static duet_status open_timed(sweep *s, duet_feature_set **out, duet_reader *reader,
                              double *seconds, int64_t *rows) {
    DUET_TRY(open_set(s, out, reader, "first features, measured"));
    const duet_features_work work = duet_feature_set_work(*out);
    *seconds = work.seconds;
    *rows = work.computed;
    return DUET_OK;
}

/* Measures the seconds per feature and row from heads of several widths. */
static duet_status time_heads(sweep *s, duet_feature_set *set, double *out) {
    duet_status status = DUET_OK;
    duet_trial *list = NULL;
    int64_t count = 0;
    double features = 0;
    const duet_trials trials = trials_of(s, set, "first heads, measured");
    DUET_TRY(duet_trials_list(&list, &count, set, s->heads.count));
    const int64_t wanted = 2 * duet_context_threads(s->ctx) * s->heads.count,
                  taken = count < wanted ? count : wanted;
    duet_trials_sort(list, count);
    for (int64_t i = 0; i < taken; i++) {
        list[i] = list[i * count / taken];
        features += (double)list[i].dim;
    }
    const double start = duet_clock();
    DUET_DO(duet_trials_run(&trials, list, taken));
    *out = (duet_clock() - start) / (features * (double)s->views.fit.count);
done:
    duet_trials_free(list, taken);
    return status;
}

/* Counts the features of all heads with the first, the first two, … of the sorted pools. Baselines
 * that are networks are read at one t, the others have the width of the images. */
static void count_features(const sweep *s, const duet_feature_set *set, const duet_int_list *pools,
                           duet_sweep_cost *cost) {
    const duet_sweep_options *o = s->options;
    const double pixels = (double)(s->how.size * s->how.size * s->how.channels);
    int networks = 0;
    for (int i = 0; i < s->baselines.count; i++)
        networks += duet_reader_is_network(s->baselines.v[i]);
    const double often = 1.0 + (double)networks / (double)o->t.count;
    cost->pools = pools->count;
    cost->passes = o->t.count + networks;
    for (int n = 0; n < pools->count; n++) {
        cost->features[n] = (double)(s->baselines.count - networks) * pixels;
        for (int64_t c = 0; c < set->count; c++)
            if (set->columns[c].setting.pool <= pools->v[n])
                cost->features[n] += often * (double)set->columns[c].dim;
        cost->features[n] *= (double)s->heads.count;
    }
}

/* Chooses the pools and rows for which there is time. What was timed is in the cache; the time that
 * remains is counted from `start`. */
static duet_status keep_time(sweep *s, duet_sweep_options *own, double start) {
    duet_status status = DUET_OK;
    duet_reader *reader = NULL;
    duet_feature_set *set = NULL;
    duet_sweep_cost cost = {0};
    double few = 0, more = 0;
    int64_t few_rows = 0, more_rows = 0;
    const int64_t most = s->views.fit.count, pilot = most < PILOT_ROWS ? most : PILOT_ROWS;
    if (own->pools.count == 0) own->pools = (duet_int_list){.count = 1, .v = {1}};
    duet_study_sort(&own->pools);
    DUET_DO(open_reader(s, &reader, "model", &own->t));
    DUET_DO(divide(s, pilot / 5 + 1, pilot / 10 + 1));
    DUET_DO(open_timed(s, &set, reader, &few, &few_rows));
    if (5.0 * few < 60.0 * own->minutes / 8.0) { /* otherwise the first measurement suffices */
        duet_feature_set_close(set);
        set = NULL;
        DUET_DO(divide(s, pilot, pilot / 2 + 1));
        DUET_DO(open_timed(s, &set, reader, &more, &more_rows));
    } else {
        more = few;
        more_rows = few_rows;
    }
    DUET_DO(time_heads(s, set, &cost.head));
    cost.pass = duet_cost_of_row(few, few_rows, more, more_rows);
    count_features(s, set, &own->pools, &cost);
    const duet_sweep_size size = duet_sweep_within(
        &cost, 60.0 * own->minutes - (duet_clock() - start), FEWEST_ROWS, LEAST_ROWS, most);
    if (size.rows < most) {
        own->fit_rows = size.rows;
        own->val_rows = size.rows / 2;
    }
    own->pools.count = size.pools;
    duet_log(
        s->ctx, DUET_LOG_DEBUG,
        "%.2g s a pass, %.2g s a feature and row of a head: %lld rows and %d pools take %.3g s",
        cost.pass, cost.head, (long long)size.rows, size.pools, size.seconds);
    DUET_DO(divide(s, own->fit_rows, own->val_rows));
done:
    duet_feature_set_close(set);
    duet_reader_close(reader);
    return status;
}

duet_status duet_sweep(duet_context *ctx, duet_sweep_result *out, duet_model *model,
                       const duet_dataset *dataset, const duet_sweep_options *options) {
    duet_status status = DUET_OK;
    duet_sweep_result result = {0};
    duet_sweep_options own = *options;
    sweep s = {.ctx = ctx,
               .model = model,
               .dataset = dataset,
               .options = &own,
               .out = &result,
               .how = duet_model_card(model)->preprocess};
    const double start = duet_clock();
    if (!duet_dataset_describe(dataset)->labelled)
        return duet_fail(DUET_ARG, "the data set has no labels, so there is no accuracy to sweep");
    if (options->t.count < 1) return duet_fail(DUET_ARG, "no levels of noise to sweep; give --t");
    DUET_DO(duet_head_list_parse(&s.heads, options->head));
    DUET_DO(duet_baselines_parse(&s.baselines, options->baselines));
    DUET_DO(divide(&s, own.fit_rows, own.val_rows));
    if (own.minutes > 0) DUET_DO(keep_time(&s, &own, start));
    result.pools = own.pools;
    DUET_DO(sweep_readers(&s));
    result.seconds = duet_clock() - start;
    *out = result;
    result.rows = NULL;
done:
    duet_release(result.rows);
    duet_sweep_views_free(&s.views);
    return status;
}

void duet_sweep_result_free(duet_sweep_result *result) {
    if (result == NULL) return;
    duet_release(result->rows);
    memset(result, 0, sizeof *result);
}
