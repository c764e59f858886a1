/* SPDX-License-Identifier: MIT
 * cpu/cpu_linear_dw.c: the weight gradient of linear as a product of register tiles (cpu/gemm.h).
 * The rows are cut into slices which threads take in turn and which are added in order; a dw too
 * large for that is one slice, cut by outputs. Slices depend on the shape alone, and so do the
 * bits. The other products are in cpu/cpu_product.c. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/counts.h"
#include "engine/backend/cpu/gemm.h"
#include "engine/op/op_list.h"
#include "engine/op/ops_grad.h"

#define CHUNK         192 /* rows packed at a time: a panel stays in the L1 cache */
#define MOST_SLICES   8
#define SLICES_FLOATS (256 * 1024) /* of dw in all slices */
#define BLOCK         1024         /* elements of dw that are added up at a time */
#define SMALL         200000 /* multiply-adds below which waking threads costs more than it gives */

static int64_t rows_of(const duet_arg *arg) {
    return duet_shape_count(&arg->shape) / duet_op_last(&arg->shape);
}

static int64_t row_tiles(int64_t O) {
    return (O + DUET_ROWS - 1) / DUET_ROWS;
}

typedef struct dw_plan {
    int64_t M, I, O;
    int64_t slices, parts; /* of the rows, of the outputs */
    int64_t packed;        /* floats of a thread: CHUNK rows of x and of dy, packed */
    int64_t sums, totals;  /* floats of a slice: its dw, where there are several, and its dbias */
    int threads;
} dw_plan;

static dw_plan plan_of(const duet_call *call, int threads) {
    dw_plan p = {.M = rows_of(&call->in[0]),
                 .I = duet_op_last(&call->in[0].shape),
                 .O = duet_op_last(&call->in[1].shape)};
    p.threads = p.M * p.I * p.O > SMALL ? threads : 1;
    p.slices = larger(1, smaller(smaller(MOST_SLICES, SLICES_FLOATS / (p.I * p.O)), p.M / CHUNK));
    p.parts = p.slices == 1 ? p.threads : 1;
    p.packed = CHUNK * (gemm_panels(p.I) * DUET_TILE + row_tiles(p.O) * DUET_ROWS);
    p.sums = p.slices == 1 ? 0 : round_up(p.I * p.O, 16);
    p.totals = round_up(2 * p.O, 16);
    return p;
}

static duet_status plan_dw(const duet_call *call, const duet_kernel_options *options,
                           duet_kernel_plan *out) {
    const dw_plan p = plan_of(call, options->threads);
    out->scratch = (p.slices * (p.sums + p.totals) + p.threads * p.packed) * (int64_t)sizeof(float);
    out->impl = p.slices > 1 ? "tiles, slices" : "tiles";
    return DUET_OK;
}

/* Columns c0 … c1 of from[count,C] -> [tile][count][width], the last tile padded with zeros; reads
 * whole rows in order. A tile narrower than whole vectors (no more than two) is copied with its
 * neighbours, which the next row then overwrites; not so in the last row, behind which there may be
 * no memory to read and another tile begins. */
