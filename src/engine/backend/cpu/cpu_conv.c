/* SPDX-License-Identifier: MIT
 * cpu/cpu_conv.c: conv2d and conv2d_dx: direct convolution on dense NHWC with register tiles
 * (cpu/gemm.h, cpu/conv_shape.h).
 *
 * A unit of work is some rows of one image, or some small images: its source is copied with its
 * padding into the thread's scratch, which stays in the cache; then each panel of output channels
 * passes over all pixels of the unit. Up to eight output channels leave most of a tile empty: there
 * vectors run along the inner product instead. Each output is one chain in a fixed order either
 * way: bits depend neither on batch nor on threads. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/conv_shape.h"
#include "engine/backend/cpu/counts.h"
#include "engine/backend/cpu/gemm.h"

/* Of s that a unit wants at most: 192 KiB, a part of the L2 cache. */
#define UNIT_FLOATS (48 * 1024)
#define UNIT_PIXELS 288 /* of the result that a unit wants at least */
/* Most steps of the inner product before the weights of a panel fill the L2 cache. */
#define PART      4096
#define WIDE_PART 256 /* or, widened, half of the first */
#define NARROW    8   /* output channels up to which vectors run along the inner product */
#define GROUP     3   /* of them at a time, with PIXELS pixels: twelve sums in registers */
#define PIXELS    4

typedef struct conv_plan {
    conv_shape s;
    bool flipped; /* dx: taps in opposite order, channels exchanged */
    bool narrow;
    bool bf16;            /* packed weights are kept so */
    int64_t part;         /* most steps of the inner product at a time */
    int64_t rows, images; /* of a unit; one of them is all, or one */
    int64_t row_units, units;
    int64_t pixels;      /* of the result in a unit */
    int64_t unit_floats; /* of s in a unit */
} conv_plan;

static conv_plan plan_of(const duet_call *call, int threads) {
    conv_plan p = {.flipped = call->inputs == 2};
    const int64_t k = call->in[1].shape.dim[2];
    p.s = p.flipped ? conv_shape_dx(&call->in[0], &call->out[0], call->attr, k)
                    : conv_shape_forward(&call->in[0], &call->out[0], call->attr, k);
    const conv_shape *const s = &p.s;
    p.narrow = s->N <= NARROW && s->k * s->C % DUET_LANES == 0;
    p.bf16 = !p.narrow && keeps_bf16(call);
    p.part = p.bf16 ? WIDE_PART : PART;
    p.rows = s->P;
    while (p.rows > 1 && conv_source_rows(s, p.rows) * s->width * s->C > UNIT_FLOATS)
        p.rows = (p.rows + 1) / 2;
    while (p.rows > 1 && s->B * ((s->P + p.rows - 1) / p.rows) < threads) p.rows = (p.rows + 1) / 2;
    p.images = 1;
    if (p.rows == s->P) {
        const int64_t wish = (UNIT_PIXELS + s->P * s->Q - 1) / (s->P * s->Q),
                      most = (s->B + threads - 1) / threads;
        p.images = wish < most ? wish : most;
    }
    p.row_units = (s->P + p.rows - 1) / p.rows;
    p.units = p.row_units * ((s->B + p.images - 1) / p.images);
    p.pixels = p.images * p.rows * s->Q;
    p.unit_floats = p.images * conv_source_rows(s, p.rows) * s->width * s->C;
    return p;
}

/* Of widened weights: rows of the window that are taken together, or a part of one. */
static int64_t part_floats(const conv_plan *p) {
    const int64_t stretch = p->s.k * p->s.C, all = p->s.k * stretch;
    return p->bf16 ? DUET_TILE * (all <= p->part ? all : stretch < p->part ? stretch : p->part) : 0;
}

/* Floats of a thread's scratch: s of a unit, where each pixel's window begins in it, a panel's sums
 * between parts, and the weights of a part. */
static int64_t thread_floats(const conv_plan *p) {
    return round_up(p->unit_floats + DUET_LANES, 16) + 2 * round_up(p->pixels + DUET_ROWS, 16) +
           p->pixels * DUET_TILE + part_floats(p);
}

static int64_t weight_count(const conv_plan *p) {
    const int64_t K = p->s.k * p->s.k * p->s.C;
    return p->narrow ? round_up(K * p->s.N, 16) : gemm_packed(K, p->s.N);
}

static duet_status plan(const duet_call *call, const duet_kernel_options *options,
                        duet_kernel_plan *out) {
    const conv_plan p = plan_of(call, options->threads);
    out->scratch = options->threads * thread_floats(&p) * (int64_t)sizeof(float);
    out->keep = DUET_KEEP_HEADER + weight_count(&p) * (p.bf16 ? 2 : 4);
    out->impl = p.narrow ? "direct, narrow" : "direct";
    return DUET_OK;
}

/* w[O,I,k,k] as [panel][u,v,c][tile], or [n][u,v,c] where narrow; of dx, n is I, c is O and the
 * taps are turned round. */
