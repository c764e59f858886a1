/* SPDX-License-Identifier: MIT
 * cpu/cpu_product.c: y[M,N] = x[M,K] w + bias[N] + residual[M,N]: linear and 1x1 convolutions with
 * step 1, and their dx. The last columns of x may be those of another array: a concat that is never
 * written.
 *
 * Nothing is kept: a wave of rows of x is copied in chunks of K side by side [chunk][m][k], then
 * each thread takes groups of columns and packs their weights by chunk into panels in its first
 * cache, which is little work beside the product of some ten rows with them. Sums stay in the
 * thread's scratch between chunks. Where all panels fit the cache that the threads share ("whole"),
 * they are packed once instead, and each thread takes block after block of rows; f32 rows of one
 * source are then read where they are. Every element is one chain over K, bias and residual come
 * last: bits depend neither on the rows nor on the threads.
 * With few rows ("few rows") packing would cost as much as the product: there vectors run along K,
 * w is read once where it is. That is another order of adding, so a plan that must be exact does
 * not take it. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/counts.h"
#include "engine/backend/cpu/gemm.h"
#include "engine/op/op_list.h"
#include "engine/op/ops_grad.h"

#define CHUNK       128           /* of K: a panel takes 8 KiB */
#define GROUP       32            /* columns that a thread packs at a time */
#define WAVE_FLOATS (1024 * 1024) /* of x in a wave */
#define WAVE_ROWS   2048          /* at most */
/* Of the weights of a column before they are packed: a line more, to use all sets of the cache. */
#define ROW_FLOATS   (CHUNK + 16)
#define WHOLE_FLOATS (1024 * 1024) /* of the weights, packed once */
#define WHOLE_ROWS   96 /* of x in a block, at least two of which make packing first worth it */
/* Floats: rows that far apart compete for the same sets of the L1 cache. */
#define ALIASED     1024
#define SMALL       200000 /* multiply-adds below which waking threads costs more than it gives */
#define FEW_ROWS    16
#define DOT_ROWS    4 /* rows and columns whose sums are in registers when vectors run along K */
#define DOT_COLUMNS 3

typedef struct product_plan {
    int64_t M, K, N;
    int64_t more; /* of K: columns that the second source has */
    bool flipped; /* dx: w[K,N]; else w[N,K] */
    bool bf16;    /* w is stored so */
    int threads;
    int64_t chunks, wave;  /* of K; rows of x copied at a time */
    int64_t groups, parts; /* of the columns; of a wave's rows, so that each thread has a unit */
    bool whole, in_place;  /* are all weights packed before; are rows of x read where they are */
} product_plan;

static bool has_more(const duet_call *call) {
    return call->inputs > DUET_INPUT_MORE && call->has_in[DUET_INPUT_MORE];
}

static product_plan plan_of(const duet_call *call, int threads) {
    const bool flipped = call->inputs == 2;
    product_plan p = {.N = duet_op_last(&call->out[0].shape),
                      .flipped = flipped,
                      .bf16 = call->in[1].dtype == DUET_BF16};
    p.M = duet_shape_count(&call->in[0].shape) / duet_op_last(&call->in[0].shape);
    p.more = has_more(call) ? duet_op_last(&call->in[DUET_INPUT_MORE].shape) : 0;
    p.K = duet_op_last(&call->in[0].shape) + p.more;
    p.threads = p.M * p.K * p.N > SMALL ? threads : 1;
    p.chunks = (p.K + CHUNK - 1) / CHUNK;
    p.wave = WAVE_FLOATS / (p.chunks * CHUNK) / DUET_ROWS * DUET_ROWS;
    p.wave = smaller(p.M, p.wave < DUET_ROWS ? DUET_ROWS : smaller(p.wave, WAVE_ROWS));
    p.groups = (p.N + GROUP - 1) / GROUP;
    p.parts = (p.threads + p.groups - 1) / p.groups;
    p.whole = p.M >= 2 * WHOLE_ROWS && p.groups * p.chunks * CHUNK * GROUP <= WHOLE_FLOATS;
    if (p.whole) p.wave = WHOLE_ROWS;
    p.in_place = p.whole && p.more == 0 && sizeof(duet_act) == sizeof(float) && p.K % ALIASED != 0;
    return p;
}

/* Scratch: x of a wave (of each thread, where whole), then of each thread packed weights and sums;
 * where whole, last the weights of all. */
static int64_t source_floats(const product_plan *p) {
    return p->in_place ? 0 : p->chunks * p->wave * CHUNK * (p->whole ? p->threads : 1);
}

static int64_t thread_floats(const product_plan *p) {
    return CHUNK * GROUP + p->wave * GROUP;
}

static int64_t whole_floats(const product_plan *p) {
    return p->whole ? p->groups * p->chunks * CHUNK * GROUP : 0;
}

