/* SPDX-License-Identifier: MIT
 * cpu/cpu_norm.c: group_norm and norm_act = silu?(group_norm(x) (1 + scale) + shift), where the
 * channels of x may lie in two arrays: the concat of a U-Net's decoder is never written.
 *
 * Statistics: a chunk of rows is summed around the mean of its first rows, per channel, so that a
 * mean far from 0 does not cancel in float; chunks are joined in double, in order, to pieces, and
 * these to the sample. The cut depends on the shape alone, and so do the bits. x is read twice
 * (statistics, result), the second time from the end, which is in a near cache still. A small
 * sample belongs to one thread, whose L2 cache holds it; of a large one the threads share the
 * pieces. (Blocks of channels that the L3 cache holds would be read from memory once, but their
 * rows, a power of two apart, compete for a part of its sets: at 256x256x256 that takes twice the
 * time.) */
#include <math.h>

#include "engine/backend/cpu/counts.h"
#include "engine/backend/cpu/norm.h"

#define PIECES   32 /* of a sample at most */
#define FIRST    4  /* rows whose mean a chunk is summed around, and that are summed at a time */
#define L2_BYTES (768 * 1024) /* of a sample that stays in the L2 cache */
/* Of the input that may be in the third: else rows are read one by one, as memory likes it. */
#define FAR_BYTES (16 * 1024 * 1024)

enum {
    SLOT_MEAN = 4,
    SLOT_FIRST,
    SLOT_SECOND,
    /* a piece's arrays, behind its 2 C doubles */
    SLOT_ARRAYS
};

typedef struct source { /* channels begin … begin + C of the norm */
    const duet_act *x;  /* [B,S,C] */
    int64_t begin, C;
} source;

typedef struct forward {
    norm n; /* C: channels of both sources; x is not used */
    source from[2];
    int64_t rows, pieces, piece_rows; /* of a chunk; of a sample; of a piece, whole chunks */
    bool whole, far;                  /* a thread has whole samples; x comes from memory */
} forward;

static forward forward_of(const duet_call *call, int threads) {
    forward f = {.n = norm_of(call)};
    norm *const n = &f.n;
    f.from[0].C = n->C;
    if (call->inputs > 4 && call->has_in[4]) {
        f.from[1] = (source){.begin = n->C, .C = call->in[4].shape.dim[call->in[4].shape.rank - 1]};
        n->C += f.from[1].C;
        n->size = n->C / n->G;
        n->pad = round_up(f.from[1].begin + round_up(f.from[1].C, 16),
                          16); /* whole vectors, also from the second one's begin on */
    }
    f.rows = n->S >= 64 * PIECES ? 64 : 16;
    const int64_t chunks = (n->S + f.rows - 1) / f.rows;
    f.piece_rows = (chunks + PIECES - 1) / PIECES * f.rows;
    f.pieces = (n->S + f.piece_rows - 1) / f.piece_rows;
    f.far = n->B * n->S * n->C * (int64_t)sizeof(duet_act) > FAR_BYTES;
    f.whole = n->B >= threads && n->S * n->C * (int64_t)sizeof(duet_act) <= L2_BYTES;
    return f;
}

static int64_t slot_floats(const forward *f) {
    return SLOT_ARRAYS * f->n.pad;
}

/* Scratch: of each sample being done its arrays and the slots of its pieces. */
static int64_t place_floats(const forward *f) {
    return sample_floats(f->n.pad) + (f->whole ? 1 : f->pieces) * slot_floats(f);
}

static duet_status plan_forward(const duet_call *call, const duet_kernel_options *options,
                                duet_kernel_plan *out) {
    const forward f = forward_of(call, options->threads);
    out->scratch = (f.whole ? options->threads : 1) * place_floats(&f) * (int64_t)sizeof(float);
    out->impl = f.from[1].C > 0 ? "fused, two sources" : "fused";
    return DUET_OK;
}

DUET_INLINE duet_vec load(const duet_act *from, int64_t lanes) {
    return lanes >= DUET_LANES ? act_load(from) : act_load_part(from, lanes);
}

/* first += sum of d, second += sum of d^2 of `rows` rows from x on, d = x - mean; `left` channels
 * are there. */
DUET_INLINE void sum_rows(const duet_act *x, int64_t C, int64_t left, const int rows,
                          const float *mean, float *first, float *second) {
    const duet_vec m = vec_load(mean);
    duet_vec rest = vec_load(first), square = vec_load(second);
    DUET_UNROLL
    for (int s = 0; s < rows; s++) {
        const duet_vec d = load(x + s * C, left) - m;
        rest += d;
        square += d * d;
    }
    vec_store(first, rest);
    vec_store(second, square);
}

