/* SPDX-License-Identifier: MIT
 * head/head_ridge.c: ridge regression to one-hot targets, in closed form. With standardised
 * features X [N,D], targets Y [N,K] and b their mean:
 *
 *   minimise |X W' + b - Y|^2 / N + strength |W|^2
 *   W' = (X'X/N + strength)^-1 X'(Y - b)/N = X' (XX'/N + strength)^-1 (Y - b)/N
 *
 * by the smaller of the two matrices. Logits are the regression's values times `sharp`: it ranks
 * classes well and knows no probabilities. */
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/linalg.h"
#include "head/affine.h"

typedef struct ridge_options {
    char strengths[DUET_TEXT_SIZE], features[DUET_TEXT_SIZE];
    double sharp;
} ridge_options;

static const duet_param params[] = {
    DUET_TEXT(ridge_options, strengths, "3/1/0.3/0.1/0.03/0.01/0.003/0.001/0.0001", NULL,
              "strengths to try, strong to weak"),
    DUET_FLOAT(ridge_options, sharp, "10", 1e-6, 1e6, "multiplies the values, for logits"),
    DUET_HEAD_FEATURES(ridge_options, "standardised|whitened|raw"),
};

enum { BLOCK = 1024 }; /* rows that are widened to f64 at once, where X'X is the matrix */

typedef struct ridge {
    int64_t n, dim, k, side, block;
    bool primal;             /* the matrix is X'X, else XX' */
    double *x, *y;           /* [block,dim] standardised, [block,k] one-hot minus its mean */
    double *mean;            /* [k] of the targets */
    double *gram, *right;    /* [side,side], [side,k]: what does not depend on the strength */
    double *matrix, *solved; /* the same sizes */
    double *w;               /* [k,dim] and [k] */
    float *logits, *row;     /* row: [dim], whitened */
} ridge;

static duet_status make(ridge *r, const duet_head_fit *fit) {
    r->n = fit->train->rows;
    r->dim = fit->train->dim;
    r->k = fit->class_count;
    r->primal = r->dim <= r->n;
    r->side = r->primal ? r->dim : r->n;
    r->block = r->primal && r->n > BLOCK ? BLOCK : r->n;
    DUET_TRY(duet_alloc(&r->x, r->block * r->dim, sizeof *r->x));
    DUET_TRY(duet_alloc(&r->y, r->block * r->k, sizeof *r->y));
    DUET_TRY(duet_alloc(&r->mean, r->k, sizeof *r->mean));
    DUET_TRY(duet_alloc(&r->gram, r->side * r->side, sizeof *r->gram));
    DUET_TRY(duet_alloc(&r->matrix, r->side * r->side, sizeof *r->matrix));
    DUET_TRY(duet_alloc(&r->right, r->side * r->k, sizeof *r->right));
    DUET_TRY(duet_alloc(&r->solved, r->side * r->k, sizeof *r->solved));
    DUET_TRY(duet_alloc(&r->row, r->dim, sizeof *r->row));
    DUET_TRY(duet_alloc(&r->w, r->k * r->dim + r->k, sizeof *r->w));
    return duet_alloc(&r->logits, fit->val != NULL ? fit->val->rows * r->k : 1, sizeof *r->logits);
}

static void release(ridge *r) {
    void *all[] = {r->x,     r->y,      r->mean, r->gram,   r->matrix,
                   r->right, r->solved, r->w,    r->logits, r->row};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) duet_release(all[i]);
}

/* A row as the head reads it, in doubles. */
static void widen_row(ridge *r, const duet_head *head, const float *x, double *out) {
    if (head->white != NULL) duet_head_standardise(head, x, 1, 1, r->row);
    for (int64_t c = 0; c < r->dim; c++)
        out[c] = head->white != NULL
                     ? (double)r->row[c]
                     : ((double)x[c] - (double)head->mean[c]) * (double)head->scale[c];
}

/* Rows first.. of the table to x and y. */
static void widen(ridge *r, const duet_head *head, const duet_feature_table *table, int64_t first,
                  int64_t rows) {
    const int64_t D = r->dim, K = r->k;
    for (int64_t i = 0; i < rows; i++) {
        widen_row(r, head, table->x + (first + i) * D, r->x + i * D);
        for (int64_t c = 0; c < K; c++)
            r->y[i * K + c] = (c == table->labels[first + i] ? 1.0 : 0.0) - r->mean[c];
    }
}