static duet_status plan(const duet_call *call, const duet_kernel_options *options,
                        duet_kernel_plan *out) {
    const product_plan p = plan_of(call, options->threads);
    out->scratch = (source_floats(&p) + p.threads * thread_floats(&p) + whole_floats(&p)) *
                   (int64_t)sizeof(float);
    out->impl = p.whole ? "tiles, packed once" : "tiles";
    return DUET_OK;
}

/* Rows k0 … k0 + count of the panel of columns n0 …, of w[N,K]: those of w are often a multiple of
 * 4 KiB apart and would compete for one set of the L1 cache, so they are copied before they are
 * transposed. */
static void pack_transposed(const product_plan *p, const void *w, int64_t n0, int64_t k0,
                            int64_t count, float *to) {
    float rows[DUET_TILE * ROW_FLOATS];
    const int64_t columns = smaller(p->N - n0, DUET_TILE),
                  whole = (count + DUET_LANES - 1) / DUET_LANES * DUET_LANES;
    for (int64_t n = 0; n < DUET_TILE; n++) {
        float *const row = rows + n * ROW_FLOATS;
        const int64_t there = n < columns ? count : 0;
        if (there > 0) weight_copy(row, w, (n0 + n) * p->K + k0, there, p->bf16);
        memset(row + there, 0, (size_t)(whole - there) * sizeof(float));
    }
    for (int64_t k = 0; k < whole; k += DUET_LANES) {
        for (int64_t n = 0; n < DUET_TILE; n += DUET_LANES) {
            duet_vec v[DUET_LANES];
            DUET_UNROLL
            for (int i = 0; i < DUET_LANES; i++) v[i] = vec_load(rows + (n + i) * ROW_FLOATS + k);
            vec_transpose(v);
            DUET_UNROLL
            for (int i = 0; i < DUET_LANES; i++) vec_store(to + (k + i) * DUET_TILE + n, v[i]);
        }
    }
}

/* The same of w[K,N]. */
static void pack_straight(const product_plan *p, const void *w, int64_t n0, int64_t k0,
                          int64_t count, float *to) {
    const int64_t columns = smaller(p->N - n0, DUET_TILE);
    for (int64_t k = 0; k < count; k++) {
        weight_copy(to + k * DUET_TILE, w, (k0 + k) * p->N + n0, columns, p->bf16);
        for (int64_t n = columns; n < DUET_TILE; n++) to[k * DUET_TILE + n] = 0.0f;
    }
}

/* Columns k … k + count of x in the place of a row in a wave. */
static void copy_columns(const product_plan *p, const duet_act *x, int64_t k, int64_t count,
                         float *source, int64_t place) {
    while (count > 0) {
        const int64_t at = k % CHUNK, step = smaller(count, CHUNK - at);
        act_widen(source + (k / CHUNK * p->wave + place) * CHUNK + at, x, step);
        x += step, k += step, count -= step;
    }
}

/* Row m of x, of both its sources. */
static void copy_row(const product_plan *p, const duet_run *run, int64_t m, float *source,
                     int64_t place) {
    const int64_t first = p->K - p->more;
    copy_columns(p, (const duet_act *)run->in[0] + m * first, 0, first, source, place);
    if (p->more > 0)
        copy_columns(p, (const duet_act *)run->in[DUET_INPUT_MORE] + m * p->more, first, p->more,
                     source, place);
}

/* y[m …, n …] = sums + bias + residual */
static void put_rows(const product_plan *p, const float *sums, int64_t m, int64_t rows, int64_t n,
                     const duet_run *run) {
    const float *const bias = p->flipped ? NULL : run->in[2];
    const duet_act *const residual = p->flipped ? NULL : run->in[3];
    const int64_t columns = smaller(p->N - n, GROUP);
    for (int64_t r = 0; r < rows; r++) {
        const int64_t at = (m + r) * p->N + n;
        const float *const sum = sums + r * GROUP;
        duet_act *const y = (duet_act *)run->out[0] + at;
        int64_t c = 0;
        for (; c + DUET_LANES <= columns; c += DUET_LANES) {
            duet_vec value = vec_load(sum + c);
            if (bias != NULL) value += vec_load(bias + n + c);
            if (residual != NULL) value += act_load(residual + at + c);
            act_store(y + c, value);
        }
        for (; c < columns; c++) {
            float value = sum[c];
            if (bias != NULL) value += bias[n + c];
            if (residual != NULL) value += act_get(residual[at + c]);
            y[c] = act_make(value);
        }
    }
}

