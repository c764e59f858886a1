/* SPDX-License-Identifier: MIT
 * head/span.h: rows of more features than there are rows, in the axes of the space that they span.
 * With a penalty on |W|^2 the minimum of logistic.h's F lies in that space (the part of W across it
 * changes no logit and costs), so that a problem of D features is one of at most as many as rows.
 */
#ifndef DUET_HEAD_SPAN_H
#define DUET_HEAD_SPAN_H

#include <duet/base.h>

typedef struct duet_span {
    int64_t dim, rank;
    double *axes; /* [rank, dim], orthonormal */
    float *x;     /* [rows, rank]: the rows along the axes */
} duet_span;
/* Whether it is worth it: more features than rows, and not too many rows for their Gram matrix. */
bool duet_span_pays(int64_t rows, int64_t dim);
/* Axes along which the rows x[rows, dim] have less than 1e-10 of the largest sum of squares are
 * left out. The same bits for any number of threads. DUET_NUMERIC when x holds no numbers. */
DUET_NODISCARD duet_status duet_span_new(duet_span *out, const float *x, int64_t rows, int64_t dim,
                                         int threads);
void duet_span_free(duet_span *span);
/* w: W, then b [classes]; W [classes, rank] -> [classes, dim]. */
void duet_span_widen(const duet_span *span, int classes, const double *w, double *out);
/* The part of W [classes, dim] in the space: -> [classes, rank]. */
void duet_span_narrow(const duet_span *span, int classes, const double *w, double *out);

#endif
