/* SPDX-License-Identifier: MIT
 * cpu/cpu_linear.c: linear and its gradients as products of register tiles (cpu/gemm.h). A row's bits depend neither on how
 * many rows there are nor on the threads; the weight gradient is one chain over the rows, split over the threads by
 * outputs, so it does not depend on the threads either. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/gemm.h"
#include "engine/op/ops_grad.h"

#define BLOCK        (8 * DUET_ROWS) /* rows of y that share a pass over the weights */
#define CHUNK        192             /* rows packed at a time by the weight gradient: a panel stays in the first cache */
#define HEADER       16              /* floats before packed weights: their version */
#define SMALL        200000          /* multiply-adds below which waking threads costs more than it gives */

/* Is x not f32? Its elements are broadcast one by one, so it is widened first. */
enum { COPIES_X = sizeof(duet_act) != sizeof(float) };

static int64_t last(const duet_arg *arg)
{
    return arg->shape.dim[arg->shape.rank - 1];
}

static int64_t rows_of(const duet_arg *arg)
{
    return duet_shape_count(&arg->shape) / last(arg);
}

/* The left factor: rows of K floats, and behind them rows of `more_K` (0 = none) of another array. */
typedef struct factor {
    const float *a, *more;
    int64_t K, more_K;
} factor;

/* y[rows m …, one panel of columns] of the rows from m0 on; the panel is packed from element `at` on; space: room for it, if it
 * is bf16; residual (NULL = 0) is as y, and may be y */
static void block_times_panel(const factor *l, int64_t m0, const void *packed, int64_t at, const float *bias,
                              const duet_act *residual, duet_act *y, int64_t N, int64_t rows, int64_t columns, float *space)
{
    const float *const w = panel_plain(packed, at, l->K + l->more_K, space != NULL, space);
    for (int64_t m = 0; m < rows; m += DUET_ROWS) {
        const float *row[DUET_ROWS], *more[DUET_ROWS];
        for (int r = 0; r < DUET_ROWS; r++) {
            const int64_t i = m0 + (m + r < rows ? m + r : m);
            row[r] = l->a + i * l->K;
            more[r] = l->more == NULL ? NULL : l->more + i * l->more_K;
        }
        tile t;
        tile_start(&t, bias, columns);
        if (residual != NULL) tile_load_add(&t, residual + m * N, N, rows - m, columns);
        tile_rows(&t, row, 0, w, l->K);
        if (l->more != NULL) tile_rows(&t, more, 0, w + l->K * DUET_TILE, l->more_K);
        tile_put(&t, y + m * N, N, rows - m, columns);
    }
}

/* y[M,N] = a[M,K] w + bias[N] + residual[M,N]; space: NULL, or, of packed bf16, a panel a thread */
static void product(const factor *l, const void *packed, const float *bias, const duet_act *residual, duet_act *y, int64_t M,
                    int64_t N, int threads, float *space)
{
    const int64_t K = l->K + l->more_K;
    const int64_t blocks = (M + BLOCK - 1) / BLOCK, panels = gemm_panels(N);
#pragma omp parallel for num_threads(threads) schedule(static) if (M * K * N > SMALL)
    for (int part = 0; part < threads; part++) {
        for (int64_t i = blocks * panels * part / threads; i < blocks * panels * (part + 1) / threads; i++) {
            const int64_t m = i / panels * BLOCK, p = i % panels, n = p * DUET_TILE;
            block_times_panel(l, m, packed, p * K * DUET_TILE, bias == NULL ? NULL : bias + n,
                              residual == NULL ? NULL : residual + m * N + n, y + m * N + n, N, M - m < BLOCK ? M - m : BLOCK, N - n,
                              space == NULL ? NULL : space + part * K * DUET_TILE);
        }
    }
}

/* One panel as it is kept; a packed row at a time passes through f32. */
DUET_INLINE void pack_panel(void *to, bool kept_bf16, int64_t at, const void *w, int64_t K, int64_t n0, int64_t N,
                            int64_t row_step, int64_t column_step, const bool bf16)
{
    for (int64_t k = 0; k < K; k++) {
        float row[DUET_TILE];
        gemm_pack_stored(row, (const uint8_t *)w + k * row_step * (bf16 ? 2 : 4), 1, n0, N, row_step, column_step, bf16);
        for (int64_t i = 0; i < DUET_TILE; i += DUET_LANES) {
            if (kept_bf16) bf16_store((uint16_t *)to + at + k * DUET_TILE + i, vec_load(row + i));
            else vec_store((float *)to + at + k * DUET_TILE + i, vec_load(row + i));
        }
    }
}

