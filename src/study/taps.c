/* SPDX-License-Identifier: MIT
 * study/taps.c: duet_tap_pictures of duet/look.h: images → whole feature maps at each level → their
 * colours → a sheet with a row for each image and level and a column for each tap, or for each of
 * the channels of one. */
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/file_list.h"
#include "feature/feature_set.h"
#include "model/model.h"
#include "noise/noise.h"
#include "study/look.h"
#include "study/study.h"
#include "study/taps_colour.h"
#include "study/taps_figure.h"

enum { MOST_SIDE = 32, MOST_IMAGES = 64 };

typedef struct work {
    duet_context *ctx;
    duet_model *model;
    const duet_dataset *dataset;
    const duet_taps_options *o;
    duet_dataset *files; /* the same where it is of paths */
    duet_view view;
    duet_reader *reader;
    duet_int_list times;
    int64_t *column, columns; /* of the reader: level by level, each with all taps */
    float **map;              /* [columns]: [images, p, p, C] */
    uint8_t *pixels;          /* [images, S, S, channels] */
    duet_taps_sheet sheet;
} work;

static duet_status open_images(work *w) {
    if (w->o->path_count > MOST_IMAGES || (w->o->paths == NULL && w->o->rows.rows > MOST_IMAGES))
        return duet_fail(DUET_ARG, "a sheet of more than %d images; give fewer", MOST_IMAGES);
    if (w->o->paths == NULL) return duet_look_view(&w->view, w->dataset, &w->o->rows);
    DUET_TRY(duet_file_list_open(&w->files, w->o->paths, w->o->path_count));
    w->dataset = w->files;
    return duet_view_all(&w->view, w->dataset, DUET_TEST);
}

/* The sides of the taps' maps, ascending: of each tap the largest that fits is its own. */
static void list_sides(duet_int_list *out, const duet_model *model) {
    for (int i = 0; i < model->tap_count; i++) {
        const duet_tap_row *t = &model->taps[i];
        int64_t side = t->height < t->width ? t->height : t->width;
        if (side > MOST_SIDE) side = MOST_SIDE;
        int at = 0;
        while (at < out->count && out->v[at] < side) at++;
        if ((at < out->count && out->v[at] == side) || out->count == DUET_LIST_SIZE) continue;
        memmove(out->v + at + 1, out->v + at, (size_t)(out->count - at) * sizeof *out->v);
        out->v[at] = side;
        out->count++;
    }
}

static duet_status open_reader(work *w) {
    w->times = w->o->times;
    DUET_TRY(duet_look_times(&w->times, w->model));
    duet_reader_options options = {.times = w->times,
                                   .taps = w->o->taps,
                                   .noise_seed = w->o->rows.seed,
                                   .batch = w->o->rows.batch,
                                   .rows = w->view.count};
    list_sides(&options.pools, w->model);
    DUET_TRY(duet_reader_open(w->ctx, &w->reader, "model", w->model, NULL, &options));
    return duet_look_columns(w->reader, &w->column, &w->columns);
}

/* ---- reading ---- */

static duet_status make_room(work *w) {
    const duet_preprocess *how = &w->model->card.preprocess;
    const int64_t images = w->view.count;
    DUET_TRY(duet_alloc(&w->map, w->columns, sizeof *w->map));
    for (int64_t c = 0; c < w->columns; c++) {
        int64_t dim = 0;
        duet_reader_column(w->reader, w->column[c], NULL, &dim);
        DUET_TRY(duet_alloc(&w->map[c], images * dim, sizeof **w->map));
    }
    return duet_alloc(&w->pixels, images * how->size * how->size * how->channels, 1);
}

static duet_status read_batch(work *w, const duet_batch *batch, float **at, int64_t *noise) {
    const duet_preprocess *how = &w->model->card.preprocess;
    const int64_t bytes = how->size * how->size * how->channels, from = w->sheet.images;
    for (int64_t c = 0; c < w->columns; c++) {
        int64_t dim = 0;
        duet_reader_column(w->reader, w->column[c], NULL, &dim);
        at[c] = w->map[c] + from * dim;
    }
    for (int64_t i = 0; i < batch->count; i++) {
        noise[i] = duet_row_noise(w->view.split, batch->index[i]);
        w->sheet.index[from + i] = batch->index[i];
    }
    memcpy(w->pixels + from * bytes, batch->pixels, (size_t)(batch->count * bytes));
    w->sheet.images += batch->count;
    return duet_reader_run(w->reader, batch->pixels, noise, batch->count, at);
}

