/* SPDX-License-Identifier: MIT
 * study/invariance.c: see invariance.h. */
#include "study/invariance.h"

#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "data/augment/augment.h"
#include "data/bad_images.h"

enum { COMPONENTS = 128 };
static const double RIDGE = 0.01;
static const char VIEWS[] = "flip+resized_crop:least=0.6+brightness:by=0.3";

/* ---- one column ---- */

/* Each column: mean 0, deviation 1; constant ones become 0. */
static void standardise(float *z, int64_t rows, int64_t d) {
    for (int64_t c = 0; c < d; c++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < rows; i++) sum += (double)z[i * d + c];
        const double mean = sum / (double)rows;
        for (int64_t i = 0; i < rows; i++) {
            const double x = (double)z[i * d + c] - mean;
            squares += x * x;
        }
        const double deviation = sqrt(squares / (double)rows),
                     scale = deviation > 1e-12 + 1e-7 * fabs(mean) ? 1.0 / deviation : 0.0;
        for (int64_t i = 0; i < rows; i++)
            z[i * d + c] = (float)(((double)z[i * d + c] - mean) * scale);
    }
}

/* p[rows,k] = z on its first k principal components, and the variance of each: by the smaller of
 * z'z and zz'. */
static duet_status project(double *p, double *variance, const float *z, int64_t rows, int64_t d,
                           int64_t k) {
    const bool primal = d <= rows;
    const int64_t side = primal ? d : rows;
    duet_status status = DUET_OK;
    float *gram = NULL, *w = NULL;
    DUET_DO(duet_alloc(&gram, side * side, sizeof *gram));
    DUET_DO(duet_alloc(&w, side, sizeof *w));
    duet_gemm_f32(primal, !primal, side, side, primal ? rows : d, 1.0f / (float)rows, z, d, z, d,
                  0.0f, gram, side);
    DUET_DO(duet_eigen_sym_f32(side, gram, w));
    for (int64_t j = 0; j < k; j++) {
        const int64_t from = side - 1 - j; /* ascending */
        variance[j] = w[from] > 0 ? (double)w[from] : 0.0;
        const double scale = sqrt(variance[j] * (double)rows);
        for (int64_t i = 0; i < rows; i++) {
            double sum = 0;
            if (primal)
                for (int64_t c = 0; c < d; c++)
                    sum += (double)z[i * d + c] * (double)gram[c * side + from];
            p[i * k + j] = primal ? sum : scale * (double)gram[i * side + from];
        }
    }
done:
    duet_release(gram);
    duet_release(w);
    return status;
}

/* log det(W + l) of half the differences of pairs. */
static duet_status log_det_within(double *out, const double *p, int64_t n, int64_t k, double l) {
    duet_status status = DUET_OK;
    double *difference = NULL, *within = NULL, *w = NULL;
    DUET_DO(duet_alloc(&difference, n * k, sizeof *difference));
    DUET_DO(duet_alloc(&within, k * k, sizeof *within));
    DUET_DO(duet_alloc(&w, k, sizeof *w));
    for (int64_t i = 0; i < n * k; i++) difference[i] = p[i] - p[n * k + i];
    duet_gemm_f64(true, false, k, k, n, 0.5 / (double)n, difference, k, difference, k, 0.0, within,
                  k);
    DUET_DO(duet_eigen_sym_f64(k, within, w));
    *out = 0;
    for (int64_t j = 0; j < k; j++) *out += log((w[j] > 0 ? w[j] : 0.0) + l);
done:
    duet_release(difference);
    duet_release(within);
    duet_release(w);
    return status;
}

duet_status duet_information(double *out, float *z, int64_t n, int64_t d) {
    const int64_t rows = 2 * n, most = d < rows ? d : rows,
                  k = most < COMPONENTS ? most : COMPONENTS;
    duet_status status = DUET_OK;
    double *p = NULL, variance[COMPONENTS], trace = 0, total = 0, within = 0;
    standardise(z, rows, d);
    DUET_DO(duet_alloc(&p, rows * k, sizeof *p));
    DUET_DO(project(p, variance, z, rows, d, k));
    for (int64_t j = 0; j < k; j++) trace += variance[j];
    const double l = RIDGE * trace / (double)k;
    *out = 0;
    if (!(l > 0)) goto done; /* all the same */
    for (int64_t j = 0; j < k; j++) total += log(variance[j] + l);
    DUET_DO(log_det_within(&within, p, n, k, l));
    *out = 0.5 * (total - within);
done:
    duet_release(p);
    return status;
}

/* ---- all columns ---- */

typedef struct views {
    uint8_t *pixels; /* [2 n, size, size, channels] */
    int64_t n, bytes;
} views;

