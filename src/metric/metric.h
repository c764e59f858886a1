/* SPDX-License-Identifier: MIT
 * metric/metric.h: what a member of the family `metric` implements. Its state are whole numbers
 * that add up, `counts`: they are what shards and ranks exchange, and sums of reals are kept in
 * them as fixed-point numbers, so merging is exact in any order. A member that needs the rows
 * themselves sets `keeps`: they are kept once for all members, and put in order for the result. */
#ifndef DUET_METRIC_METRIC_H
#define DUET_METRIC_METRIC_H

#include <duet/metric.h>

#include "base/choice.h"
#include "base/mem.h"
#include "metric/kept.h"

typedef struct duet_metric_kept { /* rows, sorted before `finish` */
    duet_kept features, real, logits;
} duet_metric_kept;

typedef struct duet_metric {
    const struct duet_metric_kind *kind; /* of the choice */
    duet_choice choice;                  /* the member and its options */
    const duet_metric_setup *setup;
    duet_arena *arena; /* what the metric allocates */
    int64_t *counts;   /* [count], zero at first */
    int64_t count;
    void *state; /* of the kind: what does not change by adding, such as limits from real images */
    unsigned keeps;         /* DUET_METRIC_FEATURES, with DUET_METRIC_REAL, or DUET_METRIC_LOGITS */
    duet_metric_kept *kept; /* of all members */
} duet_metric;

typedef struct duet_metric_scalar { /* duet_metric_value without its value */
    const char *name, *title, *unit;
    int better;
} duet_metric_scalar;
enum { DUET_METRIC_SCALARS = 8, DUET_METRIC_TABLES = 4 }; /* most of a member */

typedef struct duet_metric_kind {
    duet_entry info;
    unsigned needs;                    /* of duet_metric_input */
    const duet_metric_scalar *scalars; /* names are unique in the family */
    int scalar_count;
    /* Sets metric->count and keeps, and makes the state. The setup holds what the kind needs. */
    duet_status (*open)(duet_metric *metric);
    /* With DUET_METRIC_REAL, unless the real rows are kept: a batch of the real images, before
     * anything is added; rows = 0: all have come. */
    duet_status (*real)(duet_metric *metric, const duet_metric_batch *batch);
    /* Mean and covariance in place of real rows, of those that the kind compares; NULL = the kind
     * cannot do with them. */
    duet_status (*moments)(duet_metric *metric, const duet_moments *real);
    /* NULL = it counts nothing but the rows that are kept. */
    duet_status (*add)(duet_metric *metric, const duet_metric_batch *batch);
    /* After the check that member and options are the same; NULL = counts are added, which the
     * others do too, by duet_metric_add_counts. */
    duet_status (*merge)(duet_metric *metric, const duet_metric *other);
    /* values[scalar_count]; the tables, from `arena` or the counts, and their number. */
    duet_status (*finish)(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count);
    void (*close)(duet_metric *metric); /* of what is not in the arena; NULL = nothing */
} duet_metric_kind;
DUET_FAMILY_OF(metric, duet_metric_kind);

/* DUET_ARG where a confusion matrix of so many classes is impossible. */
DUET_NODISCARD duet_status duet_accuracy_check(int classes);
void duet_metric_add_counts(duet_metric *metric, const duet_metric *other);

/* A sum of values from 0 to 2^31, larger ones as 2^31, in two counters: whole parts, and the rest
 * in units of 2^-36. Exact for fewer than 2^26 values, each rounded to 2^-36. */
void duet_fixed_add(int64_t sum[2], double value);
double duet_fixed_value(const int64_t sum[2]);

/* Softmax of a row: the largest of its probabilities, and -log of that of `label` (infinity where
 * it is 0). A logit that is not a number counts as minus infinity. */
typedef struct duet_softmax_row {
    int best; /* the class of the largest; ties go to the lower class */
    double confidence, nll;
} duet_softmax_row;
duet_softmax_row duet_softmax_of(const float *logits, int classes, int label);

/* What `fid` and `sfid` share (frechet_metric.c): the distance of the inputs `which`. */
duet_status duet_frechet_metric_open(duet_metric *metric, unsigned which);
duet_status duet_frechet_metric_real(duet_metric *metric, const duet_metric_batch *batch);
duet_status duet_frechet_metric_moments(duet_metric *metric, const duet_moments *real);
duet_status duet_frechet_metric_add(duet_metric *metric, const duet_metric_batch *batch);
duet_status duet_frechet_metric_merge(duet_metric *metric, const duet_metric *other);
duet_status duet_frechet_metric_distance(const duet_metric *metric, double *out);
/* Of its rows: real ones, or the others. */
duet_status duet_frechet_metric_of(const duet_metric *metric, bool real, duet_moments *out);
/* The real ones, borrowed; NULL before they have come. */
const duet_moments *duet_frechet_metric_against(const duet_metric *metric);
void duet_frechet_metric_close(duet_metric *metric);

#endif
