/* SPDX-License-Identifier: MIT
 * cpu/cpu_winograd_dw.c: conv2d_dw of 3x3 windows with step 1 by the transpose of Winograd's
 * F(4x4,3x3) (cpu/winograd.h): dw = G^T [sum over tiles of (A dy A^T) . (B^T x B)] G.
 *
 * Block by block of tiles, V[f][tile][c] of x and D[f][panel][tile][DUET_TILE] of dy are made and
 * multiplied into the sums S[f][panel][c][DUET_TILE]. A plane behind D holds the sums over a tile,
 * whose sum in turn is dbias. Where S is small, the tiles are cut into slices and the channels of
 * both sides into parts, so that a thread's V, D and S stay in its L2 cache and no thread waits
 * for another; V and D are made again in each part. Else the threads make V and D of a block
 * together, and then each takes its own points and panels.
 * S adds up chains over the tiles of a chunk in order, and the slices are added in order; chunks
 * and slices depend on the shape alone, and so do the bits. */
#include <math.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/counts.h"
#include "engine/backend/cpu/gemm.h"
#include "engine/backend/cpu/winograd.h"

#define CACHE_FLOATS  (224 * 1024) /* of V, D and S of a thread: most of the L2 cache */
#define SLICES_FLOATS (384 * 1024) /* of S of all slices */
#define SMALL_FLOATS  (320 * 1024) /* of S, up to which threads work apart */
#define MOST_SLICES   8
#define CHUNK         64 /* tiles that are added up before S is touched, if there is room */
#define LEAST_CHUNK   16
#define MOST_PARTS    64 /* of a side */

typedef struct dw_plan {
    conv_shape s;
    winograd_tiles tiles;
    bool apart; /* each thread has its own units: slices times parts */
    int64_t slices, c_parts, n_parts;
    int64_t block, chunk;  /* tiles */
    int64_t width, panels; /* of a part: channels of x, whole vectors; panels of output channels */
    int64_t source_plane, up_plane; /* floats of a point in V and in D */
    int64_t rows;                   /* of a panel of S: channels, padded to whole register tiles */
    int64_t sum_floats;             /* S of a unit, and its sums of dy */
    int64_t sum_at, up_at, thread_at,
        thread_floats; /* scratch: zeros, S of the units; of each thread V, D */
} dw_plan;

/* A slice of the tiles, a part of the channels. */
typedef struct dw_unit {
    int64_t t0, t1, c0, c1, n0, panels; /* n0: first output channel */
    float *v, *d, *sum;
} dw_unit;

static conv_shape shape_of(const duet_call *call) {
    return conv_shape_forward(&call->in[0], &call->in[1], call->attr, WINOGRAD_TAPS);
}

static bool supports(const duet_call *call) {
    const duet_conv2d_attr *const attr = call->attr;
    return attr->kernel == WINOGRAD_TAPS && attr->stride == 1 && attr->pad < WINOGRAD_TAPS;
}

/* Width, panels and rows for the number of parts; floats of S in a unit. */
static int64_t cut(dw_plan *p) {
    const int64_t panels = gemm_panels(p->s.N);
    p->width = round_up((p->s.C + p->c_parts - 1) / p->c_parts, DUET_LANES);
    p->panels = (panels + p->n_parts - 1) / p->n_parts;
    p->c_parts = (p->s.C + p->width - 1) / p->width;
    p->n_parts = (panels + p->panels - 1) / p->panels;
    p->rows = round_up(p->width, DUET_ROWS);
    return WINOGRAD_POINTS * p->panels * p->rows * DUET_TILE;
}

/* V and D of a tile */
static int64_t tile_floats(const dw_plan *p) {
    return WINOGRAD_POINTS * (p->width + p->panels * DUET_TILE);
}

/* Tiles of a block whose V and D are in the cache beside S. */
static int64_t chunk_of(dw_plan *p) {
    const int64_t fit = (CACHE_FLOATS - cut(p)) / tile_floats(p) / LEAST_CHUNK * LEAST_CHUNK;
    return smaller(larger(fit, LEAST_CHUNK), CHUNK);
}

/* The numbers of parts that cost least and give every thread a unit. Cycles a tile, measured: 36 a
 * channel of V, 27 of D, 0.4 a float of S, which is loaded and stored once a chunk. */
static void cut_apart(dw_plan *p, int threads) {
    double least = INFINITY;
    dw_plan best = *p;
    for (int64_t c = 1; c <= MOST_PARTS; c *= 2) {
        for (int64_t n = 1; n <= MOST_PARTS; n *= 2) {
            dw_plan q = *p;
            q.c_parts = c;
            q.n_parts = n;
            const int64_t sums = cut(&q) * q.c_parts * q.n_parts,
                          short_of = threads - q.slices * q.c_parts * q.n_parts;
            const double cost =
                36.0 * (double)(q.n_parts * q.s.C) + 27.0 * (double)(q.c_parts * q.s.N) +
                0.4 * (double)sums / (double)chunk_of(&q) + 1e6 * (double)larger(short_of, 0);
            if (cost < least) best = q;
            if (cost < least) least = cost;
        }
    }
    *p = best;
}

