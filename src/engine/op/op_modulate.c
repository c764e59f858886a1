/* SPDX-License-Identifier: MIT
 * engine/op/op_modulate.c: y[b,…,c] = x[b,…,c] (1 + scale[b,c]) + shift[b,c]; scale_shift[B,2C]
 * holds scale, then shift (adaptive group normalisation: Dhariwal, Nichol, NeurIPS 2021). */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "scale_shift"};
    const duet_shape *x = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 2, DUET_MAX_RANK));
    DUET_TRY(duet_op_want(call, 1, "scale_shift", 2, (int64_t[]){x->dim[0], 2 * duet_op_last(x)}));
    return duet_op_out_shape(call, 0, x);
}

static void reference(const duet_run *run) {
    const duet_shape *xs = &run->call->in[0].shape;
    const int64_t space = duet_op_middle(xs), channels = duet_op_last(xs);
    const float *x = run->in[0], *scale_shift = run->in[1]; /* [B,…,C], [B,2C] */
    float *y = run->out[0];                                 /* [B,…,C] */
    for (int64_t b = 0; b < xs->dim[0]; b++) {
        for (int64_t i = 0; i < space; i++) {
            for (int64_t c = 0; c < channels; c++) {
                const double scale = (double)scale_shift[b * 2 * channels + c];
                const double shift = (double)scale_shift[b * 2 * channels + channels + c];
                const int64_t e = (b * space + i) * channels + c;
                y[e] = (float)((double)x[e] * (1.0 + scale) + shift);
            }
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)out;
    if (dout[0] != DUET_NONE) duet_modulate_grad(g, in[0], in[1], dout[0], &din[0], &din[1]);
}

static double count_flops(const duet_call *call) {
    return 2.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_modulate(duet_graph *g, duet_value x, duet_value scale_shift) {
    return duet_op_apply(g, &duet_op_modulate, NULL, x, scale_shift, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 3, 5, 7), DUET_SHAPE_OF(1, 14)}},
    {.in = {DUET_SHAPE_OF(3, 5, 16), DUET_SHAPE_OF(3, 32)}},
    {.in = {DUET_SHAPE_OF(2, 1), DUET_SHAPE_OF(2, 2)}},
    {.in = {DUET_SHAPE_OF(3, 7, 7, 32), DUET_SHAPE_OF(3, 64)}},
};

const duet_op duet_op_modulate = {
    .info = {.name = "modulate",
             .help = "x (1 + scale) + shift, x[B,…,C], scale_shift[B,2C]",
             .params = DUET_TABLE_EMPTY},
    .inputs = 2,
    .required = 2,
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
