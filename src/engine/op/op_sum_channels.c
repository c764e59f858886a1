/* SPDX-License-Identifier: MIT
 * engine/op/op_sum_channels.c: y[b,c] = sum over the middle axes of x[b,…,c]. Its gradient is
 * broadcast_channels. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    const duet_shape *x = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 2, DUET_MAX_RANK));
    return duet_op_out(call, 0, 2, (int64_t[]){x->dim[0], duet_op_last(x)});
}

static void reference(const duet_run *run) {
    const duet_shape *xs = &run->call->in[0].shape;
    const int64_t space = duet_op_middle(xs), channels = duet_op_last(xs);
    const float *x = run->in[0]; /* [B,…,C] */
    float *y = run->out[0];      /* [B,C] */
    for (int64_t b = 0; b < xs->dim[0]; b++) {
        for (int64_t c = 0; c < channels; c++) {
            double sum = 0.0;
            for (int64_t i = 0; i < space; i++) sum += (double)x[(b * space + i) * channels + c];
            y[b * channels + c] = (float)sum;
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)out;
    if (dout[0] == DUET_NONE) return;
    const duet_shape x = duet_value_arg(g, in[0])->shape;
    din[0] = duet_broadcast_channels(g, dout[0], x.rank - 2, x.dim + 1);
}

static double count_flops(const duet_call *call) {
    return (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_sum_channels(duet_graph *g, duet_value x) {
    return duet_op_apply(g, &duet_op_sum_channels, NULL, x, DUET_NONE, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 3, 5, 7)}},
    {.in = {DUET_SHAPE_OF(3, 5, 16)}},
    {.in = {DUET_SHAPE_OF(2, 3)}},
    {.in = {DUET_SHAPE_OF(3, 7, 7, 32)}},
};

const duet_op duet_op_sum_channels = {
    .info = {.name = "sum_channels",
             .help = "sum over the middle axes, x[B,…,C] -> [B,C]",
             .params = DUET_TABLE_EMPTY},
    .inputs = 1,
    .required = 1,
    .outputs = 1,
    .bf16_inputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