static dw_plan plan_of(const duet_call *call, int threads) {
    dw_plan p = {.s = shape_of(call), .slices = 1, .c_parts = 1, .n_parts = 1};
    p.tiles = winograd_tiles_of(&p.s);
    const int64_t whole = cut(&p);
    p.apart = whole <= SMALL_FLOATS;
    if (p.apart) {
        p.slices =
            larger(1, smaller(smaller(SLICES_FLOATS / whole, MOST_SLICES), p.tiles.count / CHUNK));
        cut_apart(&p, 1);
        p.chunk = chunk_of(&p);
        p.block = smaller(p.chunk, p.tiles.count);
        cut_apart(&p, threads);
    } else {
        p.chunk = CHUNK;
        p.block = smaller(larger(threads * CACHE_FLOATS / 2 / tile_floats(&p) / CHUNK, 1) * CHUNK,
                          p.tiles.count);
    }
    p.source_plane = winograd_plane(p.block * p.width);
    p.up_plane = winograd_plane(p.block * p.panels * DUET_TILE);
    p.sum_floats = cut(&p) + round_up(p.panels * DUET_TILE, 16);
    p.sum_at = round_up(larger(p.width, p.panels * DUET_TILE), 16);
    p.thread_at = p.sum_at + p.slices * p.c_parts * p.n_parts * p.sum_floats;
    /* the last register tile reads behind the end of V */
    p.up_at = WINOGRAD_POINTS * p.source_plane + 16;
    p.thread_floats = p.up_at + (WINOGRAD_POINTS + 1) * p.up_plane;
    return p;
}

static duet_status plan(const duet_call *call, const duet_kernel_options *options,
                        duet_kernel_plan *out) {
    const dw_plan p = plan_of(call, options->threads);
    out->scratch =
        (p.thread_at + (p.apart ? options->threads : 1) * p.thread_floats) * (int64_t)sizeof(float);
    out->impl = p.apart ? "winograd" : "winograd, shared";
    return DUET_OK;
}

/* Unit `index` on the scratch of a thread. */
static dw_unit unit_of(const dw_plan *p, float *scratch, int64_t index, int64_t thread) {
    const int64_t n = index % p->n_parts, c = index / p->n_parts % p->c_parts,
                  slice = index / p->n_parts / p->c_parts;
    dw_unit u = {.t0 = p->tiles.count * slice / p->slices,
                 .t1 = p->tiles.count * (slice + 1) / p->slices};
    u.c0 = c * p->width;
    u.c1 = smaller(u.c0 + p->width, p->s.C);
    u.n0 = n * p->panels * DUET_TILE;
    u.panels = smaller(p->panels, gemm_panels(p->s.N) - n * p->panels);
    u.sum = scratch + p->sum_at + index * p->sum_floats;
    u.v = scratch + p->thread_at + thread * p->thread_floats;
    u.d = u.v + p->up_at;
    return u;
}

/* The pixels that the next tile across adds to the rows of this one, whose last pixels are at[0],
 * at[step], …: each tile takes short pieces of many rows, which the processor does not foresee.
 * Addresses may lie outside: they are only hints. */
DUET_INLINE void prefetch_columns(const duet_act *const *at, int64_t rows, int64_t step,
                                  int64_t pixel, int64_t count) {
    for (int64_t i = 0; i < rows; i++) {
        const uintptr_t last = (uintptr_t)at[i * step];
        for (int64_t j = 1; j <= WINOGRAD_STEP; j++) {
            for (int64_t n = 0; n < count; n += 16) {
                __builtin_prefetch(
                    (const void *)(last + (size_t)(j * pixel + n) * sizeof(duet_act)), 0, 3);
            }
        }
    }
}

/* V of tile t, at place k of the block */
static void transform_source(const dw_plan *p, const dw_unit *u, const duet_act *x, int64_t t,
                             int64_t k, const duet_act *zeros) {
    const duet_act *at[WINOGRAD_POINTS];
    float *const to = u->v + k * p->width;
    const int64_t count = u->c1 - u->c0;
    int64_t c = 0;
    winograd_source_pixels(&p->s, &p->tiles, t, x + u->c0, zeros, at);
    prefetch_columns(&at[WINOGRAD_SPAN - 1], WINOGRAD_SPAN, WINOGRAD_SPAN, p->s.C, count);
    for (; c + DUET_LANES <= count; c += DUET_LANES)
        winograd_source_tile(at, c, DUET_LANES, to + c, p->source_plane);
    if (c < count) winograd_source_tile(at, c, count - c, to + c, p->source_plane);
}

