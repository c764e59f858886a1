/* SPDX-License-Identifier: MIT
 * cpu/cpu_conv_dw.c: conv2d_dw, the gradients of weight and bias, on dense NHWC with register
 * tiles.
 *
 * The batch is cut into slices whose number depends on the shape alone; each slice sums its own dw
 * in a fixed order and the slices are added in order, so bits do not depend on the threads. Within
 * a slice, blocks of rows (or of small images) of x are copied with their padding
 * (cpu/conv_shape.h), dy is packed in panels, and a tile of dw takes DUET_ROWS neighbouring floats
 * of the window's row u and one panel of output channels over all pixels of the block. Up to eight
 * output channels leave most of a panel empty: there vectors run along the window's row instead. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/conv_shape.h"
#include "engine/backend/cpu/counts.h"
#include "engine/backend/cpu/gemm.h"

#define BLOCK_PIXELS 112 /* of dy in a block: dw is loaded and stored once per block */
#define NARROW       8   /* output channels up to which vectors run along the window's row */
#define GROUP        3   /* of them at a time, with WIDTH vectors: twelve sums in registers */
#define WIDTH        4

typedef struct dw_plan {
    conv_shape s;
    bool narrow;
    int64_t rows, images;  /* of dy in a block; one of them is all, or one */
    int64_t slices, parts; /* of the batch; of the output channels */
    int64_t stretch;       /* floats of a row of the window; padded to whole vectors where narrow */
    int64_t outputs;       /* N, padded to whole panels where not narrow */
    int64_t sum_floats;    /* of a slice: dw, then dbias */
    int64_t source_floats, panel_floats; /* scratch of a thread */
} dw_plan;

static dw_plan plan_of(const duet_call *call, int threads) {
    const duet_conv2d_attr *const attr = call->attr;
    dw_plan p = {.s = conv_shape_forward(&call->in[0], &call->in[1], attr, attr->kernel)};
    const conv_shape *const s = &p.s;
    p.narrow = s->N <= NARROW;
    p.stretch = p.narrow ? round_up(s->k * s->C, WIDTH * DUET_LANES) : s->k * s->C;
    p.outputs = p.narrow ? s->N : round_up(s->N, DUET_TILE);
    p.sum_floats = round_up(s->k * p.stretch * p.outputs + p.outputs, 16);
    p.slices = smaller(s->B, p.sum_floats <= 64 * 1024 ? 16 : p.sum_floats <= 256 * 1024 ? 8 : 4);
    p.parts = p.slices >= threads || p.narrow
                  ? 1
                  : smaller(p.outputs / DUET_TILE, (threads + p.slices - 1) / p.slices);
    p.rows = smaller(s->P, BLOCK_PIXELS / s->Q > 1 ? BLOCK_PIXELS / s->Q : 1);
    p.images = p.rows < s->P ? 1
                             : smaller((s->B + p.slices - 1) / p.slices,
                                       (BLOCK_PIXELS + s->P * s->Q - 1) / (s->P * s->Q));
    p.source_floats =
        round_up(p.images * conv_source_rows(s, p.rows) * s->width * s->C + WIDTH * DUET_LANES, 16);
    p.panel_floats = p.narrow ? 0 : p.images * p.rows * s->Q * p.outputs;
    return p;
}

static duet_status plan(const duet_call *call, const duet_kernel_options *options,
                        duet_kernel_plan *out) {
    const dw_plan p = plan_of(call, options->threads);
    const int64_t threads = options->threads;
    out->scratch =
        (p.slices * p.sum_floats + threads * (p.source_floats + round_up(p.panel_floats, 16))) *
        (int64_t)sizeof(float);
    out->impl = p.narrow ? "direct, narrow" : "direct";
    return DUET_OK;
}

