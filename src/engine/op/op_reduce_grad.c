/* SPDX-License-Identifier: MIT
 * engine/op/op_reduce_grad.c: dx of reduce: dy repeated along the axes that vanished, of mean
 * divided by their size; of max dy at the first largest element and 0 elsewhere, for which x is
 * needed. */
#include <string.h>

#include "engine/op/reduce.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"dy", "x"};
    const duet_reduce_attr *attr = call->attr;
    duet_shape y;
    DUET_TRY(duet_op_check(call, names));
    if (attr->dims.count < 1 || attr->dims.count > DUET_MAX_RANK)
        return duet_op_fail(call, "dims of rank %d are impossible", attr->dims.count);
    const duet_shape x = duet_shape_make(attr->dims.count, attr->dims.v);
    DUET_TRY(duet_op_out_shape(call, 0, &x));
    DUET_TRY(duet_op_reduced(call, &x, &y));
    DUET_TRY(duet_op_want_shape(call, 0, "dy", &y));
    if (strcmp(attr->how, "max") == 0) DUET_TRY(duet_op_present(call, 1, "x"));
    return duet_op_want_shape(call, 1, "x", &x);
}

static void reference(const duet_run *run) {
    const duet_reduce_attr *attr = run->call->attr;
    const duet_reduction r = duet_reduction_of(&run->call->out[0].shape, &attr->axes);
    const bool largest = strcmp(attr->how, "max") == 0;
    const double share = strcmp(attr->how, "mean") == 0 ? (double)r.over.count : 1.0;
    const float *dy = run->in[0], *x = run->in[1];
    float *dx = run->out[0];
    for (int64_t e = 0; e < r.kept.count; e++) {
        const int64_t begin = duet_axes_at(&r.kept, e);
        const int64_t best = largest ? duet_reduce_largest(&r, x, e) : -1;
        for (int64_t i = 0; i < r.over.count; i++) {
            const int64_t at = begin + duet_axes_at(&r.over, i);
            dx[at] = !largest || at == best ? (float)((double)dy[e] / share) : 0.0f;
        }
    }
}

duet_value duet_reduce_grad(duet_graph *g, duet_value dy, duet_value x,
                            const duet_reduce_attr *attr) {
    return duet_op_apply(g, &duet_op_reduce_grad, attr, dy, x, DUET_NONE);
}

static const duet_param params[] = {
    DUET_TEXT(duet_reduce_attr, how, "sum", "sum|mean|max", "as of reduce"),
    DUET_INTS(duet_reduce_attr, axes, "", -DUET_MAX_RANK, DUET_MAX_RANK - 1, "as of reduce"),
    DUET_INTS(duet_reduce_attr, dims, "1", 1, 1 << 20, "shape of x"),
};

static const duet_op_case cases[] = {
    {.attr = "how=sum,dims=2/3/5", .in = {DUET_SHAPE_OF(1), DUET_ABSENT}},
    {.attr = "how=mean,axes=0,dims=3/7", .in = {DUET_SHAPE_OF(7), DUET_ABSENT}},
    {.attr = "how=max,axes=-1,dims=3/7", .in = {DUET_SHAPE_OF(3), DUET_SHAPE_OF(3, 7)}},
    {.attr = "how=max,axes=1/2,dims=2/3/2/9",
     .in = {DUET_SHAPE_OF(2, 9), DUET_SHAPE_OF(2, 3, 2, 9)}},
    {.attr = "how=sum,axes=2/0,dims=2/5/3/9", .in = {DUET_SHAPE_OF(5, 9), DUET_ABSENT}},
};

const duet_op duet_op_reduce_grad = {.info = {.name = "reduce_grad",
                                              .help = "gradient of reduce: dy, x of max -> dx",
                                              .params = DUET_TABLE(params, duet_reduce_attr)},
                                     .inputs = 2,
                                     .required = 1,
                                     .outputs = 1,
                                     .grad_only = true,
                                     .shape = check_shape,
                                     .reference = reference,
                                     .cases = cases,
                                     .case_count = DUET_COUNT(cases)};
