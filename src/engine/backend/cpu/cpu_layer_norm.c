/* SPDX-License-Identifier: MIT
 * cpu/cpu_layer_norm.c: layer_norm a row at a time, and its gradient: dx by rows, dgamma and dbeta
 * by chunks of rows. Sums are double, of blocks that are f32. */
#include <math.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/row_sums.h"
#include "engine/op/op_list.h"

#define BLOCK 256

/* Sum of x - centre. */
static double sum_of(const float *x, float centre, int64_t size) {
    double total = 0.0;
    for (int64_t e0 = 0; e0 < size; e0 += BLOCK) {
        const int64_t end = smaller(e0 + BLOCK, size);
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (int64_t e = e0; e < end; e++) sum += x[e] - centre;
        total += (double)sum;
    }
    return total;
}

static double squares_of(const float *x, float mean, int64_t size) {
    double total = 0.0;
    for (int64_t e0 = 0; e0 < size; e0 += BLOCK) {
        const int64_t end = smaller(e0 + BLOCK, size);
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (int64_t e = e0; e < end; e++) sum += (x[e] - mean) * (x[e] - mean);
        total += (double)sum;
    }
    return total;
}

static void write_row(const float *x, const float *gamma, const float *beta, float mean,
                      float factor, int64_t size, float *y) {
    if (gamma != NULL && beta != NULL) {
#pragma omp simd
        for (int64_t e = 0; e < size; e++) y[e] = (x[e] - mean) * factor * gamma[e] + beta[e];
        return;
    }
    for (int64_t e = 0; e < size; e++) {
        const float hat = (x[e] - mean) * factor;
        y[e] = (gamma != NULL ? hat * gamma[e] : hat) + (beta != NULL ? beta[e] : 0.0f);
    }
}

static duet_status run_layer_norm(const duet_run *run) {
    const duet_layer_norm_attr *const attr = run->call->attr;
    const int64_t rows = duet_shape_count(&run->call->out[1].shape),
                  size = duet_shape_count(&run->call->in[0].shape) / rows;
    const float *const x = run->in[0], *const gamma = run->in[1], *const beta = run->in[2];
    float *const y = run->out[0], *const mean = run->out[1], *const rstd = run->out[2];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        /* The second sum, about the first mean, is exact where that is large. */
        const float *const from = x + r * size;
        const float first = (float)(sum_of(from, 0.0f, size) / (double)size);
        const double exact = (double)first + sum_of(from, first, size) / (double)size;
        const float m = (float)exact;
        const double square = squares_of(from, m, size) / (double)size;
        const float factor = (float)(1.0 / sqrt(square + attr->eps));
        if (mean != NULL) mean[r] = m;
        if (rstd != NULL) rstd[r] = factor;
        if (y != NULL) write_row(from, gamma, beta, m, factor, size, y + r * size);
    }
    return DUET_OK;
}

enum { X, MEAN, RSTD, DY, GAMMA };

static duet_status plan_grad(const duet_call *call, const duet_kernel_options *options,
                             duet_kernel_plan *out) {
    const int64_t rows = duet_shape_count(&call->in[MEAN].shape),
                  size = duet_shape_count(&call->in[X].shape) / rows;
    (void)options;
    if (call->has_out[1] || call->has_out[2])
        out->scratch = columns_chunks(rows) * 2 * size * (int64_t)sizeof(double);
    out->impl = "";
    return DUET_OK;
}

static void dx_row(const float *x, const float *dy, const float *gamma, float mean, float rstd,
                   int64_t size, float *dx) {
    double sum = 0.0, product = 0.0;
    for (int64_t e0 = 0; e0 < size; e0 += BLOCK) {
        const int64_t end = smaller(e0 + BLOCK, size);
        float s = 0.0f, p = 0.0f;
#pragma omp simd reduction(+ : s, p)
        for (int64_t e = e0; e < end; e++) {
            const float h = gamma != NULL ? dy[e] * gamma[e] : dy[e];
            s += h;
            p += h * ((x[e] - mean) * rstd);
        }
        sum += (double)s;
        product += (double)p;
    }
    const float mean_h = (float)(sum / (double)size), mean_p = (float)(product / (double)size);
#pragma omp simd
    for (int64_t e = 0; e < size; e++) {
        const float h = gamma != NULL ? dy[e] * gamma[e] : dy[e];
        dx[e] = rstd * (h - mean_h - (x[e] - mean) * rstd * mean_p);
    }
}

/* Parts: sums of dy hat, then of dy. */
static void sum_chunk(const float *x, const float *dy, const float *mean, const float *rstd,
                      int64_t first, int64_t end, int64_t size, double *part) {
    for (int64_t e = 0; e < 2 * size; e++) part[e] = 0.0;
    for (int64_t r = first; r < end; r++) {
        const float m = mean[r], factor = rstd[r];
        const float *const from = x + r * size, *const d = dy + r * size;
        for (int64_t e = 0; e < size; e++) {
            part[e] += (double)(d[e] * ((from[e] - m) * factor));
            part[size + e] += (double)d[e];
        }
    }
}

static duet_status run_grad(const duet_run *run) {
    const int64_t rows = duet_shape_count(&run->call->in[MEAN].shape),
                  size = duet_shape_count(&run->call->in[X].shape) / rows;
    const float *const x = run->in[X], *const mean = run->in[MEAN], *const rstd = run->in[RSTD],
                       *const dy = run->in[DY], *const gamma = run->in[GAMMA];
    float *const dx = run->out[0], *const dgamma = run->out[1], *const dbeta = run->out[2];
    const int64_t step = columns_step(rows), chunks = columns_chunks(rows);
    double *const parts = run->scratch;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t r = 0; r < (dx != NULL ? rows : 0); r++)
        dx_row(x + r * size, dy + r * size, gamma, mean[r], rstd[r], size, dx + r * size);
    if (dgamma == NULL && dbeta == NULL) return DUET_OK;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t k = 0; k < chunks; k++)
        sum_chunk(x, dy, mean, rstd, k * step, smaller((k + 1) * step, rows), size,
                  parts + k * 2 * size);
    columns_add(parts, chunks, 2 * size);
    for (int64_t e = 0; dgamma != NULL && e < size; e++) dgamma[e] = (float)parts[e];
    for (int64_t e = 0; dbeta != NULL && e < size; e++) dbeta[e] = (float)parts[size + e];
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "layer_norm", .name = "rows", .run = run_layer_norm},
    {.op = "layer_norm_grad", .name = "rows", .plan = plan_grad, .run = run_grad},
};
DUET_CPU_KERNELS(layer_norm) = {kernels, DUET_COUNT(kernels)};
