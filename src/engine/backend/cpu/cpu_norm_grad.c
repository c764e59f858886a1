/* SPDX-License-Identifier: MIT
 * cpu/cpu_norm_grad.c: gradient of group_norm and norm_act. First pass: dz = dy silu'(z) into dx,
 * and its sums; second pass, from a near cache where a sample fits it: dx = a dz - e - f (x -
 * center). bf16 would round dz on its way: there it is computed again. */
#include "engine/backend/cpu/norm.h"

/* Is dz kept in dx between the passes? */
enum { KEEPS_DZ = sizeof(duet_act) == sizeof(float) };

/* `vectors` neighbouring vectors over rows, whose sums stay in registers; at: where their first
 * channel is. */
DUET_INLINE void slope_columns(const norm *n, const duet_act *x, const duet_act *dy, int64_t rows,
                               const float *at, duet_act *dz, float *part, int64_t lanes,
                               const int vectors, const bool silu) {
    duet_vec first[2] = {{0}}, second[2] = {{0}};
    for (int64_t s = 0; s < rows; s++) {
        DUET_UNROLL
        for (int v = 0; v < vectors; v++) {
            const int64_t i = s * n->C + v * DUET_LANES;
            const float *const channel = at + v * DUET_LANES;
            const duet_vec value =
                lanes == DUET_LANES ? act_load(x + i) : act_load_part(x + i, lanes);
            const duet_vec from = value - vec_load(channel + ARRAY_CENTER * n->pad);
            duet_vec g = lanes == DUET_LANES ? act_load(dy + i) : act_load_part(dy + i, lanes);
            if (silu)
                g *= vec_silu_slope(from * vec_load(channel + ARRAY_A * n->pad) +
                                    vec_load(channel + ARRAY_D * n->pad));
            first[v] += g;
            second[v] += g * from;
            if (dz == NULL) continue;
            if (lanes == DUET_LANES)
                act_store(dz + i, g);
            else
                act_store_part(dz + i, g, lanes);
        }
    }
    DUET_UNROLL
    for (int v = 0; v < vectors; v++) {
        vec_store(part + v * DUET_LANES, first[v]);
        vec_store(part + n->pad + v * DUET_LANES, second[v]);
    }
}

/* dz of some rows into dz (may be NULL), sums over the rows into part: dz, then dz (x - center). */
DUET_INLINE void slope_rows(const norm *n, const duet_act *x, const duet_act *dy, int64_t rows,
                            const float *sample, duet_act *dz, float *part, const bool silu) {
    int64_t c = 0;
    for (; c + 2 * DUET_LANES <= n->C; c += 2 * DUET_LANES) {
        slope_columns(n, x + c, dy + c, rows, sample + c, dz == NULL ? NULL : dz + c, part + c,
                      DUET_LANES, 2, silu);
    }
    for (; c + DUET_LANES <= n->C; c += DUET_LANES) {
        slope_columns(n, x + c, dy + c, rows, sample + c, dz == NULL ? NULL : dz + c, part + c,
                      DUET_LANES, 1, silu);
    }
    if (c < n->C)
        slope_columns(n, x + c, dy + c, rows, sample + c, dz == NULL ? NULL : dz + c, part + c,
                      n->C - c, 1, silu);
}

static void slope_piece(const norm *n, const duet_run *run, int64_t b, int64_t chunk, float *part) {
    const duet_act *const x = rows_at(n, n->x, b, chunk), *const dy =
                                                              rows_at(n, run->in[6], b, chunk);
    duet_act *const dz = run->out[0] == NULL || !KEEPS_DZ
                             ? NULL
                             : (duet_act *)run->out[0] + (b * n->S + chunk * n->rows) * n->C;
    if (n->silu)
        slope_rows(n, x, dy, chunk_rows(n, chunk), sample_of(n, run, b), dz, part, true);
    else
        slope_rows(n, x, dy, chunk_rows(n, chunk), sample_of(n, run, b), dz, part, false);
}

/* sum[C] of dz, sum[C …] of dz xhat, at the end of a sample's scratch */
static void add_part(const norm *n, float *sample, const float *part) {
    double *const sum = doubles(sample + ARRAYS * n->pad);
    for (int64_t c = 0; c < n->C; c++) {
        sum[c] += (double)part[c];
        sum[n->C + c] += (double)part[n->pad + c];
    }
}

/* After the last chunk: dx = a dz - e - f (x - center), e = mean of a dz over the group, f = rstd
 * times that of a dz xhat. */
