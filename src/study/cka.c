/* SPDX-License-Identifier: MIT
 * study/cka.c: duet_cka of duet/look.h: rows of a data set → readers of one or two models → batches
 * of rows → metric/hsic.h. Each model reads the images as its card says, in passes of its own
 * size; a batch is added when both have its rows. */
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "feature/feature_set.h"
#include "metric/hsic.h"
#include "model/model.h"
#include "report/cka_figure.h"
#include "study/look.h"
#include "study/study.h"

static const double WIDTH = 1040;

typedef struct side {
    duet_model *model;
    duet_reader *reader;
    duet_loader *loader;
    int64_t *column; /* [count] of the reader */
    int64_t count;
    int64_t *dim;   /* [count] */
    float **x;      /* [count]: [room,D] rows that wait */
    float **at;     /* [count]: where the next go */
    int64_t *index; /* [room] of these rows */
    int64_t *noise; /* [batch of the reader] */
    int64_t held, room;
    bool ended;
} side;

typedef struct work {
    duet_context *ctx;
    const duet_dataset *dataset;
    const duet_cka_options *o;
    duet_view view;
    side side[2];
    int sides;
    duet_hsic hsic;
    int64_t parts; /* batches that the rows make */
} work;

static const duet_setting *setting_of(const side *s, int64_t k, duet_setting *held) {
    duet_reader_column(s->reader, s->column[k], held, NULL);
    return held;
}

/* ---- opening ---- */

static duet_status choose_columns(side *s) {
    DUET_TRY(duet_look_columns(s->reader, &s->column, &s->count));
    DUET_TRY(duet_alloc(&s->dim, s->count, sizeof *s->dim));
    for (int64_t k = 0; k < s->count; k++)
        duet_reader_column(s->reader, s->column[k], NULL, &s->dim[k]);
    return DUET_OK;
}

static duet_reader_options reading(const work *w, int which) {
    const duet_cka_side *given = &w->o->side[which];
    duet_reader_options options = {.times = given->times,
                                   .taps = given->taps,
                                   .pools = {.count = 0},
                                   .noise_seed = w->o->rows.seed,
                                   .batch = w->o->rows.batch,
                                   .rows = w->view.count};
    for (int64_t pool = 1; pool <= w->o->pool; pool++)
        options.pools.v[options.pools.count++] = pool;
    return options;
}

static duet_status open_side(work *w, int which) {
    side *s = &w->side[which];
    duet_reader_options options = reading(w, which);
    DUET_TRY(duet_look_times(&options.times, s->model));
    DUET_TRY(duet_reader_open(w->ctx, &s->reader, "model", s->model, NULL, &options));
    DUET_TRY(choose_columns(s));
    const int64_t batch = duet_reader_batch(s->reader);
    s->room = w->o->batch_rows + batch;
    DUET_TRY(duet_alloc(&s->x, s->count, sizeof *s->x));
    DUET_TRY(duet_alloc(&s->at, s->count, sizeof *s->at));
    DUET_TRY(duet_alloc(&s->index, s->room, sizeof *s->index));
    DUET_TRY(duet_alloc(&s->noise, batch, sizeof *s->noise));
    for (int64_t c = 0; c < s->count; c++)
        DUET_TRY(duet_alloc(&s->x[c], s->room * s->dim[c], sizeof **s->x));
    const duet_loader_options loading = {
        .preprocess = s->model->card.preprocess, .batch = batch, .bad = w->o->rows.bad};
    return duet_loader_open(w->ctx, &s->loader, w->dataset, &w->view, &loading);
}

static void close_side(side *s) {
    for (int64_t c = 0; s->x != NULL && c < s->count; c++) duet_release(s->x[c]);
    duet_release(s->x);
    duet_release(s->at);
    duet_release(s->dim);
    duet_release(s->column);
    duet_release(s->index);
    duet_release(s->noise);
    duet_loader_close(s->loader);
    duet_reader_close(s->reader);
}

/* ---- reading ---- */

/* Reads on until `rows` rows wait, or there are no more. */
static duet_status read_rows(const work *w, side *s, int64_t rows) {
    while (s->held < rows && !s->ended) {
        duet_batch batch;
        DUET_TRY(duet_check_cancelled(w->ctx));
        DUET_TRY(duet_loader_next(s->loader, &batch));
        s->ended = batch.count == 0;
        if (s->ended) break;
        for (int64_t c = 0; c < s->count; c++) s->at[c] = s->x[c] + s->held * s->dim[c];
        for (int64_t i = 0; i < batch.count; i++) {
            s->index[s->held + i] = batch.index[i];
            s->noise[i] = duet_row_noise(w->o->rows.split, batch.index[i]);
        }
        DUET_TRY(duet_reader_run(s->reader, batch.pixels, s->noise, batch.count, s->at));
        s->held += batch.count;
    }
    return DUET_OK;
}

static void drop_rows(side *s, int64_t rows) {
    s->held -= rows;
    memmove(s->index, s->index + rows, (size_t)s->held * sizeof *s->index);
    for (int64_t c = 0; c < s->count; c++)
        memmove(s->x[c], s->x[c] + rows * s->dim[c], (size_t)(s->held * s->dim[c]) * sizeof **s->x);
}

/* Both models have left out the same images, so that their rows are the same. */
static duet_status check_rows(const work *w, int64_t rows) {
    if (w->sides == 1 ||
        (w->side[1].held >= rows &&
         memcmp(w->side[0].index, w->side[1].index, (size_t)rows * sizeof *w->side[0].index) == 0))
        return DUET_OK;
    return duet_fail(DUET_IO,
                     "the models got different images of '%s': a file has changed while "
                     "it was read; run the command again",
                     duet_dataset_describe(w->dataset)->name);
}

