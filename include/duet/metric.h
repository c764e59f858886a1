/* SPDX-License-Identifier: MIT
 * duet/metric.h: measures of logits, features and images; never of models. What is summed are whole
 * numbers, and rows that are kept are put in order in the end, so partial results of shards merge
 * exactly, in any order. */
#ifndef DUET_METRIC_H
#define DUET_METRIC_H

#include <duet/data.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct duet_accuracy {
    int classes;
    int64_t rows; /* labelled rows counted */
    int64_t correct1, correct5;
    int64_t *confusion; /* [classes, classes]: true, predicted; owned */
} duet_accuracy;
DUET_NODISCARD duet_status duet_accuracy_new(duet_accuracy *out, int classes);
/* logits [rows, classes]; ties go to the lower class; rows with label < 0 are not counted. */
void duet_accuracy_add(duet_accuracy *accuracy, const float *logits, const int32_t *labels,
                       int64_t rows);
void duet_accuracy_merge(duet_accuracy *accuracy, const duet_accuracy *other);
double duet_accuracy_top1(const duet_accuracy *accuracy); /* percent */
double duet_accuracy_top5(const duet_accuracy *accuracy);
double duet_accuracy_class(const duet_accuracy *accuracy,
                           int label);                          /* percent; NaN without rows */
double duet_accuracy_mean_class(const duet_accuracy *accuracy); /* the FGVC metric */
void duet_accuracy_free(duet_accuracy *accuracy);

/* k nearest rows of `base` by cosine of standardised features, for each row of `query`; chunked,
 * never queries x base at once. neighbour[queries, k] (row numbers of base, nearest first; ties to
 * the lower). */
DUET_NODISCARD duet_status duet_nearest_rows(int64_t *neighbour, const float *query,
                                             int64_t queries, const float *base, int64_t rows,
                                             int64_t dim, int k);

/* Share of damaged images: those whose mean absolute difference between neighbouring pixels is
 * outside the range of real images. The limits are the 0.1 and 99.9 percentile of real images;
 * above them an image is too rough (speckle), below too flat. Real images first, then
 * duet_damage_limits, then images to judge, in any number of parts. */
typedef struct duet_damage {
    int64_t size; /* of the images: size x size x channels, u8 */
    int channels;
    int64_t real, room;         /* number of real images; capacity of `steps` */
    double *steps;              /* [real] mean differences of the real images; owned */
    double low, high;           /* limits, in grey values of 0..255 */
    int64_t count, rough, flat; /* images judged, and those of them above `high` and below `low` */
} duet_damage;
DUET_NODISCARD duet_status duet_damage_new(duet_damage *out, int64_t size, int channels);
DUET_NODISCARD duet_status duet_damage_real(duet_damage *damage, const uint8_t *pixels,
                                            int64_t count);
DUET_NODISCARD duet_status duet_damage_limits(duet_damage *damage);
/* Real images to compare with: up to 4,000 training rows drawn at random (fewer where images are
 * large, at least 1,000), prepared like the model's input. The set must outlive the source. */
DUET_NODISCARD duet_status duet_damage_source(duet_context *ctx, duet_source **out,
                                              const duet_dataset *dataset,
                                              const duet_preprocess *how);
/* All three at once, from these. */
DUET_NODISCARD duet_status duet_damage_open(duet_context *ctx, duet_damage *out,
                                            const duet_dataset *dataset,
                                            const duet_preprocess *how);
void duet_damage_add(duet_damage *damage, const uint8_t *pixels, int64_t count);
double duet_damage_percent(const duet_damage *damage); /* NaN where nothing was judged */
void duet_damage_free(duet_damage *damage);

/* ---- Gaussians of features ---- */

#define DUET_MOST_MOMENTS 16384 /* features of which a covariance is made */

typedef struct duet_moments {
    int64_t dim, rows;  /* rows 0 = unknown */
    uint64_t reader;    /* hash of the network that gave the features; 0 = unknown */
    double *mean;       /* [D]; owned */
    double *covariance; /* [D,D], of N - 1; owned */
} duet_moments;
DUET_NODISCARD duet_status duet_moments_new(duet_moments *out, int64_t dim); /* zeros */
void duet_moments_free(duet_moments *moments);
/* An npz with `mu` and `sigma`, as pytorch-fid, EDM and guided-diffusion have it. out_spatial: of
 * `mu_s` and `sigma_s` (guided-diffusion), dim 0 where there are none; may be NULL. */
DUET_NODISCARD duet_status duet_moments_load(duet_moments *out, duet_moments *out_spatial,
                                             const char *path);
bool duet_moments_is(const char *path); /* an npz with `mu` or `sigma` */
/* The same file, with `count` and `reader` beside; an existing one is not replaced. of_spatial may
 * be NULL. */
DUET_NODISCARD duet_status duet_moments_save(const duet_moments *moments,
                                             const duet_moments *of_spatial, const char *path);
DUET_NODISCARD duet_status duet_moments_check_new(const char *path); /* whether it would be saved */
/* |m1 - m2|^2 + tr S1 + tr S2 - 2 tr sqrt(S1 S2): never imaginary, never below 0. */
DUET_NODISCARD duet_status duet_frechet(double *out, const duet_moments *a, const duet_moments *b);

/* ---- the family `metric`: several members over the same batches ---- */