static void pack(void *to, bool kept_bf16, const void *w, bool bf16, int64_t K, int64_t N, int64_t row_step, int64_t column_step,
                 int threads)
{
    const int64_t panels = gemm_panels(N);
#pragma omp parallel for num_threads(threads) schedule(static) if (K * N > SMALL)
    for (int64_t p = 0; p < panels; p++) {
        const int64_t at = p * K * DUET_TILE;
        if (bf16) pack_panel(to, kept_bf16, at, w, K, p * DUET_TILE, N, row_step, column_step, true);
        else pack_panel(to, kept_bf16, at, w, K, p * DUET_TILE, N, row_step, column_step, false);
    }
}

static int64_t more_of(const duet_call *call)
{
    return call->inputs > 4 && call->has_in[4] ? last(&call->in[4]) : 0;
}

/* Both directions: the weight is in[1], [O,I]. */
static duet_status plan_product(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out)
{
    const int64_t K = last(&call->in[0]) + more_of(call);
    out->keep = HEADER * (int64_t)sizeof(float) + gemm_packed(K, last(&call->out[0])) * (keeps_bf16(call) ? 2 : 4);
    out->scratch = COPIES_X ? rows_of(&call->in[0]) * K * (int64_t)sizeof(float) : 0;
    if (keeps_bf16(call)) out->scratch += options->threads * K * DUET_TILE * (int64_t)sizeof(float);
    out->impl = "tiles";
    return DUET_OK;
}

/* x[M,K] in f32: itself, or a copy at `to`. */
static const float *plain(const duet_run *run, const void *from, int64_t M, int64_t K, float *to)
{
    if (!COPIES_X || from == NULL) return from;
    const duet_act *const x = from;
#pragma omp parallel for num_threads(run->threads) schedule(static) if (M * K > SMALL)
    for (int64_t m = 0; m < M; m++) act_widen(to + m * K, x + m * K, K);
    return to;
}

