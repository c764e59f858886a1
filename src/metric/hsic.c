/* SPDX-License-Identifier: MIT
 * metric/hsic.c: see hsic.h. The estimate is a product of matrices: with r the sums of the rows of
 * K~ and s their sum, U_ij = K_ij - (r_i + r_j) / (n-2) + s / ((n-1)(n-2)) for i != j, HSIC(K, L) =
 * sum_{i != j} U_ij V_ij / (n (n-3)) (Szekely and Rizzo 2014). It does not change where the means
 * of the features are taken off first, which keeps digits. */
#include "metric/hsic.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"

enum { BLOCK = 512, TILE = 16 }; /* features at a time; columns of the first list at a time */

static int64_t pairs_of(int64_t rows) {
    return rows * (rows - 1) / 2;
}

duet_status duet_hsic_new(duet_hsic *out, int64_t first, int64_t second, int64_t most_rows) {
    duet_status status = DUET_OK;
    duet_hsic h = {
        .count = {first, second > 0 ? second : first}, .same = second == 0, .most = most_rows};
    const int64_t pairs = pairs_of(most_rows);
    DUET_DO(duet_alloc(&h.cross, h.count[0] * h.count[1], sizeof *h.cross));
    for (int k = 0; k < (h.same ? 1 : 2); k++) {
        DUET_DO(duet_alloc(&h.own[k], h.count[k], sizeof *h.own[k]));
        DUET_DO(duet_alloc(&h.matrix[k], h.count[k] * pairs, sizeof *h.matrix[k]));
    }
    *out = h;
    return DUET_OK;
done:
    duet_hsic_free(&h);
    return status;
}

void duet_hsic_free(duet_hsic *hsic) {
    if (hsic == NULL) return;
    duet_release(hsic->cross);
    for (int k = 0; k < 2; k++) {
        duet_release(hsic->own[k]);
        duet_release(hsic->matrix[k]);
    }
    *hsic = (duet_hsic){.same = false};
}

typedef struct worker {
    double *square, *block, *sums; /* [n,n], [n,BLOCK], [n] */
} worker;

static void release(worker *w) {
    duet_release(w->square);
    duet_release(w->block);
    duet_release(w->sums);
}

static duet_status prepare(worker *w, int64_t rows) {
    DUET_TRY(duet_alloc(&w->square, rows * rows, sizeof *w->square));
    DUET_TRY(duet_alloc(&w->block, rows * BLOCK, sizeof *w->block));
    return duet_alloc(&w->sums, rows, sizeof *w->sums);
}

/* The first `width` features at x of all rows, less their means. */
static void take_block(const worker *w, const float *x, int64_t dim, int64_t rows, int64_t width) {
    double mean[BLOCK] = {0};
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < width; j++) mean[j] += (double)x[i * dim + j];
    for (int64_t j = 0; j < width; j++) mean[j] /= (double)rows;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < width; j++)
            w->block[i * width + j] = (double)x[i * dim + j] - mean[j];
}

/* Products of all rows. */
static void multiply(const worker *w, const float *x, int64_t dim, int64_t rows) {
    memset(w->square, 0, (size_t)(rows * rows) * sizeof *w->square);
    for (int64_t from = 0; from < dim; from += BLOCK) {
        const int64_t width = dim - from < BLOCK ? dim - from : BLOCK;
        take_block(w, x + from, dim, rows, width);
        duet_gemm_f64(false, true, rows, rows, width, 1.0, w->block, width, w->block, width, 1.0,
                      w->square, rows);
    }
}

/* U of the products, its upper triangle. */
static void centre(const worker *w, int64_t rows, double *out) {
    const double n = (double)rows;
    double total = 0;
    for (int64_t i = 0; i < rows; i++) {
        w->sums[i] = 0;
        for (int64_t j = 0; j < rows; j++) w->sums[i] += i == j ? 0 : w->square[i * rows + j];
        total += w->sums[i];
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i + 1; j < rows; j++)
            *out++ = w->square[i * rows + j] - (w->sums[i] + w->sums[j]) / (n - 2) +
                     total / ((n - 1) * (n - 2));
}