/* D of tile t, at place k of the block */
static void transform_up(const dw_plan *p, const dw_unit *u, const duet_act *dy, int64_t t,
                         int64_t k, const duet_act *zeros) {
    const duet_act *at[WINOGRAD_PIXELS];
    int64_t offset[WINOGRAD_PIXELS];
    winograd_result_pixels(&p->s, &p->tiles, t, offset);
    for (int i = 0; i < WINOGRAD_PIXELS; i++)
        at[i] = offset[i] < 0 ? zeros : dy + offset[i] + u->n0;
    const int64_t columns = p->s.N - u->n0;
    prefetch_columns(&at[WINOGRAD_STEP - 1], WINOGRAD_STEP, WINOGRAD_STEP, p->s.N,
                     u->panels * DUET_TILE);
    for (int64_t n = 0; n < u->panels * DUET_TILE; n += DUET_LANES) {
        float *const to = u->d + (n / DUET_TILE * p->block + k) * DUET_TILE + n % DUET_TILE;
        if (n + DUET_LANES <= columns)
            winograd_spread_tile(at, n, DUET_LANES, to, p->up_plane);
        else
            winograd_spread_tile(at, n, larger(columns - n, 0), to, p->up_plane);
    }
}

/* t += the whole tile at `from` */
DUET_INLINE void tile_add(tile *t, const float *from) {
    DUET_UNROLL
    for (int r = 0; r < DUET_ROWS; r++) {
        t->v[r][0] += vec_load(from + r * DUET_TILE);
        t->v[r][1] += vec_load(from + r * DUET_TILE + DUET_LANES);
    }
}

/* S of point f and one panel += a block's products. */
static void multiply(const dw_plan *p, const dw_unit *u, int64_t f, int64_t panel, int64_t count,
                     bool first) {
    const float *const v = u->v + f * p->source_plane, *const d = u->d + f * p->up_plane +
                                                                  panel * p->block * DUET_TILE;
    float *const sum = u->sum + (f * p->panels + panel) * p->rows * DUET_TILE;
    for (int64_t c = 0; c < u->c1 - u->c0; c += DUET_ROWS) {
        for (int64_t k = 0; k < count; k += p->chunk) {
            tile t;
            tile_start(&t, NULL, DUET_TILE);
            tile_outer(&t, v + k * p->width + c, p->width, d + k * DUET_TILE,
                       smaller(count - k, p->chunk));
            if (!first || k > 0) tile_add(&t, sum + c * DUET_TILE);
            tile_store(&t, sum + c * DUET_TILE, DUET_TILE, DUET_ROWS, DUET_TILE);
        }
    }
}

/* The sums of dy of one panel, behind S */
static void add_bias(const dw_plan *p, const dw_unit *u, int64_t panel, int64_t count, bool first) {
    const float *const d = u->d + WINOGRAD_POINTS * p->up_plane + panel * p->block * DUET_TILE;
    float *const total =
        u->sum + WINOGRAD_POINTS * p->panels * p->rows * DUET_TILE + panel * DUET_TILE;
    if (first) memset(total, 0, DUET_TILE * sizeof(float));
    for (int64_t k = 0; k < count; k += p->chunk) {
        const int64_t end = smaller(k + p->chunk, count);
        float sum[DUET_TILE] = {0};
        for (int64_t t = k; t < end; t++) {
            for (int n = 0; n < DUET_TILE; n++) sum[n] += d[t * DUET_TILE + n];
        }
        for (int n = 0; n < DUET_TILE; n++) total[n] += sum[n];
    }
}

/* Point f of a panel; with the first point the sums of dy. */
static void add_products(const dw_plan *p, const dw_unit *u, const duet_run *run, int64_t f,
                         int64_t panel, int64_t count, bool first) {
    if (run->out[0] != NULL) multiply(p, u, f, panel, count, first);
    if (f == 0 && u->c0 == 0 && run->out[1] != NULL) add_bias(p, u, panel, count, first);
}

static void run_unit(const dw_plan *p, const dw_unit *u, const duet_run *run) {
    const duet_act *const zeros = run->scratch;
    for (int64_t t0 = u->t0; t0 < u->t1; t0 += p->block) {
        const int64_t count = smaller(u->t1 - t0, p->block);
        for (int64_t k = 0; k < count; k++) {
            transform_source(p, u, run->in[0], t0 + k, k, zeros);
            transform_up(p, u, run->in[1], t0 + k, k, zeros);
        }
        for (int64_t f = 0; f < WINOGRAD_POINTS; f++) {
            for (int64_t panel = 0; panel < u->panels; panel++)
                add_products(p, u, run, f, panel, count, t0 == u->t0);
        }
    }
}

