/* SPDX-License-Identifier: MIT
 * duet/feature.h: a reader is model + noise level + taps + pooling -> feature rows. Nothing after the last tap is
 * computed. The noise of image i is fixed by (seed, i). Readers `pixels` (raw) and `random` (the same network, untrained)
 * are the baselines that stand beside every number. */
#ifndef DUET_FEATURE_H
#define DUET_FEATURE_H

#include <duet/data.h>
#include <duet/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Rows of features with their provenance. x is row-major [rows, dim]. */
typedef struct duet_feature_table {
    int64_t rows, dim;
    float *x;
    int32_t *labels; /* -1 = unlabelled */
    int64_t *index;  /* row in the split */
    char reader[16]; /* "model", "random", "pixels" */
    int64_t t;
    int tap, pool;
    uint64_t noise_seed, model_hash, data_hash;
    duet_split split;
    bool bf16;       /* computed with activations stored as bf16 */
} duet_feature_table;
void duet_feature_table_free(duet_feature_table *table);
/* npz (X, y, index as scikit-learn expects; i64 labels) or safetensors, by the ending of path. */
DUET_NODISCARD duet_status duet_feature_table_save(const duet_feature_table *table, const char *path);
DUET_NODISCARD duet_status duet_feature_table_load(duet_feature_table *out, const char *path);

/* ---- reader: batches of pixels to feature rows ---- */
typedef struct duet_reader duet_reader;
typedef struct duet_reader_options {
    int64_t t;          /* noise step; -1 = clean input */
    duet_int_list taps; /* block numbers; empty = all */
    duet_int_list pools;
    uint64_t noise_seed;
    int64_t batch;      /* 0 = chosen */
} duet_reader_options;
DUET_NODISCARD duet_status duet_reader_new(duet_context *ctx, duet_reader **out, duet_model *model, const duet_reader_options *options);
void duet_reader_free(duet_reader *reader);
int64_t duet_reader_columns(const duet_reader *reader); /* taps x pools; a pool larger than the map is left out */
void duet_reader_column(const duet_reader *reader, int64_t column, int *tap, int *pool, int64_t *dim);
int64_t duet_reader_batch(const duet_reader *reader);
/* rows <= batch; pixels u8 [rows,S,S,C]; out[column] gets [rows, dim] (layout of a row: p, p, C as pooled NHWC). */
DUET_NODISCARD duet_status duet_reader_run(duet_reader *reader, const uint8_t *pixels, const int64_t *index, int64_t rows, float *const *out);

/* ---- whole tables, with the cache ---- */
typedef struct duet_features_options {
    duet_reader_options reader;
    char cache[4096];  /* folder; empty = no cache. A row's key: model hash, data, view, preprocessing, level, tap, pool, noise seed */
    const char *label; /* of progress: "features of 'train'" */
} duet_features_options;
/* model NULL = raw pixels of `how`, one table. Otherwise how may be NULL: what the model's card says. out: duet_reader_columns()
 * tables in column order, filled in; their number goes to *count (at most 4096). */
DUET_NODISCARD duet_status duet_features(duet_context *ctx, duet_feature_table **out, int64_t *count, duet_model *model,
                                         const duet_preprocess *how, const duet_dataset *dataset, const duet_view *view,
                                         const duet_features_options *options);
void duet_features_free(duet_feature_table *tables, int64_t count);

#ifdef __cplusplus
}
#endif
#endif