DUET_INLINE void pack_tiles(float *to, const duet_act *from, int64_t count, int64_t C, int64_t c0,
                            int64_t c1, int width) {
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

/* total[c] += sum over the rows of from[count,C], columns c0 … c1: in float over a chunk, in double
 * over chunks. */
static void add_column_sums(double *total, const duet_act *from, int64_t count, int64_t C,
                            int64_t c0, int64_t c1) {
    for (int64_t c = c0; c < c1; c += DUET_LANES) {
        const int64_t lanes = c1 - c < DUET_LANES ? c1 - c : DUET_LANES;
        duet_vec sum = {0};
        for (int64_t m = 0; m < count; m++) {
            sum += lanes == DUET_LANES ? act_load(from + m * C + c)
                                       : act_load_part(from + m * C + c, lanes);
        }
        for (int64_t i = 0; i < lanes; i++) total[c + i] += (double)sum[i];
    }
}

/* dw and dbias of a slice of the rows, in scratch. */
static float *slice_of(const dw_plan *p, const duet_run *run, int64_t slice) {
    return (float *)run->scratch + slice * (p->sums + p->totals);
}

/* dw of the tiles t0 … t1 over one chunk of rows, which is packed. */
static void chunk_dw(float *dw, int64_t I, int64_t O, int64_t t0, int64_t t1, const float *left,
                     const float *panels, int64_t count, bool first) {
    for (int64_t n = 0; n < I; n += DUET_TILE) {
        for (int64_t t = t0; t < t1; t++) {
            float *const at = dw + t * DUET_ROWS * I + n;
            const int64_t rows = O - t * DUET_ROWS;
            tile sum;
            if (first)
                tile_start(&sum, NULL, 0);
            else
                tile_load(&sum, at, I, rows, I - n);
            tile_outer(&sum, left + (t - t0) * count * DUET_ROWS, DUET_ROWS, panels + n * count,
                       count);
            tile_store(&sum, at, I, rows, I - n);
        }
    }
}

/* Of the rows of a slice the outputs of a part; `own`: the thread's scratch. */
static void run_unit(const dw_plan *p, const duet_run *run, int64_t slice, int64_t part,
                     float *own) {
    const duet_act *const x = run->in[0], *const dy = run->in[1];
    const int64_t I = p->I, O = p->O, tiles = row_tiles(O), m0 = p->M * slice / p->slices,
                  m1 = p->M * (slice + 1) / p->slices;
    const int64_t t0 = tiles * part / p->parts, t1 = tiles * (part + 1) / p->parts,
                  begin = t0 * DUET_ROWS, end = smaller(t1 * DUET_ROWS, O);
    float *const sums = slice_of(p, run, slice), *const dw = p->slices == 1 ? run->out[0] : sums;
    float *const left = own + CHUNK * gemm_panels(I) * DUET_TILE;
    double *const total = (double *)(void *)(sums + p->sums);
    for (int64_t o = begin; o < end; o++) total[o] = 0.0;
    for (int64_t m = m0; m < m1; m += CHUNK) {
        const int64_t count = smaller(m1 - m, CHUNK);
        if (run->out[0] != NULL) {
            pack_tiles(left, dy + m * O, count, O, begin, end, DUET_ROWS);
            pack_tiles(own, x + m * I, count, I, 0, I, DUET_TILE);
            chunk_dw(dw, I, O, t0, t1, left, own, count, m == m0);
        }
        if (run->out[1] != NULL) add_column_sums(total, dy + m * O, count, O, begin, end);
    }
}

/* Adds the slices in order. */
static void finish(const dw_plan *p, const duet_run *run) {
    float *const dw = run->out[0], *const dbias = run->out[1];
    const int64_t count = p->I * p->O;
    for (int64_t o = 0; o < p->O && dbias != NULL; o++) {
        double total = 0.0;
        for (int64_t i = 0; i < p->slices; i++)
            total += ((const double *)(const void *)(slice_of(p, run, i) + p->sums))[o];
        dbias[o] = (float)total;
    }
    if (dw == NULL || p->slices == 1) return;
#pragma omp parallel for num_threads(p->threads) schedule(static)
    for (int64_t e = 0; e < count; e += BLOCK) {
        const int64_t end = smaller(e + BLOCK, count);
        memcpy(dw + e, slice_of(p, run, 0) + e, (size_t)(end - e) * sizeof(float));
        for (int64_t i = 1; i < p->slices; i++) {
            const float *const from = slice_of(p, run, i);
            for (int64_t k = e; k < end; k++) dw[k] += from[k];
        }
    }
}

static duet_status run_dw(const duet_run *run) {
    const dw_plan p = plan_of(run->call, run->threads);
    float *const packed = (float *)run->scratch + p.slices * (p.sums + p.totals);
    queue units = {.count = p.slices * p.parts};
#pragma omp parallel for num_threads(p.threads) schedule(static)
    for (int part = 0; part < p.threads; part++) {
        float *const own = packed + part * p.packed;
        for (int64_t i = queue_take(&units); i < units.count; i = queue_take(&units))
            run_unit(&p, run, i / p.parts, i % p.parts, own);
    }
    finish(&p, run);
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "linear_dw", .name = "linear", .plan = plan_dw, .run = run_dw},
};
DUET_CPU_KERNELS(linear_dw) = {kernels, DUET_COUNT(kernels)};
