/* SPDX-License-Identifier: MIT
 * cpu/cpu_elementwise.c: element by element: silu, relu and their gradients, add, scale, fill.
 * Bound by memory: blocks of 16 Ki elements in parallel, small tensors by one thread. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/vector.h"
#include "engine/op/ops.h"

#define BLOCK 16384

static int64_t count_of(const duet_run *run) {
    return duet_shape_count(&run->call->out[0].shape);
}

/* One block: y = f(a, b) by vectors; b may be NULL. */
typedef duet_vec (*binary)(duet_vec a, duet_vec b, float parameter);
typedef void (*block_map)(const duet_act *a, const duet_act *b, duet_act *y, int64_t count,
                          float parameter);

DUET_INLINE void map_block(const duet_act *a, const duet_act *b, duet_act *y, int64_t count,
                           float parameter, const binary f) {
    const duet_vec none = {0};
    int64_t e = 0;
    for (; e + DUET_LANES <= count; e += DUET_LANES) {
        act_store(y + e, f(act_load(a + e), b == NULL ? none : act_load(b + e), parameter));
    }
    if (e == count) return;
    const duet_vec right = b == NULL ? none : act_load_part(b + e, count - e);
    act_store_part(y + e, f(act_load_part(a + e, count - e), right, parameter), count - e);
}

/* A function per kind of block: through a pointer to f itself the parallel loop would call it for
 * every vector. */
#define BLOCK_MAP(name, f)                                                             \
    static void name(const duet_act *a, const duet_act *b, duet_act *y, int64_t count, \
                     float parameter) {                                                \
        map_block(a, b, y, count, parameter, f);                                       \
    }

static void map(const duet_run *run, const duet_act *a, const duet_act *b, float parameter,
                block_map f) {
    const int64_t count = count_of(run);
    duet_act *const y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static) if (count > 2 * BLOCK)
    for (int64_t e = 0; e < count; e += BLOCK) {
        f(a + e, b == NULL ? NULL : b + e, y + e, count - e < BLOCK ? count - e : BLOCK, parameter);
    }
}

DUET_INLINE duet_vec silu(duet_vec x, duet_vec unused, float parameter) {
    (void)unused;
    (void)parameter;
    return vec_silu(x);
}

DUET_INLINE duet_vec silu_grad(duet_vec x, duet_vec dy, float parameter) {
    (void)parameter;
    return dy * vec_silu_slope(x);
}

DUET_INLINE duet_vec add(duet_vec a, duet_vec b, float parameter) {
    (void)parameter;
    return a + b;
}

DUET_INLINE duet_vec scale(duet_vec x, duet_vec unused, float parameter) {
    (void)unused;
    return x * parameter;
}

BLOCK_MAP(silu_block, silu)
BLOCK_MAP(silu_grad_block, silu_grad)
BLOCK_MAP(add_block, add)
BLOCK_MAP(scale_block, scale)

static duet_status run_silu(const duet_run *run) {
    map(run, run->in[0], NULL, 0.0f, silu_block);
    return DUET_OK;
}

static duet_status run_silu_grad(const duet_run *run) {
    map(run, run->in[0], run->in[1], 0.0f, silu_grad_block);
    return DUET_OK;
}

static duet_status run_add(const duet_run *run) {
    map(run, run->in[0], run->in[1], 0.0f, add_block);
    return DUET_OK;
}

static duet_status run_scale(const duet_run *run) {
    const duet_scale_attr *const attr = run->call->attr;
    map(run, run->in[0], NULL, (float)attr->factor, scale_block);
    return DUET_OK;
}

DUET_INLINE duet_vec relu(duet_vec x, duet_vec unused, float parameter) {
    (void)unused;
    (void)parameter;
    return vec_max(vec_set(0.0f), x);
}

DUET_INLINE duet_vec relu_grad(duet_vec x, duet_vec dy, float parameter) {
    (void)parameter;
    const duet_vec none = vec_set(0.0f);
    return vec_select(x > none, dy, none);
}

BLOCK_MAP(relu_block, relu)
BLOCK_MAP(relu_grad_block, relu_grad)

static duet_status run_relu(const duet_run *run) {
    map(run, run->in[0], NULL, 0.0f, relu_block);
    return DUET_OK;
}

static duet_status run_relu_grad(const duet_run *run) {
    map(run, run->in[0], run->in[1], 0.0f, relu_grad_block);
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
