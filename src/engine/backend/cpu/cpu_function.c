/* SPDX-License-Identifier: MIT
 * cpu/cpu_function.c: the functions of elementwise.def and their derivatives by vectors; formulas
 * as in op_elementwise.c. */
#include "engine/op/elementwise.h"
#include "engine/backend/cpu/map.h"
#include "engine/backend/cpu/vector_math.h"

/* y = f(x), dx = dy f'(x) */
#define VALUE(name) DUET_INLINE duet_vec f_##name(duet_vec x, duet_vec unused, map_values values)
#define SLOPE(name) DUET_INLINE duet_vec d_##name(duet_vec x, duet_vec dy, map_values values)
#define ONLY_X      (void)unused, (void)values
#define NO_VALUES   (void)values

static const duet_vec zero = {0};

VALUE(relu) {
    ONLY_X;
    return vec_max(zero, x);
}

SLOPE(relu) {
    NO_VALUES;
    return vec_select(x > zero, dy, zero);
}

VALUE(leaky_relu) {
    (void)unused;
    return vec_select(x > zero, x, values.first * x);
}

SLOPE(leaky_relu) {
    return vec_select(x > zero, dy, values.first * dy);
}

VALUE(silu) {
    ONLY_X;
    return vec_silu(x);
}

SLOPE(silu) {
    NO_VALUES;
    return dy * vec_silu_slope(x);
}

VALUE(gelu) {
    ONLY_X;
    return x * vec_normal(x);
}

SLOPE(gelu) {
    NO_VALUES;
    return dy * (vec_normal(x) + 0.39894228040143268f * x * vec_exp(-0.5f * x * x));
}

/* 2u / x, u = sqrt(2/pi) (x + 0.044715 x^3) */
DUET_INLINE duet_vec twice_u(duet_vec square) {
    return 1.5957691216057308f + 0.0713548162726f * square;
}

VALUE(gelu_tanh) {
    ONLY_X;
    return x * vec_sigmoid(x * twice_u(x * x));
}

/* 1 - s = s exp(-2u) without cancellation */
SLOPE(gelu_tanh) {
    NO_VALUES;
    const duet_vec square = x * x, e = vec_exp(-x * twice_u(square)), s = 1.0f / (1.0f + e);
    return dy * s * (1.0f + x * (e * s) * (1.5957691216057308f + 0.2140644488178f * square));
}

VALUE(sigmoid) {
    ONLY_X;
    return vec_sigmoid(x);
}

SLOPE(sigmoid) {
    NO_VALUES;
    const duet_vec e = vec_exp(-vec_abs(x)), s = 1.0f / (1.0f + e);
    return dy * (e * s * s);
}

VALUE(tanh) {
    ONLY_X;
    return vec_tanh(x);
}

/* 1 - tanh^2 = 4 e / (1 + e)^2, e = exp(-2|x|) */
SLOPE(tanh) {
    NO_VALUES;
    const duet_vec e = vec_exp(-2.0f * vec_abs(x)), s = 1.0f / (1.0f + e);
    return dy * (4.0f * e * s * s);
}

VALUE(softplus) {
    ONLY_X;
    return vec_max(zero, x) + vec_log1p(vec_exp(-vec_abs(x)));
}

SLOPE(softplus) {
    NO_VALUES;
    return dy * vec_sigmoid(x);
}

VALUE(exp) {
    ONLY_X;
    return vec_exp_whole(x);
}

SLOPE(exp) {
    NO_VALUES;
    return dy * vec_exp_whole(x);
}

VALUE(log) {
    ONLY_X;
    return vec_log(x);
}

SLOPE(log) {
    NO_VALUES;
    return dy / x;
}

VALUE(sqrt) {
    ONLY_X;
    return vec_sqrt(x);
}

SLOPE(sqrt) {
    NO_VALUES;
    return dy * (0.5f / vec_sqrt(x));
}

VALUE(square) {
    ONLY_X;
    return x * x;
}

SLOPE(square) {
    NO_VALUES;
    return dy * (2.0f * x);
}

VALUE(abs) {
    ONLY_X;
    return vec_abs(x);
}

SLOPE(abs) {
    NO_VALUES;
    return vec_select(x > zero, dy, vec_select(x < zero, -dy, zero));
}

VALUE(clamp) {
    (void)unused;
    return vec_min(vec_set(values.second), vec_max(vec_set(values.first), x));
}

SLOPE(clamp) {
    const duet_vec_int within = (x > vec_set(values.first)) & (x < vec_set(values.second));
    return vec_select(within, dy, zero);
}

#define DUET_FUNCTION(name, formula)   \
    BLOCK_MAP(name##_values, f_##name) \
    BLOCK_MAP(name##_slopes, d_##name)
#include "engine/op/elementwise.def"
#undef DUET_FUNCTION

static const block_map blocks[DUET_FUNCTION_COUNT][2] = {
#define DUET_FUNCTION(name, formula) {name##_values, name##_slopes},
#include "engine/op/elementwise.def"
#undef DUET_FUNCTION
};

static void run_block(const duet_run *run, const duet_act *dy, int which) {
    const duet_elementwise_attr *attr = run->call->attr;
    const int row = duet_function_find(attr->function);
    const map_values values = row == DUET_FUNCTION_clamp
                                  ? (map_values){(float)attr->low, (float)attr->high}
                                  : (map_values){.first = (float)attr->slope};
    map(run, run->in[0], dy, values, blocks[row][which]);
}

static duet_status run_elementwise(const duet_run *run) {
    run_block(run, NULL, 0);
    return DUET_OK;
}

static duet_status run_elementwise_grad(const duet_run *run) {
    run_block(run, run->in[1], 1);
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "elementwise", .name = "simd", .run = run_elementwise},
    {.op = "elementwise_grad", .name = "simd", .run = run_elementwise_grad},
};
DUET_CPU_KERNELS(function) = {kernels, DUET_COUNT(kernels)};
