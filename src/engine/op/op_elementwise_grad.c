/* SPDX-License-Identifier: MIT
 * engine/op/op_elementwise_grad.c: dx = dy f'(x), f a row of elementwise.def. */
#include "engine/op/elementwise.h"
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "dy"};
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_function(call));
    DUET_TRY(duet_op_want_shape(call, 1, "dy", &call->in[0].shape));
    return duet_op_out_shape(call, 0, &call->in[0].shape);
}

static void reference(const duet_run *run) {
    const duet_elementwise_attr *attr = run->call->attr;
    const int64_t count = duet_shape_count(&run->call->in[0].shape);
    const duet_function slope = duet_functions[duet_function_find(attr->function)].slope;
    const float *x = run->in[0], *dy = run->in[1];
    float *dx = run->out[0];
    for (int64_t e = 0; e < count; e++) dx[e] = (float)((double)dy[e] * slope((double)x[e], attr));
}

static double count_flops(const duet_call *call) {
    return 15.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_elementwise_grad(duet_graph *g, duet_value x, duet_value dy,
                                 const duet_elementwise_attr *attr) {
    return duet_op_apply(g, &duet_op_elementwise_grad, attr, x, dy, DUET_NONE);
}

static const duet_param params[] = {DUET_ELEMENTWISE_PARAMS};

#define TWICE(...) .in = {DUET_SHAPE_OF(__VA_ARGS__), DUET_SHAPE_OF(__VA_ARGS__)}
static const duet_op_case cases[] = {
    {.attr = "function=relu", TWICE(3, 7)},
    {.attr = "function=leaky_relu,slope=0.2", TWICE(2, 5, 3, 9)},
    {.attr = "function=silu", TWICE(2, 5, 33), .low = -6, .high = 6},
    {.attr = "function=gelu", TWICE(2, 5, 33), .low = -6, .high = 6},
    {.attr = "function=gelu_tanh", TWICE(2, 5, 33), .low = -6, .high = 6},
    {.attr = "function=sigmoid", TWICE(2, 5, 3, 9), .low = -6, .high = 6},
    {.attr = "function=tanh", TWICE(2, 5, 3, 9), .low = -4, .high = 4},
    {.attr = "function=tanh", TWICE(1)},
    {.attr = "function=softplus", TWICE(2, 5, 3, 9), .low = -6, .high = 6},
    {.attr = "function=exp", TWICE(2, 5, 3, 9), .low = -4, .high = 2},
    {.attr = "function=log", TWICE(2, 5, 3, 9), .low = 0.5, .high = 3},
    {.attr = "function=sqrt", TWICE(2, 5, 3, 9), .low = 0.5, .high = 3},
    {.attr = "function=square", TWICE(3, 7, 7, 32)},
    {.attr = "function=abs", TWICE(2, 5, 3, 9)},
    {.attr = "function=clamp,low=-0.5,high=0.25", TWICE(2, 5, 3, 9)},
};

const duet_op duet_op_elementwise_grad = {
    .info = {.name = "elementwise_grad",
             .help = "gradient of elementwise: x, dy -> dx",
             .params = DUET_TABLE(params, duet_elementwise_attr)},
    .inputs = 2,
    .required = 2,
    .outputs = 1,
    .grad_only = true,
    .in_place = 1u << 0 | 1u << 1,
    .bf16_inputs = 1u << 0 | 1u << 1,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
