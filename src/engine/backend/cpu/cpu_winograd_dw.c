/* SPDX-License-Identifier: MIT
 * cpu/cpu_winograd_dw.c: conv2d_dw of 3x3 windows with step 1 by the transpose of Winograd's F(4x4,3x3) (cpu/winograd.h):
 * dw = G^T [sum over tiles of (A dy A^T) . (B^T x B)] G.
 *
 * In waves of tiles the threads make V[f][tile][c] of x and D[f][panel][tile][DUET_TILE] of dy, then each takes its own
 * points and panels of the sums S[f][panel][c][DUET_TILE]. S adds up chains over CHUNK tiles in order, which keeps rounding
 * errors of many tiles small; a wave is whole chunks, so bits do not depend on the threads. A plane behind D holds the sums
 * over a tile, whose sum in turn is dbias. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/gemm.h"
#include "engine/backend/cpu/winograd.h"

#define CACHE_FLOATS (128 * 1024) /* of V and D in a wave, times threads: half of their second caches */
#define CHUNK        64

typedef struct dw_plan {
    conv_shape s;
    winograd_tiles tiles;
    int64_t wave; /* tiles */
    int64_t width, panels;          /* floats of a tile in V; of the output channels */
    int64_t source_plane, up_plane; /* floats of a point in V and in D */
    int64_t rows;                   /* of a panel of S: channels, padded to whole register tiles */
    int64_t source_at, up_at, sum_at, floats; /* scratch: zeros, V, D, S */
} dw_plan;

