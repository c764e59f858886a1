/* SPDX-License-Identifier: MIT
 * cpu/cpu_norm.c: group_norm and norm_act = silu?(group_norm(x) (1 + scale) + shift), and their gradient.
 *
 * A sample is cut into chunks of rows that fit the first cache; the cut depends on the shape alone. Statistics of a chunk are
 * sums around the chunk's own mean per channel (no cancellation in float), joined over chunks in double, in order. So x is
 * read twice (statistics, result), and bits depend on nothing but the sample. Threads share the samples, or, where there
 * are fewer samples than threads, the chunks. */
#include <math.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/vector.h"
#include "engine/op/ops_grad.h"

typedef struct norm {
    int64_t B, S, C, G; /* x[B,S,C] */
    int64_t size, pad;  /* channels of a group; C rounded up */
    int64_t rows, chunks;
    double eps;
    bool silu;
    const float *x, *gamma, *beta, *scale_shift;
} norm;

/* What a sample keeps in scratch: channel arrays of `pad` floats, then doubles. */
enum { ARRAY_A, ARRAY_D, ARRAY_CENTER, ARRAY_E, ARRAY_F, ARRAY_WORK, ARRAY_MEAN = ARRAY_WORK + 3, ARRAY_RSTD, ARRAYS };

static int64_t sample_floats(int64_t pad)
{
    return (ARRAYS + 4) * pad; /* 2 C doubles are 4 C floats */
}

static norm norm_of(const duet_call *call)
{
    const duet_norm_attr *const attr = call->attr;
    const duet_shape *const shape = &call->in[0].shape;
    norm n = { .B = shape->dim[0], .C = shape->dim[shape->rank - 1], .G = attr->groups, .eps = attr->eps,
               .silu = attr->silu && call->inputs != 3 };
    n.S = duet_shape_count(shape) / n.B / n.C;
    n.size = n.C / n.G;
    n.pad = (n.C + 15) / 16 * 16;
    n.rows = 4096 / n.C > 64 ? 64 : 4096 / n.C < 16 ? 16 : 4096 / n.C;
    n.chunks = (n.S + n.rows - 1) / n.rows;
    return n;
}

static norm norm_run(const duet_run *run)
{
    norm n = norm_of(run->call);
    n.x = run->in[0];
    n.gamma = run->in[1];
    n.beta = run->in[2];
    n.scale_shift = run->call->inputs > 3 ? run->in[3] : NULL;
    return n;
}

/* Fewer samples than threads: chunks are shared, and each has a slot in scratch: 2 C doubles, then 3 arrays. */
static bool shares_chunks(const norm *n, int threads)
{
    return n->B < threads && n->chunks > 1;
}

static float *sample_of(const norm *n, const duet_run *run, int64_t b)
{
    return (float *)run->scratch + b * sample_floats(n->pad);
}

static float *chunk_of(const norm *n, const duet_run *run, int64_t b, int64_t chunk)
{
    return (float *)run->scratch + n->B * sample_floats(n->pad) + (b * n->chunks + chunk) * 7 * n->pad;
}

static double *doubles(float *at)
{
    return (double *)(void *)at;
}

static duet_status plan_norm(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out)
{
    const norm n = norm_of(call);
    out->scratch = n.B * sample_floats(n.pad);
    if (shares_chunks(&n, options->threads)) out->scratch += n.B * n.chunks * 7 * n.pad;
    out->scratch *= (int64_t)sizeof(float);
    out->impl = "fused";
    return DUET_OK;
}

static int64_t chunk_rows(const norm *n, int64_t chunk)
{
    return n->S - chunk * n->rows < n->rows ? n->S - chunk * n->rows : n->rows;
}