static duet_status make_matrices(double *out, const duet_hsic_rows *batch, int64_t count,
                                 int64_t rows, int threads) {
    duet_status status = DUET_OK;
    worker *workers = NULL;
    DUET_TRY(duet_alloc(&workers, threads, sizeof *workers));
    for (int t = 0; t < threads && status == DUET_OK; t++) status = prepare(&workers[t], rows);
    if (status == DUET_OK) {
#pragma omp parallel for schedule(static, 1) num_threads(threads)
        for (int t = 0; t < threads; t++)
            for (int64_t c = t; c < count; c += threads) {
                multiply(&workers[t], batch->x[c], batch->dim[c], rows);
                centre(&workers[t], rows, out + c * pairs_of(rows));
            }
    }
    for (int t = 0; t < threads; t++) release(&workers[t]);
    duet_release(workers);
    return status;
}

static double product(const double *a, const double *b, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* Adds n HSIC of all pairs of columns: 2 / (n-3) times the product of the triangles. */
static void add_products(duet_hsic *h, int64_t rows, int threads) {
    const int64_t pairs = pairs_of(rows), tiles = (h->count[0] + TILE - 1) / TILE;
    const double scale = 2.0 / ((double)rows - 3);
    const double *const second = h->matrix[h->same ? 0 : 1];
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t t = 0; t < tiles; t++) {
        const int64_t from = t * TILE, left = h->count[0] - from;
        duet_gemm_f64(false, true, left < TILE ? left : TILE, h->count[1], pairs, scale,
                      h->matrix[0] + from * pairs, pairs, second, pairs, 1.0,
                      h->cross + from * h->count[1], h->count[1]);
    }
    for (int k = 0; k < (h->same ? 1 : 2); k++) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int64_t c = 0; c < h->count[k]; c++) {
            const double *const m = h->matrix[k] + c * pairs;
            h->own[k][c] += scale * product(m, m, pairs);
        }
    }
}

duet_status duet_hsic_add(duet_hsic *hsic, const duet_hsic_rows *first,
                          const duet_hsic_rows *second, int64_t rows, int threads) {
    if (rows < DUET_HSIC_LEAST || rows > hsic->most)
        return duet_fail(DUET_ARG, "a batch of %lld rows; it must be %d to %lld", (long long)rows,
                         DUET_HSIC_LEAST, (long long)hsic->most);
    const int before = duet_linalg_set_threads(1);
    duet_status status = make_matrices(hsic->matrix[0], first, hsic->count[0], rows, threads);
    if (status == DUET_OK && !hsic->same)
        status = make_matrices(hsic->matrix[1], second, hsic->count[1], rows, threads);
    if (status == DUET_OK) add_products(hsic, rows, threads);
    (void)duet_linalg_set_threads(before);
    hsic->rows += status == DUET_OK ? rows : 0;
    return status;
}

static double ratio(const duet_hsic *h, int64_t i, int64_t j) {
    const double own = h->own[0][i] * h->own[h->same ? 0 : 1][j];
    return own > 0 ? h->cross[i * h->count[1] + j] / sqrt(own) : (double)NAN;
}

void duet_hsic_cka(const duet_hsic *hsic, double *out) {
    const int64_t columns = hsic->count[1];
    for (int64_t i = 0; i < hsic->count[0]; i++)
        for (int64_t j = 0; j < columns; j++) /* of one list, both triangles have the same bits */
            out[i * columns + j] = hsic->same && j < i ? out[j * columns + i] : ratio(hsic, i, j);
    for (int64_t i = 0; hsic->same && i < columns; i++)
        if (isfinite(out[i * columns + i])) out[i * columns + i] = 1.0;
}
