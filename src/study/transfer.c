/* SPDX-License-Identifier: MIT
 * study/transfer.c: one table over models, data sets and heads. A cell is a reader of a model on a
 * data set: RUN/cells/NAME/ holds its search and a probe per head, whose result.json files are all
 * that the table is made of; what is there already is not done again. */
#include <math.h>
#include <string.h>

#include <duet/transfer.h>

#include "base/context.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/model.h"
#include "model/setting.h"
#include "study/cell.h"
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

/* RUN/cells/DATA-MODEL-OPTIONS-READER, by hashes */
static duet_status open_cell(const transfer *t, duet_cell *c) {
    char name[DUET_TEXT_SIZE];
    const duet_dataset_info *info = duet_dataset_describe(c->dataset);
    duet_format(name, sizeof name, "cells/%08x-%08x-%08x-%s", (unsigned)(info->hash & 0xFFFFFFFFu),
                (unsigned)(duet_model_hash(c->model) & 0xFFFFFFFFu),
                duet_cell_hash(&t->options->search, t->options->noise_seeds), c->reader);
    DUET_TRY(duet_path_join(c->folder, t->run, name));
    return duet_folder_make(c->folder);
}

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

static duet_status add_row(transfer *t, const duet_cell *c, const char *head) {
    json_t *root = NULL;
    DUET_TRY(duet_cell_probe(c, head, &root));
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
    duet_cell c = {.ctx = t->ctx,
                   .model = model,
                   .dataset = dataset,
                   .reader = reader,
                   .search = &t->options->search,
                   .noise_seeds = t->options->noise_seeds};
    DUET_TRY(open_cell(t, &c));
    DUET_TRY(duet_cell_search(&c));
    for (int h = 0; h < t->heads.count; h++) DUET_TRY(add_row(t, &c, t->heads.v[h]));
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
