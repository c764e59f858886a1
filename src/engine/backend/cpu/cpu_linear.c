/* SPDX-License-Identifier: MIT
 * cpu/cpu_linear.c: linear and its gradients as products of register tiles (cpu/gemm.h). A row's bits depend neither on how
 * many rows there are nor on the threads; the weight gradient is one chain over the rows, split over the threads by
 * outputs, so it does not depend on the threads either. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/gemm.h"
#include "engine/op/ops_grad.h"

#define BLOCK        (8 * DUET_ROWS) /* rows of y that share a pass over the weights */
#define CHUNK        256             /* rows of x packed at a time by the weight gradient */
#define HEADER       16              /* floats before packed weights: their version */
#define SMALL        200000          /* multiply-adds below which waking threads costs more than it gives */

static int64_t last(const duet_arg *arg)
{
    return arg->shape.dim[arg->shape.rank - 1];
}

static int64_t rows_of(const duet_arg *arg)
{
    return duet_shape_count(&arg->shape) / last(arg);
}

/* y[rows m …, one panel of columns] */
static void block_times_panel(const float *a, int64_t K, const float *panel, const float *bias, float *y, int64_t N, int64_t rows,
                              int64_t columns)
{
    for (int64_t m = 0; m < rows; m += DUET_ROWS) {
        const float *row[DUET_ROWS];
        for (int r = 0; r < DUET_ROWS; r++) row[r] = a + (m + r < rows ? m + r : m) * K;
        tile t;
        tile_start(&t, bias, columns);
        tile_rows(&t, row, 0, panel, K);
        tile_store(&t, y + m * N, N, rows - m, columns);
    }
}

/* y[M,N] = a[M,K] w + bias[N] */
static void product(const float *a, const float *packed, const float *bias, float *y, int64_t M, int64_t K, int64_t N, int threads)
{
    const int64_t blocks = (M + BLOCK - 1) / BLOCK, panels = gemm_panels(N);
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static) if (M * K * N > SMALL)
    for (int64_t block = 0; block < blocks; block++) {
        for (int64_t p = 0; p < panels; p++) {
            const int64_t m = block * BLOCK, n = p * DUET_TILE;
            block_times_panel(a + m * K, K, packed + p * K * DUET_TILE, bias == NULL ? NULL : bias + n, y + m * N + n, N,
                              M - m < BLOCK ? M - m : BLOCK, N - n);
        }
    }
}

static void pack(float *to, const float *w, int64_t K, int64_t N, int64_t row_step, int64_t column_step, int threads)
{
    const int64_t panels = gemm_panels(N);
#pragma omp parallel for num_threads(threads) schedule(static) if (K * N > SMALL)
    for (int64_t p = 0; p < panels; p++) {
        gemm_pack_panel(to + p * K * DUET_TILE, w, K, p * DUET_TILE, N, row_step, column_step);
    }
}

/* Both directions: the weight is in[1], [O,I]. */
static duet_status plan_product(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out)
{
    (void)options;
    out->keep = (HEADER + gemm_packed(last(&call->in[0]), last(&call->out[0]))) * (int64_t)sizeof(float);
    out->impl = "tiles";
    return DUET_OK;
}

static duet_status run_product(const duet_run *run, bool transposed)
{
    const int64_t M = rows_of(&run->call->in[0]), K = last(&run->call->in[0]), N = last(&run->call->out[0]);
    uint64_t *const version = run->keep;
    float *const packed = (float *)run->keep + HEADER;
    if (*version == 0 || *version != run->in_version[1]) {
        if (transposed) pack(packed, run->in[1], K, N, 1, K, run->threads);
        else pack(packed, run->in[1], K, N, N, 1, run->threads);
        *version = run->in_version[1];
    }
    product(run->in[0], packed, transposed ? run->in[2] : NULL, run->out[0], M, K, N, run->threads);
    return DUET_OK;
}

static duet_status run_forward(const duet_run *run)
{
    return run_product(run, true);
}

static duet_status run_dx(const duet_run *run)
{
    return run_product(run, false);
}

static int64_t row_tiles(int64_t O)
{
    return (O + DUET_ROWS - 1) / DUET_ROWS;
}

/* Scratch of a thread: a panel of x and all of dy, both of CHUNK rows. */
static int64_t dw_floats(int64_t O)
{
    return CHUNK * (DUET_TILE + row_tiles(O) * DUET_ROWS);
}