static int64_t round_up(int64_t count, int64_t to)
{
    return (count + to - 1) / to * to;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static conv_shape shape_of(const duet_call *call)
{
    return conv_shape_forward(&call->in[0], &call->in[1], call->attr, WINOGRAD_TAPS);
}

static bool supports(const duet_call *call)
{
    const duet_conv2d_attr *const attr = call->attr;
    return attr->kernel == WINOGRAD_TAPS && attr->stride == 1 && attr->pad < WINOGRAD_TAPS;
}

static dw_plan plan_of(const duet_call *call, int threads)
{
    dw_plan p = { .s = shape_of(call) };
    const conv_shape *const s = &p.s;
    p.tiles = winograd_tiles_of(s);
    p.width = round_up(s->C, DUET_LANES);
    p.panels = gemm_panels(s->N);
    p.rows = round_up(s->C, DUET_ROWS);
    const int64_t fit = threads * CACHE_FLOATS / (WINOGRAD_POINTS * (p.width + p.panels * DUET_TILE));
    p.wave = smaller(fit > CHUNK ? fit / CHUNK * CHUNK : CHUNK, p.tiles.count);
    p.source_plane = winograd_plane(p.wave * p.width);
    p.up_plane = winograd_plane(p.wave * p.panels * DUET_TILE);
    const int64_t zeros = p.width > p.panels * DUET_TILE ? p.width : p.panels * DUET_TILE;
    p.source_at = round_up(zeros, 16);
    p.up_at = p.source_at + WINOGRAD_POINTS * p.source_plane + 16; /* the last register tile reads behind the end of V */
    p.sum_at = p.up_at + (WINOGRAD_POINTS + 1) * p.up_plane;
    p.floats = p.sum_at + WINOGRAD_POINTS * p.panels * p.rows * DUET_TILE;
    return p;
}

static duet_status plan(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out)
{
    out->scratch = plan_of(call, options->threads).floats * (int64_t)sizeof(float);
    out->impl = "winograd";
    return DUET_OK;
}

/* D of tile t0 + t. */
static void transform_up(const dw_plan *p, const duet_act *dy, int64_t t0, int64_t t, const duet_act *zeros, float *up)
{
    const duet_act *at[WINOGRAD_PIXELS];
    int64_t offset[WINOGRAD_PIXELS];
    winograd_result_pixels(&p->s, &p->tiles, t0 + t, offset);
    for (int k = 0; k < WINOGRAD_PIXELS; k++) at[k] = offset[k] < 0 ? zeros : dy + offset[k];
    for (int64_t n = 0; n < p->panels * DUET_TILE; n += DUET_LANES) {
        float *const to = up + (n / DUET_TILE * p->wave + t) * DUET_TILE + n % DUET_TILE;
        if (n + DUET_LANES <= p->s.N) winograd_spread_tile(at, n, DUET_LANES, to, p->up_plane);
        else winograd_spread_tile(at, n, n < p->s.N ? p->s.N - n : 0, to, p->up_plane);
    }
}

/* t += the whole tile at `from` */
DUET_INLINE void tile_add(tile *t, const float *from)
{
    DUET_UNROLL
    for (int r = 0; r < DUET_ROWS; r++) {
        t->v[r][0] += vec_load(from + r * DUET_TILE);
        t->v[r][1] += vec_load(from + r * DUET_TILE + DUET_LANES);
    }
}

/* S of point f and one panel += a wave's products. */
static void multiply(const dw_plan *p, float *scratch, int64_t f, int64_t panel, int64_t count, bool first)
{
    const float *const v = scratch + p->source_at + f * p->source_plane;
    const float *const d = scratch + p->up_at + f * p->up_plane + panel * p->wave * DUET_TILE;
    float *const sum = scratch + p->sum_at + (f * p->panels + panel) * p->rows * DUET_TILE;
    for (int64_t c = 0; c < p->rows; c += DUET_ROWS) {
        for (int64_t k = 0; k < count; k += CHUNK) {
            tile t;
            tile_start(&t, NULL, DUET_TILE);
            tile_outer(&t, v + k * p->width + c, p->width, d + k * DUET_TILE, smaller(count - k, CHUNK));
            if (!first || k > 0) tile_add(&t, sum + c * DUET_TILE);
            tile_store(&t, sum + c * DUET_TILE, DUET_TILE, DUET_ROWS, DUET_TILE);
        }
    }
}

static void add_bias(const dw_plan *p, const float *scratch, int64_t panel, int64_t count, bool first, float *dbias)
{
    const float *const d = scratch + p->up_at + WINOGRAD_POINTS * p->up_plane + panel * p->wave * DUET_TILE;
    const int64_t columns = smaller(p->s.N - panel * DUET_TILE, DUET_TILE);
    float total[DUET_TILE] = { 0 }, *const to = dbias + panel * DUET_TILE;
    if (!first) memcpy(total, to, (size_t)columns * sizeof(float));
    for (int64_t k = 0; k < count; k += CHUNK) {
        const int64_t end = smaller(k + CHUNK, count);
        float sum[DUET_TILE] = { 0 };
        for (int64_t t = k; t < end; t++) {
            for (int n = 0; n < DUET_TILE; n++) sum[n] += d[t * DUET_TILE + n];
        }
        for (int n = 0; n < DUET_TILE; n++) total[n] += sum[n];
    }
    memcpy(to, total, (size_t)columns * sizeof(float));
}

static void run_wave(const dw_plan *p, const duet_run *run, int64_t t0)
{
    float *const scratch = run->scratch;
    const int64_t count = smaller(p->tiles.count - t0, p->wave), units = WINOGRAD_POINTS * p->panels;
#pragma omp parallel num_threads(run->threads)
    {
#pragma omp for schedule(static)
        for (int64_t t = 0; t < count; t++) {
            winograd_source_block(&p->s, &p->tiles, t0 + t, t0 + t + 1, run->in[0], (const duet_act *)scratch,
                                  scratch + p->source_at + t * p->width, p->source_plane, p->width);
            transform_up(p, run->in[1], t0, t, (const duet_act *)scratch, scratch + p->up_at);
        }
#pragma omp for schedule(static)
        for (int64_t i = 0; i < units; i++) {
            const int64_t f = i / p->panels, panel = i % p->panels;
            if (run->out[0] != NULL) multiply(p, scratch, f, panel, count, t0 == 0);
            if (f == 0 && run->out[1] != NULL) add_bias(p, scratch, panel, count, t0 == 0, run->out[1]);
        }
    }
}

/* dw[n,c] of a panel's output channels */
static void finish(const dw_plan *p, const float *sums, int64_t panel, int64_t c, float *dw)
{
    enum { TAPS = WINOGRAD_TAPS * WINOGRAD_TAPS };
    const int64_t n0 = panel * DUET_TILE, count = smaller(p->s.N - n0, DUET_TILE);
    float g[TAPS][DUET_TILE];
    for (int64_t n = 0; n < DUET_TILE; n += DUET_LANES) {
        winograd_gather_tile(sums + (panel * p->rows + c) * DUET_TILE + n, p->panels * p->rows * DUET_TILE, &g[0][n], DUET_TILE);
    }
    for (int64_t n = 0; n < count; n++) {
        for (int tap = 0; tap < TAPS; tap++) dw[((n0 + n) * p->s.C + c) * TAPS + tap] = g[tap][n];
    }
}

static duet_status run_dw(const duet_run *run)
{
    const dw_plan p = plan_of(run->call, run->threads);
    float *const scratch = run->scratch;
    const int64_t units = run->out[0] != NULL ? p.panels * p.s.C : 0;
    memset(scratch, 0, (size_t)p.source_at * sizeof(float));
    for (int64_t t0 = 0; t0 < p.tiles.count; t0 += p.wave) run_wave(&p, run, t0);
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t i = 0; i < units; i++) finish(&p, scratch + p.sum_at, i / p.s.C, i % p.s.C, run->out[0]);
    return DUET_OK;
}

/* Measured: with few channels the transforms cost what the products save. */
static bool pays(const duet_call *call, const duet_kernel_options *options)
{
    const conv_shape s = shape_of(call);
    return !options->exact && call->has_out[0] && s.C >= 16 && s.N >= 16;
}

static const duet_kernel kernels[] = {
    { .op = "conv2d_dw", .name = "winograd", .supports = supports, .pays = pays, .plan = plan, .run = run_dw },
};
DUET_CPU_KERNELS(winograd_dw) = { kernels, DUET_COUNT(kernels) };
