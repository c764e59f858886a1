/* SPDX-License-Identifier: MIT
 * cpu/cpu_channels.c: ops between x[B,S,C] and per-sample channel vectors [B,C], and moves along the channel axis. */
#include <string.h>

#include "engine/backend/backend.h"
#include "engine/op/ops_grad.h"

typedef struct sizes {
    int64_t B, S, C;
} sizes;

static sizes sizes_of(const duet_arg *arg) {
    const duet_shape *shape = &arg->shape;
    const int64_t C = shape->dim[shape->rank - 1];
    return (sizes){shape->dim[0], duet_shape_count(shape) / shape->dim[0] / C, C};
}

static duet_status run_add_channels(const duet_run *run) {
    const sizes n = sizes_of(&run->call->in[0]);
    const float *x = run->in[0], *v = run->in[1];
    float *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < n.B * n.S; row++) {
        const float *from = x + row * n.C, *add = v + row / n.S * n.C;
        float *to = y + row * n.C;
#pragma omp simd
        for (int64_t c = 0; c < n.C; c++) to[c] = from[c] + add[c];
    }
    return DUET_OK;
}

static duet_status run_modulate(const duet_run *run) {
    const sizes n = sizes_of(&run->call->in[0]);
    const float *x = run->in[0], *v = run->in[1];
    float *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < n.B * n.S; row++) {
        const float *from = x + row * n.C, *scale = v + row / n.S * 2 * n.C, *shift = scale + n.C;
        float *to = y + row * n.C;
#pragma omp simd
        for (int64_t c = 0; c < n.C; c++) to[c] = from[c] * (1.0f + scale[c]) + shift[c];
    }
    return DUET_OK;
}

/* out[c] = sum over rows of a (times b, where given), chunks of 32 rows first */
static void sum_rows(const float *a, const float *b, int64_t S, int64_t C, float *out, float *chunk) {
    memset(out, 0, (size_t)C * sizeof *out);
    for (int64_t s0 = 0; s0 < S; s0 += 32) {
        const int64_t end = s0 + 32 < S ? s0 + 32 : S;
        memset(chunk, 0, (size_t)C * sizeof *chunk);
        for (int64_t s = s0; s < end; s++) {
            const float *p = a + s * C, *q = b ? b + s * C : NULL;
            if (q) {
#pragma omp simd
                for (int64_t c = 0; c < C; c++) chunk[c] += p[c] * q[c];
            } else {
#pragma omp simd
                for (int64_t c = 0; c < C; c++) chunk[c] += p[c];
            }
        }
        for (int64_t c = 0; c < C; c++) out[c] += chunk[c];
    }
}

static duet_status plan_sums(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out) {
    const sizes n = sizes_of(&call->in[0]);
    (void)options;
    out->scratch = n.B * n.C * (int64_t)sizeof(float);
    out->impl = "";
    return DUET_OK;
}

static duet_status run_sum_channels(const duet_run *run) {
    const sizes n = sizes_of(&run->call->in[0]);
    const float *x = run->in[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t b = 0; b < n.B; b++)
        sum_rows(x + b * n.S * n.C, NULL, n.S, n.C, (float *)run->out[0] + b * n.C, (float *)run->scratch + b * n.C);
    return DUET_OK;
}

static duet_status run_modulate_grad(const duet_run *run) {
    const sizes n = sizes_of(&run->call->in[0]);
    const float *x = run->in[0], *v = run->in[1], *dy = run->in[2];
    float *dx = run->out[0], *dv = run->out[1];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t b = 0; b < n.B; b++) {
        const float *scale = v + b * 2 * n.C, *up = dy + b * n.S * n.C;
        float *chunk = (float *)run->scratch + b * n.C;
        for (int64_t s = 0; s < n.S && dx; s++) {
            float *to = dx + (b * n.S + s) * n.C;
#pragma omp simd
            for (int64_t c = 0; c < n.C; c++) to[c] = up[s * n.C + c] * (1.0f + scale[c]);
        }
        if (!dv) continue;
        sum_rows(x + b * n.S * n.C, up, n.S, n.C, dv + b * 2 * n.C, chunk);
        sum_rows(up, NULL, n.S, n.C, dv + b * 2 * n.C + n.C, chunk);
    }
    return DUET_OK;
}

static duet_status run_broadcast(const duet_run *run) {
    const sizes n = sizes_of(&run->call->out[0]);
    const float *v = run->in[0];
    float *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < n.B * n.S; row++) memcpy(y + row * n.C, v + row / n.S * n.C, (size_t)n.C * sizeof *y);
    return DUET_OK;
}

static duet_status run_concat(const duet_run *run) {
    const sizes a = sizes_of(&run->call->in[0]), b = sizes_of(&run->call->in[1]);
    const int64_t rows = a.B * a.S, C = a.C + b.C;
    const float *x = run->in[0], *z = run->in[1];
    float *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        memcpy(y + row * C, x + row * a.C, (size_t)a.C * sizeof *y);
        memcpy(y + row * C + a.C, z + row * b.C, (size_t)b.C * sizeof *y);
    }
    return DUET_OK;
}

static duet_status run_slice(const duet_run *run) {
    const duet_slice_attr *attr = run->call->attr;
    const sizes n = sizes_of(&run->call->in[0]);
    const float *x = run->in[0];
    float *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < n.B * n.S; row++)
        memcpy(y + row * attr->count, x + row * n.C + attr->begin, (size_t)attr->count * sizeof *y);
    return DUET_OK;
}

static duet_status run_unslice(const duet_run *run) {
    const duet_slice_attr *attr = run->call->attr;
    const sizes n = sizes_of(&run->call->in[0]), m = sizes_of(&run->call->out[0]);
    const float *x = run->in[0];
    float *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < n.B * n.S; row++) {
        memset(y + row * m.C, 0, (size_t)m.C * sizeof *y);
        memcpy(y + row * m.C + attr->begin, x + row * n.C, (size_t)n.C * sizeof *y);
    }
    return DUET_OK;
}

static bool has_middle(const duet_call *call) { return call->in[0].shape.rank >= 2; }

static const duet_kernel kernels[] = {
    {.op = "add_channels", .name = "simd", .run = run_add_channels},
    {.op = "sum_channels", .name = "simd", .plan = plan_sums, .run = run_sum_channels},
    {.op = "broadcast_channels", .name = "copy", .run = run_broadcast},
    {.op = "modulate", .name = "simd", .run = run_modulate},
    {.op = "modulate_grad", .name = "simd", .plan = plan_sums, .run = run_modulate_grad},
    {.op = "concat", .name = "copy", .supports = has_middle, .run = run_concat},
    {.op = "slice", .name = "copy", .supports = has_middle, .run = run_slice},
    {.op = "unslice", .name = "copy", .supports = has_middle, .run = run_unslice},
};
DUET_CPU_KERNELS(channels) = {kernels, DUET_COUNT(kernels)};
