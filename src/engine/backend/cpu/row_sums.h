/* SPDX-License-Identifier: MIT
 * cpu/row_sums.h: sums over the rows of a matrix, by chunks of rows whose number does not depend on
 * the threads: each chunk sums into a part of its own, parts are added in order. */
#ifndef DUET_CPU_ROW_SUMS_H
#define DUET_CPU_ROW_SUMS_H

#include "engine/backend/cpu/counts.h"

/* Rows of a chunk. */
DUET_INLINE int64_t columns_step(int64_t rows) {
    return larger(16, (rows + 31) / 32);
}

DUET_INLINE int64_t columns_chunks(int64_t rows) {
    return (rows + columns_step(rows) - 1) / columns_step(rows);
}

/* parts[chunks][width] -> parts[0] */
DUET_INLINE void columns_add(double *parts, int64_t chunks, int64_t width) {
    for (int64_t k = 1; k < chunks; k++) {
        const double *const part = parts + k * width;
        for (int64_t c = 0; c < width; c++) parts[c] += part[c];
    }
}

#endif
