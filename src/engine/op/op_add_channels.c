/* SPDX-License-Identifier: MIT
 * engine/op/op_add_channels.c: y[b,…,c] = x[b,…,c] + v[b,c] (time embedding into feature maps).
 * Gradients: dx = dy, dv = sum_channels(dy). */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "v"};
    const duet_shape *x = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 2, DUET_MAX_RANK));
    DUET_TRY(duet_op_want(call, 1, "v", 2, (int64_t[]){x->dim[0], duet_op_last(x)}));
    return duet_op_out_shape(call, 0, x);
}

static void reference(const duet_run *run) {
    const duet_shape *xs = &run->call->in[0].shape;
    const int64_t space = duet_op_middle(xs), channels = duet_op_last(xs);
    const float *x = run->in[0], *v = run->in[1]; /* [B,…,C], [B,C] */
    float *y = run->out[0];                       /* [B,…,C] */
    for (int64_t b = 0; b < xs->dim[0]; b++) {
        for (int64_t i = 0; i < space; i++) {
            for (int64_t c = 0; c < channels; c++) {
                const int64_t e = (b * space + i) * channels + c;
                y[e] = (float)((double)x[e] + (double)v[b * channels + c]);
            }
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)in, (void)out;
    if (dout[0] == DUET_NONE) return;
    din[0] = dout[0];
    din[1] = duet_sum_channels(g, dout[0]);
}

duet_value duet_add_channels(duet_graph *g, duet_value x, duet_value v) {
    return duet_op_apply(g, &duet_op_add_channels, NULL, x, v, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 3, 5, 7), DUET_SHAPE_OF(1, 7)}},
    {.in = {DUET_SHAPE_OF(3, 5, 16), DUET_SHAPE_OF(3, 16)}},
    {.in = {DUET_SHAPE_OF(2, 1), DUET_SHAPE_OF(2, 1)}},
    {.in = {DUET_SHAPE_OF(3, 7, 7, 32), DUET_SHAPE_OF(3, 32)}},
};

const duet_op duet_op_add_channels = {
    .info = {.name = "add_channels", .help = "x[B,…,C] + v[B,C]", .params = DUET_TABLE_EMPTY},
    .inputs = 2,
    .required = 2,
    .outputs = 1,
    .in_place = 1u << 0,
    .bf16_inputs = 1u << 0,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
