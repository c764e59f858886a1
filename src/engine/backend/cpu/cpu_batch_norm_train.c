/* SPDX-License-Identifier: MIT
 * cpu/cpu_batch_norm_train.c: batch_norm_train and its gradient by chunks of rows, with double
 * sums: the mean, the squares about it, then a gain and a shift of each channel. */
#include <math.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/row_sums.h"
#include "engine/op/op_list.h"

/* Parts of the chunks and three vectors of doubles. */
static duet_status plan_sums(const duet_call *call, const duet_kernel_options *options,
                             duet_kernel_plan *out) {
    const int64_t rows = duet_op_rows(&call->in[0].shape), C = duet_op_last(&call->in[0].shape);
    (void)options;
    out->scratch = (columns_chunks(rows) * 2 + 3) * C * (int64_t)sizeof(double);
    out->impl = "";
    return DUET_OK;
}

/* total[c] = sum over rows of x, or of (x - mean)^2 */
static void sum_rows(const duet_run *run, const double *mean, double *parts, double *total) {
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  C = duet_op_last(&run->call->in[0].shape);
    const int64_t step = columns_step(rows), chunks = columns_chunks(rows);
    const float *const x = run->in[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t k = 0; k < chunks; k++) {
        double *const part = parts + k * C;
        for (int64_t c = 0; c < C; c++) part[c] = 0.0;
        for (int64_t r = k * step; r < smaller((k + 1) * step, rows); r++) {
            const float *const from = x + r * C;
            if (mean == NULL) {
                for (int64_t c = 0; c < C; c++) part[c] += (double)from[c];
            } else {
                for (int64_t c = 0; c < C; c++)
                    part[c] += ((double)from[c] - mean[c]) * ((double)from[c] - mean[c]);
            }
        }
    }
    columns_add(parts, chunks, C);
    for (int64_t c = 0; c < C; c++) total[c] = parts[c];
}

static duet_status run_forward(const duet_run *run) {
    const duet_batch_norm_train_attr *const attr = run->call->attr;
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  C = duet_op_last(&run->call->in[0].shape);
    const float *const x = run->in[0], *const gamma = run->in[1], *const beta = run->in[2];
    float *const y = run->out[0], *const mean = run->out[1], *const rstd = run->out[2],
                 *const var = run->out[3];
    double *const centre = run->scratch, *const square = centre + C, *const parts = centre + 3 * C;
    float *const gain = (float *)(centre + 2 * C), *const shift = gain + C;
    sum_rows(run, NULL, parts, centre);
    for (int64_t c = 0; c < C; c++) centre[c] /= (double)rows;
    sum_rows(run, centre, parts, square);
    for (int64_t c = 0; c < C; c++) {
        const double factor = 1.0 / sqrt(square[c] / (double)rows + attr->eps);
        gain[c] = (float)(factor * (double)gamma[c]);
        /* What the rounding of the mean leaves goes into the shift. */
        shift[c] = (float)((double)beta[c] -
                           (centre[c] - (double)(float)centre[c]) * factor * (double)gamma[c]);
        if (mean != NULL) mean[c] = (float)centre[c];
        if (rstd != NULL) rstd[c] = (float)factor;
        if (var != NULL) var[c] = (float)(square[c] / (double)(rows - 1));
    }
    if (y == NULL) return DUET_OK;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        const float *const from = x + r * C;
        float *const to = y + r * C;
#pragma omp simd
        for (int64_t c = 0; c < C; c++) to[c] = (from[c] - (float)centre[c]) * gain[c] + shift[c];
    }
    return DUET_OK;
}

enum { X, GAMMA, MEAN, RSTD, DY };

/* Sums over rows of dy hat, then of dy: 2 C. */
static void gradient_sums(const duet_run *run, double *parts) {
    const int64_t rows = duet_op_rows(&run->call->in[X].shape),
                  C = duet_op_last(&run->call->in[X].shape);
    const int64_t step = columns_step(rows), chunks = columns_chunks(rows);
    const float *const x = run->in[X], *const mean = run->in[MEAN], *const rstd = run->in[RSTD],
                       *const dy = run->in[DY];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t k = 0; k < chunks; k++) {
        double *const product = parts + k * 2 * C, *const sum = product + C;
        for (int64_t c = 0; c < 2 * C; c++) product[c] = 0.0;
        for (int64_t r = k * step; r < smaller((k + 1) * step, rows); r++) {
            const float *const from = x + r * C, *const d = dy + r * C;
            for (int64_t c = 0; c < C; c++) {
                product[c] += (double)(d[c] * ((from[c] - mean[c]) * rstd[c]));
                sum[c] += (double)d[c];
            }
        }
    }
    columns_add(parts, chunks, 2 * C);
}

static duet_status run_grad(const duet_run *run) {
    const int64_t rows = duet_op_rows(&run->call->in[X].shape),
                  C = duet_op_last(&run->call->in[X].shape);
    const float *const x = run->in[X], *const gamma = run->in[GAMMA], *const mean = run->in[MEAN],
                       *const rstd = run->in[RSTD], *const dy = run->in[DY];
    float *const dx = run->out[0], *const dgamma = run->out[1], *const dbeta = run->out[2];
    float *const part_of_sum = run->scratch, *const part_of_product = part_of_sum + C;
    double *const parts = (double *)run->scratch + 3 * C;
    gradient_sums(run, parts);
    for (int64_t c = 0; c < C; c++) {
        part_of_product[c] = (float)(parts[c] / (double)rows);
        part_of_sum[c] = (float)(parts[C + c] / (double)rows);
        if (dgamma != NULL) dgamma[c] = (float)parts[c];
        if (dbeta != NULL) dbeta[c] = (float)parts[C + c];
    }
    if (dx == NULL) return DUET_OK;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        const float *const from = x + r * C, *const d = dy + r * C;
        float *const to = dx + r * C;
#pragma omp simd
        for (int64_t c = 0; c < C; c++) {
            const float hat = (from[c] - mean[c]) * rstd[c];
            to[c] = gamma[c] * rstd[c] * (d[c] - part_of_sum[c] - hat * part_of_product[c]);
        }
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "batch_norm_train", .name = "chunks", .plan = plan_sums, .run = run_forward},
    {.op = "batch_norm_train_grad", .name = "chunks", .plan = plan_sums, .run = run_grad},
};
DUET_CPU_KERNELS(batch_norm_train) = {kernels, DUET_COUNT(kernels)};