/* Sums of `vectors` neighbouring vectors over rows: mean of each lane, then around it: first (what rounding left), second. */
DUET_INLINE void sums_around(const float *x, int64_t rows, int64_t C, int64_t lanes, const int vectors, float *mean, float *first,
                             float *second)
{
    duet_vec sum[4] = { { 0 } }, rest[4] = { { 0 } }, square[4] = { { 0 } };
    for (int64_t s = 0; s < rows; s++) {
        DUET_UNROLL
        for (int v = 0; v < vectors; v++) {
            const float *const at = x + s * C + v * DUET_LANES;
            sum[v] += lanes == DUET_LANES ? vec_load(at) : vec_load_part(at, lanes);
        }
    }
    DUET_UNROLL
    for (int v = 0; v < vectors; v++) sum[v] *= 1.0f / (float)rows;
    for (int64_t s = 0; s < rows; s++) {
        DUET_UNROLL
        for (int v = 0; v < vectors; v++) {
            const float *const at = x + s * C + v * DUET_LANES;
            const duet_vec d = (lanes == DUET_LANES ? vec_load(at) : vec_load_part(at, lanes)) - sum[v];
            rest[v] += d;
            square[v] += d * d;
        }
    }
    DUET_UNROLL
    for (int v = 0; v < vectors; v++) {
        vec_store(mean + v * DUET_LANES, sum[v]);
        vec_store(first + v * DUET_LANES, rest[v]);
        vec_store(second + v * DUET_LANES, square[v]);
    }
}

/* Sums of x and x^2 of a chunk, added to total[2C]. work: 3 arrays. */
static void chunk_statistics(const norm *n, const float *x, int64_t rows, float *work, double *total)
{
    float *const mean = work, *const first = work + n->pad, *const second = work + 2 * n->pad;
    int64_t c = 0;
    for (; c + 4 * DUET_LANES <= n->C; c += 4 * DUET_LANES) {
        sums_around(x + c, rows, n->C, DUET_LANES, 4, mean + c, first + c, second + c);
    }
    for (; c + DUET_LANES <= n->C; c += DUET_LANES) {
        sums_around(x + c, rows, n->C, DUET_LANES, 1, mean + c, first + c, second + c);
    }
    if (c < n->C) sums_around(x + c, rows, n->C, n->C - c, 1, mean + c, first + c, second + c);
    const double count = (double)rows;
#pragma omp simd
    for (int64_t i = 0; i < n->C; i++) {
        const double m = (double)mean[i], r = (double)first[i];
        total[i] += count * m + r;
        total[n->C + i] += (double)second[i] + m * (2.0 * r + count * m);
    }
}

/* mean[G], rstd[G] from sums of x and x^2 per channel */
static void finish_statistics(const norm *n, const double *total, float *mean, float *rstd)
{
    const double count = (double)(n->S * n->size);
    for (int64_t g = 0; g < n->G; g++) {
        double sum = 0.0, square = 0.0;
        for (int64_t c = g * n->size; c < (g + 1) * n->size; c++) {
            sum += total[c];
            square += total[n->C + c];
        }
        const double m = sum / count, variance = square / count - m * m;
        mean[g] = (float)m;
        rstd[g] = (float)(1.0 / sqrt((variance > 0.0 ? variance : 0.0) + n->eps));
    }
}

/* The norm of sample b is z = a x + d per channel; center is the mean of the channel's group. */
static void coefficients(const norm *n, int64_t b, const float *mean, const float *rstd, float *sample)
{
    float *const a = sample + ARRAY_A * n->pad, *const d = sample + ARRAY_D * n->pad, *const center = sample + ARRAY_CENTER * n->pad;
    const float *const v = n->scale_shift == NULL ? NULL : n->scale_shift + b * 2 * n->C;
    for (int64_t g = 0, c = 0; g < n->G; g++) {
        for (int64_t i = 0; i < n->size; i++, c++) {
            const float k = rstd[g] * n->gamma[c], scale = v == NULL ? 1.0f : 1.0f + v[c], shift = v == NULL ? 0.0f : v[n->C + c];
            a[c] = k * scale;
            d[c] = (n->beta[c] - mean[g] * k) * scale + shift;
            center[c] = mean[g];
        }
    }
}

DUET_INLINE duet_vec activate(duet_vec z, const bool silu)
{
    return silu ? z * vec_sigmoid(z) : z;
}

DUET_INLINE void write_rows(const norm *n, const float *x, int64_t rows, const float *sample, float *y, const bool silu)
{
    const float *const a = sample + ARRAY_A * n->pad, *const d = sample + ARRAY_D * n->pad;
    for (int64_t s = 0; s < rows; s++, x += n->C, y += n->C) {
        int64_t c = 0;
        for (; c + DUET_LANES <= n->C; c += DUET_LANES) {
            vec_store(y + c, activate(vec_load(x + c) * vec_load(a + c) + vec_load(d + c), silu));
        }
        if (c == n->C) continue;
        const int64_t left = n->C - c;
        vec_store_part(y + c, activate(vec_load_part(x + c, left) * vec_load(a + c) + vec_load(d + c), silu), left);
    }
}

