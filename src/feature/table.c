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

static void provenance(const duet_feature_table *t, char out[256]) {
    snprintf(out, 256, "%s %lld %d %d %llu %016llx %016llx %d %s", t->reader, (long long)t->t,
             t->tap, t->pool, (unsigned long long)t->noise_seed, (unsigned long long)t->model_hash,
             (unsigned long long)t->data_hash, (int)t->split, t->bf16 ? "bf16" : "f32");
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
    char text[256];
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
    const duet_store_pair pair = {"duet.features", text};
    return duet_store_write(path, npz ? "npz" : "safetensors", items, 3, &pair, npz ? 0 : 1);
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
    const char *text = duet_store_metadata(store, "duet.features");
    long long step = 0;
    unsigned long long seed = 0, model = 0, data = 0;
    int split = 0;
    char precision[8] = "f32";
    if (text != NULL && sscanf(text, "%15s %lld %d %d %llu %llx %llx %d %7s", t->reader, &step,
                               &t->tap, &t->pool, &seed, &model, &data, &split, precision) >= 8) {
        t->t = step;
        t->noise_seed = seed;
        t->model_hash = model;
        t->data_hash = data;
        t->bf16 = strcmp(precision, "bf16") == 0;
        t->split = split >= 0 && split < DUET_SPLIT_COUNT ? (duet_split)split : DUET_TRAIN;
    }
    return DUET_OK;
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
