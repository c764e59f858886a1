/* SPDX-License-Identifier: MIT
 * study/few_ridge.c: ridge regression to one-hot targets whose strength has the smallest
 * leave-one-out error, so that few labels serve both for fitting and for choosing.
 *
 * X [N,D] standardised, Y [N,K] one-hot minus its mean b; X = sqrt(N) U diag(sqrt(w)) V', where w
 * and V are eigenvalues and -vectors of X'X/N (or w and U those of XX'/N, where that is smaller).
 * At a strength s (head/head_ridge.c has the objective): fit      = U diag(w/(w+s)) U'Y, leverage
 * h_i = 1/N + sum_r U_ir^2 w_r/(w_r+s) leave-one-out residual of row i = (Y - fit)_i / (1 - h_i)
 * (Allen's PRESS, exact) W        = (U diag(1/(w+s)) U'Y / N)' X One eigenvalue problem serves all
 * strengths. */
#include "study/few_ridge.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"

const double duet_few_strengths[DUET_FEW_STRENGTHS] = {100,  30,   10,    3,     1,      0.3,   0.1,
                                                       0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001};

typedef struct ridge {
    int64_t n, dim, k, side;
    double *x, *y, *mean, *scale, *share; /* [n,dim], [n,k], [dim], [dim], [k] */
    double *gram, *w;                     /* [side,side], [side] */
    double *u;                            /* [n,side]; where side is n, gram itself */
    double *p, *shrunk, *fit;             /* U'Y [side,k], [side,k], [n,k] */
    double *weight;                       /* [k,dim] */
} ridge;

double duet_few_ridge_cost(int64_t count, int64_t dim) {
    const double n = (double)count, d = (double)dim, s = n < d ? n : d;
    return 2 * s * n * d + (n > d ? 2 * n * d * d : 0) + 6 * s * s * s;
}

double duet_few_ridge_bytes(int64_t count, int64_t dim) {
    const double n = (double)count, d = (double)dim, s = n < d ? n : d;
    return 8 * (n * d + 3 * s * s + (n > d ? n * d : 0));
}

static duet_status make(ridge *r) {
    DUET_TRY(duet_alloc(&r->x, r->n * r->dim, sizeof *r->x));
    DUET_TRY(duet_alloc(&r->y, r->n * r->k, sizeof *r->y));
    DUET_TRY(duet_alloc(&r->mean, r->dim, sizeof *r->mean));
    DUET_TRY(duet_alloc(&r->scale, r->dim, sizeof *r->scale));
    DUET_TRY(duet_alloc(&r->share, r->k, sizeof *r->share));
    DUET_TRY(duet_alloc(&r->gram, r->side * r->side, sizeof *r->gram));
    DUET_TRY(duet_alloc(&r->w, r->side, sizeof *r->w));
    DUET_TRY(duet_alloc(&r->p, r->side * r->k, sizeof *r->p));
    DUET_TRY(duet_alloc(&r->shrunk, r->side * r->k, sizeof *r->shrunk));
    DUET_TRY(duet_alloc(&r->weight, r->k * r->dim, sizeof *r->weight));
    DUET_TRY(duet_alloc(&r->fit, r->n * r->k, sizeof *r->fit));
    return r->side < r->n ? duet_alloc(&r->u, r->n * r->side, sizeof *r->u) : DUET_OK;
}

static void release(ridge *r) {
    void *all[] = {r->x, r->y, r->mean, r->scale,  r->share, r->gram,
                   r->w, r->u, r->p,    r->shrunk, r->fit,   r->weight};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) duet_release(all[i]);
}

/* False where a feature is not finite. */
static bool standardise(ridge *r) {
    bool finite = true;
    const int64_t N = r->n, D = r->dim;
    for (int64_t i = 0; i < N; i++)
        for (int64_t c = 0; c < D; c++) r->mean[c] += r->x[i * D + c] / (double)N;
    for (int64_t i = 0; i < N; i++)
        for (int64_t c = 0; c < D; c++) {
            const double d = r->x[i * D + c] - r->mean[c];
            r->scale[c] += d * d / (double)N;
        }
    for (int64_t c = 0; c < D; c++) {
        const double deviation = sqrt(r->scale[c]);
        finite &= isfinite(deviation);
        r->scale[c] = deviation > 1e-12 + 1e-7 * fabs(r->mean[c]) ? 1.0 / deviation : 0.0;
    }
    for (int64_t i = 0; i < N; i++)
        for (int64_t c = 0; c < D; c++)
            r->x[i * D + c] = (r->x[i * D + c] - r->mean[c]) * r->scale[c];
    return finite;
}

static duet_status take_rows(ridge *r, const duet_feature_table *table, const int64_t *order) {
    const int64_t D = r->dim, K = r->k;
    for (int64_t i = 0; i < r->n; i++) {
        const int64_t row = order != NULL ? order[i] : i;
        for (int64_t c = 0; c < D; c++) r->x[i * D + c] = (double)table->x[row * D + c];
        r->y[i * K + table->labels[row]] = 1.0;
        r->share[table->labels[row]] += 1.0 / (double)r->n;
    }
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t c = 0; c < K; c++) r->y[i * K + c] -= r->share[c];
    return standardise(r)
               ? DUET_OK
               : duet_fail(DUET_NUMERIC,
                           "the features hold NaN or Inf; the model's weights may be damaged");
}

