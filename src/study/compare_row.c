/* SPDX-License-Identifier: MIT
 * study/compare_row.c: one row of a comparison: train, draw, search and probe. RUN/NAME-SEED/ is a
 * run of its own; its row/result.json is written when all of it is done. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "model/model.h"
#include "model/setting.h"
#include "run/run_record.h"
#include "study/cell.h"
#include "study/compare.h"
#include "train/trainer.h"

enum { FEW = 10, DRAWS = 2000, NOISE_SEEDS = 1, METERS = 8, TIMED_ROWS = 512 };

/* ---- training ---- */

static duet_status train(const duet_contest *c, const duet_contest_row *row, int seed,
                         const char *folder, duet_compare_row *out) {
    duet_status status = DUET_OK;
    duet_train_options o = row->rival.train;
    duet_train_result result;
    duet_meters *meters = NULL;
    const duet_meters_options options = {.judge = c->options.judge};
    bool begun = false;
    o.images = row->images;
    o.seed = c->options.seed + (uint64_t)seed;
    o.meter_minutes = c->options.minutes / METERS;
    DUET_TRY(duet_checkpoint_any(folder, &begun));
    DUET_DO(duet_meters_open(c->ctx, &meters, c->dataset, &o, &options, folder));
    const duet_train_meter meter = {.measure = duet_meters_measure, .user = meters};
    o.meter = &meter;
    DUET_DO(duet_train(c->ctx, &result, c->dataset, &o, folder, begun));
    out->images = result.images;
    out->seconds = result.seconds;
    out->memory = result.memory;
done:
    duet_meters_close(meters);
    return status;
}

/* ---- reading ---- */

/* 95 % of the accuracies of as many test rows, drawn with replacement: of 0 and 1 with mean p. */
static void interval(duet_compare_head *h, int64_t rows, uint64_t seed) {
    double found[DRAWS];
    const duet_rng rng = duet_rng_make(seed, "bootstrap", 0);
    const double p = h->top1 / 100.0;
    if (rows < 1) return;
    if (rows > 2000) { /* the normal distribution does as well */
        const double half = 196.0 * sqrt(p * (1.0 - p) / (double)rows);
        h->low = h->top1 - half;
        h->high = h->top1 + half;
        return;
    }
    for (int d = 0; d < DRAWS; d++) {
        int64_t right = 0;
        for (int64_t i = 0; i < rows; i++)
            right += duet_rng_uniform(rng, (uint64_t)(d * rows + i)) < p;
        found[d] = 100.0 * (double)right / (double)rows;
    }
    for (int i = 1; i < DRAWS; i++) /* by size */
        for (int k = i; k > 0 && found[k - 1] > found[k]; k--) {
            const double held = found[k];
            found[k] = found[k - 1];
            found[k - 1] = held;
        }
    h->low = found[DRAWS / 40];
    h->high = found[DRAWS - 1 - DRAWS / 40];
}

static void take_few(const json_t *root, duet_compare_row *out) {
    const json_t *const few = json_object_get(root, "few");
    for (size_t i = 0; i < json_array_size(few); i++) {
        const json_t *const one = json_array_get(few, i), *const std =
                                                              json_object_get(one, "top1_std");
        out->few = json_number_value(json_object_get(one, "top1"));
        out->few_std = json_is_number(std) ? json_number_value(std) : NAN;
    }
}

static void take_head(const json_t *root, const char *head, uint64_t seed, duet_compare_head *out) {
    const json_t *const first = json_array_get(json_object_get(root, "rows"), 0),
                        *const val = json_object_get(first, "val_top1");
    *out = (duet_compare_head){.top1 = json_number_value(json_object_get(root, "top1")),
                               .mean_class = json_number_value(json_object_get(root, "mean_class")),
                               .val_top1 = json_is_number(val) ? json_number_value(val) : NAN};
    (void)duet_copy_text(out->head, sizeof out->head, head);
    if (duet_settings_get(&out->settings, first) != DUET_OK) out->settings.count = 0;
    interval(out, json_integer_value(json_object_get(root, "test_rows")), seed);
}