DUET_INLINE void pack_weights(const conv_plan *p, const void *w, void *to, const bool bf16) {
    const conv_shape *const s = &p->s;
    const int64_t taps = s->k * s->k, K = taps * s->C;
    for (int64_t n0 = 0; n0 < s->N; n0 += DUET_TILE) {
        for (int64_t e = 0; e < K; e++) {
            const int64_t tap = e / s->C, c = e % s->C;
            for (int64_t i = 0; i < DUET_TILE; i++) {
                const int64_t n = n0 + i;
                if (n >= s->N && p->narrow) continue;
                const int64_t from = p->flipped ? (c * s->N + n) * taps + taps - 1 - tap
                                                : (n * s->C + c) * taps + tap;
                const int64_t at = p->narrow ? n * K + e : n0 * K + e * DUET_TILE + i;
                const float value = n < s->N ? weight_get(w, from, bf16) : 0.0f;
                if (p->bf16)
                    ((uint16_t *)to)[at] = bf16_make(value);
                else
                    ((float *)to)[at] = value;
            }
        }
    }
}

/* What a result begins with: bias[n] and residual (as y, and may be y); NULL = 0. */
typedef struct start {
    const float *bias;
    const duet_act *residual;
} start;

static start start_at(start from, int64_t n, int64_t offset) {
    return (start){.bias = from.bias == NULL ? NULL : from.bias + n,
                   .residual = from.residual == NULL ? NULL : from.residual + offset};
}

/* One panel of output channels, `count` pixels, rows u0 … u1 of the window, floats e0 … e1 of each.
 * at[q]: where the window of pixel q begins in s; between parts the sums are in `sums`, behind
 * which
 * weights are widened. */
static void panel_part(const conv_plan *p, const float *source, const int64_t *at, int64_t count,
                       const void *weights, int64_t n, start from, float *sums, duet_act *y,
                       const int64_t u[2], const int64_t e[2]) {
    const conv_shape *const s = &p->s;
    const int64_t stretch = s->k * s->C, next = s->width * s->C;
    const bool first = u[0] == 0 && e[0] == 0, last = u[1] == s->k && e[1] == stretch;
    const int64_t steps = u[1] - u[0] > 1 ? (u[1] - u[0]) * stretch : e[1] - e[0];
    const int64_t columns = s->N - n,
                  first_step = n * s->k * stretch + (u[0] * stretch + e[0]) * DUET_TILE;
    const float *const w =
        panel_plain(weights, first_step, steps, p->bf16, sums + p->pixels * DUET_TILE);
    for (int64_t q = 0; q < count; q += DUET_ROWS) {
        const float *row[DUET_ROWS];
        for (int r = 0; r < DUET_ROWS; r++) row[r] = source + at[q + r];
        tile t;
        if (first)
            tile_start(&t, from.bias, columns);
        else
            tile_load(&t, sums + q * DUET_TILE, DUET_TILE, count - q, DUET_TILE);
        if (first && from.residual != NULL)
            tile_load_add(&t, from.residual + q * s->N, s->N, count - q, columns);
        for (int64_t v = u[0]; v < u[1]; v++) {
            tile_rows(&t, row, v * next + e[0], w + (v - u[0]) * stretch * DUET_TILE, e[1] - e[0]);
        }
        if (last)
            tile_put(&t, y + q * s->N, s->N, count - q, columns);
        else
            tile_store(&t, sums + q * DUET_TILE, DUET_TILE, count - q, DUET_TILE);
    }
}

/* Pixels of the result from y on, all output channels, in parts of the inner product whose weights
 * fit the L1 cache. */
static void unit_wide(const conv_plan *p, const float *source, const int64_t *at, int64_t count,
                      const void *w, start from, float *sums, duet_act *y) {
    const conv_shape *const s = &p->s;
    const int64_t stretch = s->k * s->C, whole = s->k * stretch <= p->part ? s->k : 1;
    const int64_t parts = whole > 1 ? 1 : (stretch + p->part - 1) / p->part;
    for (int64_t n = 0; n < s->N; n += DUET_TILE) {
        for (int64_t u = 0; u < s->k; u += whole) {
            for (int64_t i = 0; i < parts; i++) {
                panel_part(p, source, at, count, w, n, start_at(from, n, n), sums, y + n,
                           (int64_t[]){u, u + whole},
                           (int64_t[]){stretch * i / parts, stretch * (i + 1) / parts});
            }
        }
    }
}

