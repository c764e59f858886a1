/* SPDX-License-Identifier: MIT
 * engine/op/op_silu.c: y = x / (1 + exp(-x)), also called swish (Elfwing, Uchibe, Doya 2018). */
#include <math.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    DUET_TRY(duet_op_check(call, names));
    return duet_op_out_shape(call, 0, &call->in[0].shape);
}

static void reference(const duet_run *run) {
    const int64_t count = duet_shape_count(&run->call->in[0].shape);
    const float *x = run->in[0];
    float *y = run->out[0];
    for (int64_t e = 0; e < count; e++) y[e] = (float)((double)x[e] / (1.0 + exp(-(double)x[e])));
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_silu_grad(g, in[0], dout[0]);
}

static double count_flops(const duet_call *call) {
    return 4.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_silu(duet_graph *g, duet_value x) {
    return duet_op_apply(g, &duet_op_silu, NULL, x, DUET_NONE, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(3, 7)}},
    {.in = {DUET_SHAPE_OF(2, 5, 3, 9)}},
    {.in = {DUET_SHAPE_OF(3, 7, 7, 32)}},
};

const duet_op duet_op_silu = {
    .info = {.name = "silu", .help = "x / (1 + exp(-x))", .params = DUET_TABLE_EMPTY},
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
