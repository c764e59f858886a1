/* SPDX-License-Identifier: MIT
 * study/few_ridge.h: ridge regression on few rows, without rows to choose its strength on. */
#ifndef DUET_STUDY_FEW_RIDGE_H
#define DUET_STUDY_FEW_RIDGE_H

#include <duet/feature.h>

enum { DUET_FEW_STRENGTHS = 13 };
extern const double duet_few_strengths[DUET_FEW_STRENGTHS]; /* that are tried, strong to weak */

/* Of rows order[0..count) of a table: folded[classes, dim] and offset[classes], so that logits are
 * folded x + offset. One thread. */
DUET_NODISCARD duet_status duet_few_ridge(const duet_feature_table *table, const int64_t *order,
                                          int64_t count, int classes, float *folded, float *offset);
/* What the best of the strengths foretells of each row without that row: top1 in percent, and the
 * mean of log2 of the rank of the row's class, 0 where all are right. The latter tells more from
 * few rows: it says also how wrong the wrong ones are. */
typedef struct duet_left_out {
    double top1, log_rank;
} duet_left_out;
DUET_NODISCARD duet_status duet_few_ridge_left_out(duet_left_out *out,
                                                   const duet_feature_table *table, int classes);
/* Its floating-point operations, about; and its memory in bytes. */
double duet_few_ridge_cost(int64_t count, int64_t dim);
double duet_few_ridge_bytes(int64_t count, int64_t dim);

#endif