/* y[pixel, n …] of PIXELS pixels and `group` channels */
DUET_INLINE void narrow_group(const conv_shape *s, const float *const *row, const float *w,
                              start from, duet_act *y, int64_t pixels, const int group) {
    const int64_t stretch = s->k * s->C, next = s->width * s->C, K = s->k * stretch;
    duet_vec sum[PIXELS][GROUP] = {{{0}}};
    for (int64_t u = 0; u < s->k; u++) {
        for (int64_t e = 0; e < stretch; e += DUET_LANES) {
            duet_vec x[PIXELS];
            DUET_UNROLL
            for (int q = 0; q < PIXELS; q++) x[q] = vec_load(row[q] + u * next + e);
            DUET_UNROLL
            for (int n = 0; n < group; n++) {
                const duet_vec value = vec_load(w + n * K + u * stretch + e);
                DUET_UNROLL
                for (int q = 0; q < PIXELS; q++) sum[q][n] += x[q] * value;
            }
        }
    }
    for (int q = 0; q < PIXELS && q < pixels; q++) {
        for (int n = 0; n < group; n++) {
            const float begin =
                (from.bias == NULL ? 0.0f : from.bias[n]) +
                (from.residual == NULL ? 0.0f : act_get(from.residual[q * s->N + n]));
            y[q * s->N + n] = act_make(begin + vec_sum(sum[q][n]));
        }
    }
}

static void unit_narrow(const conv_shape *s, const float *source, const int64_t *at, int64_t count,
                        const float *w, start from, duet_act *y) {
    const int64_t K = s->k * s->k * s->C;
    for (int64_t q = 0; q < count; q += PIXELS) {
        const float *row[PIXELS];
        for (int r = 0; r < PIXELS; r++) row[r] = source + at[q + r < count ? q + r : q];
        for (int64_t n = 0; n < s->N; n += GROUP) {
            const float *const part = w + n * K;
            const start begin = start_at(from, n, q * s->N + n);
            duet_act *const to = y + q * s->N + n;
            if (s->N - n >= 3)
                narrow_group(s, row, part, begin, to, count - q, 3);
            else if (s->N - n == 2)
                narrow_group(s, row, part, begin, to, count - q, 2);
            else
                narrow_group(s, row, part, begin, to, count - q, 1);
        }
    }
}

/* Unit `index`: copies its source, finds its windows, computes. */
static void run_unit(const conv_plan *p, int64_t index, const duet_run *run, const void *w,
                     float *scratch) {
    const conv_shape *const s = &p->s;
    const int64_t b0 = index / p->row_units * p->images, i0 = index % p->row_units * p->rows;
    const int64_t images = s->B - b0 < p->images ? s->B - b0 : p->images,
                  rows = s->P - i0 < p->rows ? s->P - i0 : p->rows;
    const int64_t source_rows = conv_source_rows(s, rows), size = source_rows * s->width * s->C,
                  count = images * rows * s->Q;
    const duet_act *const x = (const duet_act *)run->in[0] + b0 * s->H * s->W * s->C;
    const float *source = scratch;
    int64_t *const at = (int64_t *)(void *)(scratch + round_up(p->unit_floats + DUET_LANES, 16)),
                   image = size;
    float *const sums = (float *)(at + round_up(p->pixels + DUET_ROWS, 16));
    if (conv_is_plain(s)) {
        source = (const float *)(const void *)(x + i0 * s->step * s->W * s->C);
        image = s->H * s->W * s->C;
    } else {
        for (int64_t b = 0; b < images; b++) {
            conv_copy(s, x + b * s->H * s->W * s->C, i0 * s->step, source_rows, scratch + b * size);
        }
    }
    int64_t q = 0;
    for (int64_t b = 0; b < images; b++) {
        for (int64_t i = 0; i < rows; i++) {
            for (int64_t j = 0; j < s->Q; j++)
                at[q++] = b * image + (i * s->width + j) * s->step * s->C;
        }
    }
    const int64_t first = (b0 * s->P + i0) * s->Q * s->N;
    start from = {NULL, NULL};
    if (!p->flipped) from = start_at((start){run->in[2], run->in[3]}, 0, first);
    for (; q < count + DUET_ROWS; q++) at[q] = at[count - 1];
    if (p->narrow)
        unit_narrow(s, source, at, count, w, from, (duet_act *)run->out[0] + first);
    else
        unit_wide(p, source, at, count, w, from, sums, (duet_act *)run->out[0] + first);
}

static duet_status run_conv(const duet_run *run) {
    const conv_plan p = plan_of(run->call, run->threads);
    const int64_t step = thread_floats(&p);
    uint64_t *const version = run->keep;
    void *const w = (char *)run->keep + DUET_KEEP_HEADER;
    queue units = {.count = p.units};
    if (*version == 0 || *version != run->in_version[1]) {
        if (run->call->in[1].dtype == DUET_BF16)
            pack_weights(&p, run->in[1], w, true);
        else
            pack_weights(&p, run->in[1], w, false);
        *version = run->in_version[1];
    }
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int part = 0; part < run->threads; part++) {
        float *const own = (float *)run->scratch + part * step;
        for (int64_t i = queue_take(&units); i < units.count; i = queue_take(&units))
            run_unit(&p, i, run, w, own);
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "conv2d", .name = "conv", .bf16_weights = true, .plan = plan, .run = run_conv},
    {.op = "conv2d_dx", .name = "conv", .bf16_weights = true, .plan = plan, .run = run_conv},
};
DUET_CPU_KERNELS(conv) = {kernels, DUET_COUNT(kernels)};
