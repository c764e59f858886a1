/* SPDX-License-Identifier: MIT
 * cpu/cpu_norm.c: group_norm and norm_act = silu?(group_norm(x) (1 + scale) + shift), and their gradient. A sample is one
 * thread's work: mean, then variance around it, then one write; the sample stays in the cache between. Sums run over chunks
 * of 32 rows in float and over chunks in double, so bits depend on nothing but the sample. */
#include <math.h>
#include <string.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/vec_math.h"
#include "engine/op/ops_grad.h"

enum { CHUNK = 32 };

typedef struct norm {
    int64_t B, S, C, G; /* x[B,S,C] */
    double eps;
    bool silu;
    const float *gamma, *beta;
} norm;

/* Scratch of one sample: 8 arrays of C floats and 2 of C doubles. */
static int64_t sample_floats(int64_t C) { return 12 * ((C + 15) / 16 * 16); }

static norm norm_of(const duet_run *run) {
    const duet_norm_attr *attr = run->call->attr;
    const duet_shape *shape = &run->call->in[0].shape;
    const int64_t C = shape->dim[shape->rank - 1];
    return (norm){.B = shape->dim[0], .S = duet_shape_count(shape) / shape->dim[0] / C, .C = C, .G = attr->groups, .eps = attr->eps,
                  .silu = attr->silu, .gamma = run->in[1], .beta = run->in[2]};
}

static duet_status plan_norm(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out) {
    const duet_shape *shape = &call->in[0].shape;
    (void)options;
    out->scratch = shape->dim[0] * sample_floats(shape->dim[shape->rank - 1]) * (int64_t)sizeof(float);
    out->impl = "fused";
    return DUET_OK;
}

/* sum[c] = sum over rows of (x - center)^power, power 1 or 2 */
static void channel_sums(const float *x, int64_t S, int64_t C, const float *center, bool square, float *chunk, double *sum) {
    for (int64_t c = 0; c < C; c++) sum[c] = 0;
    for (int64_t s0 = 0; s0 < S; s0 += CHUNK) {
        const int64_t end = s0 + CHUNK < S ? s0 + CHUNK : S;
        memset(chunk, 0, (size_t)C * sizeof *chunk);
        for (int64_t s = s0; s < end; s++) {
            const float *row = x + s * C;
            if (square) {
#pragma omp simd
                for (int64_t c = 0; c < C; c++) chunk[c] += (row[c] - center[c]) * (row[c] - center[c]);
            } else {
#pragma omp simd
                for (int64_t c = 0; c < C; c++) chunk[c] += row[c];
            }
        }
        for (int64_t c = 0; c < C; c++) sum[c] += (double)chunk[c];
    }
}

/* mean[G], rstd[G]; center is left as the mean of each channel's group */
static void statistics(const norm *n, const float *x, float *work, float *mean, float *rstd) {
    const int64_t C = n->C, size = C / n->G, pad = (C + 15) / 16 * 16;
    float *chunk = work, *center = work + pad;
    double *sum = (double *)(work + 2 * pad);
    channel_sums(x, n->S, C, NULL, false, chunk, sum);
    for (int64_t g = 0; g < n->G; g++) {
        double total = 0;
        for (int64_t c = g * size; c < (g + 1) * size; c++) total += sum[c];
        mean[g] = (float)(total / (double)(n->S * size));
        for (int64_t c = g * size; c < (g + 1) * size; c++) center[c] = mean[g];
    }
    channel_sums(x, n->S, C, center, true, chunk, sum);
    for (int64_t g = 0; g < n->G; g++) {
        double total = 0;
        for (int64_t c = g * size; c < (g + 1) * size; c++) total += sum[c];
        rstd[g] = (float)(1.0 / sqrt(total / (double)(n->S * size) + n->eps));
    }
}

/* y = a x + d per channel, from statistics and the scale and shift of the sample (may be NULL) */
static void coefficients(const norm *n, const float *mean, const float *rstd, const float *scale_shift, float *a, float *d) {
    const int64_t size = n->C / n->G;
    for (int64_t c = 0; c < n->C; c++) {
        const float k = rstd[c / size] * n->gamma[c], offset = n->beta[c] - mean[c / size] * k;
        const float scale = scale_shift ? 1.0f + scale_shift[c] : 1.0f, shift = scale_shift ? scale_shift[n->C + c] : 0.0f;
        a[c] = k * scale;
        d[c] = offset * scale + shift;
    }
}

