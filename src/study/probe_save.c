/* SPDX-License-Identifier: MIT
 * study/probe_save.c: study/probe_save.h. */
#include "study/probe_save.h"

#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/record.h"
#include "base/str.h"
#include "model/setting.h"
#include "study/few.h"

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
                           .class_names = info->class_names,
                           .calibration = result->calibration.made};
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

/* A number that is not finite is null. */
static json_t *number_json(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *rows_json(const duet_probe_result *r) {
    json_t *rows = json_array();
    for (int i = 0; i < r->row_count; i++) {
        const duet_probe_row *row = &r->rows[i];
        json_t *const one = json_pack("{s:s,s:I,s:f,s:f,s:o}", "reader", row->reader, "dim",
                                      (json_int_t)row->dim, "strength", row->strength, "top1",
                                      row->top1, "val_top1", number_json(row->val_top1));
        if (r->label_draws > 1) json_object_set_new(one, "top1_std", json_real(row->top1_std));
        duet_settings_put(one, &row->settings);
        if (row->chosen[0] != '\0') /* then there is no strength */
            json_object_set_new(one, "chosen", json_string(row->chosen));
        json_array_append_new(rows, one);
    }
    return rows;
}

typedef struct timing_record {
    double features, head, few;
} timing_record;

static const duet_param timing_rows[] = {DUET_FIELD_FLOAT(timing_record, features),
                                         DUET_FIELD_FLOAT(timing_record, head),
                                         DUET_FIELD_FLOAT(timing_record, few)};
static const duet_param_table timing_table = DUET_TABLE(timing_rows, timing_record);

typedef struct probe_record {
    const char *command, *data, *model_hash, *head, *setting_from, *neighbours;
    double top1, top1_std, top5, mean_class, seconds;
    int64_t train_rows, test_rows;
    int neighbours_k;
    json_t *setting, *noise_seeds, *top1_seeds, *class_names, *per_class, *confusion, *rows,
        *features, *left_out, *labels, *calibration, *few, *few_head, *few_test_rows;
    timing_record timings;
} probe_record;

static const duet_param probe_rows[] = {
    DUET_FIELD_WORD(probe_record, command),
    DUET_FIELD_WORD(probe_record, data),
    DUET_FIELD_WORD(probe_record, model_hash),
    DUET_FIELD_WORD(probe_record, head),
    DUET_FIELD_JSON(probe_record, setting),
    DUET_FIELD_WORD(probe_record, setting_from),
    DUET_FIELD_FLOAT(probe_record, top1),
    DUET_FIELD_FLOAT(probe_record, top1_std),
    DUET_FIELD_FLOAT(probe_record, top5),
    DUET_FIELD_FLOAT(probe_record, mean_class),
    DUET_FIELD_JSON(probe_record, noise_seeds),
    DUET_FIELD_JSON(probe_record, top1_seeds),
    DUET_FIELD_INT(probe_record, train_rows),
    DUET_FIELD_INT(probe_record, test_rows),
    DUET_FIELD_JSON(probe_record, class_names),
    DUET_FIELD_JSON(probe_record, per_class),
    DUET_FIELD_JSON(probe_record, confusion),
    DUET_FIELD_JSON(probe_record, rows),
    DUET_FIELD_WORD(probe_record, neighbours),
    DUET_FIELD_INT(probe_record, neighbours_k),
    DUET_FIELD_JSON(probe_record, features),
    DUET_FIELD_JSON(probe_record, left_out),
    DUET_FIELD_RECORD(probe_record, timings, &timing_table),
    DUET_FIELD_FLOAT(probe_record, seconds),
    DUET_FIELD_JSON(probe_record, labels),
    DUET_FIELD_JSON(probe_record, calibration),
    DUET_FIELD_JSON(probe_record, few),
    DUET_FIELD_JSON(probe_record, few_head),
    DUET_FIELD_JSON(probe_record, few_test_rows),
};
static const duet_param_table probe_table = DUET_TABLE(probe_rows, probe_record);

static json_t *seeds_json(const duet_probe_result *r, uint64_t first) {
    json_t *seeds = json_array();
    for (int s = 0; s < r->seeds; s++)
        json_array_append_new(seeds, duet_json_u64(first + (uint64_t)s));
    return seeds;
}

static json_t *numbers_json(const double *values, int count) {
    json_t *numbers = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(numbers, number_json(values[i]));
    return numbers;
}

/* ---- a budget of labels; NULL where there is none ---- */

static json_t *labels_json(const duet_probe_result *r, const duet_label_budget *budget) {
    if (r->label_draws == 0) return NULL;
    json_t *labels = json_pack("{s:I,s:i,s:i}", "rows", (json_int_t)r->train_rows, "draws",
                               r->label_draws, "classes", r->label_classes);
    if (budget->fraction > 0) json_object_set_new(labels, "share", json_real(budget->fraction));
    if (budget->shots > 0)
        json_object_set_new(labels, "shots", json_integer((json_int_t)budget->shots));
    if (budget->list[0] != '\0') {
        json_object_set_new(labels, "list", duet_json_name(budget->list));
        json_object_set_new(labels, "names", json_integer((json_int_t)r->listed.names));
        json_object_set_new(labels, "found", json_integer((json_int_t)r->listed.found));
        json_object_set_new(labels, "unknown", json_integer((json_int_t)r->listed.unknown));
        json_object_set_new(labels, "ambiguous", json_integer((json_int_t)r->listed.ambiguous));
        json_object_set_new(labels, "first_not_found", duet_json_name(r->listed.first));
    }
    return labels;
}

/* ---- the curve over the number of labels ---- */

static json_t *few_json(const duet_probe_result *r) {
    json_t *rows = r->few_count > 0 ? json_array() : NULL;
    for (int64_t i = 0; i < r->few_count; i++) {
        const duet_few_row *row = &r->few[i];
        json_array_append_new(rows, json_pack("{s:s,s:I,s:I,s:i,s:f,s:o}", "reader", row->reader,
                                              "shots", (json_int_t)row->shots, "labels",
                                              (json_int_t)row->labels, "draws", row->draws, "top1",
                                              row->top1, "top1_std", number_json(row->top1_std)));
    }
    return rows;
}

/* ---- the calibration; NULL where there is none ---- */

static json_t *bins_json(const duet_reliability_bin *bins) {
    json_t *list = json_array();
    for (int b = 0; b < DUET_RELIABILITY_BINS; b++)
        json_array_append_new(list, json_pack("{s:I,s:o,s:o}", "rows", (json_int_t)bins[b].rows,
                                              "accuracy", number_json(bins[b].accuracy),
                                              "confidence", number_json(bins[b].confidence)));
    return list;
}

static json_t *calibration_json(const duet_probe_calibration *c) {
    json_t *sets = json_array();
    if (c->made.rows == 0) {
        json_decref(sets);
        return NULL;
    }
    for (int s = 0; s < DUET_CONFORMAL_LEVELS; s++)
        json_array_append_new(sets,
                              json_pack("{s:f,s:f,s:f}", "level", c->sets[s].level, "coverage",
                                        c->sets[s].coverage, "mean_size", c->sets[s].mean_size));
    return json_pack("{s:f,s:I,s:s,s:o,s:o,s:o,s:o,s:s,s:o,s:o,s:o}", "temperature",
                     c->made.temperature, "rows", (json_int_t)c->made.rows, "from", c->made.from,
                     "ece_before", number_json(c->ece[0]), "ece", number_json(c->ece[1]),
                     "nll_before", number_json(c->nll[0]), "nll", number_json(c->nll[1]),
                     "conformal", "lac", "sets", sets, "reliability_before", bins_json(c->bins[0]),
                     "reliability", bins_json(c->bins[1]));
}

static json_t *confusion_json(const duet_probe_result *r) {
    json_t *confusion = json_array();
    for (int k = 0; k < r->classes; k++) {
        json_t *row = json_array();
        for (int j = 0; j < r->classes; j++)
            json_array_append_new(row, json_integer((json_int_t)r->confusion[k * r->classes + j]));
        json_array_append_new(confusion, row);
    }
    return confusion;
}

duet_status duet_probe_save(const duet_probe_result *r, const duet_probe_options *options,
                            const duet_model *model, const duet_dataset *dataset,
                            const char *folder) {
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    json_t *names = json_array();
    char hash[32];
    for (int k = 0; k < r->classes; k++)
        json_array_append_new(names, json_string(info->class_names[k]));
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)duet_model_hash(model));
    const probe_record record = {
        .command = "probe",
        .data = info->name,
        .model_hash = hash,
        .head = options->head,
        .setting = settings_json(&options->settings),
        .setting_from = options->setting_from != NULL ? options->setting_from : "given",
        .top1 = r->top1,
        .top1_std = r->top1_std,
        .top5 = r->top5,
        .mean_class = r->mean_class,
        .noise_seeds = seeds_json(r, options->seed),
        .top1_seeds = numbers_json(r->top1_seeds, r->seeds),
        .train_rows = r->train_rows,
        .test_rows = r->test_rows,
        .class_names = names,
        .per_class = numbers_json(r->per_class, r->classes),
        .confusion = confusion_json(r),
        .rows = rows_json(r),
        .neighbours = options->neighbours > 0 ? "neighbours.png" : "",
        .neighbours_k = DUET_STUDY_NEIGHBOURS,
        .features = duet_study_work_json(&r->features),
        .left_out = duet_study_bad_json(options->bad),
        .timings = {.features = r->features.seconds,
                    .head = r->seconds_head,
                    .few = r->seconds_few},
        .seconds = r->seconds,
        .labels = labels_json(r, &options->labels),
        .calibration = calibration_json(&r->calibration),
        .few = few_json(r),
        .few_head = r->few_count > 0 ? json_string(DUET_FEW_HEAD) : NULL,
        .few_test_rows = r->few_count > 0 ? json_integer((json_int_t)r->few_test_rows) : NULL};
    return duet_result_record_write(folder, duet_record_json(&probe_table, &record));
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
