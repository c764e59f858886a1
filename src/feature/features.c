/* SPDX-License-Identifier: MIT
 * feature/features.c: whole tables: data set → loader → reader → rows, with a cache on disk. The file of a table is named
 * by the hash of everything its rows depend on: model, data, view, preprocessing, level, tap, pool, noise seed, exactness, precision. */
#include <stdio.h>
#include <string.h>

#include <duet/feature.h>

#include "base/context.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/model.h"

enum { MOST_BYTES_LOG2 = 34 }; /* tables of one call: 16 GiB */

typedef struct job {
    duet_context *ctx;
    duet_model *model;
    const duet_preprocess *how;
    const duet_dataset *dataset;
    const duet_view *view;
    const duet_features_options *options;
    duet_reader *reader; /* NULL = pixels */
    duet_feature_table *tables;
    int64_t count;
} job;

static duet_status make_tables(job *j) {
    const int64_t pixels = j->how->size * j->how->size * j->how->channels;
    double bytes = 0;
    j->count = j->reader ? duet_reader_columns(j->reader) : 1;
    DUET_TRY(duet_alloc(&j->tables, j->count, sizeof *j->tables));
    for (int64_t c = 0; c < j->count; c++) {
        duet_feature_table *t = &j->tables[c];
        t->dim = pixels;
        if (j->reader) duet_reader_column(j->reader, c, &t->tap, &t->pool, &t->dim);
        bytes += 4.0 * (double)t->dim * (double)j->view->count;
        t->rows = j->view->count;
        t->t = j->reader ? j->options->reader.t : 0;
        t->noise_seed = j->options->reader.noise_seed;
        t->split = j->view->split;
        t->bf16 = j->reader && duet_context_bf16(j->ctx);
        t->data_hash = duet_dataset_describe(j->dataset)->hash;
        t->model_hash = j->model ? duet_model_hash(j->model) : 0;
        (void)duet_copy_text(t->reader, sizeof t->reader, j->model ? "model" : "pixels");
    }
    if (bytes > (double)((int64_t)1 << MOST_BYTES_LOG2))
        return duet_fail(DUET_NO_MEMORY, "the feature tables would take %.1f GiB; ask for fewer rows, taps or smaller pools", bytes / 1073741824.0);
    for (int64_t c = 0; c < j->count; c++) {
        DUET_TRY(duet_alloc(&j->tables[c].x, j->tables[c].rows * j->tables[c].dim, sizeof(float)));
        DUET_TRY(duet_alloc(&j->tables[c].labels, j->view->count, sizeof(int32_t)));
        DUET_TRY(duet_alloc(&j->tables[c].index, j->view->count, sizeof(int64_t)));
    }
    return DUET_OK;
}

static duet_status fill_batch(job *j, const duet_batch *batch, int64_t row, int64_t *ids, float **out) {
    for (int64_t c = 0; c < j->count; c++) {
        out[c] = j->tables[c].x + row * j->tables[c].dim;
        memcpy(j->tables[c].labels + row, batch->labels, (size_t)batch->count * sizeof *batch->labels);
        memcpy(j->tables[c].index + row, batch->index, (size_t)batch->count * sizeof *batch->index);
    }
    if (!j->reader) {
        duet_pixels_to_float(out[0], batch->pixels, batch->count * j->tables[0].dim);
        return DUET_OK;
    }
    /* rows of different splits get different noise */
    for (int64_t i = 0; i < batch->count; i++) ids[i] = (int64_t)j->view->split << 40 | batch->index[i];
    return duet_reader_run(j->reader, batch->pixels, ids, batch->count, out);
}

static duet_status compute(job *j) {
    duet_status status = DUET_OK;
    duet_loader *loader = NULL;
    int64_t *ids = NULL, row = 0;
    float **out = NULL;
    const int64_t size = j->reader ? duet_reader_batch(j->reader) : 64;
    const duet_loader_options options = {.preprocess = *j->how, .batch = size};
    DUET_DO(duet_alloc(&ids, size, sizeof *ids));
    DUET_DO(duet_alloc(&out, j->count, sizeof *out));
    DUET_DO(duet_loader_open(j->ctx, &loader, j->dataset, j->view, &options));
    for (;;) {
        duet_batch batch;
        DUET_DO(duet_check_cancelled(j->ctx));
        DUET_DO(duet_loader_next(loader, &batch));
        if (batch.count == 0) break;
        if (row + batch.count > j->view->count) DUET_FAIL(DUET_FORMAT, "the loader gave more rows than the view has");
        DUET_DO(fill_batch(j, &batch, row, ids, out));
        row += batch.count;
        duet_progress_report(j->ctx, j->options->label ? j->options->label : "features", "images", (double)row, (double)j->view->count, NULL);
    }
    for (int64_t c = 0; c < j->count; c++) j->tables[c].rows = row;
done:
    duet_loader_close(loader);
    duet_release(ids);
    duet_release(out);
    return status;
}

