/* SPDX-License-Identifier: MIT
 * engine/op/op_reshape.c: the same elements under another shape; no kernel runs, the memory is
 * shared. One of `dims` may be -1 and follows from the others. Gradient: reshape back. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    const duet_reshape_attr *attr = call->attr;
    DUET_TRY(duet_op_check(call, names));
    if (attr->dims.count < 0 || attr->dims.count > DUET_MAX_RANK) {
        return duet_op_fail(call, "rank %d is more than %d", attr->dims.count, DUET_MAX_RANK);
    }
    duet_shape y = duet_shape_make(attr->dims.count, attr->dims.v);
    int open = -1;
    int64_t rest = duet_shape_count(&call->in[0].shape);
    bool fits = true;
    for (int i = 0; i < y.rank; i++) {
        if (y.dim[i] == -1 && open < 0) {
            open = i;
        } else if (y.dim[i] < 1 || rest % y.dim[i] != 0) {
            fits = false;
        } else {
            rest /= y.dim[i];
        }
    }
    if (!fits || (open < 0 && rest != 1)) {
        char have[96], want[96];
        duet_shape_text(&call->in[0].shape, have);
        return duet_op_fail(call, "x %s does not fill the shape %s", have,
                            duet_shape_text(&y, want));
    }
    if (open >= 0) y.dim[open] = rest;
    return duet_op_out_shape(call, 0, &y);
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)out;
    if (dout[0] == DUET_NONE) return;
    const duet_shape x = duet_value_arg(g, in[0])->shape;
    din[0] = duet_reshape(g, dout[0], x.rank, x.dim);
}

static double count_flops(const duet_call *call) {
    (void)call;
    return 0.0;
}

duet_value duet_reshape(duet_graph *g, duet_value x, int rank, const int64_t *dims) {
    duet_reshape_attr attr = {.dims = {.count = rank}};
    for (int i = 0; i < rank && i < DUET_MAX_RANK; i++) attr.dims.v[i] = dims[i];
    return duet_op_apply(g, &duet_op_reshape, &attr, x, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INTS(duet_reshape_attr, dims, "", -1, 1 << 30, "new shape; one may be -1"),
};

static const duet_op_case cases[] = {
    {.attr = "dims=1/6", .in = {DUET_SHAPE_OF(2, 3)}},
    {.attr = "dims=3/-1/7", .in = {DUET_SHAPE_OF(3, 5, 2, 7)}},
    {.attr = "dims=-1", .in = {DUET_SHAPE_OF(1)}},
};

const duet_op duet_op_reshape = {.info = {.name = "reshape",
                                          .help = "the same elements in another shape",
                                          .params = DUET_TABLE(params, duet_reshape_attr)},
                                 .inputs = 1,
                                 .required = 1,
                                 .outputs = 1,
                                 .alias = true,
                                 .bf16_inputs = 1u << 0,
                                 .bf16_outputs = 1u << 0,
                                 .shape = check_shape,
                                 .grad = gradient,
                                 .flops = count_flops,
                                 .cases = cases,
                                 .case_count = DUET_COUNT(cases)};
