/* SPDX-License-Identifier: MIT
 * cpu/cpu_attention.c: attention and its gradient with register tiles (cpu/gemm.h). A piece of work
 *   is one (image, head) and, where those are fewer than the threads, some of its queries. k' and v
 *   of the head are packed once; BLOCK queries at a time then have their rows of scores in scratch:
 *   BLOCK x T floats is all that is kept of the T x T matrix. Everything in scratch is f32; of
 *   activations stored as bf16 queries and dy are widened by blocks. y = p v, p = softmax(q k' f),
 *   f = 1/sqrt(d)
 *   dp = dy v', ds = p (dp - sum of p dp) f, dq = ds k, dk = ds' q, dv = p' dy */
#include <math.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/counts.h"
#include "engine/backend/cpu/gemm.h"
#include "engine/op/attention_layout.h"

#define BLOCK (8 * DUET_ROWS)

typedef struct sizes {
    int64_t B, T, C, heads, d;
    int64_t wide;         /* columns of packed keys: T in whole panels; also the stride of scores */
    int64_t deep;         /* d in whole panels */
    int64_t packed, sums; /* floats of packed k' or v'; of packed k or v, and of dk and dv */
    int64_t scores;       /* floats of BLOCK rows of scores */
    int64_t block;        /* floats of BLOCK rows of d */
    int64_t splits;       /* pieces of an (image, head) */
} sizes;

static sizes sizes_of(const duet_call *call, int threads) {
    const duet_attention_attr *const attr = call->attr;
    const int64_t *const x = call->in[0].shape.dim;
    sizes n = {.B = x[0], .T = x[1], .C = x[2] / 3, .heads = attr->heads, .splits = 1};
    n.d = n.C / n.heads;
    n.wide = gemm_panels(n.T) * DUET_TILE;
    n.deep = gemm_panels(n.d) * DUET_TILE;
    n.packed = n.wide * n.d;
    n.sums = n.deep * ((n.T + DUET_ROWS - 1) / DUET_ROWS * DUET_ROWS);
    n.scores = BLOCK * n.wide;
    n.block = round_up(BLOCK * n.d, 16);
    const int64_t blocks = (n.T + BLOCK - 1) / BLOCK, pieces = n.B * n.heads;
    if (call->inputs == 1 && pieces < threads) n.splits = (threads + pieces - 1) / pieces;
    if (n.splits > blocks) n.splits = blocks;
    return n;
}

static int64_t forward_floats(const sizes *n) {
    return round_up(n->packed + n->sums + n->scores, 16) + 2 * n->block;
}

static int64_t grad_floats(const sizes *n) {
    return round_up(2 * n->packed + 3 * n->sums + 2 * n->scores + 2 * BLOCK * n->deep, 16) +
           3 * n->block;
}

static duet_status plan_forward(const duet_call *call, const duet_kernel_options *options,
                                duet_kernel_plan *out) {
    const sizes n = sizes_of(call, options->threads);
    out->scratch = options->threads * forward_floats(&n) * (int64_t)sizeof(float);
    out->impl = "tiles";
    return DUET_OK;
}

static duet_status plan_grad(const duet_call *call, const duet_kernel_options *options,
                             duet_kernel_plan *out) {
    const sizes n = sizes_of(call, options->threads);
    out->scratch = options->threads * grad_floats(&n) * (int64_t)sizeof(float);
    out->impl = "tiles";
    return DUET_OK;
}

/* from[T,d] (rows `step` apart) as the right factor [d,T]: panels of rows. */
static void pack_across(const sizes *n, const duet_act *from, int64_t step, float *to) {
    for (int64_t j = 0; j < n->T; j += DUET_TILE)
        gemm_pack_panel(to + j * n->d, from, n->d, j, n->T, 1, step);
}

/* from[count,d] as the right factor [count,d]: panels of channels. */
static void pack_along(const sizes *n, const duet_act *from, int64_t step, int64_t count,
                       float *to) {
    for (int64_t c = 0; c < n->d; c += DUET_TILE)
        gemm_pack_panel(to + c * count, from, count, c, n->d, step, 1);
}

/* y[rows, columns] = a[rows,K] b, where rows of a and y are `a_step` and `y_step` apart and b is
 * packed. */
static void product(const float *a, int64_t a_step, const float *b, int64_t K, float *y,
                    int64_t y_step, int64_t rows, int64_t columns) {
    for (int64_t c = 0; c < columns; c += DUET_TILE) {
        for (int64_t i = 0; i < rows; i += DUET_ROWS) {
            const float *row[DUET_ROWS];
            for (int r = 0; r < DUET_ROWS; r++) row[r] = a + (i + r < rows ? i + r : i) * a_step;
            tile t;
            tile_start(&t, NULL, 0);
            tile_rows(&t, row, 0, b + c * K, K);
            tile_store(&t, y + i * y_step + c, y_step, rows - i, columns - c);
        }
    }
}

