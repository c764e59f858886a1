/* SPDX-License-Identifier: MIT
 * study/transfer.c: one table over models, data sets and heads. A cell is a reader of a model on a
 * data set: RUN/cells/NAME/ holds its search and a probe per head, whose result.json files are all
 * that the table is made of; what is there already is not done again. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <duet/auto.h>
#include <duet/transfer.h>

#include "base/context.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/model.h"
#include "model/setting.h"
#include "study/look.h"
#include "study/sweep.h"

typedef struct transfer {
    duet_context *ctx;
    const duet_transfer_options *options;
    duet_head_list heads;
    const char *run;
    duet_transfer_result *out;
    int64_t room;
} transfer;

typedef struct cell {
    duet_model *model;
    const duet_dataset *dataset;
    const char *reader;
    char folder[DUET_PATH_SIZE];
} cell;

/* What the results of a cell depend on beside its data and model. */
static unsigned hash_options(const transfer *t) {
    const duet_sweep_options *o = &t->options->search;
    const int64_t numbers[] = {o->fit_rows, o->val_rows, (int64_t)o->seed, t->options->noise_seeds,
                               o->stored};
    uint64_t hash = duet_hash_text(o->head, 0);
    hash = duet_hash(numbers, sizeof numbers, hash);
    hash = duet_hash(o->t.v, (size_t)o->t.count * sizeof o->t.v[0], hash);
    hash = duet_hash(o->pools.v, (size_t)o->pools.count * sizeof o->pools.v[0], hash);
    return (unsigned)(hash & 0xFFFFFFFFu);
}

/* RUN/cells/DATA-MODEL-OPTIONS-READER, by hashes */
static duet_status open_cell(const transfer *t, cell *c) {
    char name[DUET_TEXT_SIZE];
    const duet_dataset_info *info = duet_dataset_describe(c->dataset);
    duet_format(name, sizeof name, "cells/%08x-%08x-%08x-%s", (unsigned)(info->hash & 0xFFFFFFFFu),
                (unsigned)(duet_model_hash(c->model) & 0xFFFFFFFFu), hash_options(t), c->reader);
    DUET_TRY(duet_path_join(c->folder, t->run, name));
    return duet_folder_make(c->folder);
}

static bool has_result(const char *folder) {
    char path[DUET_PATH_SIZE];
    return duet_path_join(path, folder, DUET_RESULT_FILE) == DUET_OK && duet_path_exists(path);
}

/* ---- the search of a cell ---- */

static duet_status search(const transfer *t, const cell *c) {
    duet_auto_options options = {.sweep = t->options->search, .joined = DUET_AUTO_JOINED};
    duet_auto_result result = {0};
    if (has_result(c->folder)) return DUET_OK;
    options.sweep.baselines[0] = '\0';
    (void)duet_copy_text(options.reader, sizeof options.reader, c->reader);
    if (duet_model_recogniser(c->model)) options.sweep.t = (duet_int_list){.count = 1, .v = {-1}};
    DUET_TRY(duet_auto(t->ctx, &result, c->model, c->dataset, &options));
    const duet_status status = duet_auto_save(&result, &options, c->model, c->dataset, c->folder);
    duet_auto_result_free(&result);
    return status;
}

/* The best setting of a head among those of the last round. */
static duet_status choose(const cell *c, const char *head, duet_settings *out) {
    json_t *root = NULL;
    double best = -1;
    DUET_TRY(duet_result_record_read(&root, c->folder, NULL));
    const json_t *picks = json_object_get(json_object_get(root, "auto"), "picks");
    for (size_t i = 0; i < json_array_size(picks); i++) {
        const json_t *pick = json_array_get(picks, i);
        const char *const name = json_string_value(json_object_get(pick, "head"));
        const double top1 = json_number_value(json_object_get(pick, "top1"));
        if (name == NULL || strcmp(name, head) != 0 || top1 <= best) continue;
        best = top1;
        if (duet_settings_get(out, pick) != DUET_OK) best = -1;
    }
    json_decref(root);
    return best >= 0 ? DUET_OK
                     : duet_fail(DUET_FORMAT, "'%s' has no search for the head '%s'; remove it",
                                 c->folder, head);
}

/* ---- the probes ---- */

static void take(duet_transfer_row *row, const json_t *root) {
    const json_t *first = json_array_get(json_object_get(root, "rows"), 0);
    const char *const reader = json_string_value(json_object_get(first, "reader"));
    const json_t *confusion = json_object_get(root, "class_names");
    (void)duet_copy_text(row->reader, sizeof row->reader, reader != NULL ? reader : "");
    if (strcmp(row->reader, "pixels") == 0 || duet_settings_get(&row->settings, first) != DUET_OK)
        row->settings.count = 0;
    row->classes = (int)json_array_size(confusion);
    row->train_rows = json_integer_value(json_object_get(root, "train_rows"));
    row->test_rows = json_integer_value(json_object_get(root, "test_rows"));
    row->top1 = json_number_value(json_object_get(root, "top1"));
    row->top1_std = json_number_value(json_object_get(root, "top1_std"));
    row->mean_class = json_number_value(json_object_get(root, "mean_class"));
    const json_t *val = json_object_get(first, "val_top1");
    row->val_top1 = json_is_number(val) ? json_number_value(val) : NAN;
}

