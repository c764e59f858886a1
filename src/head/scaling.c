/* SPDX-License-Identifier: MIT
 * head/scaling.c: Gram matrix, its axes and products with them, in single precision: they only
 * steer the search, while F and its gradient define the answer. All work is cut into fixed blocks,
 * each computed by one thread, so that bits do not depend on the number of threads. */
#include "head/scaling.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"

enum {
    TILE = 128,
    BLOCK = 128,
    /* MANY: operations worth waking the other threads */
    MANY = 20000000
};

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Tile number `index` of the lower triangle, row by row: (0,0) (1,0) (1,1) (2,0) ... */
static void tile_at(int64_t index, int64_t *row, int64_t *column) {
    int64_t r = 0;
    while (index > r) index -= ++r;
    *row = r;
    *column = index;
}

static void make_gram(duet_scaling *s, const float *x, int64_t rows, int64_t stride) {
    const int64_t d = s->dim, side = (d + TILE - 1) / TILE, tiles = side * (side + 1) / 2;
    const float factor = (float)(1.0 / (double)rows);
#pragma omp parallel for schedule(dynamic, 1) num_threads(s->threads)
    for (int64_t tile = 0; tile < tiles; tile++) {
        int64_t r, c;
        tile_at(tile, &r, &c);
        r *= TILE;
        c *= TILE;
        const int64_t height = least(TILE, d - r), width = least(TILE, d - c);
        float *to = s->axes + r * d + c;
        duet_gemm_f32(true, false, height, width, rows, factor, x + r, d * stride, x + c,
                      d * stride, 0.0f, to, d);
        for (int64_t i = 0; i < height; i++) /* the other triangle */
            for (int64_t k = 0; k < width; k++)
                if (c + k < r + i) s->axes[(c + k) * d + r + i] = to[i * d + k];
    }
}

/* Every stride-th of the rows. */
static duet_status make_scaling(duet_scaling *out, const float *x, int64_t rows, int64_t stride,
                                int64_t dim, int threads) {
    duet_scaling s = {.dim = dim, .threads = threads};
    duet_status status = DUET_OK;
    DUET_DO(duet_alloc(&s.axes, dim * dim, sizeof(float)));
    DUET_DO(duet_alloc(&s.values, dim, sizeof(float)));
    make_gram(&s, x, (rows + stride - 1) / stride, stride);
    double trace = 0;
    for (int64_t i = 0; i < dim; i++) trace += (double)s.axes[i * dim + i];
    if (!isfinite(trace))
        DUET_FAIL(DUET_NUMERIC, "features hold values that are not numbers, or far too large ones");
    DUET_DO(duet_eigen_sym_f32(dim, s.axes, s.values));
    for (int64_t i = 0; i < dim; i++) s.values[i] = fmaxf(s.values[i], 0.0f);
    *out = s;
    return DUET_OK;
done:
    duet_scaling_free(&s);
    return status;
}

duet_status duet_scaling_new(duet_scaling *out, const float *x, int64_t rows, int64_t dim,
                             int64_t most, int threads) {
    return make_scaling(out, x, rows, rows > most ? rows / most : 1, dim, threads);
}

duet_status duet_scaling_weighted(duet_scaling *out, const float *x, const float *weight,
                                  int64_t rows, int64_t dim, int64_t count, int threads) {
    duet_status status = DUET_OK;
    float *drawn = NULL;
    double total = 0, sum = 0;
    int64_t next = 0;
    for (int64_t i = 0; i < rows; i++) total += (double)weight[i];
    if (!(total > 0) || !isfinite(total)) return duet_fail(DUET_NUMERIC, "no row has a weight");
    DUET_DO(duet_alloc(&drawn, count * dim, sizeof(float)));
    for (int64_t i = 0; i < rows && next < count;
         i++) { /* those under the marks (next + 1/2) total / count */
        sum += (double)weight[i];
        for (; next < count && sum * (double)count > ((double)next + 0.5) * total; next++)
            memcpy(drawn + next * dim, x + i * dim, (size_t)dim * sizeof(float));
    }
    DUET_DO(make_scaling(out, drawn, next, 1, dim, threads));
done:
    duet_release(drawn);
    return status;
}

void duet_scaling_free(duet_scaling *scaling) {
    duet_release(scaling->axes);
    duet_release(scaling->values);
    *scaling = (duet_scaling){0};
}

void duet_scaling_solve(const duet_scaling *scaling, const double *c, double s, float *g,
                        float *work, int64_t count) {
    const int64_t d = scaling->dim, blocks = (d + BLOCK - 1) / BLOCK;
    const float *axes = scaling->axes;
#pragma omp parallel for schedule(static) num_threads(scaling->threads) if (count * d * d > MANY)
    for (int64_t b = 0; b < blocks; b++) { /* g Q / (c v + s) */
        const int64_t first = b * BLOCK, width = least(BLOCK, d - first);
        duet_gemm_f32(false, false, count, width, d, 1.0f, g, d, axes + first, d, 0.0f,
                      work + first, d);
        for (int64_t i = 0; i < count; i++)
            for (int64_t k = first; k < first + width; k++)
                work[i * d + k] /= (float)(c[i] * (double)scaling->values[k] + s);
    }
#pragma omp parallel for schedule(static) num_threads(scaling->threads) if (count * d * d > MANY)
    for (int64_t b = 0; b < blocks; b++) { /* … Q' */
        const int64_t first = b * BLOCK, width = least(BLOCK, d - first);
        duet_gemm_f32(false, true, count, width, d, 1.0f, work, d, axes + first * d, d, 0.0f,
                      g + first, d);
    }
}
