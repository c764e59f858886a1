/* SPDX-License-Identifier: MIT
 * head/narrow.h: products of many rows of features with few columns of weights, in single precision
 * and one thread. A general product copies its large side first, which here costs as much as the
 * product; these read it where it stands. */
#ifndef DUET_HEAD_NARROW_H
#define DUET_HEAD_NARROW_H

#include <duet/base.h>

/* Columns as they are stored: a multiple of 8. */
int64_t duet_narrow_columns(int64_t n);
/* packed[d, columns] = w[n,d]', zeros behind the n-th. */
void duet_narrow_pack(const float *w, int64_t n, int64_t d, float *packed);
/* z[rows, columns] = x[rows,d] packed */
void duet_narrow_forward(const float *x, int64_t rows, int64_t d, const float *packed, int64_t n,
                         float *z);
/* g[n,d] += z[rows, columns]' x[rows,d] */
void duet_narrow_backward(const float *x, int64_t rows, int64_t d, const float *z, int64_t n,
                          float *g);

#endif