static void finish_sample(const norm *n, const duet_run *run, int64_t b)
{
    float *const sample = sample_of(n, run, b), *const mean = sample + ARRAY_MEAN * n->pad, *const rstd = sample + ARRAY_RSTD * n->pad;
    finish_statistics(n, doubles(sample + ARRAYS * n->pad), mean, rstd);
    coefficients(n, b, mean, rstd, sample);
    if (run->out[1] != NULL) memcpy((float *)run->out[1] + b * n->G, mean, (size_t)n->G * sizeof(float));
    if (run->out[2] != NULL) memcpy((float *)run->out[2] + b * n->G, rstd, (size_t)n->G * sizeof(float));
}

static const float *rows_at(const norm *n, const float *x, int64_t b, int64_t chunk)
{
    return x + (b * n->S + chunk * n->rows) * n->C;
}

static void write_piece(const norm *n, const duet_run *run, int64_t b, int64_t chunk)
{
    float *const y = (float *)run->out[0] + (b * n->S + chunk * n->rows) * n->C;
    const float *const x = rows_at(n, n->x, b, chunk), *const sample = sample_of(n, run, b);
    if (n->silu) write_rows(n, x, chunk_rows(n, chunk), sample, y, true);
    else write_rows(n, x, chunk_rows(n, chunk), sample, y, false);
}

/* Threads share chunks: sums of all chunks, then the samples, then all results. */
static void run_shared(const norm *n, const duet_run *run)
{
    const int64_t pieces = n->B * n->chunks;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t i = 0; i < pieces; i++) {
        float *const slot = chunk_of(n, run, i / n->chunks, i % n->chunks);
        memset(slot, 0, (size_t)(4 * n->pad) * sizeof(float));
        chunk_statistics(n, rows_at(n, n->x, i / n->chunks, i % n->chunks), chunk_rows(n, i % n->chunks), slot + 4 * n->pad,
                         doubles(slot));
    }
    for (int64_t b = 0; b < n->B; b++) {
        double *const total = doubles(sample_of(n, run, b) + ARRAYS * n->pad);
        for (int64_t k = 0; k < n->chunks; k++) {
            const double *const part = doubles(chunk_of(n, run, b, k));
            for (int64_t c = 0; c < 2 * n->C; c++) total[c] = k == 0 ? part[c] : total[c] + part[c];
        }
        finish_sample(n, run, b);
    }
    if (run->out[0] == NULL) return;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t i = 0; i < pieces; i++) write_piece(n, run, i / n->chunks, i % n->chunks);
}

static duet_status run_norm(const duet_run *run)
{
    const norm n = norm_run(run);
    if (shares_chunks(&n, run->threads)) {
        run_shared(&n, run);
        return DUET_OK;
    }
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t b = 0; b < n.B; b++) {
        float *const sample = sample_of(&n, run, b);
        memset(sample + ARRAYS * n.pad, 0, (size_t)(4 * n.pad) * sizeof(float));
        for (int64_t k = 0; k < n.chunks; k++) {
            chunk_statistics(&n, rows_at(&n, n.x, b, k), chunk_rows(&n, k), sample + ARRAY_WORK * n.pad,
                             doubles(sample + ARRAYS * n.pad));
        }
        finish_sample(&n, run, b);
        for (int64_t k = 0; k < n.chunks && run->out[0] != NULL; k++) write_piece(&n, run, b, k);
    }
    return DUET_OK;
}

/* ---- gradient ---- */

/* dz = dy silu'(z), z = a x + d */
DUET_INLINE duet_vec slope(duet_vec x, duet_vec dy, duet_vec a, duet_vec d, const bool silu)
{
    if (!silu) return dy;
    const duet_vec z = x * a + d, sigma = vec_sigmoid(z);
    return dy * sigma * (1.0f + z - z * sigma);
}

