/* SPDX-License-Identifier: MIT
 * engine/op/op_reduce.c: sum, mean or largest element over axes of x, which vanish. NaN is larger
 * than any number, as in PyTorch. The gradient, reduce_grad, of max goes to the first of equal
 * elements, as that of PyTorch's max(dim). */
#include <stdio.h>
#include <string.h>

#include "engine/op/reduce.h"

duet_status duet_op_reduced(const duet_call *call, const duet_shape *x, duet_shape *out) {
    const duet_reduce_attr *attr = call->attr;
    char text[96];
    if (strcmp(attr->how, "sum") != 0 && strcmp(attr->how, "mean") != 0 &&
        strcmp(attr->how, "max") != 0)
        return duet_op_fail(call, "how is '%s', expected sum, mean or max", attr->how);
    for (int i = 0; i < attr->axes.count; i++) {
        const int64_t axis = attr->axes.v[i] + (attr->axes.v[i] < 0 ? x->rank : 0);
        if (axis < 0 || axis >= x->rank)
            return duet_op_fail(call, "there is no axis %lld in x %s", (long long)attr->axes.v[i],
                                duet_shape_text(x, text));
        for (int j = 0; j < i; j++) {
            if (axis == attr->axes.v[j] + (attr->axes.v[j] < 0 ? x->rank : 0))
                return duet_op_fail(call, "axis %lld stands twice", (long long)axis);
        }
    }
    *out = (duet_shape){0};
    for (int i = 0; i < x->rank; i++) {
        if (!duet_reduces_axis(&attr->axes, x->rank, i)) out->dim[out->rank++] = x->dim[i];
    }
    if (out->rank == 0) out->dim[out->rank++] = 1;
    return DUET_OK;
}

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    duet_shape y;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 1, DUET_MAX_RANK));
    DUET_TRY(duet_op_reduced(call, &call->in[0].shape, &y));
    return duet_op_out_shape(call, 0, &y);
}

static void reference(const duet_run *run) {
    const duet_reduce_attr *attr = run->call->attr;
    const duet_reduction r = duet_reduction_of(&run->call->in[0].shape, &attr->axes);
    const bool largest = strcmp(attr->how, "max") == 0;
    const double share = strcmp(attr->how, "mean") == 0 ? (double)r.over.count : 1.0;
    const float *x = run->in[0];
    float *y = run->out[0];
    for (int64_t e = 0; e < r.kept.count; e++) {
        const int64_t begin = duet_axes_at(&r.kept, e);
        double sum = 0.0;
        for (int64_t i = 0; i < r.over.count && !largest; i++)
            sum += (double)x[begin + duet_axes_at(&r.over, i)];
        y[e] = largest ? x[duet_reduce_largest(&r, x, e)] : (float)(sum / share);
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    duet_reduce_attr a = *(const duet_reduce_attr *)attr;
    const duet_shape x = duet_value_arg(g, in[0])->shape;
    (void)out;
    if (dout[0] == DUET_NONE) return;
    a.dims.count = x.rank;
    for (int i = 0; i < x.rank; i++) a.dims.v[i] = x.dim[i];
    din[0] = duet_reduce_grad(g, dout[0], strcmp(a.how, "max") == 0 ? in[0] : DUET_NONE, &a);
}

static double count_flops(const duet_call *call) {
    return (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_reduce(duet_graph *g, duet_value x, const char *how, int count,
                       const int64_t *axes) {
    duet_reduce_attr attr = {.axes.count =
                                 count < 0 || count > DUET_LIST_SIZE ? DUET_LIST_SIZE : count};
    snprintf(attr.how, sizeof attr.how, "%s", how);
    for (int i = 0; i < attr.axes.count && i < count; i++) attr.axes.v[i] = axes[i];
    return duet_op_apply(g, &duet_op_reduce, &attr, x, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_TEXT(duet_reduce_attr, how, "sum", "sum|mean|max", "what is made of the elements"),
    DUET_INTS(duet_reduce_attr, axes, "", -DUET_MAX_RANK, DUET_MAX_RANK - 1,
              "axes that vanish; negative ones count from the end, none = all"),
};

static const duet_op_case cases[] = {
    {.attr = "how=sum", .in = {DUET_SHAPE_OF(2, 3, 5)}},
    {.attr = "how=mean,axes=0", .in = {DUET_SHAPE_OF(3, 7)}},
    {.attr = "how=max,axes=-1", .in = {DUET_SHAPE_OF(3, 7)}},
    {.attr = "how=max,axes=1/2", .in = {DUET_SHAPE_OF(2, 3, 2, 9)}},
    {.attr = "how=sum,axes=2/0", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}},
    {.attr = "how=mean,axes=1/-2", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}},
    {.attr = "how=max", .in = {DUET_SHAPE_OF(11)}},
};

const duet_op duet_op_reduce = {.info = {.name = "reduce",
                                         .help = "sum, mean or largest element over axes",
                                         .params = DUET_TABLE(params, duet_reduce_attr)},
                                .inputs = 1,
                                .required = 1,
                                .outputs = 1,
                                .bf16_inputs = 1u << 0,
                                .shape = check_shape,
                                .reference = reference,
                                .grad = gradient,
                                .flops = count_flops,
                                .cases = cases,
                                .case_count = DUET_COUNT(cases)};
