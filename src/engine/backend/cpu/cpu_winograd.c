/* SPDX-License-Identifier: MIT
 * cpu/cpu_winograd.c: conv2d and conv2d_dx of 3x3 windows with step 1 by Winograd's F(4x4,3x3) (cpu/winograd.h).
 *
 * V = source of a block of tiles at 36 points [f][tile][c]; U = weights [panel][f][c][DUET_TILE]; 36 products a panel give
 * M[tile][f][n], from which the result is made. Where tiles are many and U is small each thread takes its own blocks, whose
 * V and M stay in its second cache, and U is kept between runs. Else the threads make V of a wave of tiles together and then
 * each takes its own panels, so that few tiles still occupy all threads and weights are read once; there a large U, four
 * times the weights, is never stored whole but made again panel by panel, which a wave of some hundred tiles repays.
 * Each element of M is one chain over the channels either way: bits depend neither on batch nor on threads, as long as the
 * batch is one for which this kernel is chosen. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/gemm.h"
#include "engine/backend/cpu/winograd.h"

#define HEADER          16                /* floats before U: the version of the weights */
#define GROUP           32                /* columns of M */
#define CACHE_FLOATS    (160 * 1024)      /* of V and M of a thread's block: most of the second cache */
#define KEEP_FLOATS     (2560 * 1024)     /* of U at most, if it is kept */
#define WAVE_FLOATS     (4 * 1024 * 1024) /* of V of a wave, if that is at least WAVE_TILES */
#define WAVE_TILES      192
#define BLOCK_TILES     48                /* of a wave's block: how often a weight is used once it is read */
#define FEWEST_PRODUCTS (16 * 1024)       /* a point, for Winograd to pay if U is kept */
#define FEWEST_TILES    16                /* and if it is not */

typedef struct winograd_plan {
    conv_shape s;
    bool flipped; /* dx: taps in opposite order, channels exchanged */
    bool keeps, shared;
    bool bf16; /* the weights are stored so */
    winograd_tiles tiles;
    int64_t block, wave; /* tiles that M, and V, are made of at once */
    int64_t width, plane; /* floats of a tile and of a point in V */
    int64_t panel_floats; /* of U */
} winograd_plan;

