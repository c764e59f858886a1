/* SPDX-License-Identifier: MIT
 * cpu/cpu_amx.c: conv2d, linear and their dx in the precision bf16, in the tiles of AMX
 * (cpu/amx.h): direct convolution of activations and weights rounded to bf16, sums in f32.
 *
 * A unit of work is some rows of an image, or some small images, and a range of output channels.
 * Its source is copied once, with its padding, as [chunk of 32 channels][row][pixel][32]: a tile of
 * it is 1 KiB without gaps, and that of another tap the same a few lines on. Tiles pass over the
 * padded rows as if they were one (step 1): the last k - 1 positions of a row are computed for
 * nothing, 6 % of a row of 32, and no tile ends with its row. With step 2 each row of the result
 * has tiles of its own. Then for each 32 output channels, chunks of the source one after the other:
 * their weights stay in the L1 cache while all pixels pass, sums wait in the L2 cache.
 * Each result is one chain over the channels, in an order that the shape alone decides: bits depend
 * neither on batch nor threads. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/amx.h"
#include "engine/backend/cpu/amx_plan.h"
#include "engine/backend/cpu/counts.h"
#include "engine/op/op_list.h"
#include "engine/op/ops_grad.h"

#if defined(DUET_AMX)

#define FEWEST    16 /* channels */
#define ROWS      32 /* of a linear layer */
#define MOST_TAPS 25 /* of a window */

static int64_t kept_numbers(const amx_plan *p) {
    return p->panels * p->chunks * p->s.k * p->s.k * AMX_TILE;
}

static duet_status plan(const duet_call *call, const duet_kernel_options *options,
                        duet_kernel_plan *out) {
    const amx_plan p = amx_plan_of(call, options->threads);
    out->scratch = options->threads * amx_layout_of(&p).floats * (int64_t)sizeof(float);
    out->keep = DUET_KEEP_HEADER + kept_numbers(&p) * (int64_t)sizeof(uint16_t);
    out->impl = "amx";
    return DUET_OK;
}

/* ---- weights: [panel][chunk][tap][16 pairs of channels][16 outputs][2] ---- */

/* Output n0 + n has `count` channels from c on behind each other: they are rounded, then laid out
 * tap by tap. */
static void pack_chunk(const amx_plan *p, const void *w, int64_t n0, int64_t c, int64_t count,
                       uint32_t *to) {
    const int64_t taps = p->s.k * p->s.k, outputs = smaller(p->s.N - n0, AMX_N);
    uint16_t row[(AMX_K + 1) * MOST_TAPS];
    memset(row + count * taps, 0, (size_t)taps * sizeof *row);
    for (int64_t n = 0; n < outputs; n++) {
        weight_round(row, w, ((n0 + n) * p->s.C + c) * taps, count * taps, p->bf16);
        for (int64_t tap = 0; tap < taps; tap++) {
            const uint16_t *const from = row + tap;
            for (int64_t i = 0; i < count; i += 2)
                to[(tap * AMX_ROWS + i / 2) * AMX_N + n] =
                    from[i * taps] | (uint32_t)from[(i + 1) * taps] << 16;
        }
    }
}

/* The same of dx: channel c + i has the outputs behind each other, and the window is turned around.
 */
static void pack_flipped(const amx_plan *p, const void *w, int64_t n0, int64_t c, int64_t count,
                         uint32_t *to) {
    const int64_t taps = p->s.k * p->s.k, outputs = smaller(p->s.N - n0, AMX_N);
    uint16_t row[2][AMX_N * MOST_TAPS] = {{0}};
    for (int64_t i = 0; i < count; i += 2) {
        weight_round(row[0], w, ((c + i) * p->s.N + n0) * taps, outputs * taps, p->bf16);
        if (i + 1 < count)
            weight_round(row[1], w, ((c + i + 1) * p->s.N + n0) * taps, outputs * taps, p->bf16);
        else
            memset(row[1], 0, sizeof row[1]);
        for (int64_t tap = 0; tap < taps; tap++) {
            uint32_t *const out = to + ((taps - 1 - tap) * AMX_ROWS + i / 2) * AMX_N;
            for (int64_t n = 0; n < outputs; n++)
                out[n] = row[0][n * taps + tap] | (uint32_t)row[1][n * taps + tap] << 16;
        }
    }
}