static void finish_slopes(const norm *n, const duet_run *run, int64_t b) {
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

/* dx of some rows; dz: dx itself, or dy where it is computed again. */
DUET_INLINE void dx_rows(const norm *n, const duet_act *x, const duet_act *dz, int64_t rows,
                         const float *sample, duet_act *dx, const bool silu) {
    const float *const a = sample + ARRAY_A * n->pad, *const d = sample + ARRAY_D * n->pad,
                       *const e = sample + ARRAY_E * n->pad;
    const float *const f = sample + ARRAY_F * n->pad, *const center =
                                                          sample + ARRAY_CENTER * n->pad;
    for (; rows > 0; rows--, x += n->C, dz += n->C, dx += n->C) {
        for (int64_t c = 0; c < n->C; c += DUET_LANES) {
            const int64_t left = n->C - c;
            const bool full = left >= DUET_LANES;
            const duet_vec from = (full ? act_load(x + c) : act_load_part(x + c, left)) -
                                  vec_load(center + c),
                           by = vec_load(a + c);
            duet_vec g = full ? act_load(dz + c) : act_load_part(dz + c, left);
            if (silu && !KEEPS_DZ) g *= vec_silu_slope(from * by + vec_load(d + c));
            const duet_vec value = by * g - vec_load(e + c) - vec_load(f + c) * from;
            if (full)
                act_store(dx + c, value);
            else
                act_store_part(dx + c, value, left);
        }
    }
}

static void dx_piece(const norm *n, const duet_run *run, int64_t b, int64_t chunk) {
    const float *const sample = sample_of(n, run, b);
    const duet_act *const x = rows_at(n, n->x, b, chunk), *const dy =
                                                              rows_at(n, run->in[6], b, chunk);
    duet_act *const dx = (duet_act *)run->out[0] + (b * n->S + chunk * n->rows) * n->C;
    const int64_t rows = chunk_rows(n, chunk);
    if (KEEPS_DZ)
        dx_rows(n, x, dx, rows, sample, dx, false);
    else if (n->silu)
        dx_rows(n, x, dy, rows, sample, dx, true);
    else
        dx_rows(n, x, dy, rows, sample, dx, false);
}

static void start_slopes(const norm *n, const duet_run *run, int64_t b) {
    float *const sample = sample_of(n, run, b);
    memset(sample, 0, (size_t)sample_floats(n->pad) * sizeof(float));
    coefficients(n, b, (const float *)run->in[4] + b * n->G, NULL,
                 (const float *)run->in[5] + b * n->G, sample);
}

static void grad_shared(const norm *n, const duet_run *run) {
    const int64_t pieces = n->B * n->chunks;
    for (int64_t b = 0; b < n->B; b++) start_slopes(n, run, b);
#pragma omp parallel for num_threads(run->threads) schedule(dynamic)
    for (int64_t i = 0; i < pieces; i++) {
        slope_piece(n, run, i / n->chunks, i % n->chunks,
                    chunk_of(n, run, i / n->chunks, i % n->chunks));
    }
    for (int64_t b = 0; b < n->B; b++) {
        for (int64_t k = 0; k < n->chunks; k++)
            add_part(n, sample_of(n, run, b), chunk_of(n, run, b, k));
        finish_slopes(n, run, b);
    }
    if (run->out[0] == NULL) return;
#pragma omp parallel for num_threads(run->threads) schedule(dynamic)
    for (int64_t i = 0; i < pieces; i++) dx_piece(n, run, i / n->chunks, i % n->chunks);
}

static void grad_sample(const norm *n, const duet_run *run, int64_t b) {
    float *const sample = sample_of(n, run, b), *const part = sample + ARRAY_WORK * n->pad;
    start_slopes(n, run, b);
    for (int64_t k = 0; k < n->chunks; k++) {
        slope_piece(n, run, b, k, part);
        add_part(n, sample, part);
    }
    finish_slopes(n, run, b);
    /* the last is near still */
    for (int64_t k = n->chunks - 1; k >= 0 && run->out[0] != NULL; k--) dx_piece(n, run, b, k);
}

/* dgamma, dbeta: over the samples in their order. */
static void reduce_parameters(const norm *n, const duet_run *run) {
    float *const dgamma = run->out[1], *const dbeta = run->out[2];
    if (dgamma == NULL && dbeta == NULL) return;
#pragma omp parallel for num_threads(run->threads) schedule(static) if (n->B * n->C > 16384)
    for (int64_t c = 0; c < n->C; c++) {
        double g = 0.0, h = 0.0;
        for (int64_t b = 0; b < n->B; b++) {
            const double *const sum = doubles(sample_of(n, run, b) + ARRAYS * n->pad);
            const double scale =
                n->scale_shift == NULL ? 1.0 : 1.0 + (double)n->scale_shift[b * 2 * n->C + c];
            g += scale * sum[n->C + c];
            h += scale * sum[c];
        }
        if (dgamma != NULL) dgamma[c] = (float)g;
        if (dbeta != NULL) dbeta[c] = (float)h;
    }
}

static duet_status run_grad(const duet_run *run) {
    const norm n = norm_run(run);
    if (shares_chunks(&n, run->threads)) {
        grad_shared(&n, run);
    } else {
#pragma omp parallel for num_threads(run->threads) schedule(dynamic)
        for (int64_t b = 0; b < n.B; b++) grad_sample(&n, run, b);
    }
    reduce_parameters(&n, run);
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "norm_act_grad", .name = "norm", .plan = plan_norm, .run = run_grad},
};
DUET_CPU_KERNELS(norm_grad) = {kernels, DUET_COUNT(kernels)};