/* dz of some rows into dz (may be NULL), sums over the rows into part: dz, then dz (x - center). */
DUET_INLINE void slope_rows(const norm *n, const float *x, const float *dy, int64_t rows, const float *sample, float *dz, float *part,
                            const bool silu)
{
    const float *const a = sample + ARRAY_A * n->pad, *const d = sample + ARRAY_D * n->pad, *const center = sample + ARRAY_CENTER * n->pad;
    memset(part, 0, (size_t)(2 * n->pad) * sizeof(float));
    for (int64_t s = 0; s < rows; s++) {
        const int64_t row = s * n->C;
        for (int64_t c = 0; c < n->C; c += DUET_LANES) {
            const int64_t left = n->C - c;
            const bool full = left >= DUET_LANES;
            const duet_vec in = full ? vec_load(x + row + c) : vec_load_part(x + row + c, left);
            const duet_vec up = full ? vec_load(dy + row + c) : vec_load_part(dy + row + c, left);
            const duet_vec g = slope(in, up, vec_load(a + c), vec_load(d + c), silu);
            vec_store(part + c, vec_load(part + c) + g);
            vec_store(part + n->pad + c, vec_load(part + n->pad + c) + g * (in - vec_load(center + c)));
            if (dz == NULL) continue;
            if (full) vec_store(dz + row + c, g);
            else vec_store_part(dz + row + c, g, left);
        }
    }
}

static void slope_piece(const norm *n, const duet_run *run, int64_t b, int64_t chunk, float *part)
{
    const float *const x = rows_at(n, n->x, b, chunk), *const dy = rows_at(n, run->in[6], b, chunk);
    float *const dz = run->out[0] == NULL ? NULL : (float *)run->out[0] + (b * n->S + chunk * n->rows) * n->C;
    if (n->silu) slope_rows(n, x, dy, chunk_rows(n, chunk), sample_of(n, run, b), dz, part, true);
    else slope_rows(n, x, dy, chunk_rows(n, chunk), sample_of(n, run, b), dz, part, false);
}

/* sum[C] of dz, sum[C …] of dz xhat, at the end of a sample's scratch */
static void add_part(const norm *n, float *sample, const float *part)
{
    double *const sum = doubles(sample + ARRAYS * n->pad);
    for (int64_t c = 0; c < n->C; c++) {
        sum[c] += (double)part[c];
        sum[n->C + c] += (double)part[n->pad + c];
    }
}

/* After the last chunk: dx = a dz - e - f (x - center), e = mean of a dz over the group, f = rstd times that of a dz xhat. */
static void finish_slopes(const norm *n, const duet_run *run, int64_t b)
{
    float *const sample = sample_of(n, run, b), *const a = sample + ARRAY_A * n->pad;
    float *const e = sample + ARRAY_E * n->pad, *const f = sample + ARRAY_F * n->pad;
    const float *const rstd = (const float *)run->in[5] + b * n->G;
    double *const sum = doubles(sample + ARRAYS * n->pad);
    const double count = (double)(n->S * n->size);
    for (int64_t g = 0; g < n->G; g++) {
        double first = 0.0, second = 0.0;
        for (int64_t c = g * n->size; c < (g + 1) * n->size; c++) {
            sum[n->C + c] *= (double)rstd[g];
            first += (double)a[c] * sum[c];
            second += (double)a[c] * sum[n->C + c];
        }
        for (int64_t c = g * n->size; c < (g + 1) * n->size; c++) {
            e[c] = (float)(first / count);
            f[c] = (float)(second / count * (double)rstd[g]);
        }
    }
    if (run->out[3] == NULL || n->scale_shift == NULL) return;
    float *const out = (float *)run->out[3] + b * 2 * n->C;
    for (int64_t c = 0; c < n->C; c++) {
        out[c] = (float)((double)n->gamma[c] * sum[n->C + c] + (double)n->beta[c] * sum[c]);
        out[n->C + c] = (float)sum[c];
    }
}

