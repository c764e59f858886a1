/* SPDX-License-Identifier: MIT
 * study/few.h: the curve over the number of labels: heads on few rows of a table, drawn anew each
 * time. */
#ifndef DUET_STUDY_FEW_H
#define DUET_STUDY_FEW_H

#include <duet/study.h>

#define DUET_FEW_HEAD "ridge"
enum { DUET_FEW_POINTS = DUET_LIST_SIZE };

typedef struct duet_few_plan { /* the same for all readers */
    int count;
    int64_t shots[DUET_FEW_POINTS], labels[DUET_FEW_POINTS];
    int draws[DUET_FEW_POINTS];
    int64_t test_rows; /* evenly spread over the test; fewer where classes and features are many */
    int classes;
    uint64_t seed;
} duet_few_plan;

/* Points for rows with these labels. wanted: labels a class, or none: 1, 2, 5, 10, 20, 50, … as
 * long as the classes have them and all heads of a reader with `dim` features take at most `most`
 * floating-point operations (0 = 4e10, some seconds; a limit also takes only 2,000 test rows).
 * Draws: 10 up to 10 labels a class, 5 up to 50, else 3, and no more than fit into the rows side by
 * side. */
void duet_few_choose(duet_few_plan *out, const duet_feature_table *train, int64_t tests,
                     int classes, int64_t dim, const duet_int_list *wanted, double most,
                     uint64_t seed);
/* rows[plan->count]; ridge regression with the strength of the smallest leave-one-out error. Does
 * not depend on the number of threads. */
DUET_NODISCARD duet_status duet_few_measure(duet_context *ctx, duet_few_row *rows,
                                            const duet_few_plan *plan,
                                            const duet_feature_table *train,
                                            const duet_feature_table *test);
/* Floating-point operations a second that its heads reach on this table. */
DUET_NODISCARD duet_status duet_few_rate(double *out, const duet_feature_table *table, int classes);

#endif
