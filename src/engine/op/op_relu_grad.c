/* SPDX-License-Identifier: MIT
 * engine/op/op_relu_grad.c: dx = dy where x > 0, else 0. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "dy"};
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_want_shape(call, 1, "dy", &call->in[0].shape));
    return duet_op_out_shape(call, 0, &call->in[0].shape);
}

static void reference(const duet_run *run) {
    const int64_t count = duet_shape_count(&run->call->in[0].shape);
    const float *x = run->in[0], *dy = run->in[1];
    float *dx = run->out[0];
    for (int64_t e = 0; e < count; e++) dx[e] = x[e] > 0.0f ? dy[e] : 0.0f;
}

static double count_flops(const duet_call *call) {
    return (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_relu_grad(duet_graph *g, duet_value x, duet_value dy) {
    return duet_op_apply(g, &duet_op_relu_grad, NULL, x, dy, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1), DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(3, 7)}},
    {.in = {DUET_SHAPE_OF(2, 5, 3, 9), DUET_SHAPE_OF(2, 5, 3, 9)}},
};

const duet_op duet_op_relu_grad = {.info = {.name = "relu_grad",
                                            .help = "gradient of relu: x, dy -> dx",
                                            .params = DUET_TABLE_EMPTY},
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