static void dx_piece(const norm *n, const duet_run *run, int64_t b, int64_t chunk)
{
    const float *const sample = sample_of(n, run, b), *const a = sample + ARRAY_A * n->pad, *const e = sample + ARRAY_E * n->pad;
    const float *const f = sample + ARRAY_F * n->pad, *const center = sample + ARRAY_CENTER * n->pad;
    const float *x = rows_at(n, n->x, b, chunk);
    float *dx = (float *)run->out[0] + (b * n->S + chunk * n->rows) * n->C;
    for (int64_t s = chunk_rows(n, chunk); s > 0; s--, x += n->C, dx += n->C) {
        int64_t c = 0;
        for (; c + DUET_LANES <= n->C; c += DUET_LANES) {
            const duet_vec from = vec_load(x + c) - vec_load(center + c);
            vec_store(dx + c, vec_load(a + c) * vec_load(dx + c) - vec_load(e + c) - vec_load(f + c) * from);
        }
        for (; c < n->C; c++) dx[c] = a[c] * dx[c] - e[c] - f[c] * (x[c] - center[c]);
    }
}

static void start_slopes(const norm *n, const duet_run *run, int64_t b)
{
    float *const sample = sample_of(n, run, b);
    memset(sample, 0, (size_t)sample_floats(n->pad) * sizeof(float));
    coefficients(n, b, (const float *)run->in[4] + b * n->G, (const float *)run->in[5] + b * n->G, sample);
}

static void grad_shared(const norm *n, const duet_run *run)
{
    const int64_t pieces = n->B * n->chunks;
    for (int64_t b = 0; b < n->B; b++) start_slopes(n, run, b);
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t i = 0; i < pieces; i++) {
        slope_piece(n, run, i / n->chunks, i % n->chunks, chunk_of(n, run, i / n->chunks, i % n->chunks));
    }
    for (int64_t b = 0; b < n->B; b++) {
        for (int64_t k = 0; k < n->chunks; k++) add_part(n, sample_of(n, run, b), chunk_of(n, run, b, k));
        finish_slopes(n, run, b);
    }
    if (run->out[0] == NULL) return;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t i = 0; i < pieces; i++) dx_piece(n, run, i / n->chunks, i % n->chunks);
}

static void grad_sample(const norm *n, const duet_run *run, int64_t b)
{
    float *const sample = sample_of(n, run, b), *const part = sample + ARRAY_WORK * n->pad;
    start_slopes(n, run, b);
    for (int64_t k = 0; k < n->chunks; k++) {
        slope_piece(n, run, b, k, part);
        add_part(n, sample, part);
    }
    finish_slopes(n, run, b);
    for (int64_t k = 0; k < n->chunks && run->out[0] != NULL; k++) dx_piece(n, run, b, k);
}

/* dgamma, dbeta: over the samples in their order. */
static void reduce_parameters(const norm *n, const duet_run *run)
{
    float *const dgamma = run->out[1], *const dbeta = run->out[2];
    if (dgamma == NULL && dbeta == NULL) return;
#pragma omp parallel for num_threads(run->threads) schedule(static) if (n->B * n->C > 16384)
    for (int64_t c = 0; c < n->C; c++) {
        double g = 0.0, h = 0.0;
        for (int64_t b = 0; b < n->B; b++) {
            const double *const sum = doubles(sample_of(n, run, b) + ARRAYS * n->pad);
            const double scale = n->scale_shift == NULL ? 1.0 : 1.0 + (double)n->scale_shift[b * 2 * n->C + c];
            g += scale * sum[n->C + c];
            h += scale * sum[c];
        }
        if (dgamma != NULL) dgamma[c] = (float)g;
        if (dbeta != NULL) dbeta[c] = (float)h;
    }
}

static duet_status run_grad(const duet_run *run)
{
    const norm n = norm_run(run);
    if (shares_chunks(&n, run->threads)) {
        grad_shared(&n, run);
    } else {
#pragma omp parallel for num_threads(run->threads) schedule(static)
        for (int64_t b = 0; b < n.B; b++) grad_sample(&n, run, b);
    }
    reduce_parameters(&n, run);
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    { .op = "group_norm", .name = "norm", .plan = plan_norm, .run = run_norm },
    { .op = "norm_act", .name = "norm", .plan = plan_norm, .run = run_norm },
    { .op = "norm_act_grad", .name = "norm", .plan = plan_norm, .run = run_grad },
};
DUET_CPU_KERNELS(norm) = { kernels, DUET_COUNT(kernels) };