static duet_status read_images(work *w) {
    duet_status status = DUET_OK;
    duet_loader *loader = NULL;
    duet_batch batch;
    float **at = NULL;
    int64_t *noise = NULL;
    const duet_loader_options options = {.preprocess = w->model->card.preprocess,
                                         .batch = duet_reader_batch(w->reader),
                                         .bad = w->o->rows.bad};
    DUET_DO(make_room(w));
    DUET_DO(duet_alloc(&at, w->columns, sizeof *at));
    DUET_DO(duet_alloc(&noise, options.batch, sizeof *noise));
    DUET_DO(duet_alloc(&w->sheet.index, w->view.count, sizeof *w->sheet.index));
    DUET_DO(duet_loader_open(w->ctx, &loader, w->dataset, &w->view, &options));
    for (;;) {
        DUET_DO(duet_check_cancelled(w->ctx));
        DUET_DO(duet_loader_next(loader, &batch));
        if (batch.count == 0) break;
        DUET_DO(read_batch(w, &batch, at, noise));
        duet_progress_report(w->ctx, "feature maps", "images", (double)w->sheet.images,
                             (double)w->view.count, NULL);
    }
    if (w->sheet.images == 0) DUET_FAIL(DUET_FORMAT, "none of the images can be read");
done:
    duet_loader_close(loader);
    duet_release(at);
    duet_release(noise);
    return status;
}

/* ---- columns ---- */

static int64_t taps_of(const work *w) {
    return w->columns / w->times.count;
}

/* The maps of tap a of the columns' taps. */
static void take_maps(const work *w, int64_t a, duet_taps_maps *out) {
    duet_setting setting;
    int64_t dim = 0;
    duet_reader_column(w->reader, w->column[a], &setting, &dim);
    *out = (duet_taps_maps){.tap = &w->model->taps[setting.tap - 1],
                            .levels = w->times.count,
                            .images = w->sheet.images,
                            .side = setting.pool,
                            .channels = dim / (setting.pool * setting.pool)};
    for (int l = 0; l < w->times.count; l++) out->level[l] = w->map[l * taps_of(w) + a];
}

static duet_status make_columns(work *w) {
    const int64_t taps = taps_of(w);
    duet_taps_maps maps;
    if (w->o->channels > 0) {
        if (taps != 1)
            return duet_fail(DUET_ARG, "channels are shown of one tap, not of %lld; give one",
                             (long long)taps);
        take_maps(w, 0, &maps);
        return duet_taps_channels(&w->sheet, &maps, w->o->channels);
    }
    DUET_TRY(duet_alloc(&w->sheet.column, taps, sizeof *w->sheet.column));
    for (int64_t a = 0; a < taps; a++) {
        DUET_TRY(duet_check_cancelled(w->ctx));
        take_maps(w, a, &maps);
        DUET_TRY(duet_taps_colour(&w->sheet.column[w->sheet.columns++], &maps));
        duet_progress_report(w->ctx, "principal components", "taps", (double)(a + 1), (double)taps,
                             NULL);
    }
    return DUET_OK;
}

/* What the network gets: alpha x0 + sigma eps, made as large as a clean image. */
static duet_status make_inputs(work *w) {
    duet_status status = DUET_OK;
    const duet_preprocess *how = &w->model->card.preprocess;
    const int64_t size = how->size * how->size * how->channels;
    duet_noise *noise = NULL;
    float *eps = NULL, *x = NULL;
    DUET_DO(duet_noise_new(&noise, w->model->card.noise));
    DUET_DO(duet_alloc(&eps, size, sizeof *eps));
    DUET_DO(duet_alloc(&x, size, sizeof *x));
    DUET_DO(duet_alloc(&w->sheet.inputs, w->times.count * w->sheet.images * size, 1));
    for (int64_t i = 0; i < w->sheet.images; i++) {
        duet_image_noise(eps, w->o->rows.seed, duet_row_noise(w->view.split, w->sheet.index[i]),
                         size);
        for (int64_t l = 0; l < w->times.count; l++) {
            duet_level level = duet_noise_level(noise, w->times.v[l]);
            duet_pixels_to_float(x, w->pixels + i * size, size);
            level.in_scale = 1 / fmax(hypot(level.alpha, level.sigma), 1);
            duet_add_noise(x, x, eps, level, size);
            duet_float_to_pixels(w->sheet.inputs + (l * w->sheet.images + i) * size, x, size);
        }
    }
done:
    duet_noise_free(noise);
    duet_release(eps);
    duet_release(x);
    return status;
}

