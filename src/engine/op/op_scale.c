/* SPDX-License-Identifier: MIT
 * engine/op/op_scale.c: y = factor x, with the factor rounded to f32 first. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    DUET_TRY(duet_op_check(call, names));
    return duet_op_out_shape(call, 0, &call->in[0].shape);
}

static void reference(const duet_run *run) {
    const duet_scale_attr *attr = run->call->attr;
    const int64_t count = duet_shape_count(&run->call->in[0].shape);
    const float *x = run->in[0];
    float *y = run->out[0];
    for (int64_t e = 0; e < count; e++) y[e] = x[e] * (float)attr->factor;
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_scale_attr *a = attr;
    (void)in, (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_scale(g, dout[0], a->factor);
}

duet_value duet_scale(duet_graph *g, duet_value x, double factor) {
    const duet_scale_attr attr = {.factor = factor};
    return duet_op_apply(g, &duet_op_scale, &attr, x, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_FLOAT(duet_scale_attr, factor, "1", 0, 0, "multiplies each element"),
};

static const duet_op_case cases[] = {
    {.attr = "factor=-1", .in = {DUET_SHAPE_OF(1)}},
    {.attr = "factor=0.7", .in = {DUET_SHAPE_OF(3, 7)}},
    {.attr = "factor=3", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}},
};

const duet_op duet_op_scale = {
    .info = {.name = "scale", .help = "factor x", .params = DUET_TABLE(params, duet_scale_attr)},
    .inputs = 1,
    .required = 1,
    .outputs = 1,
    .in_place = 1u << 0,
    .bf16_inputs = 1u << 0,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