static int64_t round_up(int64_t count, int64_t to)
{
    return (count + to - 1) / to * to;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static conv_shape shape_of(const duet_call *call)
{
    const int64_t k = call->in[1].shape.dim[2];
    return call->inputs == 2 ? conv_shape_dx(&call->in[0], &call->out[0], call->attr, k)
                             : conv_shape_forward(&call->in[0], &call->out[0], call->attr, k);
}

static bool supports(const duet_call *call)
{
    const duet_conv2d_attr *const attr = call->attr;
    return call->in[1].shape.dim[2] == WINOGRAD_TAPS && attr->stride == 1 && attr->pad < WINOGRAD_TAPS;
}

static int64_t groups_of(const winograd_plan *p)
{
    return (p->s.N + GROUP - 1) / GROUP;
}

static winograd_plan plan_of(const duet_call *call, int threads)
{
    winograd_plan p = { .s = shape_of(call), .flipped = call->inputs == 2, .bf16 = call->in[1].dtype == DUET_BF16 };
    p.tiles = winograd_tiles_of(&p.s);
    p.width = round_up(p.s.C, DUET_LANES);
    p.panel_floats = (int64_t)WINOGRAD_POINTS * p.s.C * DUET_TILE;
    p.keeps = gemm_panels(p.s.N) * p.panel_floats <= KEEP_FLOATS;
    const int64_t fit = CACHE_FLOATS / (WINOGRAD_POINTS * (p.width + GROUP)) / DUET_ROWS * DUET_ROWS;
    const int64_t most = larger(fit, round_up(24, DUET_ROWS));
    p.shared = !p.keeps || (threads > 1 && p.tiles.count < threads * 2 * DUET_ROWS);
    if (p.shared) { /* kept weights may be read by several threads at a time, so few panels do not mean few units */
        const int64_t parts = p.keeps ? (threads + groups_of(&p) - 1) / groups_of(&p) : 1;
        p.block = smaller(round_up((p.tiles.count + parts - 1) / parts, DUET_ROWS), BLOCK_TILES);
        p.wave = larger(WAVE_TILES, WAVE_FLOATS / WINOGRAD_POINTS / p.width / BLOCK_TILES * BLOCK_TILES);
        p.wave = smaller(p.wave, round_up(p.tiles.count, p.block));
    } else { /* the same number of blocks for each thread */
        const int64_t blocks = round_up((p.tiles.count + most - 1) / most, threads);
        p.block = round_up((p.tiles.count + blocks - 1) / blocks, DUET_ROWS);
        p.wave = p.block;
    }
    p.plane = winograd_plane(p.wave * p.width);
    return p;
}

/* Scratch: zeros, V if shared, then of each thread V if not shared, U of a group if not kept, M, pixels that are not there. */
typedef struct layout {
    int64_t zeros, source, thread; /* floats from the beginning; `thread` is the first one's */
    int64_t weights, products, other; /* from a thread's beginning */
    int64_t thread_floats;
} layout;

static layout layout_of(const winograd_plan *p)
{
    const int64_t source = WINOGRAD_POINTS * p->plane, weights = p->keeps ? 0 : GROUP / DUET_TILE * p->panel_floats;
    layout at = { .zeros = 0, .source = round_up(p->width, 16) };
    at.thread = at.source + (p->shared ? source : 0);
    at.weights = p->shared ? 0 : source;
    at.products = at.weights + round_up(weights, 16);
    at.other = at.products + p->block * WINOGRAD_POINTS * GROUP;
    at.thread_floats = at.other + GROUP;
    return at;
}

static duet_status plan(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out)
{
    const winograd_plan p = plan_of(call, options->threads);
    const layout at = layout_of(&p);
    out->scratch = (at.thread + options->threads * at.thread_floats) * (int64_t)sizeof(float);
    out->keep = p.keeps ? (HEADER + gemm_panels(p.s.N) * p.panel_floats) * (int64_t)sizeof(float) : 0;
    out->impl = p.shared ? "winograd, shared" : "winograd";
    return DUET_OK;
}

/* Channels c0 … c1 of the panel at n0 of U. */
DUET_INLINE void transform_stored(const winograd_plan *p, const void *w, int64_t n0, int64_t c0, int64_t c1, float *panel, const bool bf16)
{
    enum { TAPS = WINOGRAD_TAPS * WINOGRAD_TAPS };
    const conv_shape *const s = &p->s;
    const int64_t count = smaller(s->N - n0, DUET_TILE), step = (p->flipped ? 1 : s->C) * TAPS;
    float g[TAPS][DUET_TILE] = { { 0 } };
    for (int64_t c = c0; c < c1; c++) {
        const int64_t from = (p->flipped ? c * s->N + n0 : n0 * s->C + c) * TAPS;
        for (int64_t n = 0; n < count; n++) {
            for (int tap = 0; tap < TAPS; tap++) g[tap][n] = weight_get(w, from + n * step + (p->flipped ? TAPS - 1 - tap : tap), bf16);
        }
        for (int64_t n = 0; n < DUET_TILE; n += DUET_LANES) {
            winograd_weight_tile(&g[0][n], DUET_TILE, panel + c * DUET_TILE + n, s->C * DUET_TILE);
        }
    }
}

static void transform_weights(const winograd_plan *p, const void *w, int64_t n0, int64_t c0, int64_t c1, float *panel)
{
    if (p->bf16) transform_stored(p, w, n0, c0, c1, panel, true);
    else transform_stored(p, w, n0, c0, c1, panel, false);
}

/* M of `count` tiles and the panels of columns n0 …; v: their V. */
static void multiply(const winograd_plan *p, const float *v, int64_t count, const float *weights, int64_t panels, float *m)
{
    const int64_t ld = WINOGRAD_POINTS * GROUP;
    for (int64_t f = 0; f < WINOGRAD_POINTS; f++) {
        for (int64_t i = 0; i < panels; i++) {
            const float *const panel = weights + i * p->panel_floats + f * p->s.C * DUET_TILE;
            for (int64_t q = 0; q < count; q += DUET_ROWS) {
                const float *row[DUET_ROWS];
                tile t;
                for (int r = 0; r < DUET_ROWS; r++) row[r] = v + f * p->plane + smaller(q + r, count - 1) * p->width;
                tile_start(&t, NULL, DUET_TILE);
                tile_rows(&t, row, 0, panel, p->s.C);
                tile_store(&t, m + q * ld + f * GROUP + i * DUET_TILE, ld, count - q, DUET_TILE);
            }
        }
    }
}

/* The result's columns from n0 on, as far as M has them, of the tiles t0 …. */
static void put_results(const winograd_plan *p, const float *m, int64_t t0, int64_t count, int64_t n0, const duet_run *run,
                        duet_act *other)
{
    const float *const bias = p->flipped ? NULL : run->in[2];
    const duet_act *const add = p->flipped ? NULL : run->in[3];
    duet_act *const y = run->out[0];
    const int64_t columns = smaller(p->s.N - n0, GROUP);
    for (int64_t t = 0; t < count; t++, m += WINOGRAD_POINTS * GROUP) {
        duet_act *at[WINOGRAD_PIXELS];
        const duet_act *from[WINOGRAD_PIXELS], *const *const residual = add == NULL ? NULL : from;
        int64_t offset[WINOGRAD_PIXELS];
        winograd_result_pixels(&p->s, &p->tiles, t0 + t, offset);
        for (int k = 0; k < WINOGRAD_PIXELS; k++) {
            at[k] = offset[k] < 0 ? other : y + n0 + offset[k];
            if (add != NULL) from[k] = offset[k] < 0 ? other : add + n0 + offset[k];
        }
        int64_t n = 0;
        for (; n + DUET_LANES <= columns; n += DUET_LANES) {
            const duet_vec begin = bias == NULL ? (duet_vec){ 0 } : vec_load(bias + n0 + n);
            winograd_result_tile(m + n, GROUP, begin, residual, at, n, DUET_LANES);
        }
        if (n == columns) continue;
        const duet_vec begin = bias == NULL ? (duet_vec){ 0 } : vec_load_part(bias + n0 + n, columns - n);
        winograd_result_tile(m + n, GROUP, begin, residual, at, n, columns - n);
    }
}

/* One thread's blocks: number `part` of run->threads. */
static void run_blocks(const winograd_plan *p, const layout *at, const duet_run *run, const float *weights, int64_t part)
{
    float *const shared = run->scratch, *const own = shared + at->thread + part * at->thread_floats;
    const int64_t blocks = (p->tiles.count + p->block - 1) / p->block, end = blocks * (part + 1) / run->threads;
    for (int64_t b = blocks * part / run->threads; b < end; b++) {
        const int64_t t0 = b * p->block, count = smaller(p->tiles.count - t0, p->block);
        winograd_source_block(&p->s, &p->tiles, t0, t0 + count, run->in[0], (const duet_act *)(shared + at->zeros), own, p->plane, p->width);
        for (int64_t n = 0; n < p->s.N; n += GROUP) {
            const int64_t panels = gemm_panels(smaller(p->s.N - n, GROUP));
            multiply(p, own, count, weights + n / DUET_TILE * p->panel_floats, panels, own + at->products);
            put_results(p, own + at->products, t0, count, n, run, (duet_act *)(own + at->other));
        }
    }
}

/* U of a group of columns. */
static const float *group_weights(const winograd_plan *p, const duet_run *run, const float *kept, int64_t n, float *own)
{
    if (kept != NULL) return kept + n / DUET_TILE * p->panel_floats;
    for (int64_t i = 0; i < gemm_panels(smaller(p->s.N - n, GROUP)); i++) {
        transform_weights(p, run->in[1], n + i * DUET_TILE, 0, p->s.C, own + i * p->panel_floats);
    }
    return own;
}

/* Of a wave of `count` tiles from t0 on, the thread's part of all pairs of a group and a block; blocks of a group follow each
 * other, and without kept weights a thread has whole groups. */
static void run_units(const winograd_plan *p, const layout *at, const duet_run *run, const float *kept, int64_t part, int64_t t0,
                      int64_t count)
{
    const float *const v = (const float *)run->scratch + at->source, *u = NULL;
    float *const own = (float *)run->scratch + at->thread + part * at->thread_floats;
    const int64_t blocks = (count + p->block - 1) / p->block, groups = groups_of(p);
    const int64_t pieces = kept != NULL ? groups * blocks : groups, each = groups * blocks / pieces;
    const int64_t begin = pieces * part / run->threads * each, end = pieces * (part + 1) / run->threads * each;
    for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / blocks * GROUP, b = i % blocks * p->block, size = smaller(count - b, p->block);
        if (i == begin || b == 0) u = group_weights(p, run, kept, n, own + at->weights);
        multiply(p, v + b * p->width, size, u, gemm_panels(smaller(p->s.N - n, GROUP)), own + at->products);
        put_results(p, own + at->products, t0 + b, size, n, run, (duet_act *)(own + at->other));
    }
}

