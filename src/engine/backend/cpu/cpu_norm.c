/* SPDX-License-Identifier: MIT
 * cpu/cpu_norm.c: group_norm and norm_act = silu?(group_norm(x) (1 + scale) + shift). Statistics of a chunk are sums
 * around its own mean per channel (so that a mean far from 0 does not cancel in float), joined over chunks in double, in order.
 * x is read twice (statistics, result), the second time from a near cache where a sample fits it. */
#include <math.h>

#include "engine/backend/cpu/norm.h"

/* Sums of `vectors` neighbouring vectors over rows: mean of each lane, then around it: first (what rounding left), second. */
DUET_INLINE void sums_around(const duet_act *x, int64_t rows, int64_t C, int64_t lanes, const int vectors, float *mean, float *first,
                             float *second)
{
    duet_vec sum[4] = { { 0 } }, rest[4] = { { 0 } }, square[4] = { { 0 } };
    for (int64_t s = 0; s < rows; s++) {
        DUET_UNROLL
        for (int v = 0; v < vectors; v++) {
            const duet_act *const at = x + s * C + v * DUET_LANES;
            sum[v] += lanes == DUET_LANES ? act_load(at) : act_load_part(at, lanes);
        }
    }
    DUET_UNROLL
    for (int v = 0; v < vectors; v++) sum[v] *= 1.0f / (float)rows;
    for (int64_t s = 0; s < rows; s++) {
        DUET_UNROLL
        for (int v = 0; v < vectors; v++) {
            const duet_act *const at = x + s * C + v * DUET_LANES;
            const duet_vec d = (lanes == DUET_LANES ? act_load(at) : act_load_part(at, lanes)) - sum[v];
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
static void chunk_statistics(const norm *n, const duet_act *x, int64_t rows, float *work, double *total)
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

/* mean[G], what its rounding left, rstd[G] from sums of x and x^2 per channel */
static void finish_statistics(const norm *n, const double *total, float *mean, float *rest, float *rstd)
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
        rest[g] = (float)(m - (double)mean[g]);
        rstd[g] = (float)(1.0 / sqrt((variance > 0.0 ? variance : 0.0) + n->eps));
    }
}

DUET_INLINE duet_vec value(duet_vec x, const float *a, const float *d, const float *center, const bool silu)
{
    const duet_vec z = (x - vec_load(center)) * vec_load(a) + vec_load(d);
    return silu ? vec_silu(z) : z;
}

DUET_INLINE void write_rows(const norm *n, const duet_act *x, int64_t rows, const float *sample, duet_act *y, const bool silu)
{
    const float *const a = sample + ARRAY_A * n->pad, *const d = sample + ARRAY_D * n->pad;
    const float *const center = sample + ARRAY_CENTER * n->pad;
    for (int64_t s = 0; s < rows; s++, x += n->C, y += n->C) {
        int64_t c = 0;
        for (; c + DUET_LANES <= n->C; c += DUET_LANES) act_store(y + c, value(act_load(x + c), a + c, d + c, center + c, silu));
        if (c == n->C) continue;
        act_store_part(y + c, value(act_load_part(x + c, n->C - c), a + c, d + c, center + c, silu), n->C - c);
    }
}

static void finish_sample(const norm *n, const duet_run *run, int64_t b)
{
    float *const sample = sample_of(n, run, b);
    float *const mean = sample + ARRAY_MEAN * n->pad, *const rstd = sample + ARRAY_RSTD * n->pad;
    float *const rest = sample + ARRAY_E * n->pad; /* the gradient's, free here */
    finish_statistics(n, doubles(sample + ARRAYS * n->pad), mean, rest, rstd);
    coefficients(n, b, mean, rest, rstd, sample);
    if (run->out[1] != NULL) memcpy((float *)run->out[1] + b * n->G, mean, (size_t)n->G * sizeof(float));
    if (run->out[2] != NULL) memcpy((float *)run->out[2] + b * n->G, rstd, (size_t)n->G * sizeof(float));
}

static void write_piece(const norm *n, const duet_run *run, int64_t b, int64_t chunk)
{
    duet_act *const y = (duet_act *)run->out[0] + (b * n->S + chunk * n->rows) * n->C;
    const duet_act *const x = rows_at(n, n->x, b, chunk);
    const float *const sample = sample_of(n, run, b);
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
        for (int64_t k = n.chunks - 1; k >= 0 && run->out[0] != NULL; k--) write_piece(&n, run, b, k); /* the last is near still */
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    { .op = "group_norm", .name = "norm", .plan = plan_norm, .run = run_norm },
    { .op = "norm_act", .name = "norm", .plan = plan_norm, .run = run_norm },
};
DUET_CPU_KERNELS(norm) = { kernels, DUET_COUNT(kernels) };
