/* SPDX-License-Identifier: MIT
 * duet/metric.h: measures of logits and feature tables; never of models. Sums are in double or
 * integer, so partial results of shards merge exactly. */
#ifndef DUET_METRIC_H
#define DUET_METRIC_H

#include <duet/base.h>

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

#ifdef __cplusplus
}
#endif
#endif
