/* SPDX-License-Identifier: MIT
 * cpu/cpu_pool_grad.c: the gradient of window_pool, from windows to pixels: each window adds its dy
 * to its first largest pixel, or its part to all of them. A task is a run of channels of a sample,
 * whose windows come in order, so that sums do not depend on the number of threads. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/counts.h"
#include "engine/op/ops_grad.h"

enum { RUN = 32 }; /* channels */

/* A window in the image: rows r0 to r1, columns q0 to q1 without the last. */
typedef struct window {
    int64_t r0, r1, q0, q1;
} window;

/* dx[.., C] += dy at the first largest x of the window, for each of n channels. */
static void add_largest(const window *w, const float *x, const float *dy, float *dx, int64_t width,
                        int64_t C, int64_t n) {
    float most[RUN];
    int64_t best[RUN];
    for (int64_t c = 0; c < n; c++) {
        best[c] = w->r0 * width + w->q0;
        most[c] = x[best[c] * C + c];
    }
    for (int64_t r = w->r0; r < w->r1; r++) {
        for (int64_t q = w->q0; q < w->q1; q++) {
            const float *const at = x + (r * width + q) * C;
            for (int64_t c = 0; c < n; c++) {
                best[c] = at[c] > most[c] ? r * width + q : best[c];
                most[c] = at[c] > most[c] ? at[c] : most[c];
            }
        }
    }
    for (int64_t c = 0; c < n; c++) dx[best[c] * C + c] += dy[c];
}

static void add_mean(const window *w, const float *dy, float *dx, int64_t width, int64_t C,
                     int64_t n) {
    const float part = 1.0F / (float)((w->r1 - w->r0) * (w->q1 - w->q0));
    for (int64_t r = w->r0; r < w->r1; r++)
        for (int64_t q = w->q0; q < w->q1; q++)
            for (int64_t c = 0; c < n; c++) dx[(r * width + q) * C + c] += part * dy[c];
}

static duet_status run_grad(const duet_run *run) {
    const duet_window_pool_attr *const a = run->call->attr;
    const int64_t *const xd = run->call->out[0].shape.dim, *const yd = run->call->in[0].shape.dim;
    const int64_t H = xd[1], W = xd[2], C = xd[3], runs = (C + RUN - 1) / RUN;
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t task = 0; task < xd[0] * runs; task++) {
        const int64_t b = task / runs, first = task % runs * RUN, n = smaller(RUN, C - first);
        const float *const dy = (const float *)run->in[0] + b * yd[1] * yd[2] * C + first;
        const float *const x = a->mean ? NULL : (const float *)run->in[1] + b * H * W * C + first;
        float *const dx = (float *)run->out[0] + b * H * W * C + first;
        for (int64_t p = 0; p < H * W; p++)
            for (int64_t c = 0; c < n; c++) dx[p * C + c] = 0.0F;
        for (int64_t p = 0; p < yd[1] * yd[2]; p++) {
            const int64_t top = p / yd[2] * a->stride - a->pad,
                          left = p % yd[2] * a->stride - a->pad;
            const window w = {.r0 = top > 0 ? top : 0,
                              .r1 = smaller(top + a->kernel, H),
                              .q0 = left > 0 ? left : 0,
                              .q1 = smaller(left + a->kernel, W)};
            if (a->mean)
                add_mean(&w, dy + p * C, dx, W, C, n);
            else
                add_largest(&w, x, dy + p * C, dx, W, C, n);
        }
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "window_pool_grad", .name = "windows", .run = run_grad}};
DUET_CPU_KERNELS(pool_grad) = {kernels, DUET_COUNT(kernels)};
