/* SPDX-License-Identifier: MIT
 * metric/hsic.h: how alike columns of features are: linear centred kernel alignment (Kornblith et
 * al. 2019) over batches of rows (Nguyen et al. 2021), of every column of one list with every
 * column of another, or of the same. With K~ the matrix of products of the rows of a batch and a
 * zero diagonal, the unbiased estimate of Song et al. 2012 is
 *   HSIC(K, L) = (tr K~L~ + sum K~ sum L~ / ((n-1)(n-2)) - 2 sum K~L~ / (n-2)) / (n (n-3)),
 * and CKA = sum_b n HSIC(K, L) / sqrt(sum_b n HSIC(K, K) sum_b n HSIC(L, L)). Only the matrices of
 * one batch are in memory; all sums are double, in an order that does not depend on threads. */
#ifndef DUET_METRIC_HSIC_H
#define DUET_METRIC_HSIC_H

#include <duet/base.h>

enum { DUET_HSIC_LEAST = 4 }; /* rows of a batch */

typedef struct duet_hsic_rows { /* of a batch: column k is x[k], [rows, dim[k]] */
    const float *const *x;
    const int64_t *dim;
} duet_hsic_rows;

typedef struct duet_hsic {
    int64_t count[2];  /* columns of either list */
    bool same;         /* there is one list */
    int64_t most;      /* rows of a batch */
    int64_t rows;      /* so far */
    double *cross;     /* [count[0], count[1]] sums of n HSIC(K, L) */
    double *own[2];    /* [count] of n HSIC(K, K) */
    double *matrix[2]; /* [count, most (most-1)/2] of the batch, upper triangles */
} duet_hsic;

/* second = 0: the first list with itself. */
DUET_NODISCARD duet_status duet_hsic_new(duet_hsic *out, int64_t first, int64_t second,
                                         int64_t most_rows);
/* Adds a batch of LEAST … most rows; second is not read where there is one list. */
DUET_NODISCARD duet_status duet_hsic_add(duet_hsic *hsic, const duet_hsic_rows *first,
                                         const duet_hsic_rows *second, int64_t rows, int threads);
/* out [count[0], count[1]]; NaN where a column is constant, or nothing was added. */
void duet_hsic_cka(const duet_hsic *hsic, double *out);
void duet_hsic_free(duet_hsic *hsic);

#endif
