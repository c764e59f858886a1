/* SPDX-License-Identifier: MIT
 * base/near.h: the k most similar rows of a base that comes in chunks. Similarity is q.b + bias
 * of the row: the cosine of rows of length one, or with bias -|b|^2/2 the order of euclidean
 * distances. Ties go to the lower row, because rows come in order and only a larger one moves up.
 */
#ifndef DUET_BASE_NEAR_H
#define DUET_BASE_NEAR_H

#include <duet/base.h>

enum { DUET_NEAR_QUERIES = 128, DUET_NEAR_BASE = 512 }; /* most rows of a chunk */

typedef struct duet_near {
    int k;
    int64_t dim;
    float *best;    /* [QUERIES,k] similarities, descending */
    int64_t *row;   /* [QUERIES,k] */
    float *product; /* [QUERIES,BASE] */
} duet_near;
double duet_near_square(const float *row, int64_t dim); /* |row|^2 */
DUET_NODISCARD duet_status duet_near_new(duet_near *out, int k, int64_t dim);
void duet_near_free(duet_near *nearest);
/* For other queries. */
void duet_near_begin(duet_near *nearest, int64_t queries);
/* query[queries,dim]; base[rows,dim] are rows first.. of the base; bias[rows], or NULL. */
void duet_near_add(duet_near *nearest, const float *query, int64_t queries, const float *base,
                   const float *bias, int64_t first, int64_t rows);

#endif