static void pack_panel(const amx_plan *p, const void *w, int64_t panel, uint16_t *to) {
    const int64_t taps = p->s.k * p->s.k;
    for (int64_t c = 0; c < p->s.C; c += AMX_K, to += taps * AMX_TILE) {
        const int64_t count = smaller(p->s.C - c, AMX_K);
        if (p->flipped)
            pack_flipped(p, w, panel * AMX_N, c, count, (uint32_t *)(void *)to);
        else
            pack_chunk(p, w, panel * AMX_N, c, count, (uint32_t *)(void *)to);
    }
}

static void keep_weights(const amx_plan *p, const duet_run *run, uint16_t *to) {
    const int64_t each = p->chunks * p->s.k * p->s.k * AMX_TILE;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t panel = 0; panel < p->panels; panel++) {
        memset(to + panel * each, 0, (size_t)each * sizeof *to);
        if (panel * AMX_N < p->s.N) pack_panel(p, run->in[1], panel, to + panel * each);
    }
}

/* ---- the source of a unit ---- */

/* `count` channels of a pixel to where its first chunk is, from channel c on; chunks are `next`
 * numbers apart. */
DUET_INLINE void copy_channels(const duet_act *x, int64_t c, int64_t count, uint16_t *to,
                               int64_t next) {
    while (count > 0) {
        const int64_t at = c % AMX_K, step = smaller(count, AMX_K - at);
        uint16_t *const out = to + c / AMX_K * next + at;
        if (step == AMX_K)
            act_round(out, x, AMX_K);
        else
            act_round(out, x, step);
        x += step, c += step, count -= step;
    }
}

/* Pixel `index` of the batch, or zeros for -1, to all chunks. */
static void copy_pixel(const amx_plan *p, const duet_run *run, int64_t index, uint16_t *to,
                       int64_t next) {
    const int64_t first = p->s.C - p->more, last = (p->chunks - 1) * next;
    if (index < 0) {
        for (int64_t i = 0; i < p->chunks; i++) memset(to + i * next, 0, AMX_K * sizeof *to);
        return;
    }
    if (p->s.C % AMX_K != 0) memset(to + last, 0, AMX_K * sizeof *to);
    copy_channels((const duet_act *)run->in[0] + index * first, 0, first, to, next);
    if (p->more > 0)
        copy_channels((const duet_act *)run->in[DUET_INPUT_MORE] + index * p->more, first, p->more,
                      to, next);
}

/* Rows `first` … of the padded image b. */
static void copy_image(const amx_plan *p, const duet_run *run, int64_t b, int64_t first,
                       int64_t rows, uint16_t *to, int64_t next) {
    const conv_shape *const s = &p->s;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t r = first + i - s->shift;
        const bool inside = r >= 0 && r % s->spread == 0 && r / s->spread < s->H;
        for (int64_t j = 0; j < s->width; j++, to += AMX_K) {
            const int64_t q = j - s->shift;
            const bool there = inside && q >= 0 && q % s->spread == 0 && q / s->spread < s->W;
            copy_pixel(p, run, there ? (b * s->H + r / s->spread) * s->W + q / s->spread : -1, to,
                       next);
        }
    }
}

typedef struct unit {
    int64_t b0, images, i0, rows; /* images and rows of the result */
    int64_t tiles;
    uint16_t *source;
    float *sums;
    int32_t *at, *pixel; /* [tiles] pixels of the source; [tiles][16] of the result, -1 = none */
} unit;