/* What batches may hold, and what a metric may compare with. */
typedef enum duet_metric_input {
    DUET_METRIC_LABELS = 1,
    DUET_METRIC_LOGITS = 2,
    DUET_METRIC_IMAGES = 4,
    DUET_METRIC_FEATURES = 8,
    DUET_METRIC_REAL = 16,    /* real rows, given before, of the other inputs that it needs */
    DUET_METRIC_SPATIAL = 32, /* further features, which keep the place in the image */
    /* Of the real features mean and covariance only: enough for some of the metrics. */
    DUET_METRIC_MOMENTS = 64
} duet_metric_input;

typedef struct duet_metric_batch { /* NULL = not given */
    int64_t rows;
    const int32_t *labels; /* [rows]; metrics of logits do not count rows with a label < 0 */
    const float *logits;   /* [rows, classes] */
    const uint8_t *pixels; /* [rows,size,size,channels] */
    const float *features; /* [rows, dim] */
    const float *spatial;  /* [rows, spatial_dim] */
    /* [rows] numbers of the rows, in results and for the order of metrics that keep rows; rows of
     * equal numbers are in the order of their bytes. NULL = all 0. */
    const int64_t *index;
} duet_metric_batch;

typedef struct duet_metric_setup { /* of all batches */
    unsigned given;                /* of duet_metric_input: what is at hand */
    int classes;
    const char *const *class_names; /* [classes], borrowed as long as the metrics; NULL = none */
    int64_t size, dim, spatial_dim;
    int channels;
    int threads; /* for the result, which does not depend on it; 0 = 1 */
} duet_metric_setup;

typedef struct duet_metric_value {
    const char *metric; /* the member: "accuracy" */
    const char *name;   /* "top1": unique among all members */
    const char *title;  /* "top-1" */
    const char *unit;   /* "%", "nats", … or "" */
    int better;         /* 1: larger is better, -1: smaller */
    double value;       /* NaN where nothing was counted */
} duet_metric_value;

typedef struct duet_metric_table {
    const char *metric, *name; /* "accuracy", "confusion" */
    int64_t rows, columns;
    const char *const *row_names, *const *column_names; /* NULL = their numbers */
    const double *cells;   /* [rows, columns], NaN = no value; or NULL: */
    const int64_t *counts; /* [rows, columns] */
} duet_metric_table;

/* What metrics say, value by value and table by table: printed without knowing the metrics. */
typedef struct duet_metric_result {
    const duet_metric_value *values;
    const duet_metric_table *tables;
    int value_count, table_count;
} duet_metric_result;

extern const duet_family duet_family_metric; /* all metrics */
typedef struct duet_metrics duet_metrics;
/* list: specs joined by ',': "accuracy,ece:bins=10". A metric that needs what is not given
 * is refused by name. */
DUET_NODISCARD duet_status duet_metrics_open(duet_metrics **out, const char *list,
                                             const duet_metric_setup *setup);
/* Whether duet_metrics_open would take the list with these inputs. */
DUET_NODISCARD duet_status duet_metrics_check(const char *list, unsigned given);
/* The specs of a list whose metrics need one of these inputs (uses), or none of them; "" = there
 * are none. */
DUET_NODISCARD duet_status duet_metrics_part(const char *list, unsigned inputs, bool uses,
                                             char *out, size_t size);
void duet_metrics_close(duet_metrics *metrics); /* NULL is accepted */
/* Reads the real images to compare with, to the end; before anything is added. */
DUET_NODISCARD duet_status duet_metrics_real(duet_metrics *metrics, duet_source *real);
/* The same from batches with other inputs; rows = 0 after the last one. */
DUET_NODISCARD duet_status duet_metrics_real_add(duet_metrics *metrics,
                                                 const duet_metric_batch *batch);
/* Instead of real rows, or before them, for the metrics that need no more; they then compare with
 * these. spatial may be NULL. Borrowed as long as the metrics. */
DUET_NODISCARD duet_status duet_metrics_real_moments(duet_metrics *metrics,
                                                     const duet_moments *features,
                                                     const duet_moments *spatial);
/* Mean and covariance of the rows that `fid` (which: DUET_METRIC_FEATURES) or `sfid`
 * (DUET_METRIC_SPATIAL) has got so far, of the real ones or the others; owned by the caller.
 * DUET_ARG where there is no such metric. */
DUET_NODISCARD duet_status duet_metrics_moments(duet_metrics *metrics, unsigned which, bool real,
                                                duet_moments *out);
DUET_NODISCARD duet_status duet_metrics_add(duet_metrics *metrics, const duet_metric_batch *batch);
/* Adds all images of a source. */
DUET_NODISCARD duet_status duet_metrics_measure(duet_metrics *metrics, duet_source *source);
/* As if the rows that were added to `other` had been added here, bit for bit. Both are of the same
 * members, options, classes and real images. */
DUET_NODISCARD duet_status duet_metrics_merge(duet_metrics *metrics, const duet_metrics *other);
/* The result so far, borrowed until the next call with these metrics. */
DUET_NODISCARD duet_status duet_metrics_finish(duet_metrics *metrics, duet_metric_result *out);
/* The value of this name, or `otherwise` where the result has none. */
double duet_metric_find(const duet_metric_result *result, const char *name, double otherwise);

#ifdef __cplusplus
}
#endif
#endif
