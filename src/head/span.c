/* SPDX-License-Identifier: MIT
 * head/span.c: see span.h. With X X' = U diag(v) U', the axes are diag(v)^-1/2 U' X, and the rows
 * along them U diag(v)^1/2; in double, because v is the square of what counts. Work is cut into
 * fixed blocks, each computed by one thread. */
#include "head/span.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"

enum { TILE = 128, COLUMNS = 512, MOST_ROWS = 4096 };
static const double LEAST = 1e-10;

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

bool duet_span_pays(int64_t rows, int64_t dim) {
    return rows <= MOST_ROWS && 2 * dim > 3 * rows;
}

/* Columns from.. of x as doubles: [rows, width] */
static void take_columns(double *out, const float *x, int64_t rows, int64_t dim, int64_t from,
                         int64_t width) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < width; j++) out[i * width + j] = (double)x[i * dim + from + j];
}

/* gram[rows, rows] = X X' */
static duet_status make_gram(double *gram, const float *x, int64_t rows, int64_t dim, int threads) {
    const int64_t side = (rows + TILE - 1) / TILE;
    double *part = NULL;
    DUET_TRY(duet_alloc(&part, rows * COLUMNS, sizeof *part));
    for (int64_t from = 0; from < dim; from += COLUMNS) {
        const int64_t width = least(COLUMNS, dim - from);
        take_columns(part, x, rows, dim, from, width);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
        for (int64_t tile = 0; tile < side * side; tile++) {
            const int64_t r = tile / side * TILE, c = tile % side * TILE;
            if (c > r) continue; /* the upper triangle is not read */
            duet_gemm_f64(false, true, least(TILE, rows - r), least(TILE, rows - c), width, 1.0,
                          part + r * width, width, part + c * width, width, 1.0,
                          gram + r * rows + c, rows);
        }
    }
    duet_release(part);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i + 1; j < rows; j++) gram[i * rows + j] = gram[j * rows + i];
    return DUET_OK;
}

/* axes = diag(v)^-1/2 U' X; u: [rows, rank] */
static duet_status make_axes(duet_span *s, const double *u, const double *v, const float *x,
                             int64_t rows, int threads) {
    const int64_t blocks = (s->dim + COLUMNS - 1) / COLUMNS, rank = s->rank;
    double *room = NULL;
    DUET_TRY(duet_alloc(&room, threads * rows * COLUMNS, sizeof *room));
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int t = 0; t < threads; t++)
        for (int64_t b = t; b < blocks; b += threads) {
            double *const part = room + t * rows * COLUMNS;
            const int64_t from = b * COLUMNS, width = least(COLUMNS, s->dim - from);
            take_columns(part, x, rows, s->dim, from, width);
            duet_gemm_f64(true, false, rank, width, rows, 1.0, u, rank, part, width, 0.0,
                          s->axes + from, s->dim);
            for (int64_t i = 0; i < rank; i++)
                for (int64_t j = 0; j < width; j++) s->axes[i * s->dim + from + j] /= sqrt(v[i]);
        }
    duet_release(room);
    return DUET_OK;
}

duet_status duet_span_new(duet_span *out, const float *x, int64_t rows, int64_t dim, int threads) {
    duet_status status = DUET_OK;
    duet_span s = {.dim = dim};
    double *gram = NULL, *values = NULL, *u = NULL;
    int64_t first = 0;
    const int before = duet_linalg_set_threads(1);
    DUET_DO(duet_alloc(&gram, rows * rows, sizeof *gram));
    DUET_DO(duet_alloc(&values, rows, sizeof *values));
    DUET_DO(make_gram(gram, x, rows, dim, threads));
    double trace = 0;
    for (int64_t i = 0; i < rows; i++) trace += gram[i * rows + i];
    if (!isfinite(trace))
        DUET_FAIL(DUET_NUMERIC, "features hold values that are not numbers, or far too large ones");
    DUET_DO(duet_eigen_sym_f64(rows, gram, values)); /* ascending */
    while (first < rows - 1 && !(values[first] > LEAST * values[rows - 1])) first++;
    s.rank = rows - first;
    if (!(values[first] > 0)) values[first] = 1; /* rows of zeros */
    DUET_DO(duet_alloc(&u, rows * s.rank, sizeof *u));
    DUET_DO(duet_alloc(&s.x, rows * s.rank, sizeof *s.x));
    DUET_DO(duet_alloc(&s.axes, s.rank * dim, sizeof *s.axes));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < s.rank; k++) {
            u[i * s.rank + k] = gram[i * rows + first + k];
            s.x[i * s.rank + k] = (float)(u[i * s.rank + k] * sqrt(values[first + k]));
        }
    DUET_DO(make_axes(&s, u, values + first, x, rows, threads));
    *out = s;
    s = (duet_span){0};
done:
    (void)duet_linalg_set_threads(before);
    duet_span_free(&s);
    duet_release(gram);
    duet_release(values);
    duet_release(u);
    return status;
}

void duet_span_free(duet_span *span) {
    duet_release(span->axes);
    duet_release(span->x);
    *span = (duet_span){0};
}

void duet_span_widen(const duet_span *span, int classes, const double *w, double *out) {
    duet_gemm_f64(false, false, classes, span->dim, span->rank, 1.0, w, span->rank, span->axes,
                  span->dim, 0.0, out, span->dim);
    memcpy(out + classes * span->dim, w + classes * span->rank, (size_t)classes * sizeof *out);
}

void duet_span_narrow(const duet_span *span, int classes, const double *w, double *out) {
    duet_gemm_f64(false, true, classes, span->rank, span->dim, 1.0, w, span->dim, span->axes,
                  span->dim, 0.0, out, span->rank);
    memcpy(out + classes * span->rank, w + classes * span->dim, (size_t)classes * sizeof *out);
}
