/* SPDX-License-Identifier: MIT
 * engine/op/op_broadcast_channels.c: y[b,…,c] = v[b,c] for new axes in the middle; the gradient of
 * sum_channels. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"v"};
    const duet_broadcast_attr *attr = call->attr;
    const duet_shape *v = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "v", 2, 2));
    if (attr->middle.count < 0 || attr->middle.count > DUET_MAX_RANK - 2) {
        return duet_op_fail(call, "%d new axes are too many", attr->middle.count);
    }
    duet_shape y = {.rank = attr->middle.count + 2};
    y.dim[0] = v->dim[0];
    for (int i = 0; i < attr->middle.count; i++) {
        if (attr->middle.v[i] < 1)
            return duet_op_fail(call, "new axis of size %lld is impossible",
                                (long long)attr->middle.v[i]);
        y.dim[1 + i] = attr->middle.v[i];
    }
    y.dim[y.rank - 1] = v->dim[1];
    return duet_op_out_shape(call, 0, &y);
}

static void reference(const duet_run *run) {
    const duet_shape *ys = &run->call->out[0].shape;
    const int64_t space = duet_op_middle(ys), channels = duet_op_last(ys);
    const float *v = run->in[0]; /* [B,C] */
    float *y = run->out[0];      /* [B,…,C] */
    for (int64_t b = 0; b < ys->dim[0]; b++) {
        for (int64_t i = 0; i < space; i++) {
            for (int64_t c = 0; c < channels; c++)
                y[(b * space + i) * channels + c] = v[b * channels + c];
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)in, (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_sum_channels(g, dout[0]);
}

duet_value duet_broadcast_channels(duet_graph *g, duet_value v, int count, const int64_t *middle) {
    duet_broadcast_attr attr = {
        .middle = {.count = count < 0 || count > DUET_MAX_RANK ? DUET_MAX_RANK : count}};
    for (int i = 0; i < attr.middle.count && i < count; i++) attr.middle.v[i] = middle[i];
    return duet_op_apply(g, &duet_op_broadcast_channels, &attr, v, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INTS(duet_broadcast_attr, middle, "", 1, 1 << 20, "sizes of the new axes"),
};

static const duet_op_case cases[] = {
    {.attr = "middle=3/5", .in = {DUET_SHAPE_OF(1, 7)}},
    {.attr = "middle=5", .in = {DUET_SHAPE_OF(3, 16)}},
    {.attr = "", .in = {DUET_SHAPE_OF(2, 3)}},
    {.attr = "middle=7/7", .in = {DUET_SHAPE_OF(3, 32)}},
};

const duet_op duet_op_broadcast_channels = {
    .info = {.name = "broadcast_channels",
             .help = "copies along new middle axes, v[B,C] -> [B,…,C]",
             .params = DUET_TABLE(params, duet_broadcast_attr)},
    .inputs = 1,
    .required = 1,
    .outputs = 1,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
