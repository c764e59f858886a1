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
#include "data/preprocess.h"
#include "feature/feature_set.h"
#include "feature/reader/reader.h"

enum { MOST_BYTES_LOG2 = 34 }; /* limit of tables in memory: 16 GiB */
enum { JOINED_ROWS = 1024 };   /* rows of a column that are read at a time to be joined */

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

static void print_key(const duet_feature_set *set, const duet_setting *setting,
                      char key[DUET_SHELF_KEY]) {
    const duet_preprocess *how = &set->info.preprocess;
    char colours[160], draws[32] = "", channels[48] = "";
    print_colours(colours, how);
    if (setting->channels > 0)
        snprintf(channels, sizeof channels, " channels %lld", (long long)setting->channels);
    if (setting->draws > 1) snprintf(draws, sizeof draws, " draws %lld", (long long)setting->draws);
    snprintf(key, DUET_SHELF_KEY,
             "model %016llx data %016llx %s image %lldx%d %s%s%s%s t %lld tap %lld pool %lld%s%s%s "
             "noise %llu %s%s %s",
             (unsigned long long)set->info.hash,
             (unsigned long long)duet_dataset_describe(set->dataset)->hash,
             duet_split_name(set->split), (long long)how->size, how->channels, how->fit,
             how->resize[0] ? " resize " : "", how->resize, colours, (long long)setting->t,
             (long long)setting->tap, (long long)setting->pool, draws,
             setting->flip ? " mirrored" : "", channels, (unsigned long long)set->noise_seed,
             duet_context_exact(set->ctx) ? "exact" : "fast",
             duet_context_bf16(set->ctx) ? " bf16" : "", duet_dtype_name(set->options.stored));
}

/* A file that is not what its name says is replaced. */
static duet_status open_file(duet_feature_set *set, int64_t c) {
    const duet_column *column = &set->columns[c];
    char key[DUET_SHELF_KEY], name[40], path[DUET_PATH_SIZE];
    print_key(set, &column->setting, key);
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
    const bool cached = set->options.cache[0] && set->info.network;
    DUET_TRY(duet_alloc(&set->shelves, set->count, sizeof *set->shelves));
    if (!cached) {
        DUET_TRY(make_places(set, view));
        for (int64_t c = 0; c < set->count; c++)
            DUET_TRY(duet_shelf_open(&set->shelves[c], "", "", set->rows, set->columns[c].dim,
                                     set->info.network ? set->options.stored : DUET_F32));
        return DUET_OK;
    }
    set->rows = duet_dataset_describe(set->dataset)->count[set->split];
    DUET_TRY(duet_folder_make(set->options.cache));
    for (int64_t c = 0; c < set->count; c++) DUET_TRY(open_file(set, c));
    return DUET_OK;
}

/* Copies the columns of the reader and numbers their inputs. */
static duet_status make_columns(duet_feature_set *set) {
    set->count = duet_reader_columns(set->reader);
    DUET_TRY(duet_alloc(&set->columns, set->count, sizeof *set->columns));
    DUET_TRY(duet_alloc(&set->level, set->count, sizeof *set->level));
    for (int64_t c = 0; c < set->count; c++) {
        duet_column *column = &set->columns[c];
        int64_t k = 0;
        duet_reader_column(set->reader, c, &column->setting, &column->dim);
        column->side = set->reader->columns[c].side;
        while (k < c && !duet_same_inputs(&set->columns[k].setting, &column->setting)) k++;
        set->level[c] = k < c ? set->level[k] : set->levels++;
    }
    return DUET_OK;
}

/* A reader that resizes without rounding gets the images of a set as they are, where they are
 * square and of one size; else the loader brings them to the network's size, in bytes. */
static duet_status take_as_they_are(duet_reader *reader, const duet_dataset *dataset) {
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    const duet_preprocess *to = &reader->to;
    if (reader->model == NULL || to->resize[0] == '\0') return DUET_OK;
    const bool alike =
        info->height == info->width && !info->varied && info->height <= DUET_PREPROCESS_MOST;
    return duet_reader_take(reader, alike ? info->height : to->size, to->channels);
}