/* sum[T,deep] += a' b over `count` rows: a[count,T] is `wide` a row, b is packed. Rows beyond T
 * stay in sum's padding. */
static void add_outer(const sizes *n, const float *a, const float *b, int64_t count, float *sum) {
    for (int64_t c = 0; c < n->deep; c += DUET_TILE) {
        for (int64_t j = 0; j < n->T; j += DUET_ROWS) {
            tile t;
            tile_load(&t, sum + j * n->deep + c, n->deep, DUET_ROWS, DUET_TILE);
            tile_outer(&t, a + j, n->wide, b + c * count, count);
            tile_store(&t, sum + j * n->deep + c, n->deep, DUET_ROWS, DUET_TILE);
        }
    }
}

/* Rows of d, `step` apart: where they are if they are f32, else copies in `block`, which are d
 * apart. */
typedef struct rows_of_d {
    const float *at;
    int64_t step;
} rows_of_d;

static rows_of_d widen_rows(const sizes *n, const duet_act *from, int64_t step, int64_t rows,
                            float *block) {
    if (sizeof(duet_act) == sizeof(float))
        return (rows_of_d){(const float *)(const void *)from, step};
    for (int64_t r = 0; r < rows; r++) act_widen(block + r * n->d, from + r * step, n->d);
    return (rows_of_d){block, n->d};
}

/* y[rows, d], rows `step` apart, = a[rows,T] b; passes through `block`. */
static void product_out(const sizes *n, const float *a, const float *b, float *block, duet_act *y,
                        int64_t step, int64_t rows) {
    float *const to = sizeof(duet_act) == sizeof(float) ? (float *)(void *)y : block;
    const int64_t to_step = to == block ? n->d : step;
    product(a, n->wide, b, n->T, to, to_step, rows, n->d);
    for (int64_t r = 0; r < rows && to == block; r++)
        act_narrow(y + r * step, block + r * n->d, n->d);
}

/* Softmax of factor * scores; what stands behind T (a row is padded to whole vectors) is left 0. */
static void softmax(const sizes *n, float *row) {
    const float factor = (float)(1.0 / sqrt((double)n->d));
    for (int64_t j = n->T; j < n->wide; j++) row[j] = row[0];
    duet_vec most = vec_load(row), total = {0};
    for (int64_t j = 0; j < n->wide; j += DUET_LANES) most = vec_max(most, vec_load(row + j));
    float best = most[0];
    for (int i = 1; i < DUET_LANES; i++) best = most[i] > best ? most[i] : best;
    for (int64_t j = 0; j < n->wide; j += DUET_LANES)
        vec_store(row + j, vec_exp((vec_load(row + j) - best) * factor));
    for (int64_t j = n->T; j < n->wide; j++) row[j] = 0.0f;
    for (int64_t j = 0; j < n->wide; j += DUET_LANES) total += vec_load(row + j);
    const float inverse = 1.0f / vec_sum(total);
    for (int64_t j = 0; j < n->wide; j += DUET_LANES)
        vec_store(row + j, vec_load(row + j) * inverse);
}

/* Rows of p for queries i0 …, from q and packed k'. */
static void probabilities(const sizes *n, rows_of_d q, const float *keys, int64_t rows, float *p) {
    product(q.at, q.step, keys, n->d, p, n->wide, rows, n->T);
    for (int64_t r = 0; r < rows; r++) softmax(n, p + r * n->wide);
}

static void forward_piece(const sizes *n, const duet_run *run, int64_t piece, float *keys) {
    const int64_t split = piece % n->splits, b = piece / n->splits / n->heads,
                  head = piece / n->splits % n->heads;
    const int64_t blocks = (n->T + BLOCK - 1) / BLOCK, step = 3 * n->C;
    const duet_act *const qkv = (const duet_act *)run->in[0] + b * n->T * step;
    float *const values = keys + n->packed, *const p = values + n->sums,
                 *const block = keys + forward_floats(n) - 2 * n->block;
    duet_act *const y = (duet_act *)run->out[0] + b * n->T * n->C + head * n->d;
    int64_t at[3];
    duet_attention_offsets(at, run->call->attr, n->C, head);
    pack_across(n, qkv + at[1], step, keys);
    pack_along(n, qkv + at[2], step, n->T, values);
    for (int64_t k = blocks * split / n->splits; k < blocks * (split + 1) / n->splits; k++) {
        const int64_t i = k * BLOCK, rows = n->T - i < BLOCK ? n->T - i : BLOCK;
        probabilities(n, widen_rows(n, qkv + i * step + at[0], step, rows, block), keys, rows, p);
        product_out(n, p, values, block + n->block, y + i * n->C, n->C, rows);
    }
}

