/* SPDX-License-Identifier: MIT
 * engine/op/op_mul.c: y = x b element by element, b repeated where it is smaller (broadcast.h).
 * Gradients: dx = dy b, db = the sum of dy x over what b was repeated along. */
#include "engine/op/broadcast.h"

static void reference(const duet_run *run) {
    const duet_shape *xs = &run->call->in[0].shape;
    const duet_spread spread = duet_spread_of(xs, &run->call->in[1].shape);
    const int64_t count = duet_shape_count(xs);
    const float *x = run->in[0], *b = run->in[1];
    float *y = run->out[0];
    for (int64_t e = 0; e < count; e++)
        y[e] = (float)((double)x[e] * (double)b[duet_spread_at(spread, xs, e)]);
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)out;
    if (dout[0] == DUET_NONE) return;
    din[0] = duet_mul(g, dout[0], in[1]);
    din[1] = duet_spread_sum(g, duet_mul(g, dout[0], in[0]), in[1]);
}

duet_value duet_mul(duet_graph *g, duet_value x, duet_value b) {
    return duet_op_apply(g, &duet_op_mul, NULL, x, b, DUET_NONE);
}

const duet_op duet_op_mul = {
    .info = {.name = "mul", .help = "x b; b as x, [C], [B,C] or [1]", .params = DUET_TABLE_EMPTY},
    .inputs = 2,
    .required = 2,
    .outputs = 1,
    .in_place = 1u << 0,
    .bf16_inputs = 1u << 0 | 1u << 1,
    .bf16_outputs = 1u << 0,
    .shape = duet_spread_shape,
    .reference = reference,
    .grad = gradient,
    .cases = duet_spread_cases,
    .case_count = DUET_COUNT(duet_spread_cases)};
