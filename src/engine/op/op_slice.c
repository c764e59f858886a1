/* SPDX-License-Identifier: MIT
 * engine/op/op_slice.c: y[…,c] = x[…,begin+c], c < count. The gradient is unslice. */
#include <string.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    const duet_slice_attr *attr = call->attr;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 1, DUET_MAX_RANK));
    duet_shape y = call->in[0].shape;
    const int64_t size = duet_op_last(&y);
    if (attr->begin < 0 || attr->count < 1 || attr->begin > size ||
        attr->count > size - attr->begin) {
        char text[96];
        return duet_op_fail(call, "%lld channels from %lld are not in x %s", (long long)attr->count,
                            (long long)attr->begin, duet_shape_text(&y, text));
    }
    y.dim[y.rank - 1] = attr->count;
    return duet_op_out_shape(call, 0, &y);
}

static void reference(const duet_run *run) {
    const duet_slice_attr *attr = run->call->attr;
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  size = duet_op_last(&run->call->in[0].shape);
    const float *x = run->in[0]; /* […,C] */
    float *y = run->out[0];      /* […,count] */
    for (int64_t r = 0; r < rows; r++) {
        memcpy(y + r * attr->count, x + r * size + attr->begin,
               (size_t)attr->count * sizeof(float));
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_slice_attr *a = attr;
    (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_unslice(g, dout[0], a->begin, duet_dim(g, in[0], -1));
}

duet_value duet_slice(duet_graph *g, duet_value x, int64_t begin, int64_t count) {
    const duet_slice_attr attr = {.begin = begin, .count = count};
    return duet_op_apply(g, &duet_op_slice, &attr, x, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_slice_attr, begin, "0", 0, 1 << 30, "first channel"),
    DUET_INT(duet_slice_attr, count, "1", 1, 1 << 30, "channels"),
};

static const duet_op_case cases[] = {
    {.attr = "begin=0,count=1", .in = {DUET_SHAPE_OF(3)}},
    {.attr = "begin=2,count=5", .in = {DUET_SHAPE_OF(1, 5, 3, 7)}},
    {.attr = "begin=3,count=7", .in = {DUET_SHAPE_OF(3, 5, 16)}},
    {.attr = "begin=16,count=32", .in = {DUET_SHAPE_OF(3, 7, 7, 48)}},
};

const duet_op duet_op_slice = {.info = {.name = "slice",
                                        .help = "channels begin to begin + count",
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
