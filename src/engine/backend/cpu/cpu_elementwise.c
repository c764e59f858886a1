/* SPDX-License-Identifier: MIT
 * cpu/cpu_elementwise.c: element by element: silu, relu and their gradients, add, scale, fill. */
#include "engine/backend/cpu/map.h"
#include "engine/op/ops.h"

DUET_INLINE duet_vec silu(duet_vec x, duet_vec unused, map_values values) {
    (void)unused;
    (void)values;
    return vec_silu(x);
}

DUET_INLINE duet_vec silu_grad(duet_vec x, duet_vec dy, map_values values) {
    (void)values;
    return dy * vec_silu_slope(x);
}

DUET_INLINE duet_vec add(duet_vec a, duet_vec b, map_values values) {
    (void)values;
    return a + b;
}

DUET_INLINE duet_vec scale(duet_vec x, duet_vec unused, map_values values) {
    (void)unused;
    return x * values.first;
}

BLOCK_MAP(silu_block, silu)
BLOCK_MAP(silu_grad_block, silu_grad)
BLOCK_MAP(add_block, add)
BLOCK_MAP(scale_block, scale)

static duet_status run_silu(const duet_run *run) {
    map(run, run->in[0], NULL, no_values, silu_block);
    return DUET_OK;
}

static duet_status run_silu_grad(const duet_run *run) {
    map(run, run->in[0], run->in[1], no_values, silu_grad_block);
    return DUET_OK;
}

static duet_status run_add(const duet_run *run) {
    map(run, run->in[0], run->in[1], no_values, add_block);
    return DUET_OK;
}

static duet_status run_scale(const duet_run *run) {
    const duet_scale_attr *const attr = run->call->attr;
    map(run, run->in[0], NULL, (map_values){.first = (float)attr->factor}, scale_block);
    return DUET_OK;
}

DUET_INLINE duet_vec relu(duet_vec x, duet_vec unused, map_values values) {
    (void)unused;
    (void)values;
    return vec_max(vec_set(0.0f), x);
}

DUET_INLINE duet_vec relu_grad(duet_vec x, duet_vec dy, map_values values) {
    (void)values;
    const duet_vec none = vec_set(0.0f);
    return vec_select(x > none, dy, none);
}

BLOCK_MAP(relu_block, relu)
BLOCK_MAP(relu_grad_block, relu_grad)

static duet_status run_relu(const duet_run *run) {
    map(run, run->in[0], NULL, no_values, relu_block);
    return DUET_OK;
}

static duet_status run_relu_grad(const duet_run *run) {
    map(run, run->in[0], run->in[1], no_values, relu_grad_block);
    return DUET_OK;
}

static duet_status run_cast(const duet_run *run) {
    const int64_t count = count_of(run);
    const bool narrow = run->call->out[0].dtype == DUET_BF16;
#pragma omp parallel for num_threads(run->threads) schedule(static) if (count > 2 * BLOCK)
    for (int64_t e0 = 0; e0 < count; e0 += BLOCK) {
        const int64_t end = e0 + BLOCK < count ? e0 + BLOCK : count;
        for (int64_t e = e0; e < end; e += DUET_LANES) {
            const int64_t lanes = end - e < DUET_LANES ? end - e : DUET_LANES;
            const void *const x = run->in[0];
            void *const y = run->out[0];
            if (narrow && lanes == DUET_LANES)
                act_store((duet_act *)y + e, vec_load((const float *)x + e));
            else if (narrow)
                act_store_part((duet_act *)y + e, vec_load_part((const float *)x + e, lanes),
                               lanes);
            else if (lanes == DUET_LANES)
                vec_store((float *)y + e, act_load((const duet_act *)x + e));
            else
                vec_store_part((float *)y + e, act_load_part((const duet_act *)x + e, lanes),
                               lanes);
        }
    }
    return DUET_OK;
}

/* Between f32 and what this compilation stores. */
static bool casts(const duet_call *call) {
    return sizeof(duet_act) == 2 && call->in[0].dtype != call->out[0].dtype;
}

static duet_status run_fill(const duet_run *run) {
    const duet_fill_attr *const attr = run->call->attr;
    const int64_t count = count_of(run);
    const float value = (float)attr->value;
    float *const y = run->out[0];
    for (int64_t e = 0; e < count; e++) y[e] = value;
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "silu", .name = "simd", .run = run_silu},
    {.op = "silu_grad", .name = "simd", .run = run_silu_grad},
    {.op = "add", .name = "simd", .run = run_add},
    {.op = "scale", .name = "simd", .run = run_scale},
    {.op = "fill", .name = "simd", .run = run_fill},
    {.op = "cast", .name = "simd", .supports = casts, .run = run_cast},
    {.op = "relu", .name = "simd", .run = run_relu},
    {.op = "relu_grad", .name = "simd", .run = run_relu_grad},
};
DUET_CPU_KERNELS(elementwise) = {kernels, DUET_COUNT(kernels)};
