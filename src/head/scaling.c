/* SPDX-License-Identifier: MIT
 * head/scaling.c: Gram matrix, blocked Cholesky factor and triangular solves. All work is cut into fixed tiles, each
 * computed by one thread, so that bits do not depend on the number of threads. The factor is made in single precision:
 * it only steers the search, while F and its gradient define the answer. */
#include "head/scaling.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"

enum { TILE = 128, BLOCK = 64, CLASSES = 4 };

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Tile number `index` of the lower triangle, row by row: (0,0) (1,0) (1,1) (2,0) ... */
static void tile_at(int64_t index, int64_t *row, int64_t *column)
{
    int64_t r = 0;
    while (index > r) index -= ++r;
    *row = r;
    *column = index;
}

static void make_gram(duet_scaling *s, const float *x, int64_t rows, int64_t stride, float factor)
{
    const int64_t d = s->dim, side = (d + TILE - 1) / TILE, tiles = side * (side + 1) / 2;
#pragma omp parallel for schedule(dynamic, 1) num_threads(s->threads)
    for (int64_t tile = 0; tile < tiles; tile++) {
        int64_t r, c;
        tile_at(tile, &r, &c);
        r *= TILE;
        c *= TILE;
        duet_gemm_f32(true, false, least(TILE, d - r), least(TILE, d - c), rows, factor, x + r, d * stride, x + c, d * stride, 0.0f,
                      s->gram + r * d + c, d);
    }
}

duet_status duet_scaling_new(duet_scaling *out, const float *x, int64_t rows, int64_t dim, int classes, int64_t most, int threads)
{
    duet_scaling s = {.dim = dim, .threads = threads};
    duet_status status = DUET_OK;
    DUET_DO(duet_alloc(&s.gram, dim * dim, sizeof(float)));
    DUET_DO(duet_alloc(&s.work, dim * dim, sizeof(float)));
    const int64_t stride = rows > most ? rows / most : 1;
    const int64_t used = (rows + stride - 1) / stride;
    make_gram(&s, x, used, stride, (float)(1.0 / ((double)used * classes)));
    *out = s;
    return DUET_OK;
done:
    duet_scaling_free(&s);
    return status;
}

void duet_scaling_free(duet_scaling *scaling)
{
    duet_release(scaling->gram);
    duet_release(scaling->work);
    for (int f = 0; f < DUET_SCALING_FACTORS; f++) duet_release(scaling->factor[f]);
    *scaling = (duet_scaling){0};
}

static double dot(const float *a, const float *b, int64_t count)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Factors the diagonal block at k; false when it is not positive definite. */
static bool factor_block(float *a, int64_t d, int64_t k, int64_t size)
{
    for (int64_t i = k; i < k + size; i++) {
        for (int64_t j = k; j <= i; j++) {
            const double rest = (double)a[i * d + j] - dot(a + i * d + k, a + j * d + k, j - k);
            if (j < i) {
                a[i * d + j] = (float)(rest / (double)a[j * d + j]);
                continue;
            }
            if (!(rest > 0) || !isfinite(rest)) return false;
            a[i * d + i] = (float)sqrt(rest);
        }
    }
    return true;
}

static bool cholesky(float *a, int64_t d, int threads)
{
    for (int64_t k = 0; k < d; k += BLOCK) {
        const int64_t size = least(BLOCK, d - k), next = k + size;
        if (!factor_block(a, d, k, size)) return false;
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int64_t i = next; i < d; i++) {
            for (int64_t j = k; j < next; j++) {
                const double rest = (double)a[i * d + j] - dot(a + i * d + k, a + j * d + k, j - k);
                a[i * d + j] = (float)(rest / (double)a[j * d + j]);
            }
        }
        const int64_t side = (d - next + TILE - 1) / TILE, tiles = side * (side + 1) / 2;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
        for (int64_t tile = 0; tile < tiles; tile++) {
            int64_t r, c;
            tile_at(tile, &r, &c);
            r = next + r * TILE;
            c = next + c * TILE;
            duet_gemm_f32(false, true, least(TILE, d - r), least(TILE, d - c), size, -1.0f, a + r * d + k, d, a + c * d + k, d, 1.0f,
                          a + r * d + c, d);
        }
    }
    return true;
}

duet_status duet_scaling_factor(duet_scaling *scaling, int f, double ridge)
{
    if (scaling->factor[f] == NULL) DUET_TRY(duet_alloc(&scaling->factor[f], scaling->dim * scaling->dim, sizeof(double)));
    double *factor = scaling->factor[f];
    const int64_t d = scaling->dim;
    double trace = 0;
    for (int64_t i = 0; i < d; i++) trace += (double)scaling->gram[i * d + i];
    /* The largest eigenvalue is at most the trace; single precision wants a condition below about 1e6. */
    double added = fmax(fmax(ridge, 1e-6 * trace), 1e-12);
    for (int attempt = 0; attempt < 8; attempt++, added *= 10) {
        memcpy(scaling->work, scaling->gram, (size_t)(d * d) * sizeof(float));
        for (int64_t i = 0; i < d; i++) scaling->work[i * d + i] += (float)added;
        if (!cholesky(scaling->work, d, scaling->threads)) continue;
        for (int64_t i = 0; i < d; i++)
            for (int64_t j = 0; j <= i; j++) factor[i * d + j] = (double)scaling->work[i * d + j];
        return DUET_OK;
    }
    return duet_fail(DUET_NUMERIC, "features hold values that are not numbers, or far too large ones");
}

/* Rows of v, from the last column to the first: w_b = (v_b - sum_{c>b} w_c L_cb) L_bb^-1. */
static void leave_rows(const double *factor, int64_t d, double *v, int64_t rows)
{
    for (int64_t k = (d - 1) / BLOCK * BLOCK; k >= 0; k -= BLOCK) {
        const int64_t end = least(d, k + BLOCK);
        if (end < d) {
            duet_gemm_f64(false, false, rows, end - k, d - end, -1.0, v + end, d, factor + end * d + k, d, 1.0, v + k, d);
        }
        for (int64_t r = 0; r < rows; r++) {
            double *row = v + r * d;
            for (int64_t j = end - 1; j >= k; j--) {
                row[j] /= factor[j * d + j];
                for (int64_t i = k; i < j; i++) row[i] -= row[j] * factor[j * d + i];
            }
        }
    }
}

/* Rows of g, from the first column to the last: g'_b = (g_b - sum_{c<b} g'_c L_bc^T) L_bb^-T. */
static void gradient_rows(const double *factor, int64_t d, double *g, int64_t rows)
{
    for (int64_t k = 0; k < d; k += BLOCK) {
        const int64_t end = least(d, k + BLOCK);
        if (k > 0) duet_gemm_f64(false, true, rows, end - k, k, -1.0, g, d, factor + k * d, d, 1.0, g + k, d);
        for (int64_t r = 0; r < rows; r++) {
            double *row = g + r * d;
            for (int64_t j = k; j < end; j++) {
                double rest = row[j];
                for (int64_t i = k; i < j; i++) rest -= factor[j * d + i] * row[i];
                row[j] = rest / factor[j * d + j];
            }
        }
    }
}

void duet_scaling_solve(const duet_scaling *scaling, int f, double *g, int64_t count)
{
    const int64_t d = scaling->dim;
#pragma omp parallel for schedule(dynamic, 1) num_threads(scaling->threads)
    for (int64_t first = 0; first < count; first += CLASSES) {
        gradient_rows(scaling->factor[f], d, g + first * d, least(CLASSES, count - first));
        leave_rows(scaling->factor[f], d, g + first * d, least(CLASSES, count - first));
    }
}
