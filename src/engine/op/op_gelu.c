/* SPDX-License-Identifier: MIT
 * engine/op/op_gelu.c: y = x Phi(x) = x/2 erfc(-x / sqrt(2)), GELU with the normal distribution
 * itself (Hendrycks, Gimpel 2016). Its gradient is a row of elementwise_grad. */
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
    for (int64_t e = 0; e < count; e++)
        y[e] = (float)(0.5 * (double)x[e] * erfc(-(double)x[e] * sqrt(0.5)));
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    static const duet_elementwise_attr row = {.function = "gelu"};
    (void)attr, (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_elementwise_grad(g, in[0], dout[0], &row);
}

static double count_flops(const duet_call *call) {
    return 30.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_gelu(duet_graph *g, duet_value x) {
    return duet_op_apply(g, &duet_op_gelu, NULL, x, DUET_NONE, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(3, 7)}},
    {.in = {DUET_SHAPE_OF(2, 5, 33)}},
};

const duet_op duet_op_gelu = {.info = {.name = "gelu",
                                       .help = "x Phi(x), Phi of the normal distribution",
                                       .params = DUET_TABLE_EMPTY},
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
