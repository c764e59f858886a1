/* SPDX-License-Identifier: MIT
 * cpu/cpu_amx_dw.c: conv2d_dw of step 1 and linear_dw in the precision bf16, in the tiles of AMX
 *   (cpu/amx.h): dw[n,c,u,v] = sum over the positions of dy[position,n] x[position + (u,v),c],
 * x and dy rounded to bf16 where they are not stored so, sums in f32.
 *
 * A piece is some rows of an image, or many of a linear layer. Its positions run over the padded
 * rows as if they were one; dy is 0 where a row of the result has ended. x is written as
 * [channel][position], so that another tap is the same tile some numbers further on, dy in pairs of
 * positions. Block by block of pieces all threads write both, and then each takes sums of its own:
 * 32 channels by 32 outputs, of all taps, for which a few chunks of x and of dy stay in the first
 * cache. Small dw are cut into slices of the pieces, which are added in order. Slices depend on the
 * shape alone, and so do the bits. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/amx.h"
#include "engine/backend/cpu/conv_shape.h"
#include "engine/backend/cpu/counts.h"
#include "engine/op/op_list.h"

#if defined(DUET_AMX)

#define PIECE 1088 /* positions of a piece: an image of 32 rows and its padding */
#define ROWS  1024 /* of a linear layer in a piece */
/* Of x and dy in a block, for each thread: of its L2 cache, beside the sums. */
#define BLOCK_BYTES (1200 * 1024)
#define CHUNKS      10        /* of AMX_K positions, for which x and dy stay in the L1 cache */
#define PAIR        32        /* channels and outputs of a block of sums */
#define SUMS        (4 * 256) /* of a tap */
#define ITEMS       16        /* blocks of sums that threads share, if the pieces allow */
#define FEWEST      16        /* channels */

typedef struct dw_plan {
    conv_shape s;
    int64_t taps;
    int64_t rows, row_pieces, pieces; /* rows of a piece; pieces of an image, in all */
    int64_t chunks;                   /* of AMX_K positions in a piece */
    int64_t length; /* of a channel of x in a piece, in numbers: an odd number of cache lines */
    int64_t c_pairs, n_pairs, slices;
    int64_t block;                 /* pieces */
    int64_t x_numbers, dy_numbers; /* bf16, of a piece */
    int64_t zero_floats, bias_floats,
        sum_floats; /* a pixel of zeros; sums of dy in all pieces; S of a slice */
} dw_plan;

static conv_shape shape_of(const duet_call *call) {
    const int64_t C = duet_op_last(&call->in[0].shape), N = duet_op_last(&call->in[1].shape),
                  M = duet_shape_count(&call->in[0].shape) / C;
    if (strcmp(call->op->info.name, "linear_dw") != 0) {
        const duet_conv2d_attr *const attr = call->attr;
        if (attr->kernel > 1 || attr->stride > 1 || attr->pad > 0)
            return conv_shape_forward(&call->in[0], &call->in[1], attr, attr->kernel);
    }
    return conv_shape_column(M, C, N);
}

static dw_plan plan_of(const duet_call *call, int threads) {
    dw_plan p = {.s = shape_of(call)};
    const conv_shape *const s = &p.s;
    p.taps = s->k * s->k;
    p.rows = s->width == 1 ? smaller(s->P, ROWS) : s->P;
    while (p.rows > 1 && p.rows * s->width > PIECE) p.rows = (p.rows + 1) / 2;
    p.row_pieces = (s->P + p.rows - 1) / p.rows;
    p.pieces = s->B * p.row_pieces;
    p.chunks = (p.rows * s->width + AMX_K - 1) / AMX_K;
    p.length = round_up(p.chunks * AMX_K + (s->k - 1) * (s->width + 1), AMX_K);
    if (p.length / AMX_K % 2 == 0) p.length += AMX_K;
    p.c_pairs = (s->C + PAIR - 1) / PAIR;
    p.n_pairs = (s->N + PAIR - 1) / PAIR;
    p.slices = larger(1, smaller(ITEMS / (p.c_pairs * p.n_pairs), p.pieces));
    p.x_numbers = p.c_pairs * PAIR * p.length;
    p.dy_numbers = p.n_pairs * 2 * p.chunks * AMX_TILE;
    p.block = threads * BLOCK_BYTES / ((p.x_numbers + p.dy_numbers) * (int64_t)sizeof(uint16_t));
    p.block = smaller(larger(p.block / p.slices, 1) * p.slices, p.pieces);
    p.zero_floats = round_up(larger(s->C, s->N), 16);
    p.bias_floats = p.pieces * p.n_pairs * PAIR;
    p.sum_floats = p.c_pairs * p.n_pairs * p.taps * SUMS;
    return p;
}

