/* SPDX-License-Identifier: MIT
 * metric/exact_sums.h: sums of rows and of their outer products that do not depend on the order of
 * the rows. A value x becomes the whole number v = round(x / unit), unit = the largest value of a
 * first part of the real rows / 2^32; |v| < 2^41. With v = h 2^21 + l, |l| <= 2^20, the products
 * h h, h l and l l of 1,024 rows are sums of whole numbers below 2^53: exact in double, whatever
 * the order and the number of threads. They are added up in 64 bits, for up to 2^22 rows. */
#ifndef DUET_METRIC_EXACT_SUMS_H
#define DUET_METRIC_EXACT_SUMS_H

#include <duet/metric.h>

typedef struct duet_exact_sums {
    int64_t dim;
    double unit;    /* 0 = not known yet */
    int64_t *sums;  /* [duet_exact_sums_count(dim)] rows, v [D], h h, h l, l l [D,D]; borrowed */
    double *h, *l;  /* [PART,D] rows that are not in the sums yet */
    double *square; /* [D,D] of one part */
    float *first;   /* [PART,D] rows before the unit is known */
    int64_t pending, first_count;
} duet_exact_sums;

int64_t duet_exact_sums_count(int64_t dim);
double duet_exact_sums_unit(double most); /* for values of this size */
DUET_NODISCARD duet_status duet_exact_sums_new(duet_exact_sums *out, int64_t dim, int64_t *sums);
/* Rows from which the unit is taken, those of duet_exact_sums_real; it is known when they end. */
DUET_NODISCARD duet_status duet_exact_sums_real(duet_exact_sums *sums, const float *x,
                                                int64_t rows);
DUET_NODISCARD duet_status duet_exact_sums_real_end(duet_exact_sums *sums);
/* Further rows, with a known unit. */
DUET_NODISCARD duet_status duet_exact_sums_add(duet_exact_sums *sums, const float *x, int64_t rows);
/* Adds what is pending to `sums`. */
void duet_exact_sums_flush(duet_exact_sums *sums);
/* Mean and covariance (of N - 1) of the rows, each number rounded once; flushes. */
DUET_NODISCARD duet_status duet_exact_sums_moments(duet_exact_sums *sums, duet_moments *out);
void duet_exact_sums_free(duet_exact_sums *sums);

#endif
