/* SPDX-License-Identifier: MIT
 * duet/feature.h: a reader is model + noise level + taps + pooling -> feature rows. Nothing after
 * the last tap is computed. The noise of image i is fixed by (seed, i). Readers `pixels` (raw) and
 * `random` (the same network, untrained) are the baselines for every result. */
#ifndef DUET_FEATURE_H
#define DUET_FEATURE_H

#include <duet/data.h>
#include <duet/model.h>
#include <duet/tensor.h>

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
    bool bf16; /* computed with activations stored as bf16 */
} duet_feature_table;
void duet_feature_table_free(duet_feature_table *table);
/* npz (X, y, index as scikit-learn expects; i64 labels) or safetensors, by the extension of path.
 * stored: DUET_F32 or DUET_F16, of X. */
DUET_NODISCARD duet_status duet_feature_table_save(const duet_feature_table *table,
                                                   const char *path, duet_dtype stored);
DUET_NODISCARD duet_status duet_feature_table_load(duet_feature_table *out, const char *path);

/* ---- reader: batches of pixels to feature rows ---- */
typedef struct duet_reader duet_reader;
typedef struct duet_reader_options {
    int64_t t; /* level of noise; -1 = clean input */
    /* several levels, read in one pass with the same noise; empty = only t */
    duet_int_list times;
    duet_int_list taps;  /* block numbers; empty = all */
    duet_int_list pools; /* empty = 1 */
    uint64_t noise_seed;
    int64_t batch; /* images per pass; 0 = chosen */
    int64_t rows;  /* number of images in all, an upper bound of the chosen batch; 0 = many */
} duet_reader_options;
DUET_NODISCARD duet_status duet_reader_new(duet_context *ctx, duet_reader **out, duet_model *model,
                                           const duet_reader_options *options);
void duet_reader_free(duet_reader *reader);
/* times x taps x pools, in this order; pools larger than the feature map are left out. */
int64_t duet_reader_columns(const duet_reader *reader);
void duet_reader_column(const duet_reader *reader, int64_t column, int *tap, int *pool,
                        int64_t *dim);
int64_t duet_reader_time(const duet_reader *reader, int64_t column);
int64_t duet_reader_batch(const duet_reader *reader);
double duet_reader_seconds(const duet_reader *reader); /* seconds in the network so far */
/* rows <= batch; pixels u8 [rows,S,S,C]; out[column] gets [rows, dim] (a row is the pooled map [p,
 * p, C]). */
DUET_NODISCARD duet_status duet_reader_run(duet_reader *reader, const uint8_t *pixels,
                                           const int64_t *index, int64_t rows, float *const *out);

/* ---- whole tables, with the cache ---- */
typedef struct duet_features_options {
    duet_reader_options reader;
    /* Folder with one file per column, in which every row of the split has a fixed place; empty =
     * no cache. Rows are written when their batch ends and read back when they are needed again: no
     * row is computed twice, whatever view it belongs to, and what an interrupted program has
     * written is kept. The key of a file: model hash, data, split, preprocessing, t, tap, pool,
     * noise seed, exactness, precision, type. Damaged rows are computed again. */
    char cache[4096];
    duet_dtype stored; /* element type of the cached rows: DUET_F32 or DUET_F16 */
    const char *label; /* name of the task in progress reports: "features of 'train'" */
    duet_bad_images
        *bad; /* NULL, or the record of rows that are left out, the same in every column */
} duet_features_options;

typedef struct duet_features_work {
    int64_t computed, cached; /* rows times levels */
    double seconds, seconds_network;
} duet_features_work;

/* The columns of a reader over the rows of a view, of which one table at a time is in memory where
 * there is a cache. */
typedef struct duet_feature_set duet_feature_set;
/* Computes the features that the cache lacks. model NULL = raw pixels prepared by `how`, one
 * column. Otherwise how may be NULL: the preprocessing of the model's card. All arguments but
 * `options` and `view` are borrowed until the set is closed. */
DUET_NODISCARD duet_status duet_feature_set_open(duet_context *ctx, duet_feature_set **out,
                                                 duet_model *model, const duet_preprocess *how,
                                                 const duet_dataset *dataset, const duet_view *view,
                                                 const duet_features_options *options);
void duet_feature_set_close(duet_feature_set *set);
int64_t duet_feature_set_columns(const duet_feature_set *set); /* as duet_reader_columns */
int64_t duet_feature_set_dim(const duet_feature_set *set, int64_t column);
/* The rows of `view`, which may contain only rows of the set's view. */
DUET_NODISCARD duet_status duet_feature_set_table(duet_feature_set *set, int64_t column,
                                                  const duet_view *view, duet_feature_table *out);
duet_features_work duet_feature_set_work(const duet_feature_set *set);

/* All columns at once; *count receives their number. */
DUET_NODISCARD duet_status duet_features(duet_context *ctx, duet_feature_table **out,
                                         int64_t *count, duet_model *model,
                                         const duet_preprocess *how, const duet_dataset *dataset,
                                         const duet_view *view,
                                         const duet_features_options *options);
void duet_features_free(duet_feature_table *tables, int64_t count);

#ifdef __cplusplus
}
#endif
#endif