/* ---- the result ---- */

static json_t *taps_json(const duet_taps_sheet *sheet) {
    json_t *const list = json_array();
    for (int64_t a = 0; a < sheet->columns; a++) {
        const duet_taps_column *c = &sheet->column[a];
        if (c->channel >= 0) continue;
        json_array_append_new(
            list, json_pack("{s:i,s:s,s:I,s:I,s:I,s:I,s:[f,f,f]}", "tap", c->tap->block, "name",
                            c->tap->name, "channels", (json_int_t)c->tap->channels, "height",
                            (json_int_t)c->tap->height, "width", (json_int_t)c->tap->width, "side",
                            (json_int_t)c->side, "variance", c->variance[0], c->variance[1],
                            c->variance[2]));
    }
    return list;
}

/* Of the channels, where these are the columns. */
static json_t *channels_json(const duet_taps_sheet *sheet) {
    json_t *const list = json_array();
    for (int64_t a = 0; a < sheet->columns; a++) {
        const duet_taps_column *c = &sheet->column[a];
        if (c->channel < 0) continue;
        json_array_append_new(list,
                              json_pack("{s:i,s:s,s:I,s:f,s:f,s:f}", "tap", c->tap->block, "name",
                                        c->tap->name, "channel", (json_int_t)c->channel, "variance",
                                        c->variance[0], "low", c->low, "high", c->high));
    }
    return list;
}

static json_t *result_json(const work *w, double seconds) {
    json_t *const images = json_array(), *const times = json_array();
    for (int64_t i = 0; i < w->sheet.images; i++) {
        char name[256];
        duet_dataset_row_name(w->dataset, w->view.split, w->sheet.index[i], name, sizeof name);
        json_array_append_new(images, duet_json_name(name));
    }
    for (int i = 0; i < w->times.count; i++)
        json_array_append_new(times, json_integer((json_int_t)w->times.v[i]));
    const char *const data = w->o->paths == NULL ? duet_dataset_describe(w->dataset)->name : "";
    return json_pack("{s:s,s:o,s:s,s:o,s:o,s:f,s:o,s:o,s:o,s:o,s:o}", "command", "taps", "data",
                     duet_json_name(data), "split", duet_split_name(w->view.split), "images",
                     images, "seed", duet_json_u64(w->o->rows.seed), "seconds", seconds, "model",
                     duet_look_model(w->model), "t", times, "taps", taps_json(&w->sheet),
                     "channels", channels_json(&w->sheet), "left_out",
                     duet_study_bad_json(w->o->rows.bad));
}

static duet_status make(work *w, duet_look **out, double start) {
    duet_figure *figure = NULL;
    DUET_TRY(open_images(w));
    DUET_TRY(open_reader(w));
    DUET_TRY(read_images(w));
    w->sheet.pixels = w->pixels;
    w->sheet.how = &w->model->card.preprocess;
    DUET_TRY(make_columns(w));
    if (!duet_model_recogniser(w->model)) DUET_TRY(make_inputs(w));
    w->sheet.dataset = w->dataset;
    w->sheet.split = w->view.split;
    w->sheet.times = &w->times;
    w->sheet.model = duet_look_model_name(w->model);
    DUET_TRY(duet_taps_figure(&figure, &w->sheet));
    return duet_look_new(out, result_json(w, duet_clock() - start), figure);
}

duet_status duet_tap_pictures(duet_context *ctx, duet_look **out, duet_model *model,
                              const duet_dataset *dataset, const duet_taps_options *options) {
    work w = {.ctx = ctx, .model = model, .dataset = dataset, .o = options};
    if (dataset == NULL && options->paths == NULL)
        return duet_fail(DUET_ARG, "no images; give a data set or image files");
    const duet_status status = make(&w, out, duet_clock());
    for (int64_t c = 0; w.map != NULL && c < w.columns; c++) duet_release(w.map[c]);
    for (int64_t a = 0; w.sheet.column != NULL && a < w.sheet.columns; a++)
        duet_release(w.sheet.column[a].pixels);
    duet_release(w.map);
    duet_release(w.pixels);
    duet_release(w.column);
    duet_release(w.sheet.column);
    duet_release(w.sheet.index);
    duet_release(w.sheet.inputs);
    duet_reader_close(w.reader);
    duet_view_free(&w.view);
    duet_dataset_close(w.files);
    return status;
}
