/* SPDX-License-Identifier: MIT
 * engine/op/op_fill.c: a constant tensor; the seed of the reverse mode (1) and missing inputs (0).
 * The shape is `dims`; `rank` repeats its length. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    const duet_fill_attr *attr = call->attr;
    if (attr->dims.count < 0 || attr->dims.count > DUET_MAX_RANK) {
        return duet_op_fail(call, "rank %d is more than %d", attr->dims.count, DUET_MAX_RANK);
    }
    for (int i = 0; i < attr->dims.count; i++) {
        if (attr->dims.v[i] < 1)
            return duet_op_fail(call, "an axis of size %lld is impossible",
                                (long long)attr->dims.v[i]);
    }
    return duet_op_out(call, 0, attr->dims.count, attr->dims.v);
}

static void reference(const duet_run *run) {
    const duet_fill_attr *attr = run->call->attr;
    const int64_t count = duet_shape_count(&run->call->out[0].shape);
    float *y = run->out[0];
    for (int64_t e = 0; e < count; e++) y[e] = (float)attr->value;
}

duet_value duet_fill(duet_graph *g, double value, int rank, const int64_t *dims) {
    duet_fill_attr attr = {.value = value, .rank = rank, .dims = {.count = rank}};
    for (int i = 0; i < rank && i < DUET_MAX_RANK; i++) attr.dims.v[i] = dims[i];
    return duet_op_apply(g, &duet_op_fill, &attr, DUET_NONE, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_FLOAT(duet_fill_attr, value, "0", 0, 0, "of each element"),
    DUET_INTS(duet_fill_attr, dims, "", 1, 1 << 30, "shape"),
};

static const duet_op_case cases[] = {
    {.attr = "value=1,dims=1"},
    {.attr = "value=-0.3,dims=3/5/7"},
    {.attr = "value=2,dims=2/7/7/32"},
};

const duet_op duet_op_fill = {.info = {.name = "fill",
                                       .help = "a constant tensor",
                                       .params = DUET_TABLE(params, duet_fill_attr)},
                              .inputs = 0,
                              .required = 0,
                              .outputs = 1,
                              .shape = check_shape,
                              .reference = reference,
                              .cases = cases,
                              .case_count = DUET_COUNT(cases)};