static void run_wave(const winograd_plan *p, const layout *at, const duet_run *run, const float *kept, int64_t t0)
{
    float *const shared = run->scratch;
    const int64_t count = smaller(p->tiles.count - t0, p->wave);
#pragma omp parallel num_threads(run->threads)
    {
#pragma omp for schedule(static)
        for (int64_t t = 0; t < count; t++) {
            winograd_source_block(&p->s, &p->tiles, t0 + t, t0 + t + 1, run->in[0], (const duet_act *)(shared + at->zeros),
                                  shared + at->source + t * p->width, p->plane, p->width);
        }
#pragma omp for schedule(static)
        for (int part = 0; part < run->threads; part++) run_units(p, at, run, kept, part, t0, count);
    }
}

static void keep_weights(const winograd_plan *p, const duet_run *run, float *to)
{
    enum { PART = 32 };
    const int64_t parts = (p->s.C + PART - 1) / PART, units = gemm_panels(p->s.N) * parts;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t i = 0; i < units; i++) {
        const int64_t panel = i / parts, c = i % parts * PART;
        transform_weights(p, run->in[1], panel * DUET_TILE, c, smaller(c + PART, p->s.C), to + panel * p->panel_floats);
    }
}

static duet_status run_winograd(const duet_run *run)
{
    const winograd_plan p = plan_of(run->call, run->threads);
    const layout at = layout_of(&p);
    float *const zeros = (float *)run->scratch + at.zeros;
    const float *weights = NULL;
    memset(zeros, 0, (size_t)p.width * sizeof(float));
    if (p.keeps) {
        uint64_t *const version = run->keep;
        float *const kept = (float *)run->keep + HEADER;
        if (*version == 0 || *version != run->in_version[1]) keep_weights(&p, run, kept);
        *version = run->in_version[1];
        weights = kept;
    }
    for (int64_t t0 = 0; p.shared && t0 < p.tiles.count; t0 += p.wave) run_wave(&p, &at, run, weights, t0);
    if (p.shared) return DUET_OK;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int part = 0; part < run->threads; part++) run_blocks(&p, &at, run, weights, part);
    return DUET_OK;
}

/* Measured: with few channels the transforms cost what the products save; and weights four times as large must be read, or
 * made, for some tiles. */
static bool pays(const duet_call *call, const duet_kernel_options *options)
{
    const winograd_plan p = plan_of(call, 1);
    if (options->exact || p.s.C < 16 || p.s.N < 16) return false;
    return p.keeps ? p.tiles.count * p.s.C * p.s.N >= FEWEST_PRODUCTS : p.tiles.count >= FEWEST_TILES;
}

static const duet_kernel kernels[] = {
    { .op = "conv2d", .name = "winograd", .bf16_weights = true, .supports = supports, .pays = pays, .plan = plan,
      .run = run_winograd },
    { .op = "conv2d_dx", .name = "winograd", .bf16_weights = true, .supports = supports, .pays = pays, .plan = plan,
      .run = run_winograd },
};
DUET_CPU_KERNELS(winograd) = { kernels, DUET_COUNT(kernels) };
