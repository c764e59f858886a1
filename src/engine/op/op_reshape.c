/* SPDX-License-Identifier: MIT
 * engine/op/op_reshape.c: the same elements in another shape; free, the output is a view of the input. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    const duet_reshape_attr *attr = call->attr;
    DUET_TRY(duet_op_check(call, names));
    const int64_t count = duet_shape_count(&call->in[0].shape);
    int64_t dims[DUET_MAX_RANK], known = 1;
    int open = -1;
    if (attr->dims.count > DUET_MAX_RANK) return duet_op_fail(call, "%d axes; at most %d", attr->dims.count, DUET_MAX_RANK);
    for (int i = 0; i < attr->dims.count; i++) {
        dims[i] = attr->dims.v[i];
        if (dims[i] == -1 && open < 0) open = i;
        else if (dims[i] <= 0 || __builtin_mul_overflow(known, dims[i], &known)) return duet_op_fail(call, "axis %d cannot have size %lld", i, (long long)dims[i]);
    }
    if (open >= 0 && count % known == 0) dims[open] = count / known;
    if (open >= 0 ? count % known != 0 : known != count) {
        char text[96];
        return duet_op_fail(call, "x %s has %lld elements, not a multiple of or equal to %lld", duet_shape_text(&call->in[0].shape, text), (long long)count, (long long)known);
    }
    return duet_op_out(call, 0, attr->dims.count, dims);
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out, const duet_value *dout, duet_value *din) {
    (void)attr, (void)out;
    const duet_shape *shape = &duet_value_arg(g, in[0])->shape;
    if (dout[0] != DUET_NONE) din[0] = duet_reshape(g, dout[0], shape->rank, shape->dim);
}

duet_value duet_reshape(duet_graph *g, duet_value x, int rank, const int64_t *dims) {
    duet_reshape_attr attr = {.dims = {.count = rank}};
    for (int i = 0; i < rank && i < DUET_LIST_SIZE; i++) attr.dims.v[i] = dims[i];
    return duet_op_apply(g, &duet_op_reshape, &attr, x, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {DUET_INTS(duet_reshape_attr, dims, "-1", -1, 1e12, "sizes of the axes; one may be -1")};

static const duet_op_case cases[] = {
    {.attr = "dims=6", .in = {DUET_SHAPE_OF(2, 3)}},
    {.attr = "dims=2/-1/5", .in = {DUET_SHAPE_OF(2, 3, 4, 5)}},
};

const duet_op duet_op_reshape = {
    .info = {.name = "reshape", .help = "another shape, the same elements", .params = DUET_TABLE(params, duet_reshape_attr)},
    .inputs = 1, .required = 1, .outputs = 1, .alias = true,
    .shape = check_shape, .grad = gradient, .cases = cases, .case_count = DUET_COUNT(cases)};
