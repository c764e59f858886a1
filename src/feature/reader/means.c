/* SPDX-License-Identifier: MIT
 * feature/reader/means.c: see means.h. */
#include "feature/reader/means.h"

#include <string.h>

static void add_mirrored(float *to, const float *row, int64_t dim, int64_t pool) {
    const int64_t channels = dim / (pool * pool);
    for (int64_t at = 0; at < pool * pool; at++) {
        const int64_t column = at % pool, back = at - column + pool - 1 - column;
        for (int64_t c = 0; c < channels; c++) to[at * channels + c] += row[back * channels + c];
    }
}

void duet_mean_take(float *to, const float *row, const duet_column *column, int64_t turn,
                    int64_t turns, bool mirrored) {
    const int64_t dim = column->dim;
    if (turn == 0)
        memcpy(to, row, (size_t)dim * sizeof *to);
    else if (mirrored)
        add_mirrored(to, row, dim, column->setting.pool);
    else
        for (int64_t c = 0; c < dim; c++) to[c] += row[c];
    for (int64_t c = 0; turns > 1 && turn == turns - 1 && c < dim; c++) to[c] /= (float)turns;
}