static duet_status add_batch(work *w, int64_t rows) {
    duet_hsic_rows batch[2] = {{0}};
    for (int k = 0; k < w->sides; k++)
        batch[k] = (duet_hsic_rows){.x = (const float *const *)w->side[k].x, .dim = w->side[k].dim};
    DUET_TRY(check_rows(w, rows));
    DUET_TRY(duet_hsic_add(&w->hsic, &batch[0], &batch[1], rows, duet_context_threads(w->ctx)));
    for (int k = 0; k < w->sides; k++) drop_rows(&w->side[k], rows);
    return DUET_OK;
}

/* The rows are divided evenly; what is left of images that cannot be read is a smaller batch. */
static duet_status read_all(work *w) {
    const int64_t count = w->view.count;
    for (int64_t p = 0; p < w->parts; p++) {
        const int64_t end = count * (p + 1) / w->parts, wanted = end - count * p / w->parts;
        for (int k = 0; k < w->sides; k++) DUET_TRY(read_rows(w, &w->side[k], wanted));
        const int64_t rows = w->side[0].held < wanted ? w->side[0].held : wanted;
        if (rows < DUET_HSIC_LEAST) break;
        DUET_TRY(add_batch(w, rows));
        duet_progress_report(w->ctx, "features of the layers", "images", (double)end, (double)count,
                             NULL);
    }
    if (w->hsic.rows > 0) return DUET_OK;
    return duet_fail(DUET_ARG, "%lld images are too few; CKA takes at least %d",
                     (long long)w->side[0].held, DUET_HSIC_LEAST);
}

/* ---- the result ---- */

static json_t *side_json(const side *s) {
    json_t *const object = duet_look_model(s->model), *const columns = json_array();
    for (int64_t c = 0; c < s->count; c++) {
        duet_setting own;
        (void)setting_of(s, c, &own);
        json_array_append_new(
            columns, json_pack("{s:I,s:I,s:s,s:I,s:I}", "t", (json_int_t)own.t, "tap",
                               (json_int_t)own.tap, "name", s->model->taps[own.tap - 1].name,
                               "pool", (json_int_t)own.pool, "dim", (json_int_t)s->dim[c]));
    }
    json_object_set_new(object, "columns", columns);
    return object;
}

static duet_status values_json(json_t **out, const duet_hsic *hsic) {
    double *value = NULL;
    json_t *const rows = json_array();
    const duet_status status = duet_alloc(&value, hsic->count[0] * hsic->count[1], sizeof *value);
    if (status == DUET_OK) duet_hsic_cka(hsic, value);
    for (int64_t i = 0; status == DUET_OK && i < hsic->count[0]; i++) {
        json_t *const row = json_array();
        for (int64_t j = 0; j < hsic->count[1]; j++)
            json_array_append_new(row, duet_look_number(value[i * hsic->count[1] + j]));
        json_array_append_new(rows, row);
    }
    duet_release(value);
    *out = rows;
    return status;
}

static duet_status make_result(work *w, duet_look **out, double seconds) {
    json_t *values = NULL;
    duet_figure *figure = NULL;
    json_t *const models = json_array();
    for (int k = 0; k < w->sides; k++) json_array_append_new(models, side_json(&w->side[k]));
    duet_status status = values_json(&values, &w->hsic);
    json_t *const result =
        json_pack("{s:s,s:o,s:s,s:I,s:I,s:I,s:o,s:f,s:o,s:o,s:o}", "command", "cka", "data",
                  duet_json_name(duet_dataset_describe(w->dataset)->name), "split",
                  duet_split_name(w->o->rows.split), "rows", (json_int_t)w->hsic.rows, "batches",
                  (json_int_t)w->parts, "pool", (json_int_t)w->o->pool, "seed",
                  duet_json_u64(w->o->rows.seed), "seconds", seconds, "models", models, "cka",
                  values, "left_out", duet_study_bad_json(w->o->rows.bad));
    if (status == DUET_OK) status = duet_cka_figure(&figure, result, WIDTH);
    if (status == DUET_OK) return duet_look_new(out, result, figure);
    json_decref(result);
    return status;
}

static duet_status check(const duet_cka_options *o) {
    if (o->pool < 1 || o->pool > 16)
        return duet_fail(DUET_ARG, "pool is %lld; it must be 1 to 16", (long long)o->pool);
    if (o->batch_rows < DUET_HSIC_LEAST || o->batch_rows > 1024)
        return duet_fail(DUET_ARG, "batches of %lld rows; they must have %d to 1024",
                         (long long)o->batch_rows, DUET_HSIC_LEAST);
    return DUET_OK;
}

duet_status duet_cka(duet_context *ctx, duet_look **out, duet_model *a, duet_model *b,
                     const duet_dataset *dataset, const duet_cka_options *options) {
    const double start = duet_clock();
    duet_status status = DUET_OK;
    work w = {.ctx = ctx,
              .dataset = dataset,
              .o = options,
              .side = {{.model = a}, {.model = b}},
              .sides = b != NULL ? 2 : 1};
    DUET_TRY(check(options));
    DUET_DO(duet_look_view(&w.view, dataset, &options->rows));
    w.parts = (w.view.count + options->batch_rows - 1) / options->batch_rows;
    for (int k = 0; k < w.sides; k++) DUET_DO(open_side(&w, k));
    DUET_DO(duet_hsic_new(&w.hsic, w.side[0].count, b != NULL ? w.side[1].count : 0,
                          options->batch_rows));
    DUET_DO(read_all(&w));
    DUET_DO(make_result(&w, out, duet_clock() - start));
done:
    for (int k = 0; k < 2; k++) close_side(&w.side[k]);
    duet_hsic_free(&w.hsic);
    duet_view_free(&w.view);
    return status;
}
