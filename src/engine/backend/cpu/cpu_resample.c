/* SPDX-License-Identifier: MIT
 * cpu/cpu_resample.c: borders, nearest upsampling and average pooling by 2, adaptive average
 * pooling and its gradient. */
#include <string.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/vector.h"
#include "engine/op/ops_grad.h"

static duet_status run_upsample(const duet_run *run) {
    const duet_resample_attr *attr = run->call->attr;
    const int64_t *d = run->call->in[0].shape.dim, W = d[2], C = d[3];
    const duet_act *x = run->in[0];
    const float gain = (float)attr->gain;
    duet_act *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < d[0] * d[1]; row++) {
        duet_act *top = y + row * 4 * W * C;
        for (int64_t j = 0; j < W; j++) {
            const duet_act *from = x + (row * W + j) * C;
            duet_act *to = top + 2 * j * C;
            int64_t c = 0;
            for (; c + DUET_LANES <= C; c += DUET_LANES)
                act_store(to + c, act_load(from + c) * gain);
            if (c < C) act_store_part(to + c, act_load_part(from + c, C - c) * gain, C - c);
            memcpy(to + C, to, (size_t)C * sizeof *to);
        }
        memcpy(top + 2 * W * C, top, (size_t)(2 * W * C) * sizeof *top);
    }
    return DUET_OK;
}

static duet_status run_avg_pool(const duet_run *run) {
    const duet_resample_attr *attr = run->call->attr;
    const int64_t *d = run->call->out[0].shape.dim, W = d[2], C = d[3];
    const duet_act *x = run->in[0];
    const float gain = (float)(0.25 * attr->gain);
    duet_act *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < d[0] * d[1]; row++)
        for (int64_t j = 0; j < W; j++) {
            const duet_act *a = x + (row * 4 * W + 2 * j) * C, *b = a + 2 * W * C;
            duet_act *to = y + (row * W + j) * C;
            int64_t c = 0;
            for (; c + DUET_LANES <= C; c += DUET_LANES)
                act_store(to + c, ((act_load(a + c) + act_load(a + C + c)) +
                                   (act_load(b + c) + act_load(b + C + c))) *
                                      gain);
            for (; c < C; c++)
                to[c] = act_make(
                    ((act_get(a[c]) + act_get(a[C + c])) + (act_get(b[c]) + act_get(b[C + c]))) *
                    gain);
        }
    return DUET_OK;
}

/* Window w of p over n: floor(w n / p) .. ceil((w + 1) n / p) */
static int64_t window_begin(int64_t w, int64_t n, int64_t p) {
    return w * n / p;
}
static int64_t window_end(int64_t w, int64_t n, int64_t p) {
    return ((w + 1) * n + p - 1) / p;
}

static void add_rows(float *to, const float *from, int64_t C, float factor) {
#pragma omp simd
    for (int64_t c = 0; c < C; c++) to[c] += from[c] * factor;
}

static void add_pixel(float *to, const duet_act *from, int64_t C) {
    int64_t c = 0;
    for (; c + DUET_LANES <= C; c += DUET_LANES)
        vec_store(to + c, vec_load(to + c) + act_load(from + c));
    for (; c < C; c++) to[c] += act_get(from[c]);
}

static duet_status run_adaptive_pool(const duet_run *run) {
    const int64_t *d = run->call->in[0].shape.dim, H = d[1], W = d[2], C = d[3],
                  p = run->call->out[0].shape.dim[1];
    const duet_act *x = run->in[0];
    float *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t cell = 0; cell < d[0] * p * p; cell++) {
        const int64_t b = cell / (p * p), u = cell / p % p, v = cell % p;
        const int64_t i1 = window_end(u, H, p), j1 = window_end(v, W, p),
                      i0 = window_begin(u, H, p), j0 = window_begin(v, W, p);
        float *to = y + cell * C;
        memset(to, 0, (size_t)C * sizeof *to);
        for (int64_t i = i0; i < i1; i++)
            for (int64_t j = j0; j < j1; j++) add_pixel(to, x + ((b * H + i) * W + j) * C, C);
        const float factor = 1.0f / (float)((i1 - i0) * (j1 - j0));
        for (int64_t c = 0; c < C; c++) to[c] *= factor;
    }
    return DUET_OK;
}

static duet_status run_adaptive_pool_grad(const duet_run *run) {
    const int64_t *d = run->call->out[0].shape.dim, H = d[1], W = d[2], C = d[3],
                  p = run->call->in[0].shape.dim[1];
    const float *dy = run->in[0];
    float *dx = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t b = 0; b < d[0]; b++) {
        memset(dx + b * H * W * C, 0, (size_t)(H * W * C) * sizeof *dx);
        for (int64_t u = 0; u < p; u++)
            for (int64_t v = 0; v < p; v++) {
                const int64_t i0 = window_begin(u, H, p), i1 = window_end(u, H, p),
                              j0 = window_begin(v, W, p), j1 = window_end(v, W, p);
                const float factor = 1.0f / (float)((i1 - i0) * (j1 - j0));
                for (int64_t i = i0; i < i1; i++)
                    for (int64_t j = j0; j < j1; j++)
                        add_rows(dx + ((b * H + i) * W + j) * C, dy + ((b * p + u) * p + v) * C, C,
                                 factor);
            }
    }
    return DUET_OK;
}

static duet_status run_pad(const duet_run *run) {
    const duet_pad_attr *a = run->call->attr;
    const int64_t *in = run->call->in[0].shape.dim, *d = run->call->out[0].shape.dim, C = d[3];
    const int64_t first = a->left > 0 ? a->left : 0, end = a->left + in[2] < d[2]
                                                               ? a->left + in[2]
                                                               : d[2]; /* columns that are there */
    const duet_act *x = run->in[0];
    duet_act *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < d[0] * d[1]; row++) {
        const int64_t b = row / d[1], i = row % d[1] - a->top;
        duet_act *const to = y + row * d[2] * C;
        memset(to, 0, (size_t)(d[2] * C) * sizeof *to);
        if (i < 0 || i >= in[1] || first >= end) continue;
        memcpy(to + first * C, x + ((b * in[1] + i) * in[2] + first - a->left) * C,
               (size_t)((end - first) * C) * sizeof *to);
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "pad", .name = "copy", .run = run_pad},
    {.op = "upsample", .name = "simd", .run = run_upsample},
    {.op = "avg_pool", .name = "simd", .run = run_avg_pool},
    {.op = "adaptive_pool", .name = "simd", .run = run_adaptive_pool},
    {.op = "adaptive_pool_grad", .name = "simd", .run = run_adaptive_pool_grad}, /* f32 always */
};
DUET_CPU_KERNELS(resample) = {kernels, DUET_COUNT(kernels)};
