/* SPDX-License-Identifier: MIT
 * cpu/cpu_winograd.c: conv2d and conv2d_dx of 3x3 windows with step 1 by Winograd's F(4x4,3x3)
 * (cpu/winograd.h).
 *
 * V = source of a block of tiles at 36 points [chunk][f][tile][c], U = weights
 * [panel][chunk][f][c][DUET_TILE]; 36 products per panel give M[f][tile][n], from which the result
 * is made. The products run over the channels in chunks: what a chunk's product reads of U and V
 * lies side by side and stays in the L1 cache, and M is added to. Where tiles are many and U is
 * small a thread takes block after block, whose V and M stay in its L2 cache, and U is kept between
 * runs. Else the threads make V of a wave of tiles together and then take panel after panel, so
 * that few tiles still occupy all threads and weights are read once; there a large U, four times
 * the weights, is never stored whole but made again by panel and chunk in the L2 cache. That is as
 * much work as the product of some tiles with it. Each element of M is one chain over the channels
 * either way: bits depend neither on batch nor on threads, as long as the batch is one for which
 * this kernel is chosen. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/counts.h"
#include "engine/backend/cpu/gemm.h"
#include "engine/backend/cpu/winograd.h"

#define GROUP 32 /* columns of M */
#define CHUNK 64 /* channels: a point's U of a group takes 8 KiB */
#define TAPS  (WINOGRAD_TAPS * WINOGRAD_TAPS)
/* Of an output channel\'s weights in a chunk, and a line so that outputs use all sets. */
#define ROW_FLOATS (CHUNK * TAPS + 16)
/* Of V and M of a thread's block: 25/32 of the L2 cache. */
#define CACHE_FLOATS(l2) (((l2) > 0 ? (l2) : 1 << 20) * 25 / 128)
#define FEWEST_ROWS      12                /* tiles of a block, even if that is more */
#define KEEP_FLOATS      (2600 * 1024)     /* of U at most, if it is kept */
#define WAVE_FLOATS      (4 * 1024 * 1024) /* of V of a wave, if that is at least WAVE_TILES */
#define WAVE_TILES       192
#define FEWEST_KEPT      24          /* tiles: for fewer, U is not worth its memory */
#define FEWEST_PRODUCTS  (16 * 1024) /* a point, for Winograd to pay if U is kept */
#define FEWEST_TILES     4           /* and if it is not */

typedef struct winograd_plan {
    conv_shape s;
    bool flipped; /* dx: taps in opposite order, channels exchanged */
    bool keeps, shared;
    bool bf16; /* the weights are stored so */
    winograd_tiles tiles;
    int64_t chunk, chunks; /* channels that are multiplied at a time, and how many times */
    int64_t group;         /* columns of M */
    int64_t block, wave;   /* tiles that M, and V, are made of at once */
    int64_t plane, lane;   /* floats from a point to the next in V and in M */
    int64_t point;         /* and in U */
    int64_t part_floats;   /* of U: a panel and chunk */
} winograd_plan;

static conv_shape shape_of(const duet_call *call) {
    const int64_t k = call->in[1].shape.dim[2];
    return call->inputs == 2 ? conv_shape_dx(&call->in[0], &call->out[0], call->attr, k)
                             : conv_shape_forward(&call->in[0], &call->out[0], call->attr, k);
}

static bool supports(const duet_call *call) {
    const duet_conv2d_attr *const attr = call->attr;
    return call->in[1].shape.dim[2] == WINOGRAD_TAPS && attr->stride == 1 &&
           attr->pad < WINOGRAD_TAPS;
}

static int64_t groups_of(const winograd_plan *p) {
    return (p->s.N + p->group - 1) / p->group;
}

static int64_t kept_floats(const winograd_plan *p) {
    return gemm_panels(p->s.N) * p->chunks * p->part_floats;
}

