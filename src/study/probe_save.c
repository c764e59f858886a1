/* SPDX-License-Identifier: MIT
 * study/probe_save.c: study/probe_save.h. */
#include "study/probe_save.h"

#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "model/setting.h"

duet_status duet_probe_save_head(const duet_probe_result *result, const duet_probe_options *options,
                                 const duet_model *model, const duet_dataset *dataset,
                                 const duet_head *head, const char *folder) {
    char path[DUET_PATH_SIZE];
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    duet_head_card card = {.settings = options->settings,
                           .noise_seed = options->seed,
                           .model_hash = duet_model_hash(model),
                           .top1 = result->top1,
                           .class_count = info->class_count,
                           .class_names = info->class_names};
    (void)duet_copy_text(card.head, sizeof card.head, options->head);
    (void)duet_copy_text(card.data, sizeof card.data, info->name);
    DUET_TRY(duet_path_join(path, folder, "head.safetensors"));
    DUET_TRY(duet_head_save(head, &card, path));
    DUET_TRY(duet_path_join(path, folder, "../head.safetensors")); /* the newest head of the run */
    return duet_head_save(head, &card, path);
}

static json_t *settings_json(const duet_settings *settings) {
    json_t *object = json_object();
    duet_settings_put(object, settings);
    return object;
}

static json_t *rows_json(const duet_probe_result *r) {
    json_t *rows = json_array();
    for (int i = 0; i < r->row_count; i++) {
        const duet_probe_row *row = &r->rows[i];
        json_t *const one =
            json_pack("{s:s,s:I,s:f,s:f,s:f}", "reader", row->reader, "dim", (json_int_t)row->dim,
                      "strength", row->strength, "top1", row->top1, "val_top1", row->val_top1);
        duet_settings_put(one, &row->settings);
        if (row->chosen[0] != '\0') /* then there is no strength */
            json_object_set_new(one, "chosen", json_string(row->chosen));
        json_array_append_new(rows, one);
    }
    return rows;
}

duet_status duet_probe_save(const duet_probe_result *r, const duet_probe_options *options,
                            const duet_model *model, const duet_dataset *dataset,
                            const char *folder) {
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    json_t *seeds = json_array(), *top1 = json_array(), *names = json_array(),
           *classes = json_array(), *confusion = json_array();
    char hash[32];
    for (int s = 0; s < r->seeds; s++) {
        json_array_append_new(seeds, duet_json_u64(options->seed + (uint64_t)s));
        json_array_append_new(top1, json_real(r->top1_seeds[s]));
    }
    for (int k = 0; k < r->classes; k++) {
        json_t *row = json_array();
        json_array_append_new(names, json_string(info->class_names[k]));
        json_array_append_new(classes,
                              isfinite(r->per_class[k]) ? json_real(r->per_class[k]) : json_null());
        for (int j = 0; j < r->classes; j++)
            json_array_append_new(row, json_integer((json_int_t)r->confusion[k * r->classes + j]));
        json_array_append_new(confusion, row);
    }
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)duet_model_hash(model));
    json_t *root =
        json_pack("{s:s,s:s,s:s,s:s,s:o,s:s,s:f,s:f,s:f,s:f,s:o,s:o,s:I,s:I,s:o,s:o,s:o,s:o,s:s,"
                  "s:i,s:o,s:o,s:{s:f,s:f},s:f}",
                  "command", "probe", "data", info->name, "model_hash", hash, "head", options->head,
                  "setting", settings_json(&options->settings), "setting_from",
                  options->setting_from != NULL ? options->setting_from : "given", "top1", r->top1,
                  "top1_std", r->top1_std, "top5", r->top5, "mean_class", r->mean_class,
                  "noise_seeds", seeds, "top1_seeds", top1, "train_rows", (json_int_t)r->train_rows,
                  "test_rows", (json_int_t)r->test_rows, "class_names", names, "per_class", classes,
                  "confusion", confusion, "rows", rows_json(r), "neighbours",
                  options->neighbours > 0 ? "neighbours.png" : "", "neighbours_k",
                  DUET_STUDY_NEIGHBOURS, "features", duet_study_work_json(&r->features), "left_out",
                  duet_study_bad_json(options->bad), "timings", "features", r->features.seconds,
                  "head", r->seconds_head, "seconds", r->seconds);
    return duet_result_record_write(folder, root);
}

duet_status duet_neighbours_save(const duet_probe_options *options, const duet_dataset *dataset,
                                 const char *folder) {
    return duet_result_record_write(
        folder,
        json_pack("{s:s,s:s,s:o,s:s,s:i,s:o}", "command", "neighbours", "data",
                  duet_dataset_describe(dataset)->name, "setting",
                  settings_json(&options->settings), "neighbours", "neighbours.png", "neighbours_k",
                  DUET_STUDY_NEIGHBOURS, "left_out", duet_study_bad_json(options->bad)));
}
