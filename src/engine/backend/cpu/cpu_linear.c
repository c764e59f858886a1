/* SPDX-License-Identifier: MIT
 * cpu/cpu_linear.c: products of [M,K] rows with a weight. Every element of the result is one chain of multiply-adds over k in
 * order, so a row's bits do not depend on how many rows there are. Blocks of 4 rows x 64 columns stay in registers. */
#include <string.h>

#include "base/linalg.h"
#include "engine/backend/backend.h"
#include "engine/op/ops_grad.h"

enum { ROWS = 4, COLUMNS = 64, HEADER = 16 }; /* HEADER: floats before the packed weights */

static int64_t last(const duet_arg *arg) { return arg->shape.dim[arg->shape.rank - 1]; }
static int64_t rows_of(const duet_arg *arg) { return duet_shape_count(&arg->shape) / last(arg); }

/* y[rows, n columns] = a[rows,K] w[K,N] (+ bias); full tile */
static void tile(const float *a, int64_t K, const float *w, int64_t N, const float *bias, float *y, int64_t rows) {
    float acc[ROWS][COLUMNS];
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < COLUMNS; c++) acc[r][c] = bias ? bias[c] : 0.0f;
    for (int64_t k = 0; k < K; k++) {
        const float *row = w + k * N;
        for (int r = 0; r < ROWS; r++) {
            const float v = a[(r < rows ? r : 0) * K + k];
#pragma omp simd
            for (int c = 0; c < COLUMNS; c++) acc[r][c] += v * row[c];
        }
    }
    for (int64_t r = 0; r < rows; r++) memcpy(y + r * N, acc[r], sizeof acc[r]);
}

/* the last columns, fewer than COLUMNS */
static void edge(const float *a, int64_t K, const float *w, int64_t N, const float *bias, float *y, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; r++) {
        float acc[COLUMNS] = {0};
        for (int64_t c = 0; c < columns && bias; c++) acc[c] = bias[c];
        for (int64_t k = 0; k < K; k++) {
            const float v = a[r * K + k];
#pragma omp simd
            for (int64_t c = 0; c < columns; c++) acc[c] += v * w[k * N + c];
        }
        memcpy(y + r * N, acc, (size_t)columns * sizeof *acc);
    }
}

/* y[M,N] = a[M,K] w[K,N] + bias[N] */
static void product(const float *a, const float *w, const float *bias, float *y, int64_t M, int64_t K, int64_t N, int threads) {
    const int64_t row_blocks = (M + ROWS - 1) / ROWS, column_blocks = (N + COLUMNS - 1) / COLUMNS;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < row_blocks * column_blocks; t++) {
        const int64_t m = t % row_blocks * ROWS, n = t / row_blocks * COLUMNS;
        const int64_t rows = M - m < ROWS ? M - m : ROWS, columns = N - n < COLUMNS ? N - n : COLUMNS;
        const float *part = bias ? bias + n : NULL;
        if (columns == COLUMNS) tile(a + m * K, K, w + n, N, part, y + m * N + n, rows);
        else edge(a + m * K, K, w + n, N, part, y + m * N + n, rows, columns);
    }
}

static duet_status plan_forward(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out) {
    (void)options;
    out->keep = (HEADER + duet_shape_count(&call->in[1].shape)) * (int64_t)sizeof(float);
    out->impl = "packed";
    return DUET_OK;
}

static duet_status run_forward(const duet_run *run) {
    const int64_t M = rows_of(&run->call->in[0]), K = last(&run->call->in[0]), N = last(&run->call->out[0]);
    uint64_t *version = run->keep;
    float *packed = (float *)run->keep + HEADER; /* [K,N] */
    if (*version == 0 || *version != run->in_version[1]) {
        const float *w = run->in[1]; /* [N,K] */
        for (int64_t n = 0; n < N; n++)
            for (int64_t k = 0; k < K; k++) packed[k * N + n] = w[n * K + k];
        *version = run->in_version[1];
    }
    product(run->in[0], packed, run->in[2], run->out[0], M, K, N, run->threads);
    return DUET_OK;
}

static duet_status run_dx(const duet_run *run) {
    const int64_t M = rows_of(&run->call->in[0]), O = last(&run->call->in[0]), I = last(&run->call->out[0]);
    product(run->in[0], run->in[1], NULL, run->out[0], M, O, I, run->threads);
    return DUET_OK;
}

static duet_status run_dw(const duet_run *run) {
    const int64_t M = rows_of(&run->call->in[0]), I = last(&run->call->in[0]), O = last(&run->call->in[1]);
    const float *x = run->in[0], *dy = run->in[1];
    float *dbias = run->out[1];
    if (run->out[0]) duet_gemm_f32(true, false, O, I, M, 1.0f, dy, O, x, I, 0.0f, run->out[0], I);
    if (!dbias) return DUET_OK;
    memset(dbias, 0, (size_t)O * sizeof *dbias);
    for (int64_t m = 0; m < M; m++) {
#pragma omp simd
        for (int64_t o = 0; o < O; o++) dbias[o] += dy[m * O + o];
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "linear", .name = "gemm", .plan = plan_forward, .run = run_forward},
    {.op = "linear_dx", .name = "gemm", .run = run_dx},
    {.op = "linear_dw", .name = "blas", .run = run_dw},
};
DUET_CPU_KERNELS(linear) = {kernels, DUET_COUNT(kernels)};