static duet_status probe(const transfer *t, const cell *c, const char *head,
                         const duet_settings *settings, const char *folder) {
    const duet_sweep_options *const s = &t->options->search;
    duet_probe_options options = {.settings = *settings,
                                  .setting_from = "sweep",
                                  .noise_seeds = t->options->noise_seeds,
                                  .seed = s->seed,
                                  .batch = s->batch,
                                  .stored = s->stored,
                                  .bad = s->bad};
    duet_probe_result result = {0};
    (void)duet_copy_text(options.head, sizeof options.head, head);
    (void)duet_copy_text(options.reader, sizeof options.reader, c->reader);
    (void)duet_copy_text(options.cache, sizeof options.cache, s->cache);
    DUET_TRY(duet_folder_make(folder));
    const duet_status status = duet_probe(t->ctx, &result, c->model, c->dataset, &options, folder);
    duet_probe_result_free(&result);
    return status;
}

static duet_status add_row(transfer *t, const cell *c, const char *head, const char *folder) {
    json_t *root = NULL;
    DUET_TRY(duet_result_record_read(&root, folder, NULL));
    const duet_status status =
        duet_grow(&t->out->rows, &t->room, t->out->count + 1, sizeof *t->out->rows);
    if (status == DUET_OK) {
        duet_transfer_row *const row = &t->out->rows[t->out->count++];
        memset(row, 0, sizeof *row);
        take(row, root);
        (void)duet_copy_text(row->head, sizeof row->head, head);
        (void)duet_copy_text(row->data, sizeof row->data, duet_dataset_describe(c->dataset)->name);
        if (strcmp(c->reader, "pixels") != 0)
            (void)duet_copy_text(row->model, sizeof row->model, duet_look_model_name(c->model));
    }
    json_decref(root);
    return status;
}

static duet_status run_cell(transfer *t, duet_model *model, const duet_dataset *dataset,
                            const char *reader) {
    const bool network = strcmp(reader, "pixels") != 0;
    cell c = {.model = model, .dataset = dataset, .reader = reader};
    DUET_TRY(open_cell(t, &c));
    if (network) DUET_TRY(search(t, &c));
    for (int h = 0; h < t->heads.count; h++) {
        const char *const head = t->heads.v[h];
        char name[32], folder[DUET_PATH_SIZE];
        duet_settings settings = duet_settings_of(-1, 1, 1);
        snprintf(name, sizeof name, "%08x/probe", (unsigned)duet_hash_text(head, 0));
        DUET_TRY(duet_path_join(folder, c.folder, name));
        if (network) DUET_TRY(choose(&c, head, &settings));
        if (!has_result(folder)) DUET_TRY(probe(t, &c, head, &settings, folder));
        DUET_TRY(add_row(t, &c, head, folder));
    }
    return DUET_OK;
}

/* ---- the table ---- */

static json_t *row_json(const duet_transfer_row *row) {
    json_t *object = json_pack(
        "{s:o,s:o,s:s,s:s,s:I,s:I,s:i,s:f,s:f,s:f,s:o}", "data", duet_json_name(row->data), "model",
        duet_json_name(row->model), "reader", row->reader, "head", row->head, "train_rows",
        (json_int_t)row->train_rows, "test_rows", (json_int_t)row->test_rows, "classes",
        row->classes, "top1", row->top1, "top1_std", row->top1_std, "mean_class", row->mean_class,
        "val_top1", isfinite(row->val_top1) ? json_real(row->val_top1) : json_null());
    duet_settings_put(object, &row->settings);
    return object;
}

static duet_status save(const transfer *t, const char *folder) {
    json_t *rows = json_array();
    for (int64_t i = 0; i < t->out->count; i++)
        json_array_append_new(rows, row_json(&t->out->rows[i]));
    return duet_result_record_write(
        folder, json_pack("{s:s,s:o,s:f,s:I,s:i}", "command", "transfer", "rows", rows, "seconds",
                          t->out->seconds, "seed", (json_int_t)t->options->search.seed,
                          "noise_seeds", t->options->noise_seeds));
}

static duet_status run_set(transfer *t, duet_model *const *models, int count,
                           const duet_dataset *dataset) {
    for (int m = 0; m < count; m++) {
        DUET_TRY(run_cell(t, models[m], dataset, "model"));
        if (t->options->random) DUET_TRY(run_cell(t, models[m], dataset, "random"));
    }
    return t->options->pixels ? run_cell(t, models[0], dataset, "pixels") : DUET_OK;
}

duet_status duet_transfer(duet_context *ctx, duet_transfer_result *out, duet_model *const *models,
                          int model_count, const duet_dataset *const *datasets, int dataset_count,
                          const duet_transfer_options *options, const char *run,
                          const char *folder) {
    const double start = duet_clock();
    duet_status status = DUET_OK;
    duet_transfer_result result = {0};
    transfer t = {.ctx = ctx, .options = options, .run = run, .out = &result};
    DUET_TRY(duet_head_list_parse(&t.heads, options->search.head));
    for (int d = 0; d < dataset_count; d++)
        if (!duet_dataset_describe(datasets[d])->labelled)
            return duet_fail(DUET_ARG, "the data set '%s' has no labels",
                             duet_dataset_describe(datasets[d])->name);
    for (int d = 0; d < dataset_count; d++) DUET_DO(run_set(&t, models, model_count, datasets[d]));
    result.seconds = duet_clock() - start;
    DUET_DO(save(&t, folder));
    *out = result;
    memset(&result, 0, sizeof result);
done:
    duet_transfer_result_free(&result);
    return status;
}

void duet_transfer_result_free(duet_transfer_result *result) {
    if (result == NULL) return;
    duet_release(result->rows);
    memset(result, 0, sizeof *result);
}
