/* SPDX-License-Identifier: MIT
 * engine/op/op_silu_grad.c: dx = dy s (1 + x (1 - s)), s = 1 / (1 + exp(-x)). */
#include <math.h>

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
    for (int64_t e = 0; e < count; e++) {
        const double s = 1.0 / (1.0 + exp(-(double)x[e]));
        dx[e] = (float)((double)dy[e] * s * (1.0 + (double)x[e] * (1.0 - s)));
    }
}

static double count_flops(const duet_call *call) {
    return 7.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_silu_grad(duet_graph *g, duet_value x, duet_value dy) {
    return duet_op_apply(g, &duet_op_silu_grad, NULL, x, dy, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1), DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(3, 7)}},
    {.in = {DUET_SHAPE_OF(2, 5, 3, 9), DUET_SHAPE_OF(2, 5, 3, 9)}},
    {.in = {DUET_SHAPE_OF(3, 7, 7, 32), DUET_SHAPE_OF(3, 7, 7, 32)}},
};

const duet_op duet_op_silu_grad = {.info = {.name = "silu_grad",
                                            .help = "gradient of silu: x, dy -> dx",
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
