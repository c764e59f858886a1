/* SPDX-License-Identifier: MIT
 * study/compare_save.c: rows of a comparison as JSON and as CSV. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "model/setting.h"
#include "run/run_record.h"
#include "study/compare.h"

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static double read_number(const json_t *object, const char *key) {
    const json_t *const value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static json_t *head_json(const duet_compare_head *h) {
    json_t *const object =
        json_pack("{s:s,s:f,s:f,s:f,s:f,s:o}", "head", h->head, "top1", h->top1, "low", h->low,
                  "high", h->high, "mean_class", h->mean_class, "val_top1", number(h->val_top1));
    if (h->settings.count > 0) duet_settings_put(object, &h->settings);
    return object;
}

json_t *duet_compare_row_json(const duet_compare_row *row) {
    json_t *const heads = json_array();
    for (int h = 0; h < row->head_count; h++)
        json_array_append_new(heads, head_json(&row->heads[h]));
    return json_pack(
        "{s:s,s:s,s:i,s:s,s:I,s:I,s:f,s:f,s:f,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}",
        "command", "row", "name", row->name, "seed", row->seed, "folder", row->folder, "images",
        (json_int_t)row->images, "parameters", (json_int_t)row->parameters,
        "train_images_per_second", row->train_rate, "read_images_per_second", row->read_rate,
        "seconds", row->seconds, "memory", (json_int_t)row->memory, "heads", heads, "few",
        number(row->few), "few_std", number(row->few_std), "random", number(row->random), "own",
        number(row->own), "fid", number(row->fid), "precision", number(row->precision), "recall",
        number(row->recall), "damaged", number(row->damaged), "classes_seen", number(row->seen));
}

static void read_head(duet_compare_head *out, const json_t *object) {
    const char *const name = json_string_value(json_object_get(object, "head"));
    *out = (duet_compare_head){.top1 = read_number(object, "top1"),
                               .low = read_number(object, "low"),
                               .high = read_number(object, "high"),
                               .mean_class = read_number(object, "mean_class"),
                               .val_top1 = read_number(object, "val_top1")};
    (void)duet_copy_text(out->head, sizeof out->head, name != NULL ? name : "");
    if (duet_settings_get(&out->settings, object) != DUET_OK) out->settings.count = 0;
}

duet_status duet_compare_row_read(duet_compare_row *out, const json_t *object) {
    const json_t *const heads = json_object_get(object, "heads");
    if (!json_is_array(heads) || json_array_size(heads) > DUET_COMPARE_HEADS)
        return duet_fail(DUET_FORMAT, "a row of the comparison has no heads; remove its folder");
    out->images = json_integer_value(json_object_get(object, "images"));
    out->parameters = json_integer_value(json_object_get(object, "parameters"));
    out->memory = json_integer_value(json_object_get(object, "memory"));
    out->train_rate = read_number(object, "train_images_per_second");
    out->read_rate = read_number(object, "read_images_per_second");
    out->seconds = read_number(object, "seconds");
    out->few = read_number(object, "few");
    out->few_std = read_number(object, "few_std");
    out->random = read_number(object, "random");
    out->own = read_number(object, "own");
    out->fid = read_number(object, "fid");
    out->precision = read_number(object, "precision");
    out->recall = read_number(object, "recall");
    out->damaged = read_number(object, "damaged");
    out->seen = read_number(object, "classes_seen");
    out->head_count = (int)json_array_size(heads);
    for (int h = 0; h < out->head_count; h++)
        read_head(&out->heads[h], json_array_get(heads, (size_t)h));
    return DUET_OK;
}

/* ---- the table ---- */

static void add_number(duet_str *out, double value, int decimals) {
    char text[64] = "";
    if (isfinite(value)) duet_format(text, sizeof text, "%.*f", decimals, value);
    duet_str_format(out, ",%s", text);
}

static void add_line(duet_str *out, const duet_compare_row *r) {
    duet_str_format(out, "%s,%d,%lld,%lld", r->name, r->seed, (long long)r->images,
                    (long long)r->parameters);
    add_number(out, r->train_rate, 1);
    add_number(out, r->read_rate, 1);
    add_number(out, r->seconds, 1);
    duet_str_format(out, ",%lld", (long long)r->memory);
    for (int h = 0; h < r->head_count; h++) {
        add_number(out, r->heads[h].top1, 2);
        add_number(out, r->heads[h].low, 2);
        add_number(out, r->heads[h].high, 2);
    }
    add_number(out, r->few, 2);
    add_number(out, r->few_std, 2);
    add_number(out, r->random, 2);
    add_number(out, r->own, 2);
    add_number(out, r->fid, 4);
    add_number(out, r->precision, 4);
    add_number(out, r->recall, 4);
    add_number(out, r->damaged, 2);
    add_number(out, r->seen, 0);
    duet_str_add(out, "\n");
}

static duet_status write_csv(const duet_compare_result *result, const duet_contest *contest,
                             const char *folder) {
    duet_str text = {0};
    char path[DUET_PATH_SIZE];
    duet_status status = duet_path_join(path, folder, "compare.csv");
    duet_str_add(&text, "row,seed,images,parameters,train_images_per_second,read_images_per_second,"
                        "seconds,memory");
    for (int h = 0; h < contest->heads.count; h++)
        duet_str_format(&text, ",%s,%s_low,%s_high", contest->heads.v[h], contest->heads.v[h],
                        contest->heads.v[h]);
    duet_str_add(&text, ",few,few_std,random,own,fid,precision,recall,damaged,classes_seen\n");
    for (int64_t i = 0; i < result->count; i++) add_line(&text, &result->rows[i]);
    if (status == DUET_OK) status = duet_str_status(&text);
    if (status == DUET_OK) status = duet_file_write(path, text.text, (int64_t)strlen(text.text));
    duet_str_free(&text);
    return status;
}

duet_status duet_compare_save(const duet_compare_result *result, const duet_contest *contest,
                              const char *folder) {
    const duet_compare_options *const o = &contest->options;
    json_t *const rows = json_array();
    for (int64_t i = 0; i < result->count; i++)
        json_array_append_new(rows, duet_compare_row_json(&result->rows[i]));
    DUET_TRY(duet_result_record_write(
        folder, json_pack("{s:s,s:o,s:f,s:i,s:s,s:s,s:I,s:I,s:f,s:o}", "command", "compare", "data",
                          duet_json_name(duet_dataset_describe(contest->dataset)->name), "minutes",
                          o->minutes, "seeds", o->seeds, "heads", o->head, "judge",
                          o->judge != NULL ? duet_model_card(o->judge)->name : "pixels", "samples",
                          (json_int_t)o->samples, "test_rows", (json_int_t)result->test_rows,
                          "seconds", result->seconds, "rows", rows)));
    return write_csv(result, contest, folder);
}
