/* SPDX-License-Identifier: MIT
 * feature/features.c: sets of columns and whole tables. With a cache each column has a file, named
 * by the hash of everything its rows depend on, with a place for each row of the split; without one
 * the rows of the view are kept in memory. */
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/bad_images.h"
#include "feature/feature_set.h"
#include "model/model.h"

enum { MOST_BYTES_LOG2 = 34 }; /* limit of tables in memory: 16 GiB */

int64_t duet_feature_set_place(const duet_feature_set *set, int64_t row) {
    if (set->place == NULL) return row;
    return row >= 0 && row < duet_dataset_describe(set->dataset)->count[set->split]
               ? set->place[row]
               : -1;
}

static double bytes_of(const duet_feature_set *set, int64_t rows, double element) {
    double bytes = 0;
    for (int64_t c = 0; c < set->count; c++)
        bytes += element * (double)set->columns[c].dim * (double)rows;
    return bytes;
}

/* The size of all columns, which are in memory at once. */
static duet_status check_memory(const duet_feature_set *set, int64_t rows) {
    const double bytes = bytes_of(set, rows, sizeof(float));
    if (bytes <= (double)((int64_t)1 << MOST_BYTES_LOG2)) return DUET_OK;
    return duet_fail(
        DUET_NO_MEMORY,
        "the feature tables would take %.1f GiB; ask for fewer rows, taps or smaller pools",
        bytes / 1073741824.0);
}

/* Gives the rows of the view the places 0, 1, … */
static duet_status make_places(duet_feature_set *set, const duet_view *view) {
    const int64_t rows = duet_dataset_describe(set->dataset)->count[set->split];
    DUET_TRY(check_memory(set, view->count));
    DUET_TRY(duet_alloc(&set->place, rows, sizeof *set->place));
    for (int64_t r = 0; r < rows; r++) set->place[r] = -1;
    for (int64_t i = 0; i < view->count; i++) set->place[view->index[i]] = i;
    set->rows = view->count;
    return DUET_OK;
}

static void print_colours(char text[160], const duet_preprocess *how) {
    text[0] = '\0';
    if (how->std[0] > 0)
        duet_format(text, 160, " mean %g %g %g std %g %g %g", how->mean[0], how->mean[1],
                    how->mean[2], how->std[0], how->std[1], how->std[2]);
}

static void print_key(const duet_feature_set *set, const duet_column *column,
                      char key[DUET_SHELF_KEY]) {
    char colours[160];
    print_colours(colours, &set->how);
    snprintf(
        key, DUET_SHELF_KEY,
        "model %016llx data %016llx %s image %lldx%d %s%s t %lld tap %d pool %d noise %llu %s%s %s",
        (unsigned long long)duet_model_hash(set->model),
        (unsigned long long)duet_dataset_describe(set->dataset)->hash, duet_split_name(set->split),
        (long long)set->how.size, set->how.channels, set->how.fit, colours, (long long)column->t,
        column->tap, column->pool, (unsigned long long)set->options.reader.noise_seed,
        duet_context_exact(set->ctx) ? "exact" : "fast", duet_context_bf16(set->ctx) ? " bf16" : "",
        duet_dtype_name(set->options.stored));
}

/* A file that is not what its name says is replaced. */
static duet_status open_file(duet_feature_set *set, int64_t c) {
    const duet_column *column = &set->columns[c];
    char key[DUET_SHELF_KEY], name[40], path[DUET_PATH_SIZE];
    print_key(set, column, key);
    snprintf(name, sizeof name, "%016llx.safetensors", (unsigned long long)duet_hash_text(key, 8));
    DUET_TRY(duet_path_join(path, set->options.cache, name));
    const duet_status status =
        duet_shelf_open(&set->shelves[c], path, key, set->rows, column->dim, set->options.stored);
    if (status != DUET_FORMAT) return status;
    duet_log(set->ctx, DUET_LOG_WARNING, "cached features '%s' are damaged; computing them again",
             path);
    DUET_TRY(duet_folder_remove_file(path));
    return duet_shelf_open(&set->shelves[c], path, key, set->rows, column->dim,
                           set->options.stored);
}

