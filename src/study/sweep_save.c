/* SPDX-License-Identifier: MIT
 * study/sweep_save.c: result.json of a sweep (docs/run_folder.md). */
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "model/setting.h"
#include "study/study.h"

static json_t *row_json(const duet_sweep_row *row) {
    const duet_settings settings = {.count = 1, .v = {row->setting}};
    json_t *object = json_pack("{s:s,s:I,s:f,s:f}", "reader", row->reader, "dim",
                               (json_int_t)row->dim, "strength", row->strength, "top1", row->top1);
    duet_settings_put(object, &settings);
    return object;
}

static json_t *list_json(const duet_int_list *list) {
    json_t *out = json_array();
    for (int i = 0; i < list->count; i++)
        json_array_append_new(out, json_integer((json_int_t)list->v[i]));
    return out;
}

duet_status duet_sweep_save(const duet_sweep_result *result, const duet_sweep_options *options,
                            const duet_model *model, const duet_dataset *dataset,
                            const char *folder) {
    json_t *rows = json_array(), *taps = json_array();
    char hash[32];
    for (int64_t i = 0; i < result->count; i++)
        json_array_append_new(rows, row_json(&result->rows[i]));
    for (int i = 0; i < duet_model_tap_count(model); i++) {
        const duet_tap_row *tap = duet_model_tap(model, i);
        json_array_append_new(taps,
                              json_pack("{s:i,s:s,s:I,s:I,s:I}", "tap", tap->block, "name",
                                        tap->name, "channels", (json_int_t)tap->channels, "height",
                                        (json_int_t)tap->height, "width", (json_int_t)tap->width));
    }
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)duet_model_hash(model));
    json_t *root = json_pack(
        "{s:s,s:s,s:s,s:I,s:I,s:o,s:f,s:o,s:o,s:o,s:o,s:o,s:o,s:{s:f,s:f}}", "command", "sweep",
        "data", duet_dataset_describe(dataset)->name, "model_hash", hash, "fit_rows",
        (json_int_t)result->fit_rows, "val_rows", (json_int_t)result->val_rows, "seed",
        duet_json_u64(options->seed), "seconds", result->seconds, "t", list_json(&options->t),
        "pool", list_json(&result->pools), "taps", taps, "rows", rows, "best",
        row_json(&result->best), "features", duet_study_work_json(&result->features), "timings",
        "features", result->features.seconds, "heads", result->seconds_heads);
    if (root != NULL) json_object_set_new(root, "left_out", duet_study_bad_json(options->bad));
    for (int i = 0; root != NULL && i < result->baseline_count; i++) {
        char key[32];
        snprintf(key, sizeof key, "best_%s", result->baselines[i].reader);
        json_object_set_new(root, key, row_json(&result->baselines[i]));
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

duet_status duet_sweep_recommend(const duet_sweep_result *result, duet_model *model,
                                 const duet_dataset *dataset, const char *folder, const char **file,
                                 duet_status *wrote) {
    duet_card *card = duet_model_card(model);
    card->recommended = (duet_recommendation){.settings = {.count = 1, .v = {result->best.setting}},
                                              .top1 = result->best.top1,
                                              .strength = result->best.strength};
    (void)duet_copy_text(card->recommended.data, sizeof card->recommended.data,
                         duet_dataset_describe(dataset)->name);
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
