/* SPDX-License-Identifier: MIT
 * cpu/gemm.h: the register tile of all own products: DUET_ROWS rows by DUET_TILE columns of the
 * result stay in registers while k runs. Every element is one chain of multiply-adds over k in
 * order, so its bits depend neither on its neighbours (rows, columns, batch) nor on the threads.
 *
 * The right factor is packed in panels: [panel][k][DUET_TILE], the last one padded with zeros. The
 * left one is read where it is, by row pointers (tile_rows) or as DUET_ROWS neighbouring numbers
 * (tile_outer). */
#ifndef DUET_CPU_GEMM_H
#define DUET_CPU_GEMM_H

#include <stdbool.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/vector.h"

/* Accumulators, the columns' vectors and one broadcast value fill the registers: 24+2+1 of 32,
 * 12+2+1 and 8+2+1 of 16. */
#if DUET_LANES == 16
#define DUET_ROWS 12
#elif DUET_LANES == 8
#define DUET_ROWS 6
#else
#define DUET_ROWS 4
#endif
#define DUET_TILE (2 * DUET_LANES)

typedef struct tile {
    duet_vec v[DUET_ROWS][2];
} tile;

DUET_INLINE int64_t gemm_panels(int64_t columns) {
    return (columns + DUET_TILE - 1) / DUET_TILE;
}

/* Floats of packed panels. */
DUET_INLINE int64_t gemm_packed(int64_t K, int64_t columns) {
    return gemm_panels(columns) * DUET_TILE * K;
}

/* t += a b: a[r] points to row r, its elements are `step` apart; b is a panel. */
DUET_INLINE void tile_rows(tile *t, const float *const *a, int64_t offset, const float *b,
                           int64_t K) {
    tile s = *t;
    const float *row[DUET_ROWS];
    DUET_UNROLL
    for (int r = 0; r < DUET_ROWS; r++) row[r] = a[r] + offset;
    for (int64_t k = 0; k < K; k++) {
        const duet_vec left = vec_load(b + k * DUET_TILE),
                       right = vec_load(b + k * DUET_TILE + DUET_LANES);
        DUET_UNROLL
        for (int r = 0; r < DUET_ROWS; r++) {
            const duet_vec value = vec_set(row[r][k]);
            s.v[r][0] += value * left;
            s.v[r][1] += value * right;
        }
    }
    *t = s;
}

/* Packed weights are kept as bf16 where they are stored so, or activations are. */
DUET_INLINE bool keeps_bf16(const duet_call *call) {
    return sizeof(duet_act) == sizeof(uint16_t) || call->in[1].dtype == DUET_BF16;
}

/* Steps of kept panels from element `at` on, in f32; `space` has room for them. */
DUET_INLINE const float *panel_plain(const void *kept, int64_t at, int64_t steps, bool bf16,
                                     float *space) {
    if (!bf16) return (const float *)kept + at;
    bf16_widen(space, (const uint16_t *)kept + at, steps * DUET_TILE);
    return space;
}

/* t += sum over k of a[k step + r] b[k, :] */
DUET_INLINE void tile_outer(tile *t, const float *a, int64_t step, const float *b, int64_t K) {
    tile s = *t;
    for (int64_t k = 0; k < K; k++, a += step) {
        const duet_vec left = vec_load(b + k * DUET_TILE),
                       right = vec_load(b + k * DUET_TILE + DUET_LANES);
        DUET_UNROLL
        for (int r = 0; r < DUET_ROWS; r++) {
            const duet_vec value = vec_set(a[r]);
            s.v[r][0] += value * left;
            s.v[r][1] += value * right;
        }
    }
    *t = s;
}

/* Where the next product of the same size reads: fetched meanwhile, as the hardware does not fetch
 * beyond the page in use. Rows of `a` without gaps, or NULL = not to be fetched. Any address will
 * do. */
typedef struct gemm_next {
    const float *a, *b;
} gemm_next;

/* What tile i of the rows fetches, K panel rows: the first one b, others a part of a each. */
DUET_INLINE const float *gemm_fetch(gemm_next next, int64_t i, int64_t K, int64_t rows) {
    const int64_t last = (rows - 1) / DUET_TILE, part = i - 1 < last ? i - 1 : last;
    return i == 0 || next.a == NULL ? next.b : next.a + part * K * DUET_TILE;
}

