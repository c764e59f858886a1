/* SPDX-License-Identifier: MIT
 * engine/op/op_add_bias.c: y[…,c] = x[…,c] + bias[c], for ops that take no bias themselves.
 * Gradients: dx = dy, dbias = the sum of dy over all other axes, which linear_dw has as its second
 * output. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "bias"};
    const duet_shape *x = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 1, DUET_MAX_RANK));
    DUET_TRY(duet_op_want(call, 1, "bias", 1, (int64_t[]){duet_op_last(x)}));
    return duet_op_out_shape(call, 0, x);
}

static void reference(const duet_run *run) {
    const duet_shape *xs = &run->call->in[0].shape;
    const int64_t rows = duet_op_rows(xs), channels = duet_op_last(xs);
    const float *x = run->in[0], *bias = run->in[1]; /* […,C], [C] */
    float *y = run->out[0];                          /* […,C] */
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < channels; c++) y[r * channels + c] = x[r * channels + c] + bias[c];
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    duet_value unused = DUET_NONE;
    (void)attr, (void)out;
    if (dout[0] == DUET_NONE) return;
    din[0] = dout[0];
    duet_linear_dw(g, in[0], dout[0], 2, &unused, &din[1]);
}

duet_value duet_add_bias(duet_graph *g, duet_value x, duet_value bias) {
    return duet_op_apply(g, &duet_op_add_bias, NULL, x, bias, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 3, 5, 7), DUET_SHAPE_OF(7)}},
    {.in = {DUET_SHAPE_OF(3, 16), DUET_SHAPE_OF(16)}},
    {.in = {DUET_SHAPE_OF(2, 7, 7, 32), DUET_SHAPE_OF(32)}},
};

const duet_op duet_op_add_bias = {
    .info = {.name = "add_bias", .help = "x[…,C] + bias[C]", .params = DUET_TABLE_EMPTY},
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