/* A chunk of one source: sums of x and x^2 are added to total, the latter `step` behind. Arrays are
 * the source's part. */
static void chunk_statistics(const duet_act *x, int64_t C, int64_t rows, bool far, float *mean,
                             float *first, float *second, double *total, int64_t step) {
    const int64_t start = rows < FIRST ? rows : FIRST;
    for (int64_t c = 0; c < C; c += DUET_LANES) {
        duet_vec sum = {0};
        for (int64_t s = 0; s < start; s++) sum += load(x + s * C + c, C - c);
        vec_store(mean + c, sum * (1.0f / (float)start));
        vec_store(first + c, (duet_vec){0});
        vec_store(second + c, (duet_vec){0});
    }
    int64_t s = 0;
    for (; s + FIRST <= rows && !far; s += FIRST) {
        int64_t c = 0;
        for (; c + DUET_LANES <= C; c += DUET_LANES)
            sum_rows(x + s * C + c, C, DUET_LANES, FIRST, mean + c, first + c, second + c);
        if (c < C) sum_rows(x + s * C + c, C, C - c, FIRST, mean + c, first + c, second + c);
    }
    for (; s < rows; s++) {
        int64_t c = 0;
        for (; c + DUET_LANES <= C; c += DUET_LANES)
            sum_rows(x + s * C + c, C, DUET_LANES, 1, mean + c, first + c, second + c);
        if (c < C) sum_rows(x + s * C + c, C, C - c, 1, mean + c, first + c, second + c);
    }
    const double count = (double)rows;
#pragma omp simd
    for (int64_t c = 0; c < C; c++) {
        const double m = (double)mean[c], r = (double)first[c];
        total[c] += count * m + r;
        total[step + c] += (double)second[c] + m * (2.0 * r + count * m);
    }
}

/* Sums of x and x^2 of a piece into its slot. */
static void piece_statistics(const forward *f, int64_t b, int64_t piece, float *slot) {
    const norm *const n = &f->n;
    const int64_t end = smaller(n->S, (piece + 1) * f->piece_rows);
    memset(slot, 0, (size_t)(2 * n->C) * sizeof(double));
    for (int64_t s = piece * f->piece_rows; s < end; s += f->rows) {
        for (int k = 0; k < 2 && f->from[k].C > 0; k++) {
            const source *const from = &f->from[k];
            float *const arrays = slot + from->begin;
            chunk_statistics(from->x + (b * n->S + s) * from->C, from->C, smaller(f->rows, end - s),
                             f->far, arrays + SLOT_MEAN * n->pad, arrays + SLOT_FIRST * n->pad,
                             arrays + SLOT_SECOND * n->pad, doubles(slot) + from->begin, n->C);
        }
    }
}

/* total[2C] += a piece's */
static void join(const norm *n, float *slot, bool first, double *total) {
    const double *const part = doubles(slot);
    for (int64_t c = 0; c < 2 * n->C; c++) total[c] = first ? part[c] : total[c] + part[c];
}

/* mean[G], what its rounding left, rstd[G] from sums of x and x^2 per channel */
static void finish_statistics(const norm *n, const double *total, float *mean, float *rest,
                              float *rstd) {
    const double count = (double)(n->S * n->size);
    for (int64_t g = 0; g < n->G; g++) {
        double sum = 0.0, square = 0.0;
        for (int64_t c = g * n->size; c < (g + 1) * n->size; c++) {
            sum += total[c];
            square += total[n->C + c];
        }
        const double m = sum / count, variance = square / count - m * m;
        mean[g] = (float)m;
        rest[g] = (float)(m - (double)mean[g]);
        rstd[g] = (float)(1.0 / sqrt((variance > 0.0 ? variance : 0.0) + n->eps));
    }
}

static void finish_sample(const norm *n, const duet_run *run, int64_t b, float *sample) {
    float *const mean = sample + ARRAY_MEAN * n->pad, *const rstd = sample + ARRAY_RSTD * n->pad;
    float *const rest = sample + ARRAY_E * n->pad; /* the gradient's, free here */
    finish_statistics(n, doubles(sample + ARRAYS * n->pad), mean, rest, rstd);
    coefficients(n, b, mean, rest, rstd, sample);
    if (run->out[1] != NULL)
        memcpy((float *)run->out[1] + b * n->G, mean, (size_t)n->G * sizeof(float));
    if (run->out[2] != NULL)
        memcpy((float *)run->out[2] + b * n->G, rstd, (size_t)n->G * sizeof(float));
}

DUET_INLINE duet_vec value(duet_vec x, const float *a, const float *d, const float *center,
                           const bool silu) {
    const duet_vec z = (x - vec_load(center)) * vec_load(a) + vec_load(d);
    return silu ? vec_silu(z) : z;
}

