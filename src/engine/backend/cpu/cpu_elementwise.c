/* SPDX-License-Identifier: MIT
 * cpu/cpu_elementwise.c: element by element: silu and its gradient, add, scale, fill. Memory-bound; blocks of 16 Ki. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/vec_math.h"
#include "engine/op/ops.h"

enum { BLOCK = 16384 };

/* A loop over blocks in parallel; BODY sees e. */
#define EACH(count, BODY)                                                     \
    _Pragma("omp parallel for num_threads(run->threads) schedule(static) if (count > 2 * BLOCK)") \
    for (int64_t block = 0; block < (count); block += BLOCK) {                \
        const int64_t end = block + BLOCK < (count) ? block + BLOCK : (count); \
        _Pragma("omp simd")                                                   \
        for (int64_t e = block; e < end; e++) BODY;                           \
    }

static duet_status run_silu(const duet_run *run) {
    const int64_t count = duet_shape_count(&run->call->in[0].shape);
    const float *x = run->in[0];
    float *y = run->out[0];
    EACH(count, y[e] = x[e] * duet_vec_sigmoid(x[e]))
    return DUET_OK;
}

static inline float silu_slope(float x) {
    const float sigma = duet_vec_sigmoid(x);
    return sigma * (1.0f + x * (1.0f - sigma));
}

static duet_status run_silu_grad(const duet_run *run) {
    const int64_t count = duet_shape_count(&run->call->in[0].shape);
    const float *x = run->in[0], *dy = run->in[1];
    float *dx = run->out[0];
    EACH(count, dx[e] = dy[e] * silu_slope(x[e]))
    return DUET_OK;
}

static duet_status run_add(const duet_run *run) {
    const int64_t count = duet_shape_count(&run->call->in[0].shape);
    const float *a = run->in[0], *b = run->in[1];
    float *y = run->out[0];
    EACH(count, y[e] = a[e] + b[e])
    return DUET_OK;
}

static duet_status run_scale(const duet_run *run) {
    const duet_scale_attr *attr = run->call->attr;
    const int64_t count = duet_shape_count(&run->call->in[0].shape);
    const float *x = run->in[0], factor = (float)attr->factor;
    float *y = run->out[0];
    EACH(count, y[e] = x[e] * factor)
    return DUET_OK;
}

static duet_status run_fill(const duet_run *run) {
    const duet_fill_attr *attr = run->call->attr;
    const int64_t count = duet_shape_count(&run->call->out[0].shape);
    const float value = (float)attr->value;
    float *y = run->out[0];
    EACH(count, y[e] = value)
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "silu", .name = "simd", .run = run_silu}, {.op = "silu_grad", .name = "simd", .run = run_silu_grad},
    {.op = "add", .name = "simd", .run = run_add},   {.op = "scale", .name = "simd", .run = run_scale},
    {.op = "fill", .name = "simd", .run = run_fill},
};
DUET_CPU_KERNELS(elementwise) = {kernels, DUET_COUNT(kernels)};