/* Chunk i of the weights of columns n …: GROUP / DUET_TILE panels of CHUNK steps. */
static void pack_group(const product_plan *p, const duet_run *run, int64_t n, int64_t i,
                       float *to) {
    const int64_t panels = gemm_panels(smaller(p->N - n, GROUP)),
                  count = smaller(p->K - i * CHUNK, CHUNK);
    for (int64_t j = 0; j < panels; j++) {
        float *const panel = to + j * CHUNK * DUET_TILE;
        (p->flipped ? pack_straight : pack_transposed)(p, run->in[1], n + j * DUET_TILE, i * CHUNK,
                                                       count, panel);
    }
}

/* Rows of x: of chunk i the first begins at first + i next, `step` floats apart. */
typedef struct rows_of_x {
    const float *first;
    int64_t next, step;
} rows_of_x;

/* Rows m … m + count of the result, columns n …; `packed`: all weights, or NULL: packed here;
 * `own`: the thread's scratch. */
static void run_unit(const product_plan *p, const duet_run *run, rows_of_x x, int64_t m,
                     int64_t count, int64_t n, const float *packed, float *own) {
    float *const sums = own + CHUNK * GROUP;
    const int64_t panels = gemm_panels(smaller(p->N - n, GROUP));
    for (int64_t i = 0; i < p->chunks; i++) {
        const int64_t steps = smaller(p->K - i * CHUNK, CHUNK);
        const float *const group =
            packed == NULL ? own : packed + (n / GROUP * p->chunks + i) * CHUNK * GROUP;
        if (packed == NULL) pack_group(p, run, n, i, own);
        for (int64_t j = 0; j < panels; j++) {
            const float *const panel = group + j * CHUNK * DUET_TILE;
            gemm_rows(sums + j * DUET_TILE, GROUP, x.first + i * x.next, x.step, panel, steps,
                      i == 0, count, (gemm_next){.b = panel + CHUNK * DUET_TILE});
        }
    }
    put_rows(p, sums, m, count, n, run);
}

/* Blocks of rows of x, all columns, as long as there are more. */
static void run_rows(const product_plan *p, const duet_run *run, queue *blocks, float *source,
                     const float *packed, float *own) {
    for (int64_t b = queue_take(blocks); b < blocks->count; b = queue_take(blocks)) {
        const int64_t m = b * p->wave, count = smaller(p->M - m, p->wave);
        rows_of_x x = {.first = source, .next = p->wave * CHUNK, .step = CHUNK};
        if (p->in_place)
            x = (rows_of_x){
                .first = (const float *)run->in[0] + m * p->K, .next = CHUNK, .step = p->K};
        for (int64_t r = 0; r < count && !p->in_place; r++) copy_row(p, run, m + r, source, r);
        for (int64_t n = 0; n < p->N; n += GROUP) run_unit(p, run, x, m, count, n, packed, own);
    }
}

static void run_whole(const product_plan *p, const duet_run *run) {
    float *const owns = (float *)run->scratch + source_floats(p), *const packed =
                                                                      owns +
                                                                      p->threads * thread_floats(p);
    const int64_t units = p->groups * p->chunks;
    queue blocks = {.count = (p->M + p->wave - 1) / p->wave};
#pragma omp parallel num_threads(p->threads)
    {
#pragma omp for schedule(static)
        for (int64_t i = 0; i < units; i++) {
            pack_group(p, run, i / p->chunks * GROUP, i % p->chunks, packed + i * CHUNK * GROUP);
        }
#pragma omp for schedule(static)
        for (int part = 0; part < p->threads; part++) {
            float *const source =
                (float *)run->scratch + (p->in_place ? 0 : part * p->chunks * p->wave * CHUNK);
            run_rows(p, run, &blocks, source, packed, owns + part * thread_floats(p));
        }
    }
}

static void run_waves(const product_plan *p, const duet_run *run) {
    const int64_t units = p->groups * p->parts;
    float *const source = run->scratch;
#pragma omp parallel num_threads(p->threads)
    for (int64_t m0 = 0; m0 < p->M; m0 += p->wave) {
        const int64_t count = smaller(p->M - m0, p->wave);
#pragma omp for schedule(static)
        for (int64_t m = 0; m < count; m++) copy_row(p, run, m0 + m, source, m);
#pragma omp for schedule(static)
        for (int part = 0; part < p->threads; part++) {
            float *const own = source + source_floats(p) + part * thread_floats(p);
            for (int64_t i = units * part / p->threads; i < units * (part + 1) / p->threads; i++) {
                const int64_t r = i % p->parts, begin = count * r / p->parts,
                              end = count * (r + 1) / p->parts;
                const rows_of_x x = {
                    .first = source + begin * CHUNK, .next = p->wave * CHUNK, .step = CHUNK};
                run_unit(p, run, x, m0 + begin, end - begin, i / p->parts * GROUP, NULL, own);
            }
        }
    }
}