static duet_status plan(const duet_call *call, const duet_kernel_options *options,
                        duet_kernel_plan *out) {
    const dw_plan p = plan_of(call, options->threads);
    out->scratch =
        (p.zero_floats + p.bias_floats + p.slices * p.sum_floats) * (int64_t)sizeof(float) +
        p.block * (p.x_numbers + p.dy_numbers) * (int64_t)sizeof(uint16_t);
    out->impl = "amx";
    return DUET_OK;
}

typedef struct block {
    const duet_act *zeros;
    float *bias; /* [piece][output] */
    /* [slice][pair of panels of channels, of outputs][tap][2 channel tiles][2 output
     * tiles][16][16] */
    float *sums;
    uint16_t *x; /* [piece of the block][channel][length] */
    /* [piece of the block][panel of 16 outputs][chunk][16 pairs of positions][16][2] */
    uint16_t *dy;
    int64_t first, count; /* pieces */
} block;

static block block_of(const dw_plan *p, const duet_run *run) {
    float *const scratch = run->scratch;
    block b = {.zeros = run->scratch, .bias = scratch + p->zero_floats};
    b.sums = b.bias + p->bias_floats;
    b.x = (uint16_t *)(void *)(b.sums + p->slices * p->sum_floats);
    b.dy = b.x + p->block * p->x_numbers;
    return b;
}

/* ---- x and dy of a piece ---- */

/* The pixels of a source at AMX_K positions from `g` on of a piece: where rows of `width` positions
 * begin at row r0 and column q0 of an image of H rows, of which the first `rows` are of the
 * piece. */
typedef struct area {
    const duet_act *image, *zeros;
    int64_t H, W, C, width, r0, q0, rows;
} area;

static void point_at(const area *a, int64_t g, const duet_act *at[AMX_K]) {
    int64_t i = g / a->width, j = g % a->width;
    for (int k = 0; k < AMX_K; k++) {
        const int64_t r = a->r0 + i, q = a->q0 + j;
        at[k] = i < a->rows && r >= 0 && r < a->H && q >= 0 && q < a->W
                    ? a->image + (r * a->W + q) * a->C
                    : a->zeros;
        if (++j == a->width) j = 0, i++;
    }
}

/* Two positions side by side: [16 channels][2], rounded. */
DUET_INLINE __m512i pair_of(duet_vec first, duet_vec second) {
    const duet_vec_short low = bf16_round(first), high = bf16_round(second);
    const __m512i high32 = _mm512_cvtepu16_epi32((__m256i)high);
    return _mm512_or_si512(_mm512_cvtepu16_epi32((__m256i)low), _mm512_slli_epi32(high32, 16));
}

DUET_INLINE duet_vec channels_of(const duet_act *pixel, int64_t count) {
    return count >= DUET_LANES ? act_load(pixel)
           : count > 0         ? act_load_part(pixel, count)
                               : (duet_vec){0};
}

/* Rows and columns of 16 x 16 numbers of 32 bits. */
static void turn(__m512i v[16]) {
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
    }
    for (int i = 0; i < 8; i++) {
        v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    }
}

