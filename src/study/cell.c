/* SPDX-License-Identifier: MIT
 * study/cell.c: see cell.h. */
#include "study/cell.h"

#include <stdio.h>
#include <string.h>

#include <duet/auto.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"
#include "model/model.h"
#include "model/setting.h"
#include "run/run_record.h"

unsigned duet_cell_hash(const duet_sweep_options *search, int noise_seeds) {
    const duet_sweep_options *o = search;
    const int64_t numbers[] = {o->fit_rows, o->val_rows, (int64_t)o->seed, noise_seeds, o->stored};
    uint64_t hash = duet_hash_text(o->head, 0);
    hash = duet_hash(numbers, sizeof numbers, hash);
    hash = duet_hash(o->t.v, (size_t)o->t.count * sizeof o->t.v[0], hash);
    hash = duet_hash(o->pools.v, (size_t)o->pools.count * sizeof o->pools.v[0], hash);
    return (unsigned)(hash & 0xFFFFFFFFu);
}

static bool has_result(const char *folder) {
    char path[DUET_PATH_SIZE];
    return duet_path_join(path, folder, DUET_RESULT_FILE) == DUET_OK && duet_path_exists(path);
}

static bool has_settings(const duet_cell *cell) {
    return strcmp(cell->reader, "pixels") != 0;
}

duet_status duet_cell_search(const duet_cell *cell) {
    duet_auto_options options = {.sweep = *cell->search, .joined = DUET_AUTO_JOINED};
    duet_auto_result result = {0};
    if (!has_settings(cell) || has_result(cell->folder)) return DUET_OK;
    options.sweep.baselines[0] = '\0';
    (void)duet_copy_text(options.reader, sizeof options.reader, cell->reader);
    if (duet_model_recogniser(cell->model))
        options.sweep.t = (duet_int_list){.count = 1, .v = {-1}};
    DUET_TRY(duet_auto(cell->ctx, &result, cell->model, cell->dataset, &options));
    const duet_status status =
        duet_auto_save(&result, &options, cell->model, cell->dataset, cell->folder);
    duet_auto_result_free(&result);
    return status;
}

/* The best setting of a head among those of the last round. */
static duet_status choose(const duet_cell *cell, const char *head, duet_settings *out) {
    json_t *root = NULL;
    double best = -1;
    DUET_TRY(duet_result_record_read(&root, cell->folder, NULL));
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
                                 cell->folder, head);
}

static duet_status run_probe(const duet_cell *cell, const char *head, const char *folder) {
    const duet_sweep_options *const s = cell->search;
    duet_probe_options options = {.settings = duet_settings_of(-1, 1, 1),
                                  .setting_from = "sweep",
                                  .noise_seeds = cell->noise_seeds,
                                  .seed = s->seed,
                                  .batch = s->batch,
                                  .stored = s->stored,
                                  .bad = s->bad,
                                  .few = cell->few_labels > 0};
    duet_probe_result result = {0};
    if (cell->few_labels > 0)
        options.few_labels = (duet_int_list){.count = 1, .v = {cell->few_labels}};
    if (has_settings(cell)) DUET_TRY(choose(cell, head, &options.settings));
    (void)duet_copy_text(options.head, sizeof options.head, head);
    (void)duet_copy_text(options.reader, sizeof options.reader, cell->reader);
    (void)duet_copy_text(options.cache, sizeof options.cache, s->cache);
    DUET_TRY(duet_folder_make(folder));
    const duet_status status =
        duet_probe(cell->ctx, &result, cell->model, cell->dataset, &options, folder);
    duet_probe_result_free(&result);
    return status;
}

duet_status duet_cell_probe(const duet_cell *cell, const char *head, json_t **result) {
    char name[32], folder[DUET_PATH_SIZE];
    snprintf(name, sizeof name, "%08x/probe", (unsigned)duet_hash_text(head, 0));
    DUET_TRY(duet_path_join(folder, cell->folder, name));
    if (!has_result(folder)) DUET_TRY(run_probe(cell, head, folder));
    return duet_result_record_read(result, folder, NULL);
}