/* dy[pixels,N], columns n0 … n1, as panels; and their sums added to dbias. */
static void pack_dy(const conv_shape *s, const duet_act *dy, int64_t pixels, int64_t n0, int64_t n1,
                    float *panels, float *dbias) {
    for (int64_t n = n0; n < n1; n += DUET_TILE) {
        float *const panel = panels + n * pixels;
        duet_vec left = {0}, right = {0};
        gemm_pack_panel(panel, dy, pixels, n, s->N, s->N, 1);
        for (int64_t q = 0; q < pixels; q++) {
            left += vec_load(panel + q * DUET_TILE);
            right += vec_load(panel + q * DUET_TILE + DUET_LANES);
        }
        vec_store(dbias + n, vec_load(dbias + n) + left);
        vec_store(dbias + n + DUET_LANES, vec_load(dbias + n + DUET_LANES) + right);
    }
}

/* dw[u, e, n] of the panels n0 … n1 += a block's products. */
static void block_wide(const dw_plan *p, const float *source, const float *panels, int64_t images,
                       int64_t rows, int64_t n0, int64_t n1, float *dw) {
    const conv_shape *const s = &p->s;
    const int64_t next = s->width * s->C, size = conv_source_rows(s, rows) * next;
    for (int64_t n = n0; n < n1; n += DUET_TILE) {
        const float *const panel = panels + n * images * rows * s->Q;
        for (int64_t u = 0; u < s->k; u++) {
            for (int64_t e = 0; e < p->stretch; e += DUET_ROWS) {
                float *const at = dw + (u * p->stretch + e) * p->outputs + n;
                tile t;
                tile_load(&t, at, p->outputs, p->stretch - e, DUET_TILE);
                for (int64_t i = 0; i < images * rows; i++) {
                    const float *const row =
                        source + i / rows * size + (i % rows * s->step + u) * next + e;
                    tile_outer(&t, row, s->step * s->C, panel + i * s->Q * DUET_TILE, s->Q);
                }
                tile_store(&t, at, p->outputs, p->stretch - e, DUET_TILE);
            }
        }
    }
}

/* WIDTH vectors of dw[n …][u, e …] of `group` output channels */
DUET_INLINE void narrow_group(const conv_shape *s, const float *x, const duet_act *dy,
                              int64_t count, float *dw, int64_t step, const int group) {
    duet_vec sum[GROUP][WIDTH];
    DUET_UNROLL
    for (int n = 0; n < group; n++) {
        DUET_UNROLL
        for (int v = 0; v < WIDTH; v++) sum[n][v] = vec_load(dw + n * step + v * DUET_LANES);
    }
    for (int64_t q = 0; q < count; q++, x += s->step * s->C, dy += s->N) {
        DUET_UNROLL
        for (int n = 0; n < group; n++) {
            const duet_vec value = vec_set(act_get(dy[n]));
            DUET_UNROLL
            for (int v = 0; v < WIDTH; v++) sum[n][v] += value * vec_load(x + v * DUET_LANES);
        }
    }
    DUET_UNROLL
    for (int n = 0; n < group; n++) {
        DUET_UNROLL
        for (int v = 0; v < WIDTH; v++) vec_store(dw + n * step + v * DUET_LANES, sum[n][v]);
    }
}

/* dw[n, u, e] += a block's products; lanes behind the end of the window's row are never read. */
static void block_narrow(const dw_plan *p, const float *source, const duet_act *dy, int64_t images,
                         int64_t rows, float *dw) {
    const conv_shape *const s = &p->s;
    const int64_t next = s->width * s->C, size = conv_source_rows(s, rows) * next,
                  step = s->k * p->stretch;
    for (int64_t i = 0; i < images * rows; i++) {
        for (int64_t u = 0; u < s->k; u++) {
            const float *const row = source + i / rows * size + (i % rows * s->step + u) * next;
            const duet_act *const up = dy + i * s->Q * s->N;
            for (int64_t e = 0; e < p->stretch; e += WIDTH * DUET_LANES) {
                for (int64_t n = 0; n < s->N; n += GROUP) {
                    float *const at = dw + n * step + u * p->stretch + e;
                    if (s->N - n >= 3)
                        narrow_group(s, row + e, up + n, s->Q, at, step, 3);
                    else if (s->N - n == 2)
                        narrow_group(s, row + e, up + n, s->Q, at, step, 2);
                    else
                        narrow_group(s, row + e, up + n, s->Q, at, step, 1);
                }
            }
        }
    }
}

