/* SPDX-License-Identifier: MIT
 * engine/op/op_elementwise.c: y = f(x), f a row of elementwise.def. Gradient: dx = dy f'(x), by
 * elementwise_grad. At kinks f' is what PyTorch takes: 0 for relu and abs, the slope for
 * leaky_relu, 0 at both ends of clamp. NaN stays NaN. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/op/elementwise.h"
#include "engine/op/op_list.h"

#define FUNCTION(name) static double name(double x, const duet_elementwise_attr *a)
#define UNUSED         (void)a

FUNCTION(f_relu) {
    UNUSED;
    return x < 0.0 ? 0.0 : x;
}

FUNCTION(d_relu) {
    UNUSED;
    return x > 0.0 ? 1.0 : 0.0;
}

FUNCTION(f_leaky_relu) {
    return x > 0.0 ? x : a->slope * x;
}

FUNCTION(d_leaky_relu) {
    return x > 0.0 ? 1.0 : a->slope;
}

FUNCTION(f_sigmoid) {
    UNUSED;
    return 1.0 / (1.0 + exp(-x));
}

FUNCTION(d_sigmoid) {
    const double s = f_sigmoid(x, a);
    return s * (1.0 - s);
}

FUNCTION(f_silu) {
    return x * f_sigmoid(x, a);
}

FUNCTION(d_silu) {
    const double s = f_sigmoid(x, a);
    return s * (1.0 + x * (1.0 - s));
}

FUNCTION(f_gelu) {
    UNUSED;
    return 0.5 * x * erfc(-x * sqrt(0.5));
}

/* Phi(x) + x phi(x) */
FUNCTION(d_gelu) {
    UNUSED;
    return 0.5 * erfc(-x * sqrt(0.5)) + x * exp(-0.5 * x * x) / sqrt(2.0 * M_PI);
}

/* (1 + tanh u) / 2 = 1 / (1 + exp(-2u)) */
FUNCTION(f_gelu_tanh) {
    return x * f_sigmoid(2.0 * sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x), a);
}

FUNCTION(d_gelu_tanh) {
    const double c = 2.0 * sqrt(2.0 / M_PI), s = f_sigmoid(c * (x + 0.044715 * x * x * x), a);
    return s * (1.0 + x * (1.0 - s) * c * (1.0 + 3.0 * 0.044715 * x * x));
}

FUNCTION(f_tanh) {
    UNUSED;
    return tanh(x);
}

FUNCTION(d_tanh) {
    UNUSED;
    const double c = cosh(x);
    return 1.0 / (c * c);
}

/* log(1 + exp(x)) without overflow */
FUNCTION(f_softplus) {
    UNUSED;
    return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

FUNCTION(d_softplus) {
    return f_sigmoid(x, a);
}

FUNCTION(f_exp) {
    UNUSED;
    return exp(x);
}

FUNCTION(d_exp) {
    UNUSED;
    return exp(x);
}

FUNCTION(f_log) {
    UNUSED;
    return log(x);
}

FUNCTION(d_log) {
    UNUSED;
    return 1.0 / x;
}

FUNCTION(f_sqrt) {
    UNUSED;
    return sqrt(x);
}

FUNCTION(d_sqrt) {
    UNUSED;
    return 0.5 / sqrt(x);
}

FUNCTION(f_square) {
    UNUSED;
    return x * x;
}

FUNCTION(d_square) {
    UNUSED;
    return 2.0 * x;
}

FUNCTION(f_abs) {
    UNUSED;
    return fabs(x);
}

FUNCTION(d_abs) {
    UNUSED;
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0;
}

/* The ends are f32, as x is. */
FUNCTION(f_clamp) {
    const double low = (double)(float)a->low, high = (double)(float)a->high;
    return x < low ? low : x > high ? high : x;
}

FUNCTION(d_clamp) {
    return x > (double)(float)a->low && x < (double)(float)a->high ? 1.0 : 0.0;
}

const duet_function_row duet_functions[DUET_FUNCTION_COUNT] = {
#define DUET_FUNCTION(name, formula) {#name, formula, f_##name, d_##name},
#include "engine/op/elementwise.def"
#undef DUET_FUNCTION
};

int duet_function_find(const char *name) {
    for (int i = 0; i < DUET_FUNCTION_COUNT; i++) {
        if (strcmp(duet_functions[i].name, name) == 0) return i;
    }
    return -1;
}

duet_status duet_op_function(const duet_call *call) {
    const duet_elementwise_attr *attr = call->attr;
    if (duet_function_find(attr->function) < 0) {
        char known[256] = "";
        for (int i = 0; i < DUET_FUNCTION_COUNT; i++) {
            const size_t used = strlen(known);
            snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ",
                     duet_functions[i].name);
        }
        return duet_op_fail(call, "there is no function '%s'; those known are %s", attr->function,
                            known);
    }
    if (strcmp(attr->function, "clamp") == 0 && !(attr->low <= attr->high))
        return duet_op_fail(call, "low %g is above high %g", attr->low, attr->high);
    return DUET_OK;
}

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_function(call));
    return duet_op_out_shape(call, 0, &call->in[0].shape);
}