static duet_status plan_dw(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out)
{
    out->scratch = options->threads * dw_floats(last(&call->in[1])) * (int64_t)sizeof(float);
    out->impl = "tiles";
    return DUET_OK;
}

/* Tiles t0 … t1 of dy[count,O] -> [tile][count][DUET_ROWS], padded with zeros. */
static void pack_rows(float *to, const float *dy, int64_t count, int64_t O, int64_t t0, int64_t t1)
{
    for (int64_t t = t0; t < t1; t++) {
        const int64_t o = t * DUET_ROWS, rows = O - o < DUET_ROWS ? O - o : DUET_ROWS;
        for (int64_t m = 0; m < count; m++, to += DUET_ROWS) {
            for (int64_t r = 0; r < rows; r++) to[r] = dy[m * O + o + r];
            for (int64_t r = rows; r < DUET_ROWS; r++) to[r] = 0.0f;
        }
    }
}

/* dbias[o0 … o1], chunks of 64 rows in float, over chunks in double */
static void column_sums(const float *dy, int64_t M, int64_t O, float *sum, int64_t o0, int64_t o1)
{
    for (int64_t o = o0; o < o1; o += DUET_LANES) {
        const int64_t count = o1 - o < DUET_LANES ? o1 - o : DUET_LANES;
        double total[DUET_LANES] = { 0 };
        for (int64_t m0 = 0; m0 < M; m0 += 64) {
            const int64_t end = m0 + 64 < M ? m0 + 64 : M;
            duet_vec part = { 0 };
            for (int64_t m = m0; m < end; m++) {
                part += count == DUET_LANES ? vec_load(dy + m * O + o) : vec_load_part(dy + m * O + o, count);
            }
            for (int i = 0; i < DUET_LANES; i++) total[i] += (double)part[i];
        }
        for (int64_t i = 0; i < count; i++) sum[o + i] = (float)total[i];
    }
}

/* Outputs of the tiles t0 … t1, all rows of x and dy. */
static void outputs_dw(const duet_run *run, int64_t M, int64_t I, int64_t O, int64_t t0, int64_t t1, float *panel)
{
    const float *const x = run->in[0], *const dy = run->in[1];
    float *const dw = run->out[0], *const packed = panel + CHUNK * DUET_TILE;
    for (int64_t m = 0; m < M && dw != NULL; m += CHUNK) {
        const int64_t count = M - m < CHUNK ? M - m : CHUNK;
        pack_rows(packed, dy + m * O, count, O, t0, t1);
        for (int64_t n = 0; n < I; n += DUET_TILE) {
            gemm_pack_panel(panel, x + m * I, count, n, I, I, 1);
            for (int64_t t = t0; t < t1; t++) {
                float *const at = dw + t * DUET_ROWS * I + n;
                const int64_t rows = O - t * DUET_ROWS;
                tile sum;
                if (m == 0) tile_start(&sum, NULL, 0);
                else tile_load(&sum, at, I, rows, I - n);
                tile_outer(&sum, packed + (t - t0) * count * DUET_ROWS, DUET_ROWS, panel, count);
                tile_store(&sum, at, I, rows, I - n);
            }
        }
    }
    const int64_t end = t1 * DUET_ROWS < O ? t1 * DUET_ROWS : O;
    if (run->out[1] != NULL) column_sums(dy, M, O, run->out[1], t0 * DUET_ROWS, end);
}

static duet_status run_dw(const duet_run *run)
{
    const int64_t M = rows_of(&run->call->in[0]), I = last(&run->call->in[0]), O = last(&run->call->in[1]), tiles = row_tiles(O);
#pragma omp parallel for num_threads(run->threads) schedule(static) if (M * I * O > SMALL)
    for (int part = 0; part < run->threads; part++) {
        const int64_t t0 = tiles * part / run->threads, t1 = tiles * (part + 1) / run->threads;
        if (t0 < t1) outputs_dw(run, M, I, O, t0, t1, (float *)run->scratch + part * dw_floats(O));
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    { .op = "linear", .name = "linear", .plan = plan_product, .run = run_forward },
    { .op = "linear_dx", .name = "linear", .plan = plan_product, .run = run_dx },
    { .op = "linear_dw", .name = "linear", .plan = plan_dw, .run = run_dw },
};
DUET_CPU_KERNELS(linear) = { kernels, DUET_COUNT(kernels) };