static duet_status cache_path(const job *j, const duet_feature_table *t, char out[DUET_PATH_SIZE]) {
    char key[512], name[40];
    const uint64_t view = duet_hash(j->view->index, (size_t)j->view->count * sizeof *j->view->index, (uint64_t)j->view->split);
    snprintf(key, sizeof key, "%016llx %016llx %016llx %lld %d %s %lld %d %d %llu%s%s", (unsigned long long)t->model_hash, (unsigned long long)t->data_hash,
             (unsigned long long)view, (long long)j->how->size, j->how->channels, j->how->fit, (long long)t->t, t->tap, t->pool,
             (unsigned long long)t->noise_seed, duet_context_exact(j->ctx) ? " exact" : "", t->bf16 ? " bf16" : "");
    snprintf(name, sizeof name, "%016llx.safetensors", (unsigned long long)duet_hash_text(key, 7));
    return duet_path_join(out, j->options->cache, name);
}

/* All tables or nothing: a pass computes all of them anyway. Damaged files are computed again. */
static bool load_cache(job *j) {
    for (int64_t c = 0; c < j->count; c++) {
        char path[DUET_PATH_SIZE];
        duet_feature_table found = {0}, *want = &j->tables[c];
        if (cache_path(j, want, path) != DUET_OK || !duet_path_exists(path)) return false;
        if (duet_feature_table_load(&found, path) != DUET_OK || found.dim != want->dim || found.rows != j->view->count ||
            memcmp(found.index, j->view->index, (size_t)found.rows * sizeof *found.index) != 0) {
            duet_log(j->ctx, DUET_LOG_WARNING, "cached features '%s' are damaged; computing them again", path);
            duet_feature_table_free(&found);
            return false;
        }
        duet_feature_table_free(want);
        *want = found;
    }
    return true;
}

static duet_status save_cache(const job *j) {
    DUET_TRY(duet_folder_make(j->options->cache));
    for (int64_t c = 0; c < j->count; c++) {
        char path[DUET_PATH_SIZE];
        DUET_TRY(cache_path(j, &j->tables[c], path));
        DUET_TRY(duet_feature_table_save(&j->tables[c], path));
    }
    return DUET_OK;
}

/* The reader takes images of the network's own size. */
static duet_status check_size(const duet_model *model, const duet_preprocess *how) {
    if (how->size == model->shape.size && how->channels == model->shape.in_channels) return DUET_OK;
    return duet_fail(DUET_ARG, "images of %lld x %lld with %d channels asked for; the model takes %lld x %lld with %lld", (long long)how->size,
                     (long long)how->size, how->channels, (long long)model->shape.size, (long long)model->shape.size,
                     (long long)model->shape.in_channels);
}

duet_status duet_features(duet_context *ctx, duet_feature_table **out, int64_t *count, duet_model *model, const duet_preprocess *how,
                          const duet_dataset *dataset, const duet_view *view, const duet_features_options *options) {
    duet_status status = DUET_OK;
    if (!how && model) how = &duet_model_card(model)->preprocess;
    job j = {.ctx = ctx, .model = model, .how = how, .dataset = dataset, .view = view, .options = options};
    const bool cached = options->cache[0] && model;
    if (!how) DUET_FAIL(DUET_ARG, "raw pixels need a size; give 'how' where there is no model");
    if (model) DUET_DO(check_size(model, how));
    if (model) DUET_DO(duet_reader_new(ctx, &j.reader, model, &options->reader));
    DUET_DO(make_tables(&j));
    if (!cached || !load_cache(&j)) {
        DUET_DO(compute(&j));
        if (cached) DUET_DO(save_cache(&j));
    }
    *out = j.tables;
    *count = j.count;
    j.tables = NULL;
done:
    duet_reader_free(j.reader);
    duet_features_free(j.tables, j.count);
    return status;
}

void duet_features_free(duet_feature_table *tables, int64_t count) {
    for (int64_t c = 0; tables && c < count; c++) duet_feature_table_free(&tables[c]);
    duet_release(tables);
}
