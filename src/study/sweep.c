/* SPDX-License-Identifier: MIT
 * study/sweep.c: validation accuracy over (t, tap, pool). All of them come from one pass over the rows; one column at a time is
 * in memory where there is a cache.
 * Only the training split is read. Baselines: the untrained network at the winner's t, and raw pixels. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "study/study.h"

typedef struct sweep {
    duet_context *ctx;
    const duet_dataset *dataset;
    const duet_sweep_options *options;
    duet_sweep_result *out;
    int64_t capacity;
    duet_view fit, val, rows; /* rows: both */
    duet_preprocess how;
} sweep;

static duet_status add_row(sweep *s, const char *reader, const duet_feature_table *fit, const duet_feature_table *val, duet_sweep_row *row) {
    duet_head_result result;
    const duet_head_fit problem = {.train = fit, .val = val, .class_count = duet_dataset_describe(s->dataset)->class_count, .quick = true};
    DUET_TRY(duet_head_train(s->ctx, NULL, s->options->head, &problem, &result));
    *row = (duet_sweep_row){.t = fit->t, .tap = fit->tap, .pool = fit->pool, .dim = fit->dim, .strength = result.strength, .top1 = result.val_top1};
    (void)duet_copy_text(row->reader, sizeof row->reader, reader);
    DUET_TRY(duet_grow(&s->out->rows, &s->capacity, s->out->count + 1, sizeof *s->out->rows));
    s->out->rows[s->out->count++] = *row;
    return DUET_OK;
}

/* Better accuracy; on ties the smaller feature, then the smaller t. */
static bool better(const duet_sweep_row *a, const duet_sweep_row *b) {
    if (b->dim == 0 || a->top1 != b->top1) return b->dim == 0 || a->top1 > b->top1;
    return a->dim != b->dim ? a->dim < b->dim : a->t < b->t;
}

/* A head for each column of the set. */
static duet_status fit_heads(sweep *s, duet_feature_set *set, const char *reader, duet_sweep_row *best) {
    const int64_t count = duet_feature_set_columns(set);
    duet_status status = DUET_OK;
    duet_feature_table fit = {0}, val = {0};
    char label[64];
    snprintf(label, sizeof label, "heads, %s", reader);
    for (int64_t c = 0; c < count; c++) {
        duet_sweep_row row;
        DUET_DO(duet_check_cancelled(s->ctx));
        DUET_DO(duet_feature_set_table(set, c, &s->fit, &fit));
        DUET_DO(duet_feature_set_table(set, c, &s->val, &val));
        DUET_DO(add_row(s, reader, &fit, &val, &row));
        if (better(&row, best)) *best = row;
        duet_feature_table_free(&fit);
        duet_feature_table_free(&val);
        duet_progress_report(s->ctx, label, "heads", (double)(c + 1), (double)count, NULL);
    }
done:
    duet_feature_table_free(&fit);
    duet_feature_table_free(&val);
    return status;
}

/* Features of both views at all times in one go, then the heads. model NULL = pixels. */
static duet_status sweep_reader(sweep *s, duet_model *model, const char *reader, const duet_int_list *times, duet_sweep_row *best) {
    duet_status status = DUET_OK;
    duet_feature_set *set = NULL;
    char label[64];
    snprintf(label, sizeof label, "features, %s", reader);
    duet_features_options options = {.reader = {.times = *times, .taps = s->options->taps, .pools = s->options->pools, .noise_seed = s->options->seed,
                                                .batch = s->options->batch}, .stored = s->options->stored, .label = label};
    (void)duet_copy_text(options.cache, sizeof options.cache, s->options->cache);
    DUET_DO(duet_feature_set_open(s->ctx, &set, model, &s->how, s->dataset, &s->rows, &options));
    const double start = duet_clock();
    DUET_DO(fit_heads(s, set, reader, best));
    s->out->seconds_heads += duet_clock() - start;
    duet_study_add_work(&s->out->features, duet_feature_set_work(set));
done:
    duet_feature_set_close(set);
    return status;
}

static duet_status baselines(sweep *s, duet_model *model) {
    if (s->options->random_row) {
        duet_model *random = NULL;
        DUET_TRY(duet_model_random(s->ctx, &random, model, s->options->seed + 1));
        const duet_int_list winner = {.count = 1, .v = {s->out->best.t}};
        const duet_status status = sweep_reader(s, random, "random", &winner, &s->out->best_random);
        duet_model_close(random);
        DUET_TRY(status);
    }
    return s->options->pixels_row ? sweep_reader(s, NULL, "pixels", &(duet_int_list){0}, &s->out->pixels) : DUET_OK;
}

