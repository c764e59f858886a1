/* SPDX-License-Identifier: MIT
 * head/preconditioner.c: head/preconditioner.h. */
#include "head/preconditioner.h"

#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"

enum {
    ROWS_A_COLUMN = 4, /* rows that G is made of, for each of its columns */
    BLOCK = 256,
    MANY = 10000000 /* operations that are worth waking the other threads */
};

duet_status duet_preconditioner_base_new(duet_preconditioner_base *out, duet_logistic *problem,
                                         int64_t widest) {
    const duet_logistic_data *data = duet_logistic_rows(problem);
    const int threads = duet_context_threads(duet_logistic_context(problem));
    *out = (duet_preconditioner_base){.problem = problem,
                                      .classes = data->classes,
                                      .dim = data->dim,
                                      .weights = data->classes * data->dim,
                                      .variables = duet_logistic_variables(problem),
                                      .threads = threads,
                                      .scaled = data->dim <= widest};
    if (!out->scaled) return DUET_OK;
    const int64_t most = data->dim < 2048 ? 8192 : 4 * data->dim;
    duet_linalg_set_threads(1); /* the same bits for any number of threads */
    const duet_status status =
        duet_scaling_new(&out->scaling, data->x, data->rows, data->dim, most, threads);
    duet_linalg_set_threads(threads);
    return status;
}

void duet_preconditioner_base_free(duet_preconditioner_base *base) {
    duet_scaling_free(&base->scaling);
}

duet_status duet_preconditioner_new(duet_preconditioner *out,
                                    const duet_preconditioner_base *base) {
    const int64_t classes = base->classes;
    DUET_TRY(duet_alloc(&out->mean, classes * classes, sizeof *out->mean));
    DUET_TRY(duet_alloc(&out->axes, classes * classes, sizeof *out->axes));
    DUET_TRY(duet_alloc(&out->values, classes, sizeof *out->values));
    DUET_TRY(duet_alloc(&out->turned, base->variables, sizeof *out->turned));
    DUET_TRY(duet_alloc(&out->rows, base->weights, sizeof *out->rows));
    DUET_TRY(duet_alloc(&out->curvature, duet_logistic_rows(base->problem)->rows,
                        sizeof *out->curvature));
    return duet_alloc(&out->work, base->weights, sizeof *out->work);
}

void duet_preconditioner_free(duet_preconditioner *p) {
    duet_release(p->mean);
    duet_release(p->axes);
    duet_release(p->values);
    duet_release(p->turned);
    duet_release(p->rows);
    duet_release(p->curvature);
    duet_release(p->work);
    duet_scaling_free(&p->scaling);
}

void duet_preconditioner_reset(duet_preconditioner *p, const duet_preconditioner_base *base) {
    p->made_for = -1;
    duet_scaling_free(&p->scaling);
    p->scaled_at = 1.0 - 1.0 / (double)base->classes; /* trace of C at w = 0 */
}

/* Makes G anew where the rows have far less curvature than when it was made: then other rows bring
 * what is left of it. */
static duet_status update_scaling(duet_preconditioner *p, const duet_preconditioner_base *base,
                                  int place, double spread) {
    const duet_logistic_data *data = duet_logistic_rows(base->problem);
    const int64_t wanted = ROWS_A_COLUMN * data->dim,
                  count = wanted < data->rows ? wanted : data->rows;
    if (!base->scaled || spread > 0.3 * p->scaled_at || !(spread > 0)) return DUET_OK;
    duet_logistic_curvature(base->problem, place, p->curvature);
    duet_scaling_free(&p->scaling);
    DUET_TRY(duet_scaling_weighted(&p->scaling, data->x, p->curvature, data->rows, data->dim, count,
                                   base->threads));
    p->scaled_at = spread;
    return DUET_OK;
}

/* An old C serves while the penalty is the same and the classes are about as uncertain. */
duet_status duet_preconditioner_update(duet_preconditioner *p, const duet_preconditioner_base *base,
                                       int place, double penalty) {
    const int64_t classes = base->classes;
    double spread = 0;
    duet_logistic_classes(base->problem, place, p->mean);
    for (int64_t k = 0; k < classes; k++) spread += p->mean[k * classes + k];
    if (!isfinite(spread)) return DUET_OK; /* the loss says so */
    DUET_TRY(update_scaling(p, base, place, spread));
    if (p->made_for == penalty && spread > p->spread / 1.5 && spread < p->spread * 1.5)
        return DUET_OK;
    memcpy(p->axes, p->mean, (size_t)(classes * classes) * sizeof(double));
    DUET_TRY(duet_eigen_sym_f64(classes, p->axes, p->values));
    /* F does not depend on the sum over all classes: its c is 0, and must not amplify rounding. */
    const double floor =
        fmax(classes > 1 ? p->values[1] : 0, fmax(1e-4 * p->values[classes - 1], 1e-12));
    for (int64_t k = 0; k < classes; k++) p->values[k] = fmax(p->values[k], floor);
    p->made_for = penalty;
    p->spread = spread;
    return DUET_OK;
}

/* out = U' in or U in, [K,D + 1]; blocks of columns are fixed, so that bits do not depend on the
 * number of threads. */
static void turn(const duet_preconditioner *p, const duet_preconditioner_base *base, bool back,
                 const double *in, double *out) {
    const int64_t K = base->classes, D = base->dim, blocks = (D + BLOCK - 1) / BLOCK;
#pragma omp parallel for schedule(static) num_threads(base->threads) if (K * base->weights > MANY)
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t first = b * BLOCK, columns = D - first < BLOCK ? D - first : BLOCK;
        duet_gemm_f64(!back, false, K, columns, K, 1.0, p->axes, K, in + first, D, 0.0, out + first,
                      D);
    }
    for (int64_t i = 0; i < K; i++) {
        double sum = 0;
        for (int64_t k = 0; k < K; k++)
            sum += (back ? p->axes[i * K + k] : p->axes[k * K + i]) * in[base->weights + k];
        out[base->weights + i] = sum;
    }
}

/* The rows are scaled to a largest entry of 1 for single precision. Columns without axes have unit
 * variance and count as uncorrelated. */
void duet_preconditioner_apply(duet_preconditioner *p, const duet_preconditioner_base *base,
                               double penalty, const double *g, double *out) {
    const int64_t K = base->classes, D = base->dim;
    double *t = p->turned, most = 0;
    turn(p, base, false, g, t);
    if (base->scaled) {
        for (int64_t i = 0; i < base->weights; i++) most = fmax(most, fabs(t[i]));
        const double shrink = most > 0 ? 1.0 / most : 0;
        for (int64_t i = 0; i < base->weights; i++) p->rows[i] = (float)(t[i] * shrink);
        duet_scaling_solve(p->scaling.axes != NULL ? &p->scaling : &base->scaling, p->values,
                           fmax(penalty, 1e-7 * p->values[K - 1]), p->rows, p->work, K);
        for (int64_t i = 0; i < base->weights; i++) t[i] = (double)p->rows[i] * most;
    }
    for (int64_t k = 0; k < K; k++) {
        const double factor = base->scaled ? 1.0 : 1.0 / (p->values[k] + penalty);
        for (int64_t c = 0; c < D; c++) t[k * D + c] *= factor;
        t[base->weights + k] /= p->values[k];
    }
    turn(p, base, true, t, out);
}