static void reference(const duet_run *run) {
    const duet_elementwise_attr *attr = run->call->attr;
    const int64_t count = duet_shape_count(&run->call->in[0].shape);
    const duet_function f = duet_functions[duet_function_find(attr->function)].value;
    const float *x = run->in[0];
    float *y = run->out[0];
    for (int64_t e = 0; e < count; e++) y[e] = (float)f((double)x[e], attr);
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_elementwise_grad(g, in[0], dout[0], attr);
}

static double count_flops(const duet_call *call) {
    return 10.0 * (double)duet_shape_count(&call->in[0].shape);
}

static const duet_param params[] = {DUET_ELEMENTWISE_PARAMS};

static duet_value apply(duet_graph *g, duet_value x, const char *function, double slope, double low,
                        double high) {
    duet_elementwise_attr attr = {.slope = slope, .low = low, .high = high};
    snprintf(attr.function, sizeof attr.function, "%s", function);
    return duet_op_apply(g, &duet_op_elementwise, &attr, x, DUET_NONE, DUET_NONE);
}

duet_value duet_elementwise(duet_graph *g, duet_value x, const char *function) {
    switch (duet_function_find(function)) {
    case DUET_FUNCTION_relu:
        return duet_relu(g, x);
    case DUET_FUNCTION_silu:
        return duet_silu(g, x);
    case DUET_FUNCTION_gelu:
        return duet_gelu(g, x);
    default:
        return apply(g, x, function, 0.01, -1.0, 1.0);
    }
}

duet_value duet_leaky_relu(duet_graph *g, duet_value x, double slope) {
    return apply(g, x, "leaky_relu", slope, -1.0, 1.0);
}

duet_value duet_clamp(duet_graph *g, duet_value x, double low, double high) {
    return apply(g, x, "clamp", 0.01, low, high);
}

static const duet_op_case cases[] = {
    {.attr = "function=relu", .in = {DUET_SHAPE_OF(3, 7)}},
    {.attr = "function=leaky_relu,slope=0.2", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}},
    {.attr = "function=silu", .in = {DUET_SHAPE_OF(2, 5, 33)}, .low = -6, .high = 6},
    {.attr = "function=gelu", .in = {DUET_SHAPE_OF(2, 5, 33)}, .low = -6, .high = 6},
    {.attr = "function=gelu_tanh", .in = {DUET_SHAPE_OF(2, 5, 33)}, .low = -6, .high = 6},
    {.attr = "function=sigmoid", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}, .low = -6, .high = 6},
    {.attr = "function=tanh", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}, .low = -4, .high = 4},
    {.attr = "function=tanh", .in = {DUET_SHAPE_OF(1)}},
    {.attr = "function=softplus", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}, .low = -6, .high = 6},
    {.attr = "function=exp", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}, .low = -4, .high = 2},
    {.attr = "function=log", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}, .low = 0.5, .high = 3},
    {.attr = "function=sqrt", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}, .low = 0.5, .high = 3},
    {.attr = "function=square", .in = {DUET_SHAPE_OF(3, 7, 7, 32)}},
    {.attr = "function=abs", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}},
    {.attr = "function=clamp,low=-0.5,high=0.25", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}},
};

const duet_op duet_op_elementwise = {.info = {.name = "elementwise",
                                              .help = "a function of each element",
                                              .params = DUET_TABLE(params, duet_elementwise_attr)},
                                     .inputs = 1,
                                     .required = 1,
                                     .outputs = 1,
                                     .in_place = 1u << 0,
                                     .bf16_inputs = 1u << 0,
                                     .bf16_outputs = 1u << 0,
                                     .shape = check_shape,
                                     .reference = reference,
                                     .grad = gradient,
                                     .flops = count_flops,
                                     .cases = cases,
                                     .case_count = DUET_COUNT(cases)};