/* w, u and p. Directions without weight are left out of u: their quotient would be noise. */
static duet_status decompose(ridge *r) {
    const int64_t N = r->n, D = r->dim, S = r->side;
    const bool wide = S == N;
    duet_gemm_f64(!wide, wide, S, S, wide ? D : N, 1.0 / (double)N, r->x, D, r->x, D, 0.0, r->gram,
                  S);
    DUET_TRY(duet_eigen_sym_f64(S, r->gram, r->w));
    const double most = r->w[S - 1] > 0 ? r->w[S - 1] : 1.0;
    if (!wide)
        duet_gemm_f64(false, false, N, S, D, 1.0, r->x, D, r->gram, S, 0.0, r->u, S);
    else
        r->u = r->gram;
    for (int64_t k = 0; k < S; k++) {
        const bool none = r->w[k] <= 1e-12 * most;
        const double by = none ? 0.0 : wide ? 1.0 : 1.0 / sqrt((double)N * r->w[k]);
        if (none) r->w[k] = 0;
        for (int64_t i = 0; i < N && by != 1.0; i++) r->u[i * S + k] *= by;
    }
    duet_gemm_f64(true, false, S, r->k, N, 1.0, r->u, S, r->y, r->k, 0.0, r->p, r->k);
    return DUET_OK;
}

/* The sum of squares of the leave-one-out residuals, which are in r->fit afterwards. */
static double left_out_error(ridge *r, double strength) {
    const int64_t S = r->side, K = r->k;
    double sum = 0;
    for (int64_t k = 0; k < S; k++)
        for (int64_t c = 0; c < K; c++)
            r->shrunk[k * K + c] = r->p[k * K + c] * (r->w[k] / (r->w[k] + strength));
    duet_gemm_f64(false, false, r->n, K, S, 1.0, r->u, S, r->shrunk, K, 0.0, r->fit, K);
    for (int64_t i = 0; i < r->n; i++) {
        double leverage = 1.0 / (double)r->n;
        for (int64_t k = 0; k < S; k++)
            leverage += r->u[i * S + k] * r->u[i * S + k] * (r->w[k] / (r->w[k] + strength));
        const double left = leverage < 1.0 - 1e-9 ? 1.0 - leverage : 1e-9;
        for (int64_t c = 0; c < K; c++) {
            double *const miss = &r->fit[i * K + c];
            *miss = (r->y[i * K + c] - *miss) / left;
            sum += *miss * *miss;
        }
    }
    return sum;
}

static void solve(ridge *r, double strength, float *folded, float *offset) {
    const int64_t S = r->side, K = r->k, D = r->dim;
    for (int64_t k = 0; k < S; k++)
        for (int64_t c = 0; c < K; c++)
            r->shrunk[k * K + c] = r->p[k * K + c] / ((r->w[k] + strength) * (double)r->n);
    duet_gemm_f64(false, false, r->n, K, S, 1.0, r->u, S, r->shrunk, K, 0.0, r->fit, K);
    duet_gemm_f64(true, false, K, D, r->n, 1.0, r->fit, K, r->x, D, 0.0, r->weight, D);
    for (int64_t c = 0; c < K; c++) {
        double at = r->share[c];
        for (int64_t d = 0; d < D; d++) {
            const double weight = r->weight[c * D + d] * r->scale[d];
            folded[c * D + d] = (float)weight;
            at -= weight * r->mean[d];
        }
        offset[c] = (float)at;
    }
}

/* Opens r->... on the rows; order NULL = all of them as they are. */
static duet_status open_rows(ridge *r, const duet_feature_table *table, const int64_t *order,
                             int64_t count, int classes) {
    *r = (ridge){.n = count,
                 .dim = table->dim,
                 .k = classes,
                 .side = count < table->dim ? count : table->dim};
    DUET_TRY(make(r));
    DUET_TRY(take_rows(r, table, order));
    return decompose(r);
}

static void close_rows(ridge *r) {
    if (r->u == r->gram) r->u = NULL;
    release(r);
}

/* The strength of the least error. */
static double choose(ridge *r) {
    double best = duet_few_strengths[0], least = INFINITY;
    for (int s = 0; s < DUET_FEW_STRENGTHS; s++) {
        const double error = left_out_error(r, duet_few_strengths[s]);
        if (!(error < least)) continue;
        least = error;
        best = duet_few_strengths[s];
    }
    return best;
}

duet_status duet_few_ridge(const duet_feature_table *table, const int64_t *order, int64_t count,
                           int classes, float *folded, float *offset) {
    duet_status status = DUET_OK;
    ridge r = {0};
    DUET_DO(open_rows(&r, table, order, count, classes));
    solve(&r, choose(&r), folded, offset);
done:
    close_rows(&r);
    return status;
}

/* One more than the classes that are foretold before that of row i, whose values are y minus the
 * residual r->fit; of equal ones all count as before it. */
static int64_t rank_of(const ridge *r, int64_t i, int32_t label) {
    const double *y = r->y + i * r->k, *residual = r->fit + i * r->k;
    const double own = y[label] - residual[label] + r->share[label];
    int64_t rank = 1;
    for (int64_t c = 0; c < r->k; c++)
        rank += c != label && y[c] - residual[c] + r->share[c] >= own;
    return rank;
}

duet_status duet_few_ridge_left_out(duet_left_out *out, const duet_feature_table *table,
                                    int classes) {
    duet_status status = DUET_OK;
    ridge r = {0};
    DUET_DO(open_rows(&r, table, NULL, table->rows, classes));
    (void)left_out_error(&r, choose(&r));
    *out = (duet_left_out){.top1 = 0};
    for (int64_t i = 0; i < r.n; i++) {
        const int64_t rank = rank_of(&r, i, table->labels[i]);
        out->top1 += (rank == 1 ? 100.0 : 0.0) / (double)r.n;
        out->log_rank += log2((double)rank) / (double)r.n;
    }
done:
    close_rows(&r);
    return status;
}