/* Rows of a source; arrays are the source's part, y has rows of `step` floats. */
DUET_INLINE void write_rows(const duet_act *x, int64_t C, int64_t rows, const float *arrays,
                            int64_t pad, duet_act *y, int64_t step, const bool silu) {
    const float *const a = arrays + ARRAY_A * pad, *const d = arrays + ARRAY_D * pad,
                       *const center = arrays + ARRAY_CENTER * pad;
    for (int64_t s = 0; s < rows; s++, x += C, y += step) {
        int64_t c = 0;
        for (; c + DUET_LANES <= C; c += DUET_LANES)
            act_store(y + c, value(act_load(x + c), a + c, d + c, center + c, silu));
        if (c == C) continue;
        act_store_part(y + c, value(act_load_part(x + c, C - c), a + c, d + c, center + c, silu),
                       C - c);
    }
}

/* The result of a piece. */
static void write_piece(const forward *f, const duet_run *run, int64_t b, int64_t piece,
                        const float *sample) {
    const norm *const n = &f->n;
    const int64_t begin = piece * f->piece_rows, end = smaller(n->S, begin + f->piece_rows);
    for (int64_t s = begin; s < end; s += f->rows) {
        const int64_t row = b * n->S + s, rows = smaller(f->rows, end - s);
        for (int k = 0; k < 2 && f->from[k].C > 0; k++) {
            const source *const from = &f->from[k];
            const duet_act *const x = from->x + row * from->C;
            const float *const arrays = sample + from->begin;
            duet_act *const y = (duet_act *)run->out[0] + row * n->C + from->begin;
            if (n->silu)
                write_rows(x, from->C, rows, arrays, n->pad, y, n->C, true);
            else
                write_rows(x, from->C, rows, arrays, n->pad, y, n->C, false);
        }
    }
}

/* One thread, one sample. */
static void run_sample(const forward *f, const duet_run *run, int64_t b, float *sample) {
    const norm *const n = &f->n;
    float *const slot = sample + sample_floats(n->pad);
    for (int64_t k = 0; k < f->pieces; k++) {
        piece_statistics(f, b, k, slot);
        join(n, slot, k == 0, doubles(sample + ARRAYS * n->pad));
    }
    finish_sample(n, run, b, sample);
    for (int64_t k = f->pieces - 1; k >= 0 && run->out[0] != NULL; k--)
        write_piece(f, run, b, k, sample);
}

/* All threads, one sample: each has its pieces, the same ones for statistics and result. */
static void run_shared(const forward *f, const duet_run *run, int64_t b) {
    const norm *const n = &f->n;
    float *const sample = run->scratch, *const slots = sample + sample_floats(n->pad);
    const int64_t threads = run->threads;
#pragma omp parallel num_threads(run->threads)
    {
#pragma omp for schedule(static)
        for (int64_t part = 0; part < threads; part++) {
            const int64_t end = f->pieces * (part + 1) / threads;
            for (int64_t k = f->pieces * part / threads; k < end; k++)
                piece_statistics(f, b, k, slots + k * slot_floats(f));
        }
#pragma omp single
        {
            for (int64_t k = 0; k < f->pieces; k++)
                join(n, slots + k * slot_floats(f), k == 0, doubles(sample + ARRAYS * n->pad));
            finish_sample(n, run, b, sample);
        }
#pragma omp for schedule(static)
        for (int64_t part = 0; part < threads; part++) {
            const int64_t begin = f->pieces * part / threads;
            for (int64_t k = f->pieces * (part + 1) / threads - 1;
                 k >= begin && run->out[0] != NULL; k--) {
                write_piece(f, run, b, k, sample);
            }
        }
    }
}

static duet_status run_norm(const duet_run *run) {
    forward f = forward_of(run->call, run->threads);
    f.n.gamma = run->in[1];
    f.n.beta = run->in[2];
    f.n.scale_shift = run->call->inputs > 3 ? run->in[3] : NULL;
    f.from[0].x = run->in[0];
    f.from[1].x = f.from[1].C > 0 ? run->in[4] : NULL;
    for (int64_t b = 0; b < f.n.B && !f.whole; b++) run_shared(&f, run, b);
    if (!f.whole) return DUET_OK;
    queue samples = {.count = f.n.B};
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int part = 0; part < run->threads; part++) {
        float *const sample = (float *)run->scratch + part * place_floats(&f);
        for (int64_t b = queue_take(&samples); b < samples.count; b = queue_take(&samples))
            run_sample(&f, run, b, sample);
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "group_norm", .name = "norm", .plan = plan_forward, .run = run_norm},
    {.op = "norm_act", .name = "norm", .plan = plan_forward, .run = run_norm},
};
DUET_CPU_KERNELS(norm) = {kernels, DUET_COUNT(kernels)};