static winograd_plan plan_of(const duet_call *call, int threads, int64_t near) {
    winograd_plan p = {
        .s = shape_of(call), .flipped = call->inputs == 2, .bf16 = call->in[1].dtype == DUET_BF16};
    p.tiles = winograd_tiles_of(&p.s);
    p.chunks = (p.s.C + CHUNK - 1) / CHUNK;
    p.chunk = round_up((p.s.C + p.chunks - 1) / p.chunks, DUET_LANES);
    p.group = smaller(GROUP, gemm_panels(p.s.N) * DUET_TILE);
    p.point = winograd_plane(p.chunk * DUET_TILE);
    p.part_floats = WINOGRAD_POINTS * p.point;
    p.keeps = kept_floats(&p) <= KEEP_FLOATS && p.tiles.count >= FEWEST_KEPT;
    const int64_t width = p.chunks * p.chunk, fit = CACHE_FLOATS(near) /
                                                    (WINOGRAD_POINTS * (width + p.group)) /
                                                    DUET_ROWS * DUET_ROWS;
    const int64_t most = larger(fit, round_up(FEWEST_ROWS, DUET_ROWS));
    p.shared = !p.keeps || (threads > 1 && p.tiles.count < threads * 2 * DUET_ROWS);
    /* kept weights may be read by several threads at a time, so few panels do not mean few units */
    if (p.shared) {
        const int64_t parts = p.keeps ? (threads + groups_of(&p) - 1) / groups_of(&p) : 1;
        p.block = smaller(round_up((p.tiles.count + parts - 1) / parts, DUET_ROWS), WAVE_TILES);
        p.wave =
            larger(WAVE_TILES, WAVE_FLOATS / WINOGRAD_POINTS / width / WAVE_TILES * WAVE_TILES);
        p.wave = smaller(p.wave, round_up(p.tiles.count, p.block));
    } else { /* the same number of blocks for each thread */
        const int64_t blocks = round_up((p.tiles.count + most - 1) / most, threads);
        p.block = round_up((p.tiles.count + blocks - 1) / blocks, DUET_ROWS);
        p.wave = p.block;
    }
    p.plane = winograd_plane(p.wave * p.chunk);
    p.lane = winograd_plane(p.block * p.group);
    return p;
}

/* Scratch: zeros, V if shared, then of each thread V if not shared, U of a group and chunk if not
 * kept, M, pixels that are not there. */
typedef struct layout {
    int64_t zeros, source, thread;    /* floats from the beginning; `thread` is the first one's */
    int64_t weights, products, other; /* from a thread's beginning */
    int64_t thread_floats;
} layout;

static layout layout_of(const winograd_plan *p) {
    const int64_t source = p->chunks * WINOGRAD_POINTS * p->plane;
    const int64_t weights = p->keeps ? 0 : p->group / DUET_TILE * p->part_floats;
    layout at = {.zeros = 0, .source = round_up(p->s.C + DUET_LANES, 16)};
    at.thread = at.source + (p->shared ? source : 0);
    at.weights = p->shared ? 0 : source;
    at.products = at.weights + round_up(weights, 16);
    at.other = at.products + WINOGRAD_POINTS * p->lane;
    at.thread_floats = at.other + p->group;
    return at;
}

static duet_status plan(const duet_call *call, const duet_kernel_options *options,
                        duet_kernel_plan *out) {
    const winograd_plan p = plan_of(call, options->threads, options->l2_bytes);
    const layout at = layout_of(&p);
    out->scratch = (at.thread + options->threads * at.thread_floats) * (int64_t)sizeof(float);
    out->keep = p.keeps ? DUET_KEEP_HEADER + kept_floats(&p) * (int64_t)sizeof(float) : 0;
    out->impl = p.shared ? "winograd, shared" : "winograd";
    return DUET_OK;
}

/* g[tap][n] of channel c, the panel's first output being n0; `flipped` is another order of all
 * three. */