/* Where the tiles of image b of the unit begin, and what their rows are. */
static void place_tiles(const amx_plan *p, unit *u, int64_t b) {
    const conv_shape *const s = &p->s;
    const int64_t across = (s->Q + AMX_ROWS - 1) / AMX_ROWS, count = amx_tiles(s, u->rows),
                  base = b * s->P * s->Q;
    for (int64_t t = 0; t < count; t++, u->tiles++) {
        const int64_t down = t / across, j0 = t % across * AMX_ROWS;
        u->at[u->tiles] = (int32_t)(b * p->pixels + (s->step > 1 ? (down * s->width + j0) * s->step
                                                                 : t * AMX_ROWS));
        for (int64_t r = 0; r < AMX_ROWS; r++) {
            const int64_t i = s->step > 1 ? down : (t * AMX_ROWS + r) / s->width;
            const int64_t j = s->step > 1 ? j0 + r : (t * AMX_ROWS + r) % s->width;
            u->pixel[u->tiles * AMX_ROWS + r] =
                (int32_t)(i < u->rows && j < s->Q ? base + i * s->Q + j : -1);
        }
    }
}

static unit open_unit(const amx_plan *p, const duet_run *run, int64_t index, float *scratch) {
    const conv_shape *const s = &p->s;
    const amx_layout at = amx_layout_of(p);
    const int64_t next = p->images * p->pixels * AMX_K;
    unit u = {.b0 = index / p->row_units * p->images,
              .i0 = index % p->row_units * p->rows,
              .source = (uint16_t *)(void *)scratch,
              .sums = scratch + at.sums,
              .at = (int32_t *)(void *)(scratch + at.at),
              .pixel = (int32_t *)(void *)(scratch + at.pixel)};
    u.images = smaller(p->images, s->B - u.b0);
    u.rows = smaller(p->rows, s->P - u.i0);
    for (int64_t b = 0; b < u.images; b++) {
        copy_image(p, run, u.b0 + b, u.i0 * s->step, conv_source_rows(s, u.rows),
                   u.source + b * p->pixels * AMX_K, next);
        place_tiles(p, &u, b);
    }
    if (u.tiles % 2 == 0) return u;
    u.at[u.tiles] = u.at[u.tiles - 1]; /* the second of a pair: computed for nothing */
    for (int64_t r = 0; r < AMX_ROWS; r++) u.pixel[u.tiles * AMX_ROWS + r] = -1;
    u.tiles++;
    return u;
}

/* ---- a unit ---- */

/* y[pixel, n …] = sums + bias + residual; m: sums of tile t, [2][16][16] */
static void put_tile(const amx_plan *p, const duet_run *run, const unit *u, int64_t t, int64_t n,
                     const float *m) {
    const int64_t N = p->s.N, first = (u->b0 * p->s.P + u->i0) * p->s.Q;
    const float *const bias = p->flipped ? NULL : run->in[2];
    const duet_act *const residual = p->flipped ? NULL : run->in[3];
    for (int64_t h = 0; h < AMX_PANELS && n < N; h++, n += AMX_N, m += AMX_ROWS * AMX_N) {
        const int64_t count = smaller(N - n, AMX_N);
        const duet_vec begin = bias == NULL ? (duet_vec){0} : vec_load_part(bias + n, count);
        for (int64_t r = 0; r < AMX_ROWS; r++) {
            if (u->pixel[t * AMX_ROWS + r] < 0) continue;
            const int64_t at = (first + u->pixel[t * AMX_ROWS + r]) * N + n;
            duet_act *const y = (duet_act *)run->out[0] + at;
            duet_vec value = vec_load(m + r * AMX_N) + begin;
            if (residual != NULL)
                value +=
                    count == AMX_N ? act_load(residual + at) : act_load_part(residual + at, count);
            if (count == AMX_N)
                act_store(y, value);
            else
                act_store_part(y, value, count);
        }
    }
}

