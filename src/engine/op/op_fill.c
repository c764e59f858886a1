/* SPDX-License-Identifier: MIT
 * engine/op/op_fill.c: a tensor whose elements all have one value. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    const duet_fill_attr *attr = call->attr;
    if (attr->rank < 0 || attr->rank > DUET_MAX_RANK || attr->rank > attr->dims.count)
        return duet_op_fail(call, "rank %lld with %d dims", (long long)attr->rank, attr->dims.count);
    return duet_op_out(call, 0, (int)attr->rank, attr->dims.v);
}

static void reference(const duet_run *run) {
    const duet_fill_attr *attr = run->call->attr;
    const int64_t count = duet_shape_count(&run->call->out[0].shape);
    float *y = run->out[0];
    for (int64_t e = 0; e < count; e++) y[e] = (float)attr->value;
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out, const duet_value *dout, duet_value *din) {
    (void)g, (void)attr, (void)in, (void)out, (void)dout, (void)din;
}

duet_value duet_fill(duet_graph *g, double value, int rank, const int64_t *dims) {
    duet_fill_attr attr = {.value = value, .rank = rank, .dims = {.count = rank}};
    for (int i = 0; i < rank && i < DUET_MAX_RANK; i++) attr.dims.v[i] = dims[i];
    return duet_op_apply(g, &duet_op_fill, &attr, DUET_NONE, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_FLOAT(duet_fill_attr, value, "0", 0, 0, "of every element"),
    DUET_INT(duet_fill_attr, rank, "1", 0, 8, "axes"),
    DUET_INTS(duet_fill_attr, dims, "1", 1, 1e12, "sizes of the axes"),
};

static const duet_op_case cases[] = {{.attr = "value=1.5,rank=2,dims=3/5"}};

const duet_op duet_op_fill = {
    .info = {.name = "fill", .help = "one value everywhere", .params = DUET_TABLE(params, duet_fill_attr)},
    .inputs = 0, .required = 0, .outputs = 1, .grad_only = true,
    .shape = check_shape, .reference = reference, .grad = gradient, .cases = cases, .case_count = DUET_COUNT(cases)};