static void gather_weights(const winograd_plan *p, const void *w, int64_t n0, int64_t c, float *g) {
    const conv_shape *const s = &p->s;
    const int64_t count = smaller(s->N - n0, DUET_TILE), step = (p->flipped ? 1 : s->C) * TAPS;
    const int64_t from = (p->flipped ? c * s->N + n0 : n0 * s->C + c) * TAPS;
    for (int64_t n = 0; n < count; n++) {
        for (int tap = 0; tap < TAPS; tap++) {
            g[tap * DUET_TILE + n] =
                weight_get(w, from + n * step + (p->flipped ? TAPS - 1 - tap : tap), p->bf16);
        }
    }
}

/* The same of DUET_LANES channels, for a full panel of OIHW: g[c][tap][n] from rows of neighbouring
 * c and tap. */
static void transpose_weights(const float *rows, int64_t step, float *g) {
    for (int64_t n = 0; n < DUET_TILE; n += DUET_LANES) {
        for (int64_t e = 0; e < DUET_LANES * TAPS; e += DUET_LANES) {
            duet_vec v[DUET_LANES];
            DUET_UNROLL
            for (int i = 0; i < DUET_LANES; i++) v[i] = vec_load(rows + (n + i) * step + e);
            vec_transpose(v);
            DUET_UNROLL
            for (int i = 0; i < DUET_LANES; i++) vec_store(g + (e + i) * DUET_TILE + n, v[i]);
        }
    }
}

static void transform_channel(const winograd_plan *p, const float *g, float *to) {
    for (int64_t n = 0; n < DUET_TILE; n += DUET_LANES)
        winograd_weight_tile(g + n, DUET_TILE, to + n, p->point);
}

/* One chunk of the panel at n0 of U. The rows of OIHW are often a multiple of 4 KiB apart and would
 * compete for one set of the L1 cache: they are copied before they are transposed. */
static void transform_weights(const winograd_plan *p, const void *w, int64_t n0, int64_t chunk,
                              float *to) {
    const int64_t c0 = chunk * p->chunk, count = smaller(p->chunk, p->s.C - c0);
    float g[DUET_LANES * TAPS * DUET_TILE], rows[DUET_TILE * ROW_FLOATS];
    int64_t c = 0;
    memset(g, 0, sizeof g);
    if (!p->flipped && n0 + DUET_TILE <= p->s.N) {
        const int64_t whole = count / DUET_LANES * DUET_LANES;
        for (int64_t n = 0; n < DUET_TILE; n++) {
            weight_copy(rows + n * ROW_FLOATS, w, ((n0 + n) * p->s.C + c0) * TAPS, whole * TAPS,
                        p->bf16);
        }
        for (; c < whole; c += DUET_LANES) {
            transpose_weights(rows + c * TAPS, ROW_FLOATS, g);
            for (int64_t i = 0; i < DUET_LANES; i++)
                transform_channel(p, g + i * TAPS * DUET_TILE, to + (c + i) * DUET_TILE);
        }
    }
    for (; c < count; c++) {
        gather_weights(p, w, n0, c0 + c, g);
        transform_channel(p, g, to + c * DUET_TILE);
    }
}

/* V of tile t to place `at` of a wave. */
static void transform_source(const winograd_plan *p, const duet_act *x, const duet_act *zeros,
                             int64_t t, float *v, int64_t place) {
    const duet_act *from[WINOGRAD_POINTS];
    winograd_source_pixels(&p->s, &p->tiles, t, x, zeros, from);
    for (int64_t i = 0; i < p->chunks; i++) {
        float *const to = v + i * WINOGRAD_POINTS * p->plane + place * p->chunk;
        const int64_t begin = i * p->chunk, end = smaller(begin + p->chunk, p->s.C);
        int64_t c = begin;
        for (; c + DUET_LANES <= end; c += DUET_LANES)
            winograd_source_tile(from, c, DUET_LANES, to + c - begin, p->plane);
        if (c < end) winograd_source_tile(from, c, end - c, to + c - begin, p->plane);
    }
}