/* Images a second through the best setting of the first head. */
static duet_status time_reading(const duet_contest *c, duet_model *model, const char *reader,
                                duet_compare_row *out) {
    duet_status status = DUET_OK;
    duet_view all = {0}, some = {0};
    duet_reader *opened = NULL;
    duet_feature_set *set = NULL;
    const duet_reader_options options = {.settings = out->heads[0].settings};
    const duet_features_options plain = {.stored = DUET_F32, .label = "features, timed"};
    if (out->heads[0].settings.count == 0) return DUET_OK;
    DUET_DO(duet_view_all(&all, c->dataset, DUET_TRAIN));
    DUET_DO(duet_view_divide(&some, NULL, c->dataset, &all,
                             all.count < TIMED_ROWS ? all.count : TIMED_ROWS, 0, 0));
    DUET_DO(duet_reader_open(c->ctx, &opened, reader, model, NULL, &options));
    const double start = duet_clock();
    DUET_DO(duet_feature_set_open(c->ctx, &set, opened, c->dataset, &some, &plain));
    const duet_features_work work = duet_feature_set_work(set);
    const double seconds = work.seconds > 0 ? work.seconds : duet_clock() - start;
    out->read_rate = seconds > 0 ? (double)some.count / seconds : 0;
done:
    duet_feature_set_close(set);
    duet_reader_close(opened);
    duet_view_free(&all);
    duet_view_free(&some);
    return status;
}

/* One search, and a probe of each of the first `count` heads, in FOLDER/`name`; the first also on
 * few labels, where `few` is wanted. */
static duet_status read_heads(const duet_contest *c, duet_model *model, const char *reader,
                              const char *folder, const char *name, int count,
                              duet_compare_head *out, duet_compare_row *few) {
    duet_sweep_options search = {.t = {.count = 5, .v = {1, 5, 10, 25, 50}},
                                 .pools = {.count = 3, .v = {1, 2, 4}},
                                 .fit_rows = c->options.rows,
                                 .val_rows = c->options.rows / 2,
                                 .seed = c->options.seed,
                                 .stored = DUET_F16};
    duet_cell cell = {.ctx = c->ctx,
                      .model = model,
                      .dataset = c->dataset,
                      .reader = reader,
                      .search = &search,
                      .noise_seeds = NOISE_SEEDS};
    (void)duet_copy_text(search.head, sizeof search.head,
                         count == c->heads.count ? c->options.head : c->heads.v[0]);
    DUET_TRY(duet_path_join(search.cache, folder, "cache"));
    DUET_TRY(duet_path_join(cell.folder, folder, name));
    DUET_TRY(duet_folder_make(cell.folder));
    DUET_TRY(duet_cell_search(&cell));
    for (int h = 0; h < count; h++) {
        json_t *root = NULL;
        cell.few_labels = h == 0 && few != NULL ? FEW : 0;
        DUET_TRY(duet_cell_probe(&cell, c->heads.v[h], &root));
        take_head(root, c->heads.v[h], c->options.seed, &out[h]);
        if (cell.few_labels > 0) take_few(root, few);
        json_decref(root);
    }
    return DUET_OK;
}

/* All heads; and the first one on the same network with random weights, by a search of its own. */
static duet_status read_row(const duet_contest *c, duet_model *model, const char *reader,
                            const char *folder, duet_compare_row *out) {
    duet_compare_head untrained;
    out->head_count = c->heads.count < DUET_COMPARE_HEADS ? c->heads.count : DUET_COMPARE_HEADS;
    DUET_TRY(read_heads(c, model, reader, folder, "read", out->head_count, out->heads, out));
    DUET_TRY(time_reading(c, model, reader, out));
    if (strcmp(reader, "model") != 0) return DUET_OK;
    DUET_TRY(read_heads(c, model, "random", folder, "random", 1, &untrained, NULL));
    out->random = untrained.top1;
    return DUET_OK;
}