/* PAIR channels of x from c0 on, of a piece, at the image row r0 of its first position. */
static void write_x(const dw_plan *p, const area *a, int64_t c0, uint16_t *to) {
    const duet_act *at[AMX_K];
    __m512i v[16];
    for (int64_t g = 0; g < p->length; g += AMX_K) {
        point_at(a, g, at);
        for (int64_t c = 0; c < PAIR; c += 16) {
            const int64_t count = a->C - c0 - c;
            for (int k = 0; k < 16; k++) {
                const duet_act *const low = at[2 * k] + c0 + c, *const high =
                                                                    at[2 * k + 1] + c0 + c;
                v[k] = pair_of(channels_of(low, count), channels_of(high, count));
            }
            turn(v);
            for (int64_t k = 0; k < 16; k++)
                _mm512_storeu_si512(to + (c + k) * p->length + g, v[k]);
        }
    }
}

/* PAIR outputs of dy from n0 on, of a piece, and their sums. */
static void write_dy(const dw_plan *p, const area *a, int64_t n0, uint16_t *to, float *bias) {
    const duet_act *at[AMX_K];
    duet_vec sum[2] = {{0}, {0}};
    for (int64_t chunk = 0; chunk < p->chunks; chunk++) {
        point_at(a, chunk * AMX_K, at);
        for (int h = 0; h < 2; h++) {
            const int64_t n = n0 + 16 * h, count = a->C - n;
            uint16_t *const out = to + (h * p->chunks + chunk) * AMX_TILE;
            for (int k = 0; k < 16; k++) {
                const duet_vec low = channels_of(at[2 * k] + n, count),
                               high = channels_of(at[2 * k + 1] + n, count);
                sum[h] += low + high;
                _mm512_storeu_si512(out + k * PAIR, pair_of(low, high));
            }
        }
    }
    vec_store(bias, sum[0]);
    vec_store(bias + 16, sum[1]);
}

static void write_pair(const dw_plan *p, const duet_run *run, const block *b, int64_t k,
                       int64_t pair) {
    const conv_shape *const s = &p->s;
    const int64_t piece = b->first + k, image = piece / p->row_pieces,
                  row = piece % p->row_pieces * p->rows, n = pair - p->c_pairs;
    if (n < 0) {
        const area a = {(const duet_act *)run->in[0] + image * s->H * s->W * s->C,
                        b->zeros,
                        s->H,
                        s->W,
                        s->C,
                        s->width,
                        row - s->shift,
                        -s->shift,
                        INT64_MAX};
        write_x(p, &a, pair * PAIR, b->x + k * p->x_numbers + pair * PAIR * p->length);
    } else {
        const area a = {(const duet_act *)run->in[1] + image * s->P * s->Q * s->N,
                        b->zeros,
                        s->P,
                        s->Q,
                        s->N,
                        s->width,
                        row,
                        0,
                        p->rows};
        write_dy(p, &a, n * PAIR, b->dy + k * p->dy_numbers + n * 2 * p->chunks * AMX_TILE,
                 b->bias + (piece * p->n_pairs + n) * PAIR);
    }
}

/* ---- sums ---- */

/* All taps of a block of sums += a piece. */
static void add_piece(const dw_plan *p, const block *b, int64_t k, int64_t c, int64_t n,
                      float *sums, bool first) {
    const uint16_t *const x = b->x + k * p->x_numbers + c * PAIR * p->length,
                          *const dy = b->dy + k * p->dy_numbers + n * 2 * p->chunks * AMX_TILE;
    for (int64_t i = 0; i < p->chunks; i += CHUNKS) {
        const amx_steps steps = {
            .chunks = smaller(CHUNKS, p->chunks - i), .taps = 1, .chunk = AMX_K, .next = p->length};
        const uint16_t *const at[2] = {dy + i * AMX_TILE, dy + (p->chunks + i) * AMX_TILE};
        for (int64_t tap = 0; tap < p->taps; tap++) {
            const uint16_t *const from = x + i * AMX_K + tap / p->s.k * p->s.width + tap % p->s.k;
            const uint16_t *const rows[2] = {from, from + 16 * p->length};
            amx_block(sums + tap * SUMS, rows, at, &steps, first && i == 0);
        }
    }
}