/* M of `count` tiles and the panels from n on; v: V of the first tile; kept: U, or NULL: then it is
 * made in `own`. */
static void multiply(const winograd_plan *p, const duet_run *run, const float *v, int64_t count,
                     const float *kept, int64_t n, float *own, float *m) {
    const int64_t panels = gemm_panels(smaller(p->s.N - n, p->group));
    for (int64_t i = 0; i < p->chunks; i++) {
        const int64_t K = smaller(p->chunk, p->s.C - i * p->chunk);
        const float *u[GROUP / 8];
        for (int64_t j = 0; j < panels; j++) {
            u[j] = kept != NULL ? kept + ((n / DUET_TILE + j) * p->chunks + i) * p->part_floats
                                : own + j * p->part_floats;
            if (kept == NULL)
                transform_weights(p, run->in[1], n + j * DUET_TILE, i, own + j * p->part_floats);
        }
        for (int64_t f = 0; f < WINOGRAD_POINTS; f++) {
            const float *const source = v + (i * WINOGRAD_POINTS + f) * p->plane;
            for (int64_t j = 0; j < panels; j++) {
                const float *const b = u[j] + f * p->point, *const after =
                                                                j + 1 < panels
                                                                    ? u[j + 1] + f * p->point
                                                                    : u[0] + (f + 1) * p->point;
                gemm_rows(m + f * p->lane + j * DUET_TILE, p->group, source, p->chunk, b, K, i == 0,
                          count, (gemm_next){.a = source + p->plane, .b = after});
            }
        }
    }
}

/* The result's columns from n0 on, as far as M has them, of the tiles t0 …. */
static void put_results(const winograd_plan *p, const float *m, int64_t t0, int64_t count,
                        int64_t n0, const duet_run *run, duet_act *other) {
    const float *const bias = p->flipped ? NULL : run->in[2];
    const duet_act *const add = p->flipped ? NULL : run->in[3];
    duet_act *const y = run->out[0];
    const int64_t columns = smaller(p->s.N - n0, p->group);
    for (int64_t t = 0; t < count; t++, m += p->group) {
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
            const duet_vec begin = bias == NULL ? (duet_vec){0} : vec_load(bias + n0 + n);
            winograd_result_tile(m + n, p->lane, begin, residual, at, n, DUET_LANES);
        }
        if (n == columns) continue;
        const duet_vec begin =
            bias == NULL ? (duet_vec){0} : vec_load_part(bias + n0 + n, columns - n);
        winograd_result_tile(m + n, p->lane, begin, residual, at, n, columns - n);
    }
}

/* Blocks, in the scratch of thread `part`, as long as there are more. */
static void run_blocks(const winograd_plan *p, const layout *at, const duet_run *run,
                       const float *kept, int64_t part, queue *blocks) {
    float *const shared = run->scratch, *const own = shared + at->thread + part * at->thread_floats;
    for (int64_t b = queue_take(blocks); b < blocks->count; b = queue_take(blocks)) {
        const int64_t t0 = b * p->block, count = smaller(p->tiles.count - t0, p->block);
        const duet_act *const zeros = (const duet_act *)(shared + at->zeros);
        for (int64_t t = 0; t < count; t++) transform_source(p, run->in[0], zeros, t0 + t, own, t);
        for (int64_t n = 0; n < p->s.N; n += p->group) {
            multiply(p, run, own, count, kept, n, NULL, own + at->products);
            put_results(p, own + at->products, t0, count, n, run, (duet_act *)(own + at->other));
        }
    }
}

/* Of a wave of `count` tiles from t0 on, pairs of a group and a block, as long as there are more;
 * blocks of a group follow each other, and without kept weights a thread takes whole groups. */
