/* SPDX-License-Identifier: MIT
 * base/principal.c: see principal.h. With X the rows less their mean, the eigenvectors v of X^T X
 * are the axes, and X v the scores; where there are more features than rows, those of X X^T are
 * found instead: u sqrt(w) are the scores and X^T u the axes, but for their length. Blocks of rows
 * or of features are taken at a time. */
#include "base/principal.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"

enum { BLOCK = 256 };

typedef struct work {
    const float *x;
    int64_t rows, dim, size; /* size of the matrix whose eigenvectors are found */
    double *mean;            /* [dim] */
    double *matrix, *value;  /* [size,size], [size] */
    double *block;           /* BLOCK rows, or BLOCK features of all rows */
} work;

static duet_status make_mean(work *w) {
    DUET_TRY(duet_alloc(&w->mean, w->dim, sizeof *w->mean));
    for (int64_t i = 0; i < w->rows; i++)
        for (int64_t j = 0; j < w->dim; j++) w->mean[j] += (double)w->x[i * w->dim + j];
    for (int64_t j = 0; j < w->dim; j++) w->mean[j] /= (double)w->rows;
    return DUET_OK;
}

/* The window of X as it stands in the block, [rows, features]. */
static void take(const work *w, int64_t row, int64_t rows, int64_t feature, int64_t features) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < features; j++)
            w->block[i * features + j] =
                (double)w->x[(row + i) * w->dim + feature + j] - w->mean[feature + j];
}

static int64_t part(int64_t from, int64_t end) {
    return end - from < BLOCK ? end - from : BLOCK;
}

static void add_features(const work *w) {
    for (int64_t from = 0; from < w->rows; from += BLOCK) {
        const int64_t rows = part(from, w->rows);
        take(w, from, rows, 0, w->dim);
        duet_gram_f64(w->dim, rows, w->block, w->matrix);
    }
}

static void add_rows(const work *w, double *out) {
    for (int64_t from = 0; from < w->dim; from += BLOCK) {
        const int64_t features = part(from, w->dim);
        take(w, 0, w->rows, from, features);
        duet_gemm_f64(false, true, w->rows, w->rows, features, 1.0, w->block, features, w->block,
                      features, 1.0, out, w->rows);
    }
}

/* Eigenvector k from the largest on, with its sign. */
static void take_vector(const work *w, int64_t k, double *vector) {
    for (int64_t i = 0; i < w->size; i++) vector[i] = w->matrix[i * w->size + w->size - 1 - k];
}

static double sign_of(const double *axis, int64_t dim) {
    int64_t most = 0;
    for (int64_t j = 1; j < dim; j++)
        if (fabs(axis[j]) > fabs(axis[most])) most = j;
    return dim > 0 && axis[most] < 0 ? -1 : 1;
}

/* X v for blocks of rows. */
static void project(const work *w, const double *axis, double sign, double *scores,
                    int64_t stride) {
    for (int64_t from = 0; from < w->rows; from += BLOCK) {
        const int64_t rows = part(from, w->rows);
        take(w, from, rows, 0, w->dim);
        for (int64_t i = 0; i < rows; i++) {
            double sum = 0;
            for (int64_t j = 0; j < w->dim; j++) sum += w->block[i * w->dim + j] * axis[j];
            scores[(from + i) * stride] = sign * sum;
        }
    }
}

/* X^T u for blocks of features. */
static void make_axis(const work *w, const double *u, double *axis) {
    memset(axis, 0, (size_t)w->dim * sizeof *axis);
    for (int64_t from = 0; from < w->dim; from += BLOCK) {
        const int64_t features = part(from, w->dim);
        take(w, 0, w->rows, from, features);
        for (int64_t i = 0; i < w->rows; i++)
            for (int64_t j = 0; j < features; j++)
                axis[from + j] += u[i] * w->block[i * features + j];
    }
}

static duet_status find_scores(const work *w, duet_principal *out, int64_t count) {
    duet_status status = DUET_OK;
    double *vector = NULL, *axis = NULL;
    const double least = w->value[w->size - 1] * 1e-12;
    DUET_DO(duet_alloc(&vector, w->size, sizeof *vector));
    DUET_DO(duet_alloc(&axis, w->dim, sizeof *axis));
    for (int64_t k = 0; k < count && k < w->size; k++) {
        const double value = w->value[w->size - 1 - k];
        if (!(value > least)) break;
        out->variance[k] = value / (double)(w->rows > 1 ? w->rows - 1 : 1);
        take_vector(w, k, vector);
        if (w->size == w->dim) {
            project(w, vector, sign_of(vector, w->dim), out->scores + k, count);
            continue;
        }
        make_axis(w, vector, axis);
        const double scale = sign_of(axis, w->dim) * sqrt(value);
        for (int64_t i = 0; i < w->rows; i++) out->scores[i * count + k] = scale * vector[i];
    }
done:
    duet_release(vector);
    duet_release(axis);
    return status;
}

static duet_status decompose(work *w, duet_principal *out, int64_t count) {
    const bool few = w->dim <= w->rows;
    w->size = few ? w->dim : w->rows;
    DUET_TRY(make_mean(w));
    DUET_TRY(duet_alloc(&w->matrix, w->size * w->size, sizeof *w->matrix));
    DUET_TRY(duet_alloc(&w->value, w->size, sizeof *w->value));
    DUET_TRY(
        duet_alloc(&w->block, BLOCK * (w->rows > w->dim ? w->rows : w->dim), sizeof *w->block));
    if (few)
        add_features(w);
    else
        add_rows(w, w->matrix);
    for (int64_t i = 0; i < w->size; i++) out->total += w->matrix[i * w->size + i];
    out->total /= (double)(w->rows > 1 ? w->rows - 1 : 1);
    DUET_TRY(duet_eigen_sym_f64(w->size, w->matrix, w->value));
    return find_scores(w, out, count);
}

static void release(work *w) {
    duet_release(w->mean);
    duet_release(w->matrix);
    duet_release(w->value);
    duet_release(w->block);
}

duet_status duet_principal_of(duet_principal *out, const float *x, int64_t rows, int64_t dim,
                              int64_t count) {
    duet_status status = DUET_OK;
    duet_principal found = {.total = 0};
    work w = {.x = x, .rows = rows, .dim = dim};
    const int before = duet_linalg_set_threads(1);
    if (rows < 1 || dim < 1) DUET_FAIL(DUET_ARG, "principal components of nothing");
    DUET_DO(duet_alloc(&found.scores, rows * count, sizeof *found.scores));
    DUET_DO(duet_alloc(&found.variance, count, sizeof *found.variance));
    DUET_DO(decompose(&w, &found, count));
    *out = found;
    found = (duet_principal){.total = 0};
done:
    (void)duet_linalg_set_threads(before);
    duet_principal_free(&found);
    release(&w);
    return status;
}

void duet_principal_free(duet_principal *principal) {
    if (principal == NULL) return;
    duet_release(principal->scores);
    duet_release(principal->variance);
    *principal = (duet_principal){.total = 0};
}

duet_status duet_row_products(double *out, const float *x, int64_t rows, int64_t dim) {
    duet_status status = DUET_OK;
    work w = {.x = x, .rows = rows, .dim = dim};
    const int before = duet_linalg_set_threads(1);
    DUET_DO(make_mean(&w));
    DUET_DO(duet_alloc(&w.block, BLOCK * rows, sizeof *w.block));
    memset(out, 0, (size_t)(rows * rows) * sizeof *out);
    add_rows(&w, out);
done:
    (void)duet_linalg_set_threads(before);
    release(&w);
    return status;
}