static void add_block(const dw_plan *p, const block *b, queue *items) {
    amx_begin();
    for (int64_t i = queue_take(items); i < items->count; i = queue_take(items)) {
        const int64_t slice = i % p->slices, n = i / p->slices % p->n_pairs,
                      c = i / p->slices / p->n_pairs;
        float *const sums = b->sums + slice * p->sum_floats + (c * p->n_pairs + n) * p->taps * SUMS;
        for (int64_t k = slice; k < b->count; k += p->slices)
            add_piece(p, b, k, c, n, sums, b->first + k < p->slices);
    }
    amx_end();
}

/* dw of PAIR channels and outputs, over the slices. */
static void finish(const dw_plan *p, const block *b, int64_t c, int64_t n, float *dw) {
    const int64_t taps = p->taps, floats = taps * SUMS, channels = smaller(PAIR, p->s.C - c * PAIR),
                  outputs = smaller(PAIR, p->s.N - n * PAIR);
    float *const sums = b->sums + (c * p->n_pairs + n) * floats;
    for (int64_t slice = 1; slice < p->slices; slice++) {
        for (int64_t i = 0; i < floats; i += DUET_LANES)
            vec_store(sums + i, vec_load(sums + i) + vec_load(sums + slice * p->sum_floats + i));
    }
    for (int64_t o = 0; o < outputs; o++) {
        float *const to = dw + ((n * PAIR + o) * p->s.C + c * PAIR) * taps;
        for (int64_t i = 0; i < channels; i++) {
            const float *const from = sums + (i / 16 * 2 + o / 16) * 256 + i % 16 * 16 + o % 16;
            for (int64_t tap = 0; tap < taps; tap++) to[i * taps + tap] = from[tap * SUMS];
        }
    }
}

static void finish_bias(const dw_plan *p, const block *b, float *dbias) {
    for (int64_t n = 0; n < p->s.N; n++) {
        double sum = 0.0;
        for (int64_t piece = 0; piece < p->pieces; piece++)
            sum += (double)b->bias[piece * p->n_pairs * PAIR + n];
        dbias[n] = (float)sum;
    }
}

static duet_status run_dw(const duet_run *run) {
    const dw_plan p = plan_of(run->call, run->threads);
    const int64_t pairs = p.c_pairs + p.n_pairs, blocks = p.c_pairs * p.n_pairs;
    block b = block_of(&p, run);
    memset(run->scratch, 0, (size_t)p.zero_floats * sizeof(float));
    for (; b.first < p.pieces; b.first += p.block) {
        b.count = smaller(p.block, p.pieces - b.first);
        queue items = {.count = blocks * p.slices};
#pragma omp parallel num_threads(run->threads)
        {
#pragma omp for schedule(dynamic, 1)
            for (int64_t i = 0; i < b.count * pairs; i++)
                write_pair(&p, run, &b, i / pairs, i % pairs);
            if (run->out[0] != NULL) add_block(&p, &b, &items);
        }
    }
    if (run->out[0] != NULL) {
#pragma omp parallel for num_threads(run->threads) schedule(static)
        for (int64_t i = 0; i < blocks; i++)
            finish(&p, &b, i / p.n_pairs, i % p.n_pairs, run->out[0]);
    }
    if (run->out[1] != NULL) finish_bias(&p, &b, run->out[1]);
    return DUET_OK;
}

static bool supports(const duet_call *call) {
    return duet_has_amx() && shape_of(call).step == 1;
}

static bool pays(const duet_call *call, const duet_kernel_options *options) {
    const conv_shape s = shape_of(call);
    (void)options;
    return s.C >= FEWEST && s.N >= FEWEST && s.B * s.P * s.Q >= AMX_K;
}

static const duet_kernel kernels[] = {
    AMX_KERNEL("conv2d_dw", "amx_dw", false, run_dw),
    AMX_KERNEL("linear_dw", "amx_dw", false, run_dw),
};
DUET_CPU_KERNELS(amx_dw) = {kernels, DUET_COUNT(kernels)};
#else
DUET_CPU_KERNELS(amx_dw) = {NULL, 0};
#endif
