/* SPDX-License-Identifier: MIT
 * study/sweep_save.c: result.json of a sweep (docs/run_folder.md). */
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/record.h"
#include "base/str.h"
#include "model/setting.h"
#include "study/sweep.h"

json_t *duet_sweep_row_json(const duet_sweep_row *row) {
    const duet_settings settings = {.count = 1, .v = {row->setting}};
    json_t *object = json_pack("{s:s,s:I}", "reader", row->reader, "dim", (json_int_t)row->dim);
    if (row->top1 >= 0) {
        json_object_set_new(object, "head", json_string(row->head));
        json_object_set_new(object, "strength", json_real(row->strength));
        json_object_set_new(object, "top1", json_real(row->top1));
    } else {
        json_object_set_new(object, "information", json_real(row->information));
    }
    duet_settings_put(object, &settings);
    return object;
}

static const duet_param tap_rows[] = {
    DUET_FIELD(duet_tap_row, block, "tap", DUET_PARAM_INT), DUET_FIELD_WORD(duet_tap_row, name),
    DUET_FIELD_INT(duet_tap_row, channels), DUET_FIELD_INT(duet_tap_row, height),
    DUET_FIELD_INT(duet_tap_row, width)};
static const duet_param_table tap_table = DUET_TABLE(tap_rows, duet_tap_row);

json_t *duet_sweep_taps_json(const duet_model *model) {
    json_t *taps = json_array();
    for (int i = 0; i < duet_model_tap_count(model); i++)
        json_array_append_new(taps, duet_record_json(&tap_table, duet_model_tap(model, i)));
    return taps;
}

typedef struct timing_record {
    double features, heads;
} timing_record;

static const duet_param timing_rows[] = {DUET_FIELD_FLOAT(timing_record, features),
                                         DUET_FIELD_FLOAT(timing_record, heads)};
static const duet_param_table timing_table = DUET_TABLE(timing_rows, timing_record);

typedef struct sweep_record {
    const char *command, *data, *model_hash;
    int64_t fit_rows, val_rows;
    uint64_t seed;
    double seconds;
    duet_int_list t, pool;
    json_t *taps, *rows, *best, *features, *left_out;
    timing_record timings;
} sweep_record;

static const duet_param sweep_rows[] = {
    DUET_FIELD_WORD(sweep_record, command),
    DUET_FIELD_WORD(sweep_record, data),
    DUET_FIELD_WORD(sweep_record, model_hash),
    DUET_FIELD_INT(sweep_record, fit_rows),
    DUET_FIELD_INT(sweep_record, val_rows),
    DUET_FIELD_SEED(sweep_record, seed),
    DUET_FIELD_FLOAT(sweep_record, seconds),
    DUET_FIELD_INTS(sweep_record, t),
    DUET_FIELD_INTS(sweep_record, pool),
    DUET_FIELD_JSON(sweep_record, taps),
    DUET_FIELD_JSON(sweep_record, rows),
    DUET_FIELD_JSON(sweep_record, best),
    DUET_FIELD_JSON(sweep_record, features),
    DUET_FIELD_RECORD(sweep_record, timings, &timing_table),
    DUET_FIELD_JSON(sweep_record, left_out),
};
static const duet_param_table sweep_table = DUET_TABLE(sweep_rows, sweep_record);

duet_status duet_sweep_save(const duet_sweep_result *result, const duet_sweep_options *options,
                            const duet_model *model, const duet_dataset *dataset,
                            const char *folder) {
    json_t *rows = json_array();
    char hash[32];
    for (int64_t i = 0; i < result->count; i++)
        json_array_append_new(rows, duet_sweep_row_json(&result->rows[i]));
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)duet_model_hash(model));
    const sweep_record record = {
        .command = "sweep",
        .data = duet_dataset_describe(dataset)->name,
        .model_hash = hash,
        .fit_rows = result->fit_rows,
        .val_rows = result->val_rows,
        .seed = options->seed,
        .seconds = result->seconds,
        .t = options->t,
        .pool = result->pools,
        .taps = duet_sweep_taps_json(model),
        .rows = rows,
        .best = duet_sweep_row_json(&result->best),
        .features = duet_study_work_json(&result->features),
        .timings = {.features = result->features.seconds, .heads = result->seconds_heads},
        .left_out = duet_study_bad_json(options->bad)};
    json_t *root = duet_record_json(&sweep_table, &record);
    for (int i = 0; root != NULL && i < result->baseline_count; i++) {
        char key[32];
        snprintf(key, sizeof key, "best_%s", result->baselines[i].reader);
        json_object_set_new(root, key, duet_sweep_row_json(&result->baselines[i]));
    }
    return duet_result_record_write(folder, root);
}

/* "recommended_in" of the result: the file of the model, or null. */
static duet_status note(const char *folder, const char *file) {
    json_t *root = NULL;
    DUET_TRY(duet_result_record_read(&root, folder, NULL));
    json_object_set_new(root, "recommended_in", file != NULL ? duet_json_name(file) : json_null());
    return duet_result_record_write(folder, root);
}

void duet_sweep_recommends(duet_recommendation *out, const duet_sweep_result *result,
                           const duet_dataset *dataset) {
    *out = (duet_recommendation){.settings = {.count = 1, .v = {result->best.setting}},
                                 .top1 = result->best.top1,
                                 .strength = result->best.strength};
    (void)duet_copy_text(out->head, sizeof out->head, result->best.head);
    (void)duet_copy_text(out->data, sizeof out->data, duet_dataset_describe(dataset)->name);
}

duet_status duet_recommend(const duet_recommendation *what, duet_model *model, const char *folder,
                           const char **file, duet_status *wrote) {
    duet_card *card = duet_model_card(model);
    card->recommended = *what;
    *file = NULL;
    *wrote = DUET_OK;
    if (duet_model_foreign(model)) return note(folder, NULL);
    *wrote = duet_model_update_card(duet_model_file(model), card);
    if (*wrote == DUET_OK) *file = duet_model_file(model);
    duet_failure kept;
    duet_failure_take(&kept);
    const duet_status status = note(folder, *file);
    if (status == DUET_OK) duet_failure_put(&kept);
    return status;
}