static duet_status run_product(const duet_run *run) {
    const product_plan p = plan_of(run->call, run->threads);
    if (p.whole)
        run_whole(&p, run);
    else
        run_waves(&p, run);
    return DUET_OK;
}

/* ---- few rows ---- */

/* sum[r][c] = x[r] . w[c] over K */
DUET_INLINE void dots(const duet_act *const *x, const float *const *w, int64_t K,
                      float (*sum)[DOT_COLUMNS]) {
    duet_vec total[DOT_ROWS][DOT_COLUMNS] = {{{0}}};
    int64_t k = 0;
    for (; k < K; k += DUET_LANES) {
        const int64_t count = smaller(K - k, DUET_LANES);
        duet_vec left[DOT_ROWS];
        DUET_UNROLL
        for (int r = 0; r < DOT_ROWS; r++)
            left[r] = count == DUET_LANES ? act_load(x[r] + k) : act_load_part(x[r] + k, count);
        DUET_UNROLL
        for (int c = 0; c < DOT_COLUMNS; c++) {
            const duet_vec right =
                count == DUET_LANES ? vec_load(w[c] + k) : vec_load_part(w[c] + k, count);
            DUET_UNROLL
            for (int r = 0; r < DOT_ROWS; r++) total[r][c] += left[r] * right;
        }
    }
    for (int r = 0; r < DOT_ROWS; r++) {
        for (int c = 0; c < DOT_COLUMNS; c++) sum[r][c] = vec_sum(total[r][c]);
    }
}

/* Columns n … of all rows. */
static void run_columns(const product_plan *p, const duet_run *run, int64_t n) {
    const int64_t columns = smaller(p->N - n, DOT_COLUMNS);
    const float *const bias = run->in[2], *w[DOT_COLUMNS];
    const duet_act *const residual = run->in[3];
    for (int64_t c = 0; c < DOT_COLUMNS; c++)
        w[c] = (const float *)run->in[1] + (n + smaller(c, columns - 1)) * p->K;
    for (int64_t m = 0; m < p->M; m += DOT_ROWS) {
        const int64_t rows = smaller(p->M - m, DOT_ROWS);
        const duet_act *x[DOT_ROWS];
        float sum[DOT_ROWS][DOT_COLUMNS];
        for (int64_t r = 0; r < DOT_ROWS; r++)
            x[r] = (const duet_act *)run->in[0] + (m + smaller(r, rows - 1)) * p->K;
        dots(x, w, p->K, sum);
        for (int64_t r = 0; r < rows; r++) {
            for (int64_t c = 0; c < columns; c++) {
                const int64_t at = (m + r) * p->N + n + c;
                float value = sum[r][c];
                if (bias != NULL) value += bias[n + c];
                if (residual != NULL) value += act_get(residual[at]);
                ((duet_act *)run->out[0])[at] = act_make(value);
            }
        }
    }
}

static duet_status run_few(const duet_run *run) {
    const product_plan p = plan_of(run->call, run->threads);
    const int64_t columns = (p.N + DOT_COLUMNS - 1) / DOT_COLUMNS;
#pragma omp parallel for num_threads(p.threads) schedule(static)
    for (int64_t i = 0; i < columns; i++) run_columns(&p, run, i * DOT_COLUMNS);
    return DUET_OK;
}

static duet_status plan_few(const duet_call *call, const duet_kernel_options *options,
                            duet_kernel_plan *out) {
    (void)call;
    (void)options;
    out->impl = "dots";
    return DUET_OK;
}

static bool has_one_source(const duet_call *call) {
    return !has_more(call);
}

static bool has_few_rows(const duet_call *call, const duet_kernel_options *options) {
    return !options->exact && plan_of(call, 1).M <= FEW_ROWS;
}

static bool is_pointwise(const duet_call *call) {
    const duet_conv2d_attr *const attr = call->attr;
    return call->in[1].shape.dim[2] == 1 && attr->stride == 1 && attr->pad == 0;
}

static const duet_kernel kernels[] = {
    {.op = "linear",
     .name = "few rows",
     .supports = has_one_source,
     .pays = has_few_rows,
     .plan = plan_few,
     .run = run_few},
    {.op = "linear", .name = "product", .bf16_weights = true, .plan = plan, .run = run_product},
    {.op = "linear_dx", .name = "product", .bf16_weights = true, .plan = plan, .run = run_product},
    {.op = "conv2d",
     .name = "product",
     .bf16_weights = true,
     .supports = is_pointwise,
     .plan = plan,
     .run = run_product},
    {.op = "conv2d_dx",
     .name = "product",
     .bf16_weights = true,
     .supports = is_pointwise,
     .plan = plan,
     .run = run_product},
};
DUET_CPU_KERNELS(product) = {kernels, DUET_COUNT(kernels)};
