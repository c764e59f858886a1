/* SPDX-License-Identifier: MIT
 * engine/op/op_unslice.c: x stands at channel `begin` of `total` channels, zeros elsewhere; the
 * gradient of slice. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    const duet_slice_attr *attr = call->attr;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 1, DUET_MAX_RANK));
    duet_shape y = call->in[0].shape;
    if (attr->begin < 0 || attr->total < 1 || attr->begin > attr->total ||
        duet_op_last(&y) > attr->total - attr->begin) {
        char text[96];
        return duet_op_fail(call, "x %s does not fit at channel %lld of %lld",
                            duet_shape_text(&y, text), (long long)attr->begin,
                            (long long)attr->total);
    }
    y.dim[y.rank - 1] = attr->total;
    return duet_op_out_shape(call, 0, &y);
}

static void reference(const duet_run *run) {
    const duet_slice_attr *attr = run->call->attr;
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  size = duet_op_last(&run->call->in[0].shape);
    const float *x = run->in[0]; /* […,size] */
    float *y = run->out[0];      /* […,total] */
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < attr->total; c++) {
            const bool inside = c >= attr->begin && c < attr->begin + size;
            y[r * attr->total + c] = inside ? x[r * size + c - attr->begin] : 0.0f;
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_slice_attr *a = attr;
    (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_slice(g, dout[0], a->begin, duet_dim(g, in[0], -1));
}

duet_value duet_unslice(duet_graph *g, duet_value x, int64_t begin, int64_t total) {
    const duet_slice_attr attr = {.begin = begin, .total = total};
    return duet_op_apply(g, &duet_op_unslice, &attr, x, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_slice_attr, begin, "0", 0, 1 << 30, "first channel"),
    DUET_INT(duet_slice_attr, total, "1", 1, 1 << 30, "channels of the result"),
};

static const duet_op_case cases[] = {
    {.attr = "begin=0,total=3", .in = {DUET_SHAPE_OF(1)}},
    {.attr = "begin=2,total=7", .in = {DUET_SHAPE_OF(1, 5, 3, 5)}},
    {.attr = "begin=3,total=16", .in = {DUET_SHAPE_OF(3, 5, 7)}},
    {.attr = "begin=16,total=48", .in = {DUET_SHAPE_OF(3, 7, 7, 32)}},
};

const duet_op duet_op_unslice = {.info = {.name = "unslice",
                                          .help = "x as channels begin.. of total, zeros elsewhere",
                                          .params = DUET_TABLE(params, duet_slice_attr)},
                                 .inputs = 1,
                                 .required = 1,
                                 .outputs = 1,
                                 .bf16_inputs = 1u << 0,
                                 .bf16_outputs = 1u << 0,
                                 .shape = check_shape,
                                 .reference = reference,
                                 .grad = gradient,
                                 .cases = cases,
                                 .case_count = DUET_COUNT(cases)};
