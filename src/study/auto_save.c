/* SPDX-License-Identifier: MIT
 * study/auto_save.c: result.json of a search (docs/run_folder.md): that of a sweep, whose rows are
 * those of the first round, and the object "auto". */
#include <stdio.h>

#include "base/json.h"
#include "base/record.h"
#include "base/str.h"
#include "model/setting.h"
#include "study/auto.h"

static json_t *pick_json(const duet_auto_pick *pick) {
    json_t *object = json_pack("{s:s,s:I}", "reader", "model", "dim", (json_int_t)pick->dim);
    if (pick->top1 >= 0) {
        json_object_set_new(object, "head", json_string(pick->head));
        json_object_set_new(object, "strength", json_real(pick->strength));
        json_object_set_new(object, "top1", json_real(pick->top1));
    }
    duet_settings_put(object, &pick->settings);
    return object;
}

static json_t *cost_json(const duet_auto_cost *cost) {
    return json_pack("{s:f,s:f,s:f}", "passes", cost->passes, "seconds_passes",
                     cost->seconds_passes, "seconds_heads", cost->seconds_heads);
}

static json_t *round_json(const duet_auto_round *round) {
    return json_pack("{s:I,s:I,s:I,s:I,s:o}", "fit_rows", (json_int_t)round->fit_rows, "val_rows",
                     (json_int_t)round->val_rows, "settings", (json_int_t)round->settings, "levels",
                     (json_int_t)round->levels, "cost", cost_json(&round->cost));
}

static json_t *numbers(const double *values, int count) {
    json_t *array = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(array, json_real(values[i]));
    return array;
}

static json_t *auto_json(const duet_auto_result *r) {
    json_t *picks = json_array(), *rounds = json_array();
    if (r->unlabelled)
        return json_pack("{s:b,s:o,s:o,s:o}", "unlabelled", true, "picks", picks, "rounds", rounds,
                         "spent", cost_json(&r->spent));
    for (int64_t i = 0; i < r->pick_count; i++)
        json_array_append_new(picks, pick_json(&r->picks[i]));
    for (int i = 0; i < DUET_AUTO_ROUNDS; i++)
        json_array_append_new(rounds, round_json(&r->rounds[i]));
    return json_pack("{s:o,s:o,s:o,s:f,s:o,s:f,s:I,s:o,s:o,s:o}", "picks", picks, "rounds", rounds,
                     "splits", numbers(r->splits, DUET_AUTO_REPEATS), "splits_std", r->splits_std,
                     "noise", numbers(r->noise, DUET_AUTO_REPEATS), "noise_std", r->noise_std,
                     "noise_rows", (json_int_t)r->noise_rows, "spent", cost_json(&r->spent),
                     "expected", cost_json(&r->expected), "grid", cost_json(&r->grid));
}

static void put_baseline(json_t *root, const duet_auto_result *r, const char *reader, double top1) {
    char key[32];
    if (!(top1 >= 0)) return; /* not read */
    duet_auto_pick pick = r->best;
    pick.top1 = top1;
    json_t *object = pick_json(&pick);
    json_object_set_new(object, "reader", json_string(reader));
    snprintf(key, sizeof key, "best_%s", reader);
    json_object_set_new(root, key, object);
}

duet_status duet_auto_save(const duet_auto_result *result, const duet_auto_options *options,
                           const duet_model *model, const duet_dataset *dataset,
                           const char *folder) {
    const duet_auto_round *const first = &result->rounds[0];
    json_t *rows = json_array();
    char hash[32];
    for (int64_t i = 0; i < result->count; i++)
        json_array_append_new(rows, duet_sweep_row_json(&result->rows[i]));
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)duet_model_hash(model));
    json_t *root =
        json_pack("{s:s,s:o,s:s,s:I,s:I,s:f,s:o,s:o,s:o,s:o,s:o}", "command", "sweep", "data",
                  duet_json_name(duet_dataset_describe(dataset)->name), "model_hash", hash,
                  "fit_rows", (json_int_t)first->fit_rows, "val_rows", (json_int_t)first->val_rows,
                  "seconds", result->seconds, "taps", duet_sweep_taps_json(model), "rows", rows,
                  "best", pick_json(&result->best), "auto", auto_json(result), "left_out",
                  duet_study_bad_json(options->sweep.bad));
    if (root != NULL) {
        put_baseline(root, result, "random", result->random);
        put_baseline(root, result, "pixels", result->pixels);
    }
    return duet_result_record_write(folder, root);
}

void duet_auto_recommends(duet_recommendation *out, const duet_auto_result *result,
                          const duet_dataset *dataset) {
    *out = (duet_recommendation){.settings = result->best.settings,
                                 .top1 = result->best.top1,
                                 .strength = result->best.strength};
    (void)duet_copy_text(out->head, sizeof out->head, result->best.head);
    (void)duet_copy_text(out->data, sizeof out->data, duet_dataset_describe(dataset)->name);
}
