/* SPDX-License-Identifier: MIT
 * metric/kept_pairs.c: products and distances of pairs of rows, in tiles of ROWS x COLUMNS, in
 * double; one thread works off the rows of a tile. A squared distance is |a|^2 + |b|^2 - 2 a b, and
 * where that is so small that rounding counts, the sum of the squared differences: rows that are
 * equal are at distance 0. */
#include <math.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "metric/kept.h"

enum { ROWS = 128, COLUMNS = 256 };
#define SMALL 1e-5 /* of the sum of the squares */

typedef struct worker {
    double *a, *b, *value; /* [ROWS,D], [COLUMNS,D], [ROWS,COLUMNS] */
    double square_a[ROWS], square_b[COLUMNS];
} worker;

static void release(worker *w) {
    duet_release(w->a);
    duet_release(w->b);
    duet_release(w->value);
}

static duet_status prepare(worker *w, int64_t dim) {
    DUET_TRY(duet_alloc(&w->a, ROWS * dim, sizeof *w->a));
    DUET_TRY(duet_alloc(&w->b, COLUMNS * dim, sizeof *w->b));
    return duet_alloc(&w->value, ROWS * COLUMNS, sizeof *w->value);
}

static const float *row_of(const duet_row_list *list, int64_t at) {
    return duet_kept_at(list->rows, list->order[at]);
}

static void take_rows(double *out, double *square, const duet_row_list *list, int64_t first,
                      int64_t count, const double *center) {
    const int64_t dim = list->rows->dim;
    for (int64_t i = 0; i < count; i++) {
        const float *x = row_of(list, first + i);
        double sum = 0;
        for (int64_t j = 0; j < dim; j++) {
            const double v = (double)x[j] - (center != NULL ? center[j] : 0.0);
            out[i * dim + j] = v;
            sum += v * v;
        }
        square[i] = sum;
    }
}

static double exactly(const double *a, const double *b, int64_t dim) {
    double sum = 0;
    for (int64_t j = 0; j < dim; j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

static void make_distances(worker *w, const duet_tile *t, int64_t dim) {
    for (int64_t i = 0; i < t->rows; i++) {
        for (int64_t j = 0; j < t->columns; j++) {
            double *v = w->value + i * COLUMNS + j;
            const double both = w->square_a[i] + w->square_b[j], distance = both - 2.0 * *v;
            *v = distance > SMALL * both ? distance : exactly(w->a + i * dim, w->b + j * dim, dim);
        }
    }
}

static void run_rows(const duet_pairs *p, worker *w, int64_t first) {
    const int64_t dim = p->a.rows->dim, rest = p->a.count - first;
    duet_tile tile = {
        .row = first, .rows = rest < ROWS ? rest : ROWS, .value = w->value, .stride = COLUMNS};
    take_rows(w->a, w->square_a, &p->a, first, tile.rows, p->center);
    for (int64_t column = 0; column < p->b.count; column += COLUMNS) {
        const int64_t left = p->b.count - column;
        tile.column = column;
        tile.columns = left < COLUMNS ? left : COLUMNS;
        take_rows(w->b, w->square_b, &p->b, column, tile.columns, p->center);
        duet_gemm_f64(false, true, tile.rows, tile.columns, dim, 1.0, w->a, dim, w->b, dim, 0.0,
                      w->value, COLUMNS);
        if (p->distance) make_distances(w, &tile, dim);
        p->take(&tile, p->user);
    }
}

duet_status duet_pairs_run(const duet_pairs *pairs) {
    const int threads = pairs->threads > 1 ? pairs->threads : 1;
    const int64_t blocks = (pairs->a.count + ROWS - 1) / ROWS;
    duet_status status = DUET_OK;
    worker *workers = NULL;
    DUET_TRY(duet_alloc(&workers, threads, sizeof *workers));
    for (int i = 0; i < threads && status == DUET_OK; i++)
        status = prepare(&workers[i], pairs->a.rows->dim);
    if (status == DUET_OK) {
        const int before = duet_linalg_set_threads(1);
#pragma omp parallel for schedule(static, 1) num_threads(threads)
        for (int t = 0; t < threads; t++)
            for (int64_t b = t; b < blocks; b += threads) run_rows(pairs, &workers[t], b * ROWS);
        (void)duet_linalg_set_threads(before);
    }
    for (int i = 0; i < threads; i++) release(&workers[i]);
    duet_release(workers);
    return status;
}

/* ---- nearest rows of the same set ---- */

typedef struct near_search {
    double *near;
    int k;
} near_search;

static void insert(double *near, int k, double distance) {
    int at = k - 1;
    if (!(distance < near[at])) return;
    for (; at > 0 && distance < near[at - 1]; at--) near[at] = near[at - 1];
    near[at] = distance;
}

static void take_near(const duet_tile *t, void *user) {
    const near_search *s = user;
    for (int64_t i = 0; i < t->rows; i++)
        for (int64_t j = 0; j < t->columns; j++)
            if (t->row + i != t->column + j)
                insert(s->near + (t->row + i) * s->k, s->k, t->value[i * t->stride + j]);
}

duet_status duet_kept_nearest(duet_kept *rows, int k, const double *center, int threads) {
    if (rows->near_count >= k) return DUET_OK;
    near_search search = {.k = k};
    DUET_TRY(duet_alloc(&search.near, rows->count * k, sizeof *search.near));
    for (int64_t i = 0; i < rows->count * k; i++) search.near[i] = (double)INFINITY;
    const duet_pairs pairs = {.a = duet_kept_all(rows),
                              .b = duet_kept_all(rows),
                              .center = center,
                              .distance = true,
                              .threads = threads,
                              .take = take_near,
                              .user = &search};
    const duet_status status = duet_pairs_run(&pairs);
    duet_release(rows->near);
    rows->near = status == DUET_OK ? search.near : NULL;
    rows->near_count = status == DUET_OK ? k : 0;
    if (status != DUET_OK) duet_release(search.near);
    return status;
}
