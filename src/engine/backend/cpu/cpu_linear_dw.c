/* SPDX-License-Identifier: MIT
 * cpu/cpu_linear_dw.c: the weight gradient of linear as a product of register tiles (cpu/gemm.h): one chain over the rows, split
 * over the threads by outputs, so it does not depend on the threads. The other products are in cpu/cpu_product.c. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/counts.h"
#include "engine/backend/cpu/gemm.h"
#include "engine/op/op_list.h"
#include "engine/op/ops_grad.h"

#define CHUNK 192    /* rows packed at a time: a panel stays in the first cache */
#define SMALL 200000 /* multiply-adds below which waking threads costs more than it gives */

static int64_t rows_of(const duet_arg *arg)
{
    return duet_shape_count(&arg->shape) / duet_op_last(&arg->shape);
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
    const int64_t I = duet_op_last(&call->in[0].shape), O = duet_op_last(&call->in[1].shape);
    out->scratch = (options->threads * dw_floats(I, O) + 2 * total_doubles(O)) * (int64_t)sizeof(float);
    out->impl = "tiles";
    return DUET_OK;
}

/* Columns c0 … c1 of from[count,C] -> [tile][count][width], the last tile padded with zeros; reads whole rows in order. A tile
 * narrower than whole vectors (no more than two) is copied with its neighbours, which the next row then overwrites; not so in
 * the last row, behind which there may be no memory to read and another tile begins. */
DUET_INLINE void pack_tiles(float *to, const duet_act *from, int64_t count, int64_t C, int64_t c0, int64_t c1, int width)
{
    for (int64_t m = 0; m < count; m++) {
        const duet_act *const row = from + m * C;
        float *out = to + m * width;
        int64_t c = c0;
        if (m + 1 < count) {
            for (; c + width <= c1; c += width, out += count * width) {
                vec_store(out, act_load(row + c));
                if (width > DUET_LANES) vec_store(out + DUET_LANES, act_load(row + c + DUET_LANES));
            }
        }
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
    const int64_t M = rows_of(&run->call->in[0]), I = duet_op_last(&run->call->in[0].shape);
    const int64_t O = duet_op_last(&run->call->in[1].shape), tiles = row_tiles(O);
    float *const panels = (float *)run->scratch + 2 * total_doubles(O); /* behind the totals */
#pragma omp parallel for num_threads(run->threads) schedule(static) if (M * I * O > SMALL)
    for (int part = 0; part < run->threads; part++) {
        const int64_t t0 = tiles * part / run->threads, t1 = tiles * (part + 1) / run->threads;
        if (t0 < t1) outputs_dw(run, M, I, O, t0, t1, panels + part * dw_floats(I, O), run->scratch);
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    { .op = "linear_dw", .name = "linear", .plan = plan_dw, .run = run_dw },
};
DUET_CPU_KERNELS(linear_dw) = { kernels, DUET_COUNT(kernels) };