static void write_rows(const norm *n, const float *x, const float *a, const float *d, float *y) {
    for (int64_t s = 0; s < n->S; s++) {
        const float *in = x + s * n->C;
        float *out = y + s * n->C;
        if (n->silu) {
#pragma omp simd
            for (int64_t c = 0; c < n->C; c++) {
                const float z = in[c] * a[c] + d[c];
                out[c] = z * duet_vec_sigmoid(z);
            }
        } else {
#pragma omp simd
            for (int64_t c = 0; c < n->C; c++) out[c] = in[c] * a[c] + d[c];
        }
    }
}

static duet_status run_norm(const duet_run *run) {
    norm n = norm_of(run);
    const bool plain = run->call->inputs == 3;
    if (plain) n.silu = false;
    const float *x = run->in[0], *scale_shift = plain ? NULL : run->in[3];
    const int64_t step = sample_floats(n.C), pad = (n.C + 15) / 16 * 16;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t b = 0; b < n.B; b++) {
        float *work = (float *)run->scratch + b * step, *mean = work + 8 * pad, *rstd = work + 9 * pad;
        const float *sample = x + b * n.S * n.C;
        statistics(&n, sample, work, mean, rstd);
        coefficients(&n, mean, rstd, scale_shift ? scale_shift + b * 2 * n.C : NULL, work + 6 * pad, work + 7 * pad);
        if (run->out[1]) memcpy((float *)run->out[1] + b * n.G, mean, (size_t)n.G * sizeof *mean);
        if (run->out[2]) memcpy((float *)run->out[2] + b * n.G, rstd, (size_t)n.G * sizeof *rstd);
        if (run->out[0]) write_rows(&n, sample, work + 6 * pad, work + 7 * pad, (float *)run->out[0] + b * n.S * n.C);
    }
    return DUET_OK;
}

static duet_status plan_grad(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out) {
    const duet_status status = plan_norm(call, options, out);
    if (!call->has_out[0]) out->scratch += duet_shape_count(&call->in[0].shape) * (int64_t)sizeof(float);
    return status;
}

/* dz = dy silu'(z) into dz, and per channel sum dz and sum dz xhat (doubles). */
static void first_pass(const norm *n, const float *x, const float *dy, const float *a, const float *d, const float *center,
                       const float *inverse, float *dz, float *chunk, double *sum) {
    const int64_t C = n->C;
    float *s0 = chunk, *s1 = chunk + (C + 15) / 16 * 16;
    for (int64_t c = 0; c < 2 * C; c++) sum[c] = 0;
    for (int64_t begin = 0; begin < n->S; begin += CHUNK) {
        const int64_t end = begin + CHUNK < n->S ? begin + CHUNK : n->S;
        memset(s0, 0, (size_t)C * sizeof *s0);
        memset(s1, 0, (size_t)C * sizeof *s1);
        for (int64_t s = begin; s < end; s++) {
            const float *in = x + s * C, *up = dy + s * C;
            float *out = dz + s * C;
#pragma omp simd
            for (int64_t c = 0; c < C; c++) {
                const float z = in[c] * a[c] + d[c], sigma = duet_vec_sigmoid(z);
                const float g = n->silu ? up[c] * sigma * (1.0f + z * (1.0f - sigma)) : up[c];
                out[c] = g;
                s0[c] += g;
                s1[c] += g * (in[c] - center[c]) * inverse[c];
            }
        }
        for (int64_t c = 0; c < C; c++) sum[c] += (double)s0[c];
        for (int64_t c = 0; c < C; c++) sum[C + c] += (double)s1[c];
    }
}

/* dx = k dz - e - f (x - center), k = rstd gamma (1 + scale) */
static void second_pass(const norm *n, const float *x, const float *center, const float *k, const float *e, const float *f, float *dx) {
    for (int64_t s = 0; s < n->S; s++) {
        const float *in = x + s * n->C;
        float *out = dx + s * n->C;
#pragma omp simd
        for (int64_t c = 0; c < n->C; c++) out[c] = k[c] * out[c] - e[c] - f[c] * (in[c] - center[c]);
    }
}

