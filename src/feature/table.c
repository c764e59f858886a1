/* SPDX-License-Identifier: MIT
 * feature/table.c: writes and reads feature tables: npz with X f32 [N,D], y i64 [N], index i64 [N],
 * or safetensors with the same tensors and the provenance as metadata; npy: X, and y beside it. */
#include <stdio.h>
#include <string.h>

#include <duet/feature.h>
#include <duet/store.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

void duet_feature_table_free(duet_feature_table *table) {
    if (table == NULL) return;
    duet_release(table->x);
    duet_release(table->labels);
    duet_release(table->index);
    memset(table, 0, sizeof *table);
}

/* Where the rows come from, with the first setting; of others than a plain one the text is written
 * beside it. */
static void provenance(const duet_feature_table *t, char out[256]) {
    const duet_setting none = {.t = 0}, *s = t->settings.count > 0 ? &t->settings.v[0] : &none;
    snprintf(out, 256, "%s %lld %lld %lld %llu %016llx %016llx %d %s", t->reader, (long long)s->t,
             (long long)s->tap, (long long)s->pool, (unsigned long long)t->noise_seed,
             (unsigned long long)t->model_hash, (unsigned long long)t->data_hash, (int)t->split,
             t->bf16 ? "bf16" : "f32");
}

static bool plain(const duet_settings *settings) {
    return settings->count == 0 || (settings->count == 1 && settings->v[0].draws <= 1 &&
                                    !settings->v[0].flip && settings->v[0].channels == 0);
}

/* The labels of x.npy are in x.labels.npy, since a .npy holds one array. */
static duet_status save_two(const char *path, const duet_store_item items[2]) {
    char labels[DUET_PATH_SIZE];
    if (snprintf(labels, sizeof labels, "%.*s.labels.npy", (int)(strlen(path) - 4), path) >=
        (int)sizeof labels)
        return duet_fail(DUET_ARG, "the path '%.100s…' is too long", path);
    DUET_TRY(duet_store_write(labels, "npy", &items[1], 1, NULL, 0));
    return duet_store_write(path, "npy", &items[0], 1, NULL, 0);
}

duet_status duet_feature_table_save(const duet_feature_table *table, const char *path,
                                    duet_dtype stored) {
    char text[256], settings[DUET_SETTINGS_SIZE];
    const bool npz = duet_ends_with(path, ".npz"), npy = duet_ends_with(path, ".npy");
    if (!npz && !npy && !duet_ends_with(path, ".safetensors"))
        return duet_fail(DUET_ARG, "unknown format of '%s'; end it in .npz, .npy or .safetensors",
                         path);
    if (stored != DUET_F32 && stored != DUET_F16)
        return duet_fail(DUET_ARG, "features are kept as f32 or f16, not as %s",
                         duet_dtype_name(stored));
    const duet_shape rows = {.rank = 1, .dim = {table->rows}},
                     matrix = {.rank = 2, .dim = {table->rows, table->dim}};
    const duet_store_item items[] = {{"X", DUET_F32, stored, matrix, table->x},
                                     {"y", DUET_I32, DUET_I64, rows, table->labels},
                                     {"index", DUET_I64, DUET_I64, rows, table->index}};
    if (npy) return save_two(path, items);
    provenance(table, text);
    duet_settings_print(&table->settings, settings, sizeof settings);
    const duet_store_pair pairs[] = {{"duet.features", text}, {"duet.settings", settings}};
    return duet_store_write(path, npz ? "npz" : "safetensors", items, 3, pairs,
                            npz                       ? 0
                            : plain(&table->settings) ? 1
                                                      : 2);
}

static duet_status load_provenance(duet_feature_table *t, const duet_store *store) {
    const char *text = duet_store_metadata(store, "duet.features"),
               *settings = duet_store_metadata(store, "duet.settings");
    long long level = 0, tap = 0, pool = 0;
    unsigned long long seed = 0, model = 0, data = 0;
    int split = 0;
    char precision[8] = "f32";
    if (text == NULL || sscanf(text, "%15s %lld %lld %lld %llu %llx %llx %d %7s", t->reader, &level,
                               &tap, &pool, &seed, &model, &data, &split, precision) < 8)
        return DUET_OK;
    t->noise_seed = seed;
    t->model_hash = model;
    t->data_hash = data;
    t->bf16 = strcmp(precision, "bf16") == 0;
    t->split = split >= 0 && split < DUET_SPLIT_COUNT ? (duet_split)split : DUET_TRAIN;
    if (settings != NULL) return duet_settings_parse(&t->settings, settings);
    if (tap > 0) t->settings = duet_settings_of(level, tap, pool);
    return DUET_OK;
}

static duet_status load(duet_feature_table *t, const duet_store *store, const char *path) {
    const duet_store_entry *x = duet_store_find(store, "X"), *y = duet_store_find(store, "y"),
                           *index = duet_store_find(store, "index");
    if (x == NULL || y == NULL || index == NULL || x->shape.rank != 2 ||
        duet_shape_count(&y->shape) != x->shape.dim[0] ||
        duet_shape_count(&index->shape) != x->shape.dim[0])
        return duet_fail(DUET_FORMAT, "'%s' is not a feature table (X [N,D], y [N], index [N])",
                         path);
    t->rows = x->shape.dim[0];
    t->dim = x->shape.dim[1];
    DUET_TRY(duet_alloc(&t->x, t->rows * t->dim, sizeof *t->x));
    DUET_TRY(duet_alloc(&t->labels, t->rows, sizeof *t->labels));
    DUET_TRY(duet_alloc(&t->index, t->rows, sizeof *t->index));
    DUET_TRY(duet_store_read(store, "X", DUET_F32, t->x));
    DUET_TRY(duet_store_read(store, "y", DUET_I32, t->labels));
    DUET_TRY(duet_store_read(store, "index", DUET_I64, t->index));
    return load_provenance(t, store);
}

duet_status duet_feature_table_load(duet_feature_table *out, const char *path) {
    duet_store *store = NULL;
    duet_feature_table table = {0};
    DUET_TRY(duet_store_open(&store, path));
    const duet_status status = load(&table, store, path);
    duet_store_close(store);
    if (status != DUET_OK) {
        duet_feature_table_free(&table);
        return status;
    }
    *out = table;
    return DUET_OK;
}