static void prepare(ridge *r, const duet_head *head, const duet_feature_table *table) {
    const double by = 1.0 / (double)r->n;
    for (int64_t i = 0; i < r->n; i++) r->mean[table->labels[i]] += by;
    for (int64_t at = 0; at < r->n; at += r->block) {
        const int64_t rows = r->n - at < r->block ? r->n - at : r->block;
        widen(r, head, table, at, rows);
        if (!r->primal) continue;
        duet_gemm_f64(true, false, r->dim, r->dim, rows, by, r->x, r->dim, r->x, r->dim, 1.0,
                      r->gram, r->dim);
        duet_gemm_f64(true, false, r->dim, r->k, rows, by, r->x, r->dim, r->y, r->k, 1.0, r->right,
                      r->k);
    }
    if (r->primal) return;
    duet_gemm_f64(false, true, r->n, r->n, r->dim, by, r->x, r->dim, r->x, r->dim, 0.0, r->gram,
                  r->n);
    for (int64_t i = 0; i < r->n * r->k; i++) r->right[i] = by * r->y[i];
}

/* W and b at one strength, to the head. */
static duet_status solve(ridge *r, duet_head *head, double strength, double sharp) {
    memcpy(r->matrix, r->gram, (size_t)(r->side * r->side) * sizeof *r->matrix);
    memcpy(r->solved, r->right, (size_t)(r->side * r->k) * sizeof *r->solved);
    for (int64_t i = 0; i < r->side; i++) r->matrix[i * r->side + i] += strength;
    DUET_TRY(duet_solve_spd_f64(r->side, r->k, r->matrix, r->solved));
    if (r->primal)
        for (int64_t c = 0; c < r->k; c++)
            for (int64_t d = 0; d < r->dim; d++) r->w[c * r->dim + d] = r->solved[d * r->k + c];
    else
        duet_gemm_f64(true, false, r->k, r->dim, r->n, 1.0, r->solved, r->k, r->x, r->dim, 0.0,
                      r->w, r->dim);
    memcpy(r->w + r->k * r->dim, r->mean, (size_t)r->k * sizeof *r->w);
    for (int64_t i = 0; i < r->k * r->dim + r->k; i++) r->w[i] *= sharp;
    duet_affine_take(head, r->w);
    return DUET_OK;
}

/* The best strength on the validation rows; of equal ones the stronger. */
static duet_status choose(duet_context *ctx, ridge *r, duet_head *head, const duet_head_fit *fit,
                          duet_head_result *result) {
    const ridge_options *o = (const ridge_options *)&head->choice.options;
    double strengths[DUET_MOST_STRENGTHS];
    int count = 0;
    DUET_TRY(duet_head_strengths(o->strengths, strengths, &count));
    for (int s = 0; s < count; s++) {
        DUET_TRY(duet_check_cancelled(ctx));
        DUET_TRY(solve(r, head, strengths[s], o->sharp));
        const double top1 = duet_head_top1(head, fit->val, r->logits);
        if (s > 0 && !(top1 > result->val_top1)) continue;
        result->val_top1 = top1;
        result->strength = strengths[s];
    }
    return DUET_OK;
}

static duet_status fit_ridge(duet_context *ctx, duet_head *head, const duet_head_fit *fit,
                             duet_head_result *result) {
    const ridge_options *o = (const ridge_options *)&head->choice.options;
    const int held = duet_linalg_set_threads(duet_context_threads(ctx));
    duet_status status = DUET_OK;
    ridge r = {0};
    *result = (duet_head_result){
        .val_top1 = NAN, .converged = true, .iterations = 1, .strength = fit->strength};
    DUET_DO(make(&r, fit));
    prepare(&r, head, fit->train);
    if (fit->val != NULL) DUET_DO(choose(ctx, &r, head, fit, result));
    DUET_DO(solve(&r, head, result->strength, o->sharp));
done:
    duet_linalg_set_threads(held);
    release(&r);
    return status;
}

const duet_head_kind duet_head_ridge = {
    .info = {.name = "ridge",
             .help = "ridge regression in closed form, strength chosen on validation rows",
             .params = DUET_TABLE(params, ridge_options)},
    .make = duet_affine_make,
    .fit = fit_ridge,
    .tensors = duet_affine_tensors,
    .ready = duet_affine_ready,
    .logits = duet_affine_logits,
};