/* Group means of dxhat and dxhat xhat, spread to channels: e = rstd m1, f = rstd^2 m2. */
static void group_terms(const norm *n, const float *rstd, const float *k, const double *sum, float *e, float *f) {
    const int64_t size = n->C / n->G;
    for (int64_t g = 0; g < n->G; g++) {
        double m1 = 0, m2 = 0;
        for (int64_t c = g * size; c < (g + 1) * size; c++) {
            m1 += (double)k[c] * sum[c];
            m2 += (double)k[c] * sum[n->C + c];
        }
        for (int64_t c = g * size; c < (g + 1) * size; c++) { /* k holds rstd already */
            e[c] = (float)(m1 / (double)(n->S * size));
            f[c] = (float)(m2 / (double)(n->S * size) * (double)rstd[g]);
        }
    }
}

static void grad_sample(const norm *n, const duet_run *run, int64_t b, float *work, float *dx) {
    const int64_t C = n->C, size = C / n->G, pad = (C + 15) / 16 * 16;
    const float *x = (const float *)run->in[0] + b * n->S * C, *dy = (const float *)run->in[6] + b * n->S * C;
    const float *mean = (const float *)run->in[4] + b * n->G, *rstd = (const float *)run->in[5] + b * n->G;
    const float *scale_shift = run->in[3] ? (const float *)run->in[3] + b * 2 * C : NULL;
    float *chunk = work, *a = work + 2 * pad, *d = work + 3 * pad, *center = work + 4 * pad, *inverse = work + 5 * pad;
    float *e = work + 6 * pad, *f = work + 7 * pad;
    double *sum = (double *)(work + 8 * pad); /* [2C]; kept for the sums over the batch */
    coefficients(n, mean, rstd, scale_shift, a, d);
    for (int64_t c = 0; c < C; c++) {
        center[c] = mean[c / size];
        inverse[c] = rstd[c / size];
    }
    first_pass(n, x, dy, a, d, center, inverse, dx, chunk, sum);
    group_terms(n, rstd, a, sum, e, f);
    second_pass(n, x, center, a, e, f, dx);
    if (run->out[3] && scale_shift) {
        float *out = (float *)run->out[3] + b * 2 * C;
        for (int64_t c = 0; c < C; c++) {
            out[c] = (float)((double)n->gamma[c] * sum[C + c] + (double)n->beta[c] * sum[c]);
            out[C + c] = (float)sum[c];
        }
    }
}

/* Sums over samples in their order. */
static void reduce_parameters(const norm *n, const duet_run *run) {
    const int64_t C = n->C, step = sample_floats(C), pad = (C + 15) / 16 * 16;
    float *dgamma = run->out[1], *dbeta = run->out[2];
    for (int64_t c = 0; c < C; c++) {
        double g = 0, h = 0;
        for (int64_t b = 0; b < n->B; b++) {
            const double *sum = (const double *)((const float *)run->scratch + b * step + 8 * pad);
            const double scale = run->in[3] ? 1.0 + (double)((const float *)run->in[3])[b * 2 * C + c] : 1.0;
            g += scale * sum[C + c];
            h += scale * sum[c];
        }
        if (dgamma) dgamma[c] = (float)g;
        if (dbeta) dbeta[c] = (float)h;
    }
}

static duet_status run_grad(const duet_run *run) {
    const norm n = norm_of(run);
    const int64_t step = sample_floats(n.C);
    float *dx = run->out[0] ? run->out[0] : (float *)run->scratch + n.B * step;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t b = 0; b < n.B; b++) grad_sample(&n, run, b, (float *)run->scratch + b * step, dx + b * n.S * n.C);
    reduce_parameters(&n, run);
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "group_norm", .name = "norm", .plan = plan_norm, .run = run_norm},
    {.op = "norm_act", .name = "norm", .plan = plan_norm, .run = run_norm},
    {.op = "norm_act_grad", .name = "norm", .plan = plan_grad, .run = run_grad},
};
DUET_CPU_KERNELS(norm) = {kernels, DUET_COUNT(kernels)};