static duet_status run_product(const duet_run *run, bool transposed)
{
    factor l = { .K = last(&run->call->in[0]), .more_K = more_of(run->call) };
    const int64_t M = rows_of(&run->call->in[0]), K = l.K + l.more_K, N = last(&run->call->out[0]);
    uint64_t *const version = run->keep;
    const bool kept_bf16 = keeps_bf16(run->call);
    float *const packed = (float *)run->keep + HEADER, *const copies = run->scratch;
    if (*version == 0 || *version != run->in_version[1]) {
        const bool bf16 = run->call->in[1].dtype == DUET_BF16;
        if (transposed) pack(packed, kept_bf16, run->in[1], bf16, K, N, 1, K, run->threads);
        else pack(packed, kept_bf16, run->in[1], bf16, K, N, N, 1, run->threads);
        *version = run->in_version[1];
    }
    l.a = plain(run, run->in[0], M, l.K, run->scratch);
    if (l.more_K > 0) l.more = plain(run, run->in[4], M, l.more_K, COPIES_X ? (float *)run->scratch + M * l.K : NULL);
    product(&l, packed, transposed ? run->in[2] : NULL, transposed ? run->in[3] : NULL, run->out[0], M, N, run->threads,
            kept_bf16 ? copies + (COPIES_X ? M * K : 0) : NULL);
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

/* The sums of dbias, shared: each thread has its outputs. */
static int64_t total_doubles(int64_t O)
{
    return (O + 7) / 8 * 8;
}

/* Scratch of a thread: CHUNK rows of x and of dy, packed. */
static int64_t dw_floats(int64_t I, int64_t O)
{
    return CHUNK * (gemm_panels(I) * DUET_TILE + row_tiles(O) * DUET_ROWS);
}

static duet_status plan_dw(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out)
{
    const int64_t I = last(&call->in[0]), O = last(&call->in[1]);
    out->scratch = (options->threads * dw_floats(I, O) + 2 * total_doubles(O)) * (int64_t)sizeof(float);
    out->impl = "tiles";
    return DUET_OK;
}

/* Columns c0 … c1 of from[count,C] -> [tile][count][width], the last tile padded with zeros; reads whole rows in order. */
DUET_INLINE void pack_tiles(float *to, const duet_act *from, int64_t count, int64_t C, int64_t c0, int64_t c1, int width)
{
    for (int64_t m = 0; m < count; m++) {
        const duet_act *const row = from + m * C;
        float *out = to + m * width;
        int64_t c = c0;
        for (; c + width <= c1; c += width, out += count * width) act_widen(out, row + c, width);
        if (c >= c1) continue;
        for (int64_t i = 0; i < width; i++) out[i] = c + i < c1 ? act_get(row[c + i]) : 0.0f;
    }
}

/* total[c] += sum over the rows of from[count,C], columns c0 … c1: in float over a chunk, in double over chunks. */
static void add_column_sums(double *total, const duet_act *from, int64_t count, int64_t C, int64_t c0, int64_t c1)
{
    for (int64_t c = c0; c < c1; c += DUET_LANES) {
        const int64_t lanes = c1 - c < DUET_LANES ? c1 - c : DUET_LANES;
        duet_vec sum = { 0 };
        for (int64_t m = 0; m < count; m++) {
            sum += lanes == DUET_LANES ? act_load(from + m * C + c) : act_load_part(from + m * C + c, lanes);
        }
        for (int64_t i = 0; i < lanes; i++) total[c + i] += (double)sum[i];
    }
}

/* dw of the tiles t0 … t1 over one chunk of rows, which is packed. */
static void chunk_dw(float *dw, int64_t I, int64_t O, int64_t t0, int64_t t1, const float *left, const float *panels, int64_t count,
                     bool first)
{
    for (int64_t n = 0; n < I; n += DUET_TILE) {
        for (int64_t t = t0; t < t1; t++) {
            float *const at = dw + t * DUET_ROWS * I + n;
            const int64_t rows = O - t * DUET_ROWS;
            tile sum;
            if (first) tile_start(&sum, NULL, 0);
            else tile_load(&sum, at, I, rows, I - n);
            tile_outer(&sum, left + (t - t0) * count * DUET_ROWS, DUET_ROWS, panels + n * count, count);
            tile_store(&sum, at, I, rows, I - n);
        }
    }
}

/* Outputs of the tiles t0 … t1, all rows of x and dy. */
static void outputs_dw(const duet_run *run, int64_t M, int64_t I, int64_t O, int64_t t0, int64_t t1, float *panels, double *total)
{
    const duet_act *const x = run->in[0], *const dy = run->in[1];
    float *const dbias = run->out[1], *const left = panels + CHUNK * gemm_panels(I) * DUET_TILE;
    const int64_t begin = t0 * DUET_ROWS, end = t1 * DUET_ROWS < O ? t1 * DUET_ROWS : O;
    for (int64_t o = begin; o < end; o++) total[o] = 0.0;
    for (int64_t m = 0; m < M; m += CHUNK) {
        const int64_t count = M - m < CHUNK ? M - m : CHUNK;
        if (run->out[0] != NULL) {
            pack_tiles(left, dy + m * O, count, O, begin, end, DUET_ROWS);
            pack_tiles(panels, x + m * I, count, I, 0, I, DUET_TILE);
            chunk_dw(run->out[0], I, O, t0, t1, left, panels, count, m == 0);
        }
        if (dbias != NULL) add_column_sums(total, dy + m * O, count, O, begin, end);
    }
    for (int64_t o = begin; o < end && dbias != NULL; o++) dbias[o] = (float)total[o];
}

static duet_status run_dw(const duet_run *run)
{
    const int64_t M = rows_of(&run->call->in[0]), I = last(&run->call->in[0]), O = last(&run->call->in[1]), tiles = row_tiles(O);
    float *const panels = (float *)run->scratch + 2 * total_doubles(O); /* behind the totals */
#pragma omp parallel for num_threads(run->threads) schedule(static) if (M * I * O > SMALL)
    for (int part = 0; part < run->threads; part++) {
        const int64_t t0 = tiles * part / run->threads, t1 = tiles * (part + 1) / run->threads;
        if (t0 < t1) outputs_dw(run, M, I, O, t0, t1, panels + part * dw_floats(I, O), run->scratch);
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    { .op = "linear", .name = "linear", .bf16_weights = true, .plan = plan_product, .run = run_forward },
    { .op = "linear_dx", .name = "linear", .bf16_weights = true, .plan = plan_product, .run = run_dx },
    { .op = "linear_dw", .name = "linear", .plan = plan_dw, .run = run_dw },
};
DUET_CPU_KERNELS(linear) = { kernels, DUET_COUNT(kernels) };