/* AMX_PANELS panels of the unit, from the first one's weights on. */
static void run_panels(const amx_plan *p, const duet_run *run, const unit *u, int64_t panel,
                       const uint16_t *weights) {
    const conv_shape *const s = &p->s;
    const int64_t taps = s->k * s->k, each = p->chunks * taps * AMX_TILE,
                  next = p->images * p->pixels * AMX_K;
    for (int64_t i = 0; i < p->chunks; i += p->group) {
        const amx_steps steps = {.chunks = smaller(p->group, p->chunks - i),
                                 .taps = s->k,
                                 .chunk = next,
                                 .row = s->width * AMX_K,
                                 .pixel = AMX_K,
                                 .next = s->step * AMX_K};
        const uint16_t *const b[2] = {weights + i * taps * AMX_TILE,
                                      weights + each + i * taps * AMX_TILE};
        for (int64_t t = 0; t < u->tiles; t += 2) {
            const uint16_t *const a[2] = {u->source + i * next + u->at[t] * AMX_K,
                                          u->source + i * next + u->at[t + 1] * AMX_K};
            float *const m = u->sums + t * AMX_TILE;
            amx_block(m, a, b, &steps, i == 0);
            if (i + steps.chunks < p->chunks) continue;
            put_tile(p, run, u, t, panel * AMX_N, m);
            put_tile(p, run, u, t + 1, panel * AMX_N, m + AMX_TILE);
        }
    }
}

static void run_units(const amx_plan *p, const duet_run *run, const uint16_t *weights,
                      float *scratch, queue *pieces) {
    const int64_t each = p->chunks * p->s.k * p->s.k * AMX_TILE, pairs = p->panels / AMX_PANELS;
    amx_begin();
    for (int64_t i = queue_take(pieces); i < pieces->count; i = queue_take(pieces)) {
        const unit u = open_unit(p, run, i / p->parts, scratch);
        const int64_t part = i % p->parts, end = pairs * (part + 1) / p->parts;
        for (int64_t n = pairs * part / p->parts; n < end; n++)
            run_panels(p, run, &u, n * AMX_PANELS, weights + n * AMX_PANELS * each);
    }
    amx_end();
}

static duet_status run_amx(const duet_run *run) {
    const amx_plan p = amx_plan_of(run->call, run->threads);
    const int64_t floats = amx_layout_of(&p).floats;
    uint64_t *const version = run->keep;
    uint16_t *const weights = (uint16_t *)(void *)((char *)run->keep + DUET_KEEP_HEADER);
    if (*version == 0 || *version != run->in_version[1]) keep_weights(&p, run, weights);
    *version = run->in_version[1];
    queue pieces = {.count = p.units * p.parts};
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int part = 0; part < run->threads; part++)
        run_units(&p, run, weights, (float *)run->scratch + part * floats, &pieces);
    return DUET_OK;
}

static bool supports(const duet_call *call) {
    const int64_t k = amx_shape_of(call, call->inputs == 2).k;
    return duet_has_amx() && k * k <= MOST_TAPS;
}

/* Few channels leave tiles empty, and so do rows of the result with tiles of their own; the batch
 * must not decide where bits count. */
static bool pays(const duet_call *call, const duet_kernel_options *options) {
    const amx_plan p = amx_plan_of(call, 1);
    if (p.s.C < FEWEST || p.s.N < FEWEST || (p.s.k == 1 && !options->exact && p.s.P * p.s.B < ROWS))
        return false;
    return p.s.step == 1 || p.s.Q >= AMX_ROWS / 2;
}

static const duet_kernel kernels[] = {
    AMX_KERNEL("conv2d", "amx", true, run_amx),
    AMX_KERNEL("conv2d_dx", "amx", true, run_amx),
    AMX_KERNEL("linear", "amx", true, run_amx),
    AMX_KERNEL("linear_dx", "amx", true, run_amx),
};
DUET_CPU_KERNELS(amx) = {kernels, DUET_COUNT(kernels)};
#else
DUET_CPU_KERNELS(amx) = {NULL, 0};
#endif