/* Both views are sorted. */
static duet_status join(sweep *s) {
    s->rows = (duet_view){.split = s->fit.split};
    DUET_TRY(duet_alloc(&s->rows.index, s->fit.count + s->val.count, sizeof *s->rows.index));
    for (int64_t f = 0, v = 0; f < s->fit.count || v < s->val.count;) {
        const bool first = v == s->val.count || (f < s->fit.count && s->fit.index[f] < s->val.index[v]);
        s->rows.index[s->rows.count++] = first ? s->fit.index[f++] : s->val.index[v++];
    }
    return DUET_OK;
}

static duet_status divide(sweep *s) {
    duet_view all = {0};
    DUET_TRY(duet_view_all(&all, s->dataset, DUET_TRAIN));
    int64_t fit = s->options->fit_rows, val = s->options->val_rows;
    if (fit <= 0) {
        val = val > 0 ? val : all.count / 5;
        fit = all.count - val;
    }
    const duet_status status = duet_view_divide(&s->fit, &s->val, s->dataset, &all, fit, val, s->options->seed);
    duet_view_free(&all);
    if (status == DUET_OK && (s->fit.count < 1 || s->val.count < 1))
        return duet_fail(DUET_ARG, "the training split is too small to fit and validate on");
    return status == DUET_OK ? join(s) : status;
}

duet_status duet_sweep(duet_context *ctx, duet_sweep_result *out, duet_model *model, const duet_dataset *dataset,
                       const duet_sweep_options *options) {
    duet_status status = DUET_OK;
    duet_sweep_result result = {0};
    sweep s = {.ctx = ctx, .dataset = dataset, .options = options, .out = &result, .how = duet_model_card(model)->preprocess};
    const double start = duet_clock();
    if (!duet_dataset_describe(dataset)->labelled) return duet_fail(DUET_ARG, "the data set has no labels, so there is no accuracy to sweep");
    if (options->t.count < 1) return duet_fail(DUET_ARG, "no noise steps to sweep; give --t");
    DUET_DO(divide(&s));
    result.fit_rows = s.fit.count;
    result.val_rows = s.val.count;
    DUET_DO(sweep_reader(&s, model, "model", &options->t, &result.best));
    DUET_DO(baselines(&s, model));
    result.seconds = duet_clock() - start;
    *out = result;
    result.rows = NULL;
done:
    duet_release(result.rows);
    duet_view_free(&s.fit);
    duet_view_free(&s.val);
    duet_view_free(&s.rows);
    return status;
}

void duet_sweep_result_free(duet_sweep_result *result) {
    if (!result) return;
    duet_release(result->rows);
    memset(result, 0, sizeof *result);
}

static json_t *row_json(const duet_sweep_row *row) {
    return json_pack("{s:s,s:I,s:i,s:i,s:I,s:f,s:f}", "reader", row->reader, "t", (json_int_t)row->t, "tap", row->tap, "pool", row->pool, "dim",
                     (json_int_t)row->dim, "strength", row->strength, "top1", row->top1);
}

static json_t *list_json(const duet_int_list *list) {
    json_t *out = json_array();
    for (int i = 0; i < list->count; i++) json_array_append_new(out, json_integer((json_int_t)list->v[i]));
    return out;
}

duet_status duet_sweep_save(const duet_sweep_result *result, const duet_sweep_options *options, const duet_model *model,
                            const duet_dataset *dataset, const char *folder) {
    json_t *rows = json_array(), *taps = json_array();
    char hash[32];
    for (int64_t i = 0; i < result->count; i++) json_array_append_new(rows, row_json(&result->rows[i]));
    for (int i = 0; i < duet_model_tap_count(model); i++) {
        const duet_tap_row *tap = duet_model_tap(model, i);
        json_array_append_new(taps, json_pack("{s:i,s:s,s:I,s:I,s:I}", "tap", tap->block, "name", tap->name, "channels", (json_int_t)tap->channels,
                                              "height", (json_int_t)tap->height, "width", (json_int_t)tap->width));
    }
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)duet_model_hash(model));
    json_t *root = json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:f,s:o,s:o,s:o,s:o,s:o,s:o,s:{s:f,s:f}}", "command", "sweep", "data", duet_dataset_describe(dataset)->name,
                             "model_hash", hash, "fit_rows", (json_int_t)result->fit_rows, "val_rows", (json_int_t)result->val_rows, "seed",
                             (json_int_t)options->seed, "seconds", result->seconds, "t", list_json(&options->t), "pool", list_json(&options->pools),
                             "taps", taps, "rows", rows, "best", row_json(&result->best), "features", duet_study_work_json(&result->features), "timings",
                             "features", result->features.seconds, "heads", result->seconds_heads);
    if (root && result->best_random.dim > 0) json_object_set_new(root, "best_random", row_json(&result->best_random));
    return duet_study_write(folder, "result.json", root);
}