/* Of `rows` rows, no more than DUET_ROWS and constant: m[r ld + n] (+)= sum over k of a[r step + k]
 * b[k, n], b one panel; `fetch`: K lines of the cache that are read soon. */
DUET_INLINE void tile_neighbours(float *m, int64_t ld, const float *a, int64_t step, const float *b,
                                 int64_t K, bool first, const float *fetch, const int rows) {
    duet_vec left[DUET_ROWS], right[DUET_ROWS];
    const float *row[DUET_ROWS];
    DUET_UNROLL
    for (int r = 0; r < rows; r++) {
        row[r] = a + r * step;
        left[r] = first ? (duet_vec){0} : vec_load(m + r * ld);
        right[r] = first ? (duet_vec){0} : vec_load(m + r * ld + DUET_LANES);
    }
    for (int64_t k = 0; k < K; k++) {
        const duet_vec b0 = vec_load(b + k * DUET_TILE),
                       b1 = vec_load(b + k * DUET_TILE + DUET_LANES);
        DUET_UNROLL
        for (int n = 0; n < DUET_TILE; n += 16) __builtin_prefetch(fetch + k * DUET_TILE + n, 0, 3);
        DUET_UNROLL
        for (int r = 0; r < rows; r++) {
            const duet_vec value = vec_set(row[r][k]);
            left[r] += value * b0;
            right[r] += value * b1;
        }
    }
    DUET_UNROLL
    for (int r = 0; r < rows; r++) {
        vec_store(m + r * ld, left[r]);
        vec_store(m + r * ld + DUET_LANES, right[r]);
    }
}

/* The same for any number of rows: as few tiles as hold them, of about the same height, so that few
 * rows waste nothing. */
DUET_INLINE void gemm_rows(float *m, int64_t ld, const float *a, int64_t step, const float *b,
                           int64_t K, bool first, int64_t rows, gemm_next next) {
    const int64_t tiles = (rows + DUET_ROWS - 1) / DUET_ROWS;
    for (int64_t i = 0; i < tiles; i++) {
        const int64_t begin = rows * i / tiles, end = rows * (i + 1) / tiles;
        float *const to = m + begin * ld;
        const float *const from = a + begin * step, *const fetch = gemm_fetch(next, i, K, rows);
        switch (end - begin) {
#define DUET_GEMM_ROWS(n)                                                                       \
    case n:                                                                                     \
        tile_neighbours(to, ld, from, step, b, K, first, fetch, n < DUET_ROWS ? n : DUET_ROWS); \
        break;
            DUET_GEMM_ROWS(1)
            DUET_GEMM_ROWS(2)
            DUET_GEMM_ROWS(3)
            DUET_GEMM_ROWS(4)
            DUET_GEMM_ROWS(5)
            DUET_GEMM_ROWS(6)
#if DUET_LANES == 16
            DUET_GEMM_ROWS(7)
            DUET_GEMM_ROWS(8)
            DUET_GEMM_ROWS(9)
            DUET_GEMM_ROWS(10)
            DUET_GEMM_ROWS(11)
            DUET_GEMM_ROWS(12)
#endif
#undef DUET_GEMM_ROWS
        default:
            break;
        }
    }
}

/* All rows the same: the bias (NULL = 0), of which `columns` are there. */
DUET_INLINE void tile_start(tile *t, const float *bias, int64_t columns) {
    duet_vec left = {0}, right = {0};
    if (bias != NULL) {
        float full[DUET_TILE] = {0};
        memcpy(full, bias, (size_t)(columns < DUET_TILE ? columns : DUET_TILE) * sizeof(float));
        left = vec_load(full);
        right = vec_load(full + DUET_LANES);
    }
    DUET_UNROLL
    for (int r = 0; r < DUET_ROWS; r++) {
        t->v[r][0] = left;
        t->v[r][1] = right;
    }
}

/* y[r ld + c] = t[r][c] for the rows and columns that are there. */
DUET_INLINE void tile_store(const tile *t, float *y, int64_t ld, int64_t rows, int64_t columns) {
    if (columns >= DUET_TILE && rows >= DUET_ROWS) {
        DUET_UNROLL
        for (int r = 0; r < DUET_ROWS; r++) {
            vec_store(y + r * ld, t->v[r][0]);
            vec_store(y + r * ld + DUET_LANES, t->v[r][1]);
        }
        return;
    }
    const tile copy = *t; /* so that a variable index does not drive t out of the registers */
    for (int r = 0; r < DUET_ROWS && r < rows; r++) {
        memcpy(y + r * ld, copy.v[r],
               (size_t)(columns < DUET_TILE ? columns : DUET_TILE) * sizeof(float));
    }
}