static void run_units(const winograd_plan *p, const layout *at, const duet_run *run,
                      const float *kept, int64_t part, int64_t t0, int64_t count, queue *pieces) {
    const float *const v = (const float *)run->scratch + at->source;
    float *const own = (float *)run->scratch + at->thread + part * at->thread_floats;
    const int64_t blocks = (count + p->block - 1) / p->block,
                  each = groups_of(p) * blocks / pieces->count;
    for (int64_t piece = queue_take(pieces); piece < pieces->count; piece = queue_take(pieces)) {
        for (int64_t i = piece * each; i < (piece + 1) * each; i++) {
            const int64_t n = i / blocks * p->group, b = i % blocks * p->block,
                          size = smaller(count - b, p->block);
            multiply(p, run, v + b * p->chunk, size, kept, n, own + at->weights,
                     own + at->products);
            put_results(p, own + at->products, t0 + b, size, n, run, (duet_act *)(own + at->other));
        }
    }
}

static void run_wave(const winograd_plan *p, const layout *at, const duet_run *run,
                     const float *kept, int64_t t0) {
    float *const shared = run->scratch;
    const int64_t count = smaller(p->tiles.count - t0, p->wave),
                  blocks = (count + p->block - 1) / p->block;
    queue pieces = {.count = groups_of(p) * (kept != NULL ? blocks : 1)};
#pragma omp parallel num_threads(run->threads)
    {
#pragma omp for schedule(static)
        for (int64_t t = 0; t < count; t++) {
            transform_source(p, run->in[0], (const duet_act *)(shared + at->zeros), t0 + t,
                             shared + at->source, t);
        }
#pragma omp for schedule(static)
        for (int part = 0; part < run->threads; part++)
            run_units(p, at, run, kept, part, t0, count, &pieces);
    }
}

static void keep_weights(const winograd_plan *p, const duet_run *run, float *to) {
    const int64_t units = gemm_panels(p->s.N) * p->chunks;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t i = 0; i < units; i++) {
        transform_weights(p, run->in[1], i / p->chunks * DUET_TILE, i % p->chunks,
                          to + i * p->part_floats);
    }
}

static duet_status run_winograd(const duet_run *run) {
    const winograd_plan p = plan_of(run->call, run->threads, run->l2_bytes);
    const layout at = layout_of(&p);
    float *const zeros = (float *)run->scratch + at.zeros;
    const float *weights = NULL;
    memset(zeros, 0, (size_t)p.s.C * sizeof(float));
    if (p.keeps) {
        uint64_t *const version = run->keep;
        float *const kept = (float *)run->keep + DUET_KEEP_HEADER / sizeof(float);
        if (*version == 0 || *version != run->in_version[1]) keep_weights(&p, run, kept);
        *version = run->in_version[1];
        weights = kept;
    }
    for (int64_t t0 = 0; p.shared && t0 < p.tiles.count; t0 += p.wave)
        run_wave(&p, &at, run, weights, t0);
    if (p.shared) return DUET_OK;
    queue blocks = {.count = (p.tiles.count + p.block - 1) / p.block};
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int part = 0; part < run->threads; part++)
        run_blocks(&p, &at, run, weights, part, &blocks);
    return DUET_OK;
}

/* Measured: with few channels the transforms cost what the products save; and weights four times as
 * large must be read, or made, for some tiles. */
static bool pays(const duet_call *call, const duet_kernel_options *options) {
    const winograd_plan p = plan_of(call, 1, options->l2_bytes);
    if (options->exact || p.s.C < 16 || p.s.N < 16) return false;
    return p.keeps ? p.tiles.count * p.s.C * p.s.N >= FEWEST_PRODUCTS
                   : p.tiles.count >= FEWEST_TILES;
}

static const duet_kernel kernels[] = {
    {.op = "conv2d",
     .name = "winograd",
     .bf16_weights = true,
     .supports = supports,
     .pays = pays,
     .plan = plan,
     .run = run_winograd},
    {.op = "conv2d_dx",
     .name = "winograd",
     .bf16_weights = true,
     .supports = supports,
     .pays = pays,
     .plan = plan,
     .run = run_winograd},
};
DUET_CPU_KERNELS(winograd) = {kernels, DUET_COUNT(kernels)};
