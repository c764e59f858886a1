/* SPDX-License-Identifier: MIT
 * duet/feature.h: a reader is a model and settings (level of noise, tap, pool) -> feature rows.
 * Nothing after the last tap is computed. The noise of image i is fixed by (seed, i). Readers
 * `pixels` (raw) and `random` (the same network, untrained) are the baselines for every result. */
#ifndef DUET_FEATURE_H
#define DUET_FEATURE_H

#include <duet/data.h>
#include <duet/model.h>
#include <duet/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What stands side by side in a row: maps [side, side, channels], channels last. A vector is a map
 * of side 1. t, tap: the map's setting; -1 and 0 where it has none. */
typedef struct duet_feature_map {
    int64_t t, tap, side, channels;
} duet_feature_map;
typedef struct duet_feature_maps {
    int count;
    duet_feature_map v[DUET_MOST_SETTINGS];
} duet_feature_maps;

/* Rows of features with their provenance. x is row-major [rows, dim]. */
typedef struct duet_feature_table {
    int64_t rows, dim;
    float *x;
    int32_t *labels;        /* -1 = unlabelled */
    int64_t *index;         /* row in the split */
    char reader[16];        /* "model", "random", "pixels" */
    duet_settings settings; /* whose features a row joins; none where the reader has none */
    duet_feature_maps maps; /* in this order; none where nothing tells: one vector of dim numbers */
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

/* Replaces sigma by the level that is nearest in the model's noise; a model that takes no noise is
 * read at t = -1. What is not said stays unset. */
DUET_NODISCARD duet_status duet_settings_resolve(duet_context *ctx, duet_settings *settings,
                                                 const duet_model *model);
/* Checks that the model has these levels, taps and pools, and that no setting is there twice. Parts
 * that are unset are not checked. */
DUET_NODISCARD duet_status duet_settings_check(const duet_settings *settings,
                                               const duet_model *model);

/* ---- reader: batches of pixels to feature rows ---- */
extern const duet_family duet_family_reader; /* all readers */

typedef struct duet_reader duet_reader;
typedef struct duet_reader_options {
    duet_settings settings; /* its columns, in this order; none: the grid times x taps x pools */
    duet_int_list times;    /* levels; -1 = clean */
    duet_int_list taps;     /* block numbers; empty = all */
    duet_int_list pools;    /* empty = 1; larger ones than the feature map are left out */
    uint64_t noise_seed;
    uint64_t weight_seed; /* of a reader that draws weights */
    int64_t batch;        /* images per pass; 0 = chosen */
    int64_t rows; /* number of images in all, an upper bound of the chosen batch; 0 = many */
} duet_reader_options;

/* What a reader says about itself. */
typedef struct duet_reader_info {
    const char *name; /* "model", "random", "pixels" */
    duet_preprocess preprocess;
    uint64_t hash; /* of the network and weights that are read; 0 = there is no network */
    bool settings; /* its columns are settings; otherwise it has one column, without any */
    bool network;  /* rows come from a network: they are worth keeping, and --precision matters */
} duet_reader_info;

/* spec of the family `reader`: "model", "random" (the same network with new weights), "pixels".
 * model: borrowed until the reader is closed; NULL for readers that need none, then `how` says what
 * the images are. how NULL: the preprocessing of the model's card. Nothing is compiled yet. */
DUET_NODISCARD duet_status duet_reader_open(duet_context *ctx, duet_reader **out, const char *spec,
                                            duet_model *model, const duet_preprocess *how,
                                            const duet_reader_options *options);
void duet_reader_close(duet_reader *reader);
/* Other columns, noise and batch from now on; the weights stay as they are. */
DUET_NODISCARD duet_status duet_reader_change(duet_reader *reader,
                                              const duet_reader_options *options);
duet_reader_info duet_reader_describe(const duet_reader *reader);
int64_t duet_reader_columns(const duet_reader *reader);
/* setting: zeros where the reader has none; either may be NULL. */
void duet_reader_column(const duet_reader *reader, int64_t column, duet_setting *setting,
                        int64_t *dim);
/* The columns that runs give from now on; all of them after opening. */
DUET_NODISCARD duet_status duet_reader_select(duet_reader *reader, const int64_t *columns,
                                              int64_t count);
void duet_reader_rest(duet_reader *reader); /* frees what was compiled, until the next run */
int64_t duet_reader_batch(const duet_reader *reader);  /* images per run, of the selected columns */
int64_t duet_reader_dim(const duet_reader *reader);    /* of the selected columns joined */
double duet_reader_seconds(const duet_reader *reader); /* seconds in the network so far */
/* rows <= batch; pixels u8 [rows,S,S,C]; out[k], of the k-th selected column, gets [rows, dim] (a
 * row is the pooled map [p, p, C]). */
DUET_NODISCARD duet_status duet_reader_run(duet_reader *reader, const uint8_t *pixels,
                                           const int64_t *index, int64_t rows, float *const *out);
/* The same side by side: x [rows, duet_reader_dim]. */
DUET_NODISCARD duet_status duet_reader_join(duet_reader *reader, const uint8_t *pixels,
                                            const int64_t *index, int64_t rows, float *x);

/* ---- whole tables, with the cache ---- */
typedef struct duet_features_options {
    /* Folder with one file per column, in which every row of the split has a fixed place; empty =
     * no cache. Rows are written when their batch ends and read back when they are needed again: no
     * row is computed twice, whatever view it belongs to, and what an interrupted program has
     * written is kept. The key of a file: model hash, data, split, preprocessing, setting, noise
     * seed, exactness, precision, type. Damaged rows are computed again. */
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
/* Computes the features that the cache lacks. All arguments but `options` and `view` are borrowed
 * until the set is closed; the reader is used by the set alone until then. */
DUET_NODISCARD duet_status duet_feature_set_open(duet_context *ctx, duet_feature_set **out,
                                                 duet_reader *reader, const duet_dataset *dataset,
                                                 const duet_view *view,
                                                 const duet_features_options *options);
void duet_feature_set_close(duet_feature_set *set);
int64_t duet_feature_set_columns(const duet_feature_set *set); /* as duet_reader_columns */
void duet_feature_set_column(const duet_feature_set *set, int64_t column, duet_setting *setting,
                             int64_t *dim); /* as duet_reader_column */
/* The rows of `view`, which may contain only rows of the set's view. */
DUET_NODISCARD duet_status duet_feature_set_table(duet_feature_set *set, int64_t column,
                                                  const duet_view *view, duet_feature_table *out);
/* All columns side by side, at most DUET_MOST_SETTINGS. */
DUET_NODISCARD duet_status duet_feature_set_join(duet_feature_set *set, const duet_view *view,
                                                 duet_feature_table *out);
duet_features_work duet_feature_set_work(const duet_feature_set *set);

/* All columns at once; *count receives their number. */
DUET_NODISCARD duet_status duet_features(duet_context *ctx, duet_feature_table **out,
                                         int64_t *count, duet_reader *reader,
                                         const duet_dataset *dataset, const duet_view *view,
                                         const duet_features_options *options);
void duet_features_free(duet_feature_table *tables, int64_t count);

#ifdef __cplusplus
}
#endif
#endif