/* One slice, one part of the output channels. */
static void run_unit(const dw_plan *p, const duet_run *run, int64_t slice, int64_t part,
                     float *sums, float *scratch) {
    const conv_shape *const s = &p->s;
    const int64_t begin = s->B * slice / p->slices, end = s->B * (slice + 1) / p->slices,
                  count = p->outputs / DUET_TILE;
    const int64_t n0 = count * part / p->parts * DUET_TILE,
                  n1 = count * (part + 1) / p->parts * DUET_TILE;
    float *const dw = sums + slice * p->sum_floats, *const dbias =
                                                        dw + s->k * p->stretch * p->outputs;
    for (int64_t b = begin; b < end; b += p->images) {
        const int64_t images = smaller(end - b, p->images);
        for (int64_t i = 0; i < s->P; i += p->rows) {
            const int64_t rows = smaller(s->P - i, p->rows),
                          size = conv_source_rows(s, rows) * s->width * s->C;
            const duet_act *const x = (const duet_act *)run->in[0] + b * s->H * s->W * s->C;
            const duet_act *const dy = (const duet_act *)run->in[1] + (b * s->P + i) * s->Q * s->N;
            for (int64_t k = 0; k < images && run->out[0] != NULL; k++) {
                conv_copy(s, x + k * s->H * s->W * s->C, i * s->step, conv_source_rows(s, rows),
                          scratch + k * size);
            }
            if (p->narrow) {
                if (run->out[0] != NULL) block_narrow(p, scratch, dy, images, rows, dw);
                for (int64_t q = 0; q < images * rows * s->Q; q++) {
                    for (int64_t n = 0; n < s->N; n++) dbias[n] += act_get(dy[q * s->N + n]);
                }
                continue;
            }
            float *const panels = scratch + p->source_floats;
            pack_dy(s, dy, images * rows * s->Q, n0, n1, panels, dbias);
            if (run->out[0] != NULL) block_wide(p, scratch, panels, images, rows, n0, n1, dw);
        }
    }
}

/* Adds the slices in order and writes OIHW. */
static void finish(const dw_plan *p, const duet_run *run, const float *sums) {
    const conv_shape *const s = &p->s;
    const int64_t taps = s->k * s->k, bias_at = s->k * p->stretch * p->outputs;
    float *const dw = run->out[0], *const dbias = run->out[1];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t n0 = 0; n0 < s->N; n0 += DUET_TILE) {
        const int64_t n1 = smaller(n0 + DUET_TILE, s->N);
        for (int64_t e = 0; e < taps * s->C && dw != NULL; e++) {
            const int64_t c = e / taps, tap = e % taps,
                          row = tap / s->k * p->stretch + tap % s->k * s->C + c;
            for (int64_t n = n0; n < n1; n++) {
                const float *const from =
                    sums + (p->narrow ? n * s->k * p->stretch + row : row * p->outputs + n);
                float total = from[0];
                for (int64_t i = 1; i < p->slices; i++) total += from[i * p->sum_floats];
                dw[(n * s->C + c) * taps + tap] = total;
            }
        }
        for (int64_t n = n0; n < n1 && dbias != NULL; n++) {
            float total = 0.0f;
            for (int64_t i = 0; i < p->slices; i++) total += sums[i * p->sum_floats + bias_at + n];
            dbias[n] = total;
        }
    }
}

static duet_status run_dw(const duet_run *run) {
    const dw_plan p = plan_of(run->call, run->threads);
    float *const sums = run->scratch, *const scratch = sums + p.slices * p.sum_floats;
    const int64_t step = p.source_floats + round_up(p.panel_floats, 16);
    queue units = {.count = p.slices * p.parts};
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t i = 0; i < p.slices; i++)
        memset(sums + i * p.sum_floats, 0, (size_t)p.sum_floats * sizeof(float));
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int part = 0; part < run->threads; part++) {
        for (int64_t i = queue_take(&units); i < units.count; i = queue_take(&units)) {
            run_unit(&p, run, i / p.parts, i % p.parts, sums, scratch + part * step);
        }
    }
    finish(&p, run, sums);
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "conv2d_dw", .name = "conv", .plan = plan, .run = run_dw},
};
DUET_CPU_KERNELS(conv_dw) = {kernels, DUET_COUNT(kernels)};