duet_status duet_feature_set_open(duet_context *ctx, duet_feature_set **out, duet_reader *reader,
                                  const duet_dataset *dataset, const duet_view *view,
                                  const duet_features_options *options) {
    duet_status status = DUET_OK;
    duet_feature_set *set = NULL;
    const double start = duet_clock();
    if (options->stored != DUET_F32 && options->stored != DUET_F16)
        return duet_fail(DUET_ARG, "features are kept as f32 or f16, not as %s",
                         duet_dtype_name(options->stored));
    DUET_DO(take_as_they_are(reader, dataset));
    DUET_DO(duet_alloc(&set, 1, sizeof *set));
    *set = (duet_feature_set){.ctx = ctx,
                              .reader = reader,
                              .info = duet_reader_describe(reader),
                              .noise_seed = reader->options.noise_seed,
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
    duet_release(set->level);
    duet_release(set->place);
    duet_release(set);
}

int64_t duet_feature_set_columns(const duet_feature_set *set) {
    return set->count;
}
void duet_feature_set_column(const duet_feature_set *set, int64_t column, duet_setting *setting,
                             int64_t *dim) {
    if (setting != NULL) *setting = set->columns[column].setting;
    if (dim != NULL) *dim = set->columns[column].dim;
}
duet_features_work duet_feature_set_work(const duet_feature_set *set) {
    return set->work;
}

static duet_feature_map map_of(const duet_column *column, bool settings) {
    return (duet_feature_map){.t = settings ? column->setting.t : -1,
                              .tap = settings ? column->setting.tap : 0,
                              .side = column->side,
                              .channels = column->dim / (column->side * column->side)};
}

/* A table of the columns from .. from + count, without values. */
static duet_status describe(const duet_feature_set *set, int64_t from, int64_t count,
                            const duet_view *view, duet_feature_table *t) {
    *t = (duet_feature_table){.rows = view->count,
                              .noise_seed = set->noise_seed,
                              .split = view->split,
                              .bf16 = set->info.network && duet_context_bf16(set->ctx),
                              .data_hash = duet_dataset_describe(set->dataset)->hash,
                              .model_hash = set->info.hash};
    (void)duet_copy_text(t->reader, sizeof t->reader, set->info.name);
    for (int64_t c = from; c < from + count; c++) {
        t->dim += set->columns[c].dim;
        t->maps.v[t->maps.count++] = map_of(&set->columns[c], set->info.settings);
        if (set->info.settings) t->settings.v[t->settings.count++] = set->columns[c].setting;
    }
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

/* Reads a column into places `stride` apart, some rows at a time where it does not stand alone. */
static duet_status get_column(duet_feature_set *set, int64_t column, const duet_view *view,
                              const int64_t *place, float *x, int64_t stride) {
    const int64_t dim = set->columns[column].dim;
    duet_status status = DUET_OK;
    float *some = NULL;
    if (dim == stride) return get_rows(set, column, view, place, x);
    DUET_TRY(duet_alloc(&some, JOINED_ROWS * dim, sizeof *some));
    for (int64_t from = 0; from < view->count; from += JOINED_ROWS) {
        const int64_t left = view->count - from;
        const duet_view part = {.split = view->split,
                                .index = view->index + from,
                                .count = left < JOINED_ROWS ? left : JOINED_ROWS};
        DUET_DO(get_rows(set, column, &part, place + from, some));
        for (int64_t i = 0; i < part.count; i++)
            memcpy(x + (from + i) * stride, some + i * dim, (size_t)dim * sizeof *x);
    }
done:
    duet_release(some);
    return status;
}

/* Reads a table of rows that are all on the shelves, unless one is found to be damaged. */
static duet_status read_table(duet_feature_set *set, int64_t from, int64_t count,
                              const duet_view *view, duet_feature_table *out) {
    duet_status status = DUET_OK;
    duet_feature_table table = {0};
    int64_t *place = NULL, at = 0;
    DUET_DO(duet_alloc(&place, view->count, sizeof *place));
    for (int64_t i = 0; i < view->count; i++) {
        place[i] = duet_feature_set_place(set, view->index[i]);
        if (place[i] < 0 || place[i] >= set->rows)
            DUET_FAIL(DUET_ARG, "row %lld is not in the feature set", (long long)view->index[i]);
    }
    DUET_DO(describe(set, from, count, view, &table));
    for (int64_t c = from; c < from + count; c++) {
        DUET_DO(get_column(set, c, view, place, table.x + at, table.dim));
        at += set->columns[c].dim;
    }
    *out = table;
    table = (duet_feature_table){0};
done:
    duet_release(place);
    duet_feature_table_free(&table);
    return status;
}

static duet_status good_table(duet_feature_set *set, int64_t from, int64_t count,
                              const duet_view *view, duet_feature_table *out) {
    duet_bad_images *bad = set->options.bad;
    for (;;) {
        const int64_t before = duet_bad_images_count(bad, view->split);
        duet_feature_table table = {0};
        duet_view good = {0};
        DUET_TRY(duet_bad_images_without(&good, bad, view));
        const duet_status status = read_table(set, from, count, &good, &table);
        duet_view_free(&good);
        DUET_TRY(status);
        if (duet_bad_images_count(bad, view->split) == before) {
            *out = table;
            return DUET_OK;
        }
        duet_feature_table_free(&table); /* it contains a row that has just been left out */
    }
}

duet_status duet_feature_set_table(duet_feature_set *set, int64_t column, const duet_view *view,
                                   duet_feature_table *out) {
    return good_table(set, column, 1, view, out);
}

duet_status duet_feature_set_join(duet_feature_set *set, const duet_view *view,
                                  duet_feature_table *out) {
    if (set->count > DUET_MOST_SETTINGS)
        return duet_fail(DUET_ARG, "%lld columns cannot be joined; at most %d",
                         (long long)set->count, DUET_MOST_SETTINGS);
    return good_table(set, 0, set->count, view, out);
}

duet_status duet_features(duet_context *ctx, duet_feature_table **out, int64_t *count,
                          duet_reader *reader, const duet_dataset *dataset, const duet_view *view,
                          const duet_features_options *options) {
    duet_status status = DUET_OK;
    duet_feature_set *set = NULL;
    duet_feature_table *tables = NULL;
    DUET_TRY(duet_feature_set_open(ctx, &set, reader, dataset, view, options));
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
