/* SPDX-License-Identifier: MIT
 * cpu/cpu_matmul.c: products of two activations by the register tiles of gemm.h. A piece of work is
 * one panel of b's columns, packed, times a block of a's rows; transposed rows are copied a tile at
 * a time. Bits depend neither on the threads nor on the batch. And swap_axes. */
#include <omp.h>
#include <string.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/counts.h"
#include "engine/backend/cpu/gemm.h"
#include "engine/op/ops.h"

#define BLOCK (8 * DUET_ROWS)

typedef struct product {
    int64_t batch, M, N, K;
    int64_t panels, blocks; /* of columns, of rows */
    int64_t floats;         /* of a thread: a panel and a tile's rows */
} product;

static product product_of(const duet_call *call) {
    const duet_matmul_attr *const attr = call->attr;
    const duet_shape *const a = &call->in[0].shape, *const y = &call->out[0].shape;
    product p = {.batch = y->rank == 3 ? y->dim[0] : 1,
                 .M = y->dim[y->rank - 2],
                 .N = y->dim[y->rank - 1],
                 .K = a->dim[attr->transpose_a ? a->rank - 2 : a->rank - 1]};
    p.panels = gemm_panels(p.N);
    p.blocks = (p.M + BLOCK - 1) / BLOCK;
    p.floats = round_up((DUET_TILE + DUET_ROWS) * p.K, 16);
    return p;
}

static duet_status plan_matmul(const duet_call *call, const duet_kernel_options *options,
                               duet_kernel_plan *out) {
    out->scratch = options->threads * product_of(call).floats * (int64_t)sizeof(float);
    out->impl = "tiles";
    return DUET_OK;
}

/* to[r][k] = a[k, first + r], rows behind the last repeat it */
static void copy_rows(const float *a, const product *p, int64_t first, int64_t count, float *to) {
    for (int64_t k = 0; k < p->K; k++) {
        for (int64_t r = 0; r < DUET_ROWS; r++)
            to[r * p->K + k] = a[k * p->M + first + smaller(r, count - 1)];
    }
}

static void block_times_panel(const float *a, bool transposed, const product *p, int64_t block,
                              int64_t column, const float *panel, float *space, float *y) {
    const int64_t end = smaller((block + 1) * BLOCK, p->M);
    for (int64_t first = block * BLOCK; first < end; first += DUET_ROWS) {
        const int64_t count = smaller(DUET_ROWS, end - first);
        const float *row[DUET_ROWS];
        tile t;
        if (transposed) copy_rows(a, p, first, count, space);
        for (int64_t r = 0; r < DUET_ROWS; r++)
            row[r] = transposed ? space + r * p->K : a + (first + smaller(r, count - 1)) * p->K;
        tile_start(&t, NULL, 0);
        tile_rows(&t, row, 0, panel, p->K);
        tile_store(&t, y + first * p->N + column, p->N, count, p->N - column);
    }
}

static duet_status run_matmul(const duet_run *run) {
    const duet_matmul_attr *const attr = run->call->attr;
    const product p = product_of(run->call);
    const float *const a = run->in[0], *const b = run->in[1];
    float *const y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t piece = 0; piece < p.batch * p.panels * p.blocks; piece++) {
        const int64_t image = piece / (p.panels * p.blocks),
                      column = piece / p.blocks % p.panels * DUET_TILE;
        float *const panel = (float *)run->scratch + omp_get_thread_num() * p.floats;
        gemm_pack_panel(panel, b + image * p.K * p.N, p.K, column, p.N, attr->transpose_b ? 1 : p.N,
                        attr->transpose_b ? p.K : 1);
        block_times_panel(a + image * p.M * p.K, attr->transpose_a, &p, piece % p.blocks, column,
                          panel, panel + DUET_TILE * p.K, y + image * p.M * p.N);
    }
    return DUET_OK;
}

static duet_status run_swap_axes(const duet_run *run) {
    const int64_t *const dim = run->call->in[0].shape.dim;
    const int64_t M = dim[1], N = dim[2], D = dim[3];
    const float *const x = run->in[0];
    float *const y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < dim[0] * M; row++) {
        const int64_t a = row / M, m = row % M;
        for (int64_t n = 0; n < N; n++)
            memcpy(y + ((a * N + n) * M + m) * D, x + (row * N + n) * D, (size_t)D * sizeof *y);
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "matmul", .name = "tiles", .plan = plan_matmul, .run = run_matmul},
    {.op = "swap_axes", .name = "copy", .run = run_swap_axes},
};
DUET_CPU_KERNELS(matmul) = {kernels, DUET_COUNT(kernels)};
