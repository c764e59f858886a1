/* SPDX-License-Identifier: MIT
 * engine/op/op_add.c: y = a + b, same shapes (residual connections). The gradient is the same value
 * for both. */
#include "engine/op/broadcast.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"a", "b"};
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_want_shape(call, 1, "b", &call->in[0].shape));
    return duet_op_out_shape(call, 0, &call->in[0].shape);
}

static void reference(const duet_run *run) {
    const int64_t count = duet_shape_count(&run->call->in[0].shape);
    const float *a = run->in[0], *b = run->in[1];
    float *y = run->out[0];
    for (int64_t e = 0; e < count; e++) y[e] = (float)((double)a[e] + (double)b[e]);
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)g, (void)attr, (void)in, (void)out;
    din[0] = dout[0];
    din[1] = dout[0];
}

/* A smaller b is for the op that repeats it so. */
duet_value duet_add(duet_graph *g, duet_value a, duet_value b) {
    const duet_shape *as = &duet_value_arg(g, a)->shape;
    switch (duet_spread_of(as, &duet_value_arg(g, b)->shape)) {
    case DUET_SPREAD_ROWS:
        return duet_add_bias(g, a, b);
    case DUET_SPREAD_MIDDLE:
        return duet_add_channels(g, a, b);
    case DUET_SPREAD_ALL:
        return duet_op_reshaped(g, duet_add_bias(g, duet_reshape(g, a, 2, (int64_t[]){-1, 1}), b),
                                a);
    default:
        return duet_op_apply(g, &duet_op_add, NULL, a, b, DUET_NONE);
    }
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1), DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(3, 7)}},
    {.in = {DUET_SHAPE_OF(2, 5, 3, 9), DUET_SHAPE_OF(2, 5, 3, 9)}},
    {.in = {DUET_SHAPE_OF(3, 7, 7, 32), DUET_SHAPE_OF(3, 7, 7, 32)}},
};

const duet_op duet_op_add = {
    .info = {.name = "add", .help = "a + b of the same shape", .params = DUET_TABLE_EMPTY},
    .inputs = 2,
    .required = 2,
    .outputs = 1,
    .in_place = 1u << 0 | 1u << 1,
    .bf16_inputs = 1u << 0 | 1u << 1,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