static duet_status open_shelves(duet_feature_set *set, const duet_view *view) {
    const bool cached = set->options.cache[0] && set->model != NULL;
    DUET_TRY(duet_alloc(&set->shelves, set->count, sizeof *set->shelves));
    if (!cached) {
        DUET_TRY(make_places(set, view));
        for (int64_t c = 0; c < set->count; c++)
            DUET_TRY(duet_shelf_open(&set->shelves[c], "", "", set->rows, set->columns[c].dim,
                                     set->model ? set->options.stored : DUET_F32));
        return DUET_OK;
    }
    set->rows = duet_dataset_describe(set->dataset)->count[set->split];
    DUET_TRY(duet_folder_make(set->options.cache));
    for (int64_t c = 0; c < set->count; c++) DUET_TRY(open_file(set, c));
    return DUET_OK;
}

/* Images must have the size of the network. */
static duet_status check_size(const duet_model *model, const duet_preprocess *how) {
    if (how->size == model->shape.size && how->channels == model->shape.in_channels) return DUET_OK;
    return duet_fail(DUET_ARG,
                     "images of %lld x %lld with %d channels were requested, but the model takes "
                     "%lld x %lld with %lld",
                     (long long)how->size, (long long)how->size, how->channels,
                     (long long)model->shape.size, (long long)model->shape.size,
                     (long long)model->shape.in_channels);
}

static duet_status make_columns(duet_feature_set *set) {
    set->levels = set->model != NULL ? duet_reader_times(&set->options.reader).count : 1;
    if (set->model != NULL) {
        DUET_TRY(check_size(set->model, &set->how));
        return duet_columns_new(&set->columns, &set->count, set->model, &set->options.reader);
    }
    DUET_TRY(duet_alloc(&set->columns, 1, sizeof *set->columns));
    set->columns[0].dim = set->how.size * set->how.size * set->how.channels;
    set->count = 1;
    return DUET_OK;
}

duet_status duet_feature_set_open(duet_context *ctx, duet_feature_set **out, duet_model *model,
                                  const duet_preprocess *how, const duet_dataset *dataset,
                                  const duet_view *view, const duet_features_options *options) {
    duet_status status = DUET_OK;
    duet_feature_set *set = NULL;
    const double start = duet_clock();
    if (how == NULL && model != NULL) how = &duet_model_card(model)->preprocess;
    if (how == NULL)
        return duet_fail(DUET_ARG, "raw pixels have no size; give 'how' where there is no model");
    if (options->stored != DUET_F32 && options->stored != DUET_F16)
        return duet_fail(DUET_ARG, "features are kept as f32 or f16, not as %s",
                         duet_dtype_name(options->stored));
    DUET_DO(duet_alloc(&set, 1, sizeof *set));
    *set = (duet_feature_set){.ctx = ctx,
                              .model = model,
                              .how = *how,
                              .dataset = dataset,
                              .split = view->split,
                              .options = *options};
    DUET_DO(make_columns(set));
    DUET_DO(open_shelves(set, view));
    DUET_DO(duet_feature_set_fill(set, view));
    set->work.seconds = duet_clock() - start;
    if (set->work.cached > 0)
        duet_log(ctx, DUET_LOG_DEBUG, "%lld of %lld rows of features come from '%s'",
                 (long long)set->work.cached, (long long)(set->work.cached + set->work.computed),
                 options->cache);
    *out = set;
    set = NULL;
done:
    duet_feature_set_close(set);
    return status;
}

void duet_feature_set_close(duet_feature_set *set) {
    if (set == NULL) return;
    for (int64_t c = 0; set->shelves != NULL && c < set->count; c++)
        duet_shelf_close(&set->shelves[c]);
    duet_release(set->shelves);
    duet_release(set->columns);
    duet_release(set->place);
    duet_release(set);
}

int64_t duet_feature_set_columns(const duet_feature_set *set) {
    return set->count;
}
int64_t duet_feature_set_dim(const duet_feature_set *set, int64_t column) {
    return set->columns[column].dim;
}
duet_features_work duet_feature_set_work(const duet_feature_set *set) {
    return set->work;
}

static duet_status describe(const duet_feature_set *set, const duet_column *column,
                            const duet_view *view, duet_feature_table *t) {
    *t = (duet_feature_table){.rows = view->count,
                              .dim = column->dim,
                              .t = column->t,
                              .tap = column->tap,
                              .pool = column->pool,
                              .noise_seed = set->options.reader.noise_seed,
                              .split = view->split,
                              .bf16 = set->model != NULL && duet_context_bf16(set->ctx),
                              .data_hash = duet_dataset_describe(set->dataset)->hash,
                              .model_hash = set->model != NULL ? duet_model_hash(set->model) : 0};
    (void)duet_copy_text(t->reader, sizeof t->reader, set->model != NULL ? "model" : "pixels");
    DUET_TRY(duet_alloc(&t->labels, view->count, sizeof *t->labels));
    DUET_TRY(duet_alloc(&t->index, view->count, sizeof *t->index));
    for (int64_t i = 0; i < view->count; i++) {
        t->index[i] = view->index[i];
        t->labels[i] = duet_dataset_label(set->dataset, view->split, view->index[i]);
    }
    return duet_alloc(&t->x, t->rows * t->dim, sizeof *t->x);
}