/* All threads on one block. */
static void run_shared(const dw_plan *p, const dw_unit *u, const duet_run *run, int64_t t0) {
    const duet_act *const zeros = run->scratch;
    const int64_t count = smaller(u->t1 - t0, p->block), products = WINOGRAD_POINTS * u->panels;
#pragma omp parallel num_threads(run->threads)
    {
#pragma omp for schedule(static)
        for (int64_t k = 0; k < count; k++) {
            transform_source(p, u, run->in[0], t0 + k, k, zeros);
            transform_up(p, u, run->in[1], t0 + k, k, zeros);
        }
#pragma omp for schedule(static)
        for (int64_t i = 0; i < products; i++)
            add_products(p, u, run, i / u->panels, i % u->panels, count, t0 == 0);
    }
}

/* dw[n,c] of one panel's output channels, over the slices; `panel` counts in the part. */
static void finish(const dw_plan *p, const float *sums, int64_t c_part, int64_t n_part,
                   int64_t panel, int64_t row, float *dw) {
    enum { TAPS = WINOGRAD_TAPS * WINOGRAD_TAPS };
    const int64_t n0 = (n_part * p->panels + panel) * DUET_TILE,
                  count = smaller(p->s.N - n0, DUET_TILE), c = c_part * p->width + row;
    const int64_t plane = p->panels * p->rows * DUET_TILE,
                  step = p->c_parts * p->n_parts * p->sum_floats;
    const float *const from =
        sums + (c_part * p->n_parts + n_part) * p->sum_floats + (panel * p->rows + row) * DUET_TILE;
    float g[TAPS][DUET_TILE], total[WINOGRAD_POINTS][DUET_LANES];
    for (int64_t n = 0; n < DUET_TILE; n += DUET_LANES) {
        for (int f = 0; f < WINOGRAD_POINTS; f++) {
            duet_vec sum = vec_load(from + f * plane + n);
            for (int64_t slice = 1; slice < p->slices; slice++)
                sum += vec_load(from + slice * step + f * plane + n);
            vec_store(total[f], sum);
        }
        winograd_gather_tile(total[0], DUET_LANES, &g[0][n], DUET_TILE);
    }
    for (int64_t n = 0; n < count; n++) {
        for (int tap = 0; tap < TAPS; tap++) dw[((n0 + n) * p->s.C + c) * TAPS + tap] = g[tap][n];
    }
}

static void finish_bias(const dw_plan *p, const float *sums, float *dbias) {
    const int64_t step = p->c_parts * p->n_parts * p->sum_floats, part = p->panels * DUET_TILE;
    for (int64_t n = 0; n < p->s.N; n++) {
        const float *const from =
            sums + n / part * p->sum_floats + WINOGRAD_POINTS * p->rows * part + n % part;
        dbias[n] = from[0];
        for (int64_t slice = 1; slice < p->slices; slice++) dbias[n] += from[slice * step];
    }
}

static duet_status run_dw(const duet_run *run) {
    const dw_plan p = plan_of(run->call, run->threads);
    float *const scratch = run->scratch, *const sums = scratch + p.sum_at;
    const int64_t panels = gemm_panels(p.s.N), ends = panels * p.s.C;
    queue units = {.count = p.slices * p.c_parts * p.n_parts};
    memset(scratch, 0, (size_t)p.sum_at * sizeof(float));
    if (p.apart) {
#pragma omp parallel for num_threads(run->threads) schedule(static)
        for (int part = 0; part < run->threads; part++) {
            for (int64_t i = queue_take(&units); i < units.count; i = queue_take(&units)) {
                const dw_unit u = unit_of(&p, scratch, i, part);
                run_unit(&p, &u, run);
            }
        }
    } else {
        const dw_unit u = unit_of(&p, scratch, 0, 0);
        for (int64_t t0 = 0; t0 < p.tiles.count; t0 += p.block) run_shared(&p, &u, run, t0);
    }
    if (run->out[1] != NULL) finish_bias(&p, sums, run->out[1]);
    if (run->out[0] == NULL) return DUET_OK;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t i = 0; i < ends; i++) {
        const int64_t panel = i / p.s.C, c = i % p.s.C;
        finish(&p, sums, c / p.width, panel / p.panels, panel % p.panels, c % p.width, run->out[0]);
    }
    return DUET_OK;
}

/* Measured: with few channels the transforms cost what the products save. */
static bool pays(const duet_call *call, const duet_kernel_options *options) {
    const conv_shape s = shape_of(call);
    return !options->exact && call->has_out[0] && s.C >= 16 && s.N >= 16;
}

static const duet_kernel kernels[] = {
    {.op = "conv2d_dw",
     .name = "winograd",
     .supports = supports,
     .pays = pays,
     .plan = plan,
     .run = run_dw},
};
DUET_CPU_KERNELS(winograd_dw) = {kernels, DUET_COUNT(kernels)};