/* The images that can be read, twice, each time changed otherwise. */
static duet_status make_views(views *v, const duet_dataset *dataset, const duet_preprocess *how,
                              const duet_view *view, uint64_t seed, duet_bad_images *bad) {
    duet_augment_chain chain;
    duet_status status = DUET_OK;
    uint8_t *scratch = NULL, *plain = NULL;
    v->bytes = how->size * how->size * how->channels;
    DUET_TRY(duet_augment_chain_parse(&chain, VIEWS));
    DUET_DO(duet_alloc(&plain, view->count * v->bytes + v->bytes, 1));
    DUET_DO(duet_alloc(&scratch, v->bytes, 1));
    for (int64_t i = 0; i < view->count; i++) {
        const duet_status one =
            duet_dataset_read(dataset, view->split, view->index[i], how, plain + v->n * v->bytes);
        DUET_DO(duet_bad_images_take(bad, view->split, view->index[i], one));
        v->n += one == DUET_OK;
    }
    DUET_DO(duet_alloc(&v->pixels, 2 * v->n * v->bytes + 1, 1));
    for (int64_t i = 0; i < 2 * v->n; i++) {
        uint8_t *const to = v->pixels + i * v->bytes;
        memcpy(to, plain + (i % v->n) * v->bytes, (size_t)v->bytes);
        duet_augment_chain_apply(&chain, seed, (uint64_t)i, to, scratch, how->size, how->channels);
    }
done:
    duet_release(scratch);
    duet_release(plain);
    return status;
}

/* Features of both views of all columns: x[c][2 n, dim]. */
static duet_status read_views(duet_context *ctx, duet_reader *reader, const views *v, float **x,
                              int64_t columns) {
    const int64_t batch = duet_reader_batch(reader), rows = 2 * v->n;
    duet_status status = DUET_OK;
    int64_t *index = NULL;
    float **to = NULL;
    DUET_DO(duet_alloc(&index, rows, sizeof *index));
    DUET_DO(duet_alloc(&to, columns, sizeof *to));
    for (int64_t i = 0; i < rows; i++) index[i] = i; /* of its noise */
    for (int64_t at = 0; at < rows; at += batch) {
        const int64_t count = rows - at < batch ? rows - at : batch;
        for (int64_t c = 0; c < columns; c++) {
            int64_t dim = 0;
            duet_reader_column(reader, c, NULL, &dim);
            to[c] = x[c] + at * dim;
        }
        DUET_DO(duet_check_cancelled(ctx));
        DUET_DO(duet_reader_run(reader, v->pixels + at * v->bytes, index + at, count, to));
        duet_progress_report(ctx, "features of two views", "images", (double)(at + count),
                             (double)rows, NULL);
    }
done:
    duet_release(index);
    duet_release(to);
    return status;
}

static duet_status measure(duet_context *ctx, double *information, duet_reader *reader,
                           const views *v) {
    const int64_t columns = duet_reader_columns(reader);
    duet_status status = DUET_OK;
    float **x = NULL;
    DUET_DO(duet_alloc(&x, columns, sizeof *x));
    for (int64_t c = 0; c < columns; c++) {
        int64_t dim = 0;
        duet_reader_column(reader, c, NULL, &dim);
        DUET_DO(duet_alloc(&x[c], 2 * v->n * dim, sizeof **x));
    }
    DUET_DO(read_views(ctx, reader, v, x, columns));
    duet_reader_rest(reader);
    duet_status *each = NULL;
    DUET_DO(duet_alloc(&each, columns, sizeof *each));
#pragma omp parallel for schedule(dynamic, 1) num_threads(duet_context_threads(ctx))
    for (int64_t c = 0; c < columns; c++) {
        int64_t dim = 0;
        duet_reader_column(reader, c, NULL, &dim);
        each[c] = duet_information(&information[c], x[c], v->n, dim);
    }
    for (int64_t c = 0; c < columns && status == DUET_OK; c++)
        if (each[c] != DUET_OK) /* the message is another thread's */
            status = duet_fail(each[c], "the features of column %lld cannot be compared: %s",
                               (long long)c, "no memory, or no eigenvalues");
    duet_release(each);
done:
    for (int64_t c = 0; c < columns && x != NULL; c++) duet_release(x[c]);
    duet_release(x);
    return status;
}

duet_status duet_invariance(duet_context *ctx, double *information, duet_reader *reader,
                            const duet_dataset *dataset, const duet_view *view, uint64_t seed,
                            duet_bad_images *bad) {
    const duet_reader_info info = duet_reader_describe(reader);
    const int held = duet_linalg_set_threads(1); /* each column has a thread of its own */
    duet_status status = DUET_OK;
    views v = {.n = 0};
    DUET_DO(make_views(&v, dataset, &info.preprocess, view, seed, bad));
    if (v.n < 2) DUET_FAIL(DUET_ARG, "the training split has too few images to compare");
    DUET_DO(measure(ctx, information, reader, &v));
done:
    duet_linalg_set_threads(held);
    duet_release(v.pixels);
    return status;
}