/* Damaged rows are removed from the shelf when they are found: the second time all are valid,
 * unless an image has become unreadable. */
static duet_status get_rows(duet_feature_set *set, int64_t column, const duet_view *view,
                            const int64_t *place, float *x) {
    duet_shelf *shelf = &set->shelves[column];
    int64_t damaged = 0;
    DUET_TRY(duet_shelf_get(shelf, place, view->count, x, &damaged));
    if (damaged == 0) return DUET_OK;
    duet_log(set->ctx, DUET_LOG_WARNING,
             "%lld rows of the cached features '%s' are damaged; computing them again",
             (long long)damaged, shelf->path);
    set->work.cached -= damaged;
    const int64_t cached = set->work.cached;
    const int64_t bad = duet_bad_images_count(set->options.bad, view->split);
    DUET_TRY(duet_feature_set_fill(set, view));
    set->work.cached = cached;
    if (duet_bad_images_count(set->options.bad, view->split) != bad) return DUET_OK;
    DUET_TRY(duet_shelf_get(shelf, place, view->count, x, &damaged));
    return damaged == 0
               ? DUET_OK
               : duet_fail(DUET_IO, "'%s' does not keep what is written to it", shelf->path);
}

/* Reads a table of rows that are all on the shelf, unless one is found to be damaged. */
static duet_status read_table(duet_feature_set *set, int64_t column, const duet_view *view,
                              duet_feature_table *out) {
    duet_status status = DUET_OK;
    duet_feature_table table = {0};
    int64_t *place = NULL;
    DUET_DO(duet_alloc(&place, view->count, sizeof *place));
    for (int64_t i = 0; i < view->count; i++) {
        place[i] = duet_feature_set_place(set, view->index[i]);
        if (place[i] < 0 || place[i] >= set->rows)
            DUET_FAIL(DUET_ARG, "row %lld is not in the feature set", (long long)view->index[i]);
    }
    DUET_DO(describe(set, &set->columns[column], view, &table));
    DUET_DO(get_rows(set, column, view, place, table.x));
    *out = table;
    table = (duet_feature_table){0};
done:
    duet_release(place);
    duet_feature_table_free(&table);
    return status;
}

duet_status duet_feature_set_table(duet_feature_set *set, int64_t column, const duet_view *view,
                                   duet_feature_table *out) {
    duet_bad_images *bad = set->options.bad;
    for (;;) {
        const int64_t before = duet_bad_images_count(bad, view->split);
        duet_feature_table table = {0};
        duet_view good = {0};
        DUET_TRY(duet_bad_images_without(&good, bad, view));
        const duet_status status = read_table(set, column, &good, &table);
        duet_view_free(&good);
        DUET_TRY(status);
        if (duet_bad_images_count(bad, view->split) == before) {
            *out = table;
            return DUET_OK;
        }
        duet_feature_table_free(&table); /* it contains a row that has just been left out */
    }
}

duet_status duet_features(duet_context *ctx, duet_feature_table **out, int64_t *count,
                          duet_model *model, const duet_preprocess *how,
                          const duet_dataset *dataset, const duet_view *view,
                          const duet_features_options *options) {
    duet_status status = DUET_OK;
    duet_feature_set *set = NULL;
    duet_feature_table *tables = NULL;
    DUET_TRY(duet_feature_set_open(ctx, &set, model, how, dataset, view, options));
    const int64_t columns = set->count;
    DUET_DO(check_memory(set, view->count));
    DUET_DO(duet_alloc(&tables, columns, sizeof *tables));
    for (int64_t c = 0; c < columns; c++) {
        DUET_DO(duet_feature_set_table(set, c, view, &tables[c]));
        duet_shelf_close(&set->shelves[c]);
    }
    *out = tables;
    *count = columns;
    tables = NULL;
done:
    duet_features_free(tables, columns);
    duet_feature_set_close(set);
    return status;
}

void duet_features_free(duet_feature_table *tables, int64_t count) {
    for (int64_t c = 0; tables != NULL && c < count; c++) duet_feature_table_free(&tables[c]);
    duet_release(tables);
}