/* Accuracy of a classifier of its own: of the network, or the head that was trained with it. */
static duet_status read_own(const duet_contest *c, duet_model *model, const char *folder,
                            duet_compare_row *out) {
    duet_status status = DUET_OK;
    duet_evaluation e = {.metrics = NULL};
    duet_head *head = NULL;
    duet_head_card card = {0};
    char path[DUET_PATH_SIZE];
    DUET_TRY(duet_path_join(path, folder, "head.safetensors"));
    const bool beside = duet_path_exists(path);
    if (!beside && duet_model_logits(model) == 0) return DUET_OK;
    if (beside) DUET_DO(duet_head_load(&head, &card, path));
    DUET_DO(duet_evaluate(c->ctx, &e, model, head, beside ? &card : NULL, c->dataset,
                          duet_dataset_describe(c->dataset)->count[DUET_TEST] > 0 ? DUET_TEST
                                                                                  : DUET_VAL,
                          "accuracy", NULL, NULL));
    out->own = duet_metric_find(&e.result, "top1", NAN);
done:
    duet_evaluation_free(&e);
    duet_head_free(head);
    return status;
}

/* ---- the row ---- */

static duet_status open_model(const duet_contest *c, const duet_contest_row *row,
                              const char *folder, duet_model **out) {
    char spec[2 * DUET_SPEC_SIZE];
    if (row->rival.reader == NULL) return duet_model_open(c->ctx, out, folder);
    (void)duet_copy_text(spec, sizeof spec, row->rival.train.arch);
    DUET_TRY(duet_model_new(c->ctx, out, spec, c->options.seed));
    duet_card *const card = duet_model_card(*out);
    (void)duet_copy_text(card->noise, sizeof card->noise, "linear");
    (void)duet_copy_text(card->predict, sizeof card->predict, "eps");
    return DUET_OK;
}

static duet_status work(const duet_contest *c, const duet_contest_row *row, int seed,
                        const char *folder, duet_compare_row *out) {
    const bool trained = row->rival.reader == NULL;
    duet_status status = DUET_OK;
    duet_model *model = NULL;
    if (trained) DUET_DO(train(c, row, seed, folder, out));
    DUET_DO(open_model(c, row, folder, &model));
    if (trained) out->parameters = duet_model_parameters(model);
    DUET_DO(read_row(c, model, trained ? "model" : row->rival.reader, folder, out));
    if (trained) DUET_DO(read_own(c, model, folder, out));
    if (trained && !row->rival.labels) DUET_DO(duet_contest_draw(c, model, folder, out));
done:
    duet_model_close(model);
    return status;
}

duet_status duet_contest_row_run(const duet_contest *c, const duet_contest_row *row, int seed,
                                 duet_compare_row *out) {
    char folder[DUET_PATH_SIZE], done[DUET_PATH_SIZE], file[DUET_PATH_SIZE];
    *out = (duet_compare_row){.seed = seed,
                              .train_rate = row->rate,
                              .few = NAN,
                              .few_std = NAN,
                              .random = NAN,
                              .own = NAN,
                              .fid = NAN,
                              .precision = NAN,
                              .recall = NAN,
                              .damaged = NAN,
                              .seen = NAN};
    (void)duet_copy_text(out->name, sizeof out->name, row->rival.name);
    duet_format(out->folder, sizeof out->folder, "%s-%d", row->rival.name, seed);
    DUET_TRY(duet_path_join(folder, c->run, out->folder));
    DUET_TRY(duet_path_join(done, folder, "row"));
    DUET_TRY(duet_path_join(file, done, DUET_RESULT_FILE));
    if (duet_path_exists(file)) {
        json_t *root = NULL;
        DUET_TRY(duet_result_record_read(&root, done, NULL));
        const duet_status status = duet_compare_row_read(out, root);
        json_decref(root);
        return status;
    }
    duet_log(c->ctx, DUET_LOG_INFO, "%s, seed %d", row->rival.name, seed);
    DUET_TRY(duet_folder_make(folder));
    DUET_TRY(work(c, row, seed, folder, out));
    DUET_TRY(duet_folder_make(done));
    return duet_result_record_write(done, duet_compare_row_json(out));
}