static duet_status run_forward(const duet_run *run) {
    const sizes n = sizes_of(run->call, run->threads);
    const int64_t step = forward_floats(&n);
    queue pieces = {.count = n.B * n.heads * n.splits};
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int part = 0; part < run->threads; part++) {
        float *const own = (float *)run->scratch + part * step;
        for (int64_t i = queue_take(&pieces); i < pieces.count; i = queue_take(&pieces))
            forward_piece(&n, run, i, own);
    }
    return DUET_OK;
}

/* Scratch of a thread of the gradient. */
typedef struct grad_work {
    float *across_k, *across_v, *along_k; /* packed k', v', k */
    float *dk, *dv;                       /* [T,deep] */
    float *p, *ds;                        /* [BLOCK,wide] */
    float *q, *dy;                        /* of a block, packed */
    float *block;                         /* and three times widened: q, dy, dq */
} grad_work;

static grad_work work_of(const sizes *n, float *at) {
    grad_work w;
    float **const parts[] = {&w.across_k, &w.across_v, &w.along_k, &w.dk, &w.dv,
                             &w.p,        &w.ds,       &w.q,       &w.dy, &w.block};
    const int64_t counts[] = {n->packed, n->packed, n->sums,         n->sums,         n->sums,
                              n->scores, n->scores, BLOCK * n->deep, BLOCK * n->deep, 3 * n->block};
    for (int i = 0; i < DUET_COUNT(parts); i++) {
        *parts[i] = at;
        at += counts[i];
    }
    return w;
}

/* ds from p and dp, in dp's place */
static void scores_gradient(const sizes *n, const float *p, float *ds) {
    const float factor = (float)(1.0 / sqrt((double)n->d));
    duet_vec total = {0};
    for (int64_t j = n->T; j < n->wide; j++) ds[j] = 0.0f;
    for (int64_t j = 0; j < n->wide; j += DUET_LANES) total += vec_load(p + j) * vec_load(ds + j);
    const float mean = vec_sum(total);
    for (int64_t j = 0; j < n->wide; j += DUET_LANES)
        vec_store(ds + j, vec_load(p + j) * (vec_load(ds + j) - mean) * factor);
}

static void grad_piece(const sizes *n, const duet_run *run, int64_t piece, const grad_work *w) {
    const int64_t b = piece / n->heads, head = piece % n->heads, step = 3 * n->C;
    const duet_act *const qkv = (const duet_act *)run->in[0] + b * n->T * step;
    const duet_act *const dy = (const duet_act *)run->in[1] + b * n->T * n->C + head * n->d;
    duet_act *const dqkv = (duet_act *)run->out[0] + b * n->T * step;
    int64_t at[3];
    duet_attention_offsets(at, run->call->attr, n->C, head);
    pack_across(n, qkv + at[1], step, w->across_k);
    pack_across(n, qkv + at[2], step, w->across_v);
    pack_along(n, qkv + at[1], step, n->T, w->along_k);
    memset(w->dk, 0, (size_t)n->sums * sizeof(float));
    memset(w->dv, 0, (size_t)n->sums * sizeof(float));
    for (int64_t i = 0; i < n->T; i += BLOCK) {
        const int64_t rows = n->T - i < BLOCK ? n->T - i : BLOCK;
        const rows_of_d up = widen_rows(n, dy + i * n->C, n->C, rows, w->block + n->block);
        probabilities(n, widen_rows(n, qkv + i * step + at[0], step, rows, w->block), w->across_k,
                      rows, w->p);
        product(up.at, up.step, w->across_v, n->d, w->ds, n->wide, rows, n->T);
        for (int64_t r = 0; r < rows; r++)
            scores_gradient(n, w->p + r * n->wide, w->ds + r * n->wide);
        product_out(n, w->ds, w->along_k, w->block + 2 * n->block, dqkv + i * step + at[0], step,
                    rows);
        pack_along(n, qkv + i * step + at[0], step, rows, w->q);
        pack_along(n, dy + i * n->C, n->C, rows, w->dy);
        add_outer(n, w->ds, w->q, rows, w->dk);
        add_outer(n, w->p, w->dy, rows, w->dv);
    }
    for (int64_t j = 0; j < n->T; j++) {
        act_narrow(dqkv + j * step + at[1], w->dk + j * n->deep, n->d);
        act_narrow(dqkv + j * step + at[2], w->dv + j * n->deep, n->d);
    }
}

static duet_status run_grad(const duet_run *run) {
    const sizes n = sizes_of(run->call, run->threads);
    const int64_t step = grad_floats(&n);
    queue pieces = {.count = n.B * n.heads};
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int part = 0; part < run->threads; part++) {
        const grad_work w = work_of(&n, (float *)run->scratch + part * step);
        for (int64_t i = queue_take(&pieces); i < pieces.count; i = queue_take(&pieces))
            grad_piece(&n, run, i, &w);
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "attention", .name = "attention", .plan = plan_forward, .run = run_forward},
    {.op = "attention_grad", .name = "attention", .plan = plan_grad, .run = run_grad},
};
DUET_CPU_KERNELS(attention) = {kernels, DUET_COUNT(kernels)};