/* The opposite: what is not there becomes 0. */
DUET_INLINE void tile_load(tile *t, const float *y, int64_t ld, int64_t rows, int64_t columns) {
    if (columns >= DUET_TILE && rows >= DUET_ROWS) {
        DUET_UNROLL
        for (int r = 0; r < DUET_ROWS; r++) {
            t->v[r][0] = vec_load(y + r * ld);
            t->v[r][1] = vec_load(y + r * ld + DUET_LANES);
        }
        return;
    }
    tile copy;
    memset(&copy, 0, sizeof copy);
    for (int r = 0; r < DUET_ROWS && r < rows; r++) {
        memcpy(copy.v[r], y + r * ld,
               (size_t)(columns < DUET_TILE ? columns : DUET_TILE) * sizeof(float));
    }
    *t = copy;
}

/* The same of activations. */
DUET_INLINE void tile_put(const tile *t, duet_act *y, int64_t ld, int64_t rows, int64_t columns) {
    if (columns >= DUET_TILE && rows >= DUET_ROWS) {
        DUET_UNROLL
        for (int r = 0; r < DUET_ROWS; r++) {
            act_store(y + r * ld, t->v[r][0]);
            act_store(y + r * ld + DUET_LANES, t->v[r][1]);
        }
        return;
    }
    const tile copy = *t;
    for (int r = 0; r < DUET_ROWS && r < rows; r++) {
        duet_act row[DUET_TILE];
        act_store(row, copy.v[r][0]);
        act_store(row + DUET_LANES, copy.v[r][1]);
        memcpy(y + r * ld, row, (size_t)(columns < DUET_TILE ? columns : DUET_TILE) * sizeof *row);
    }
}

/* t[r][c] += y[r ld + c] for the rows and columns that are there. */
DUET_INLINE void tile_load_add(tile *t, const duet_act *y, int64_t ld, int64_t rows,
                               int64_t columns) {
    if (columns >= DUET_TILE && rows >= DUET_ROWS) {
        DUET_UNROLL
        for (int r = 0; r < DUET_ROWS; r++) {
            t->v[r][0] += act_load(y + r * ld);
            t->v[r][1] += act_load(y + r * ld + DUET_LANES);
        }
        return;
    }
    tile other;
    memset(&other, 0, sizeof other);
    for (int r = 0; r < DUET_ROWS && r < rows; r++) {
        duet_act row[DUET_TILE] = {0};
        memcpy(row, y + r * ld, (size_t)(columns < DUET_TILE ? columns : DUET_TILE) * sizeof *row);
        other.v[r][0] = act_load(row);
        other.v[r][1] = act_load(row + DUET_LANES);
    }
    DUET_UNROLL
    for (int r = 0; r < DUET_ROWS; r++) {
        t->v[r][0] += other.v[r][0];
        t->v[r][1] += other.v[r][1];
    }
}

/* One panel of b[k,n] = from[k row_step + n column_step], columns n0 …, `columns` in all; from: f32
 * or bf16. */
DUET_INLINE void gemm_pack_stored(float *to, const void *from, int64_t K, int64_t n0,
                                  int64_t columns, int64_t row_step, int64_t column_step,
                                  const bool bf16) {
    const int64_t count = columns - n0 < DUET_TILE ? columns - n0 : DUET_TILE;
    for (int64_t k = 0; k < K; k++) {
        const int64_t row = k * row_step + n0 * column_step;
        float *const out = to + k * DUET_TILE;
        if (column_step == 1 && count == DUET_TILE) {
            DUET_UNROLL
            for (int n = 0; n < DUET_TILE; n++) out[n] = weight_get(from, row + n, bf16);
        } else {
            for (int64_t n = 0; n < count; n++)
                out[n] = weight_get(from, row + n * column_step, bf16);
            for (int64_t n = count; n < DUET_TILE; n++) out[n] = 0.0f;
        }
    }
}

/* Of activations. */
DUET_INLINE void gemm_pack_panel(float *to, const duet_act *from, int64_t K, int64_t n0,
                                 int64_t columns, int64_t row_step, int64_t column_step) {
    gemm_pack_stored(to, from, K, n0, columns, row_step, column_step, sizeof(duet_act) == 2);
}

#endif
