/* SPDX-License-Identifier: MIT
 * engine/op/op_layer_norm.c: layer normalisation (Ba, Kiros, Hinton 2016) over the last `axes`
 * axes: y = (x - mean[r]) rstd[r] gamma[e] + beta[e],  rstd = 1 / sqrt(var + eps),  var biased, r
 * runs over the axes before them, e over the elements of a row. gamma and beta may be absent (1 and
 * 0). mean and rstd are outputs: the gradient needs them. */
#include <math.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "gamma", "beta"};
    const duet_layer_norm_attr *attr = call->attr;
    const duet_shape *x = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    if (attr->axes < 1 || attr->axes >= x->rank) {
        char text[96];
        return duet_op_fail(call,
                            "x %s cannot be normalised over its last %lld axes, expected 1 to %d",
                            duet_shape_text(x, text), (long long)attr->axes, x->rank - 1);
    }
    const int axes = (int)attr->axes, before = x->rank - axes;
    DUET_TRY(duet_op_want(call, 1, "gamma", axes, x->dim + before));
    DUET_TRY(duet_op_want(call, 2, "beta", axes, x->dim + before));
    if (!(attr->eps > 0.0)) return duet_op_fail(call, "eps is %g, expected more than 0", attr->eps);
    DUET_TRY(duet_op_out_shape(call, 0, x));
    DUET_TRY(duet_op_out(call, 1, before, x->dim));
    return duet_op_out(call, 2, before, x->dim);
}

static void reference(const duet_run *run) {
    const duet_layer_norm_attr *attr = run->call->attr;
    const int64_t rows = duet_shape_count(&run->call->out[1].shape),
                  size = duet_shape_count(&run->call->in[0].shape) / rows;
    const float *x = run->in[0], *gamma = run->in[1], *beta = run->in[2]; /* NULL where absent */
    float *y = run->out[0], *mean = run->out[1], *rstd = run->out[2];     /* NULL where unwanted */
    for (int64_t r = 0; r < rows; r++) {
        const float *from = x + r * size;
        double sum = 0.0, square = 0.0;
        for (int64_t e = 0; e < size; e++) sum += (double)from[e];
        const double m = sum / (double)size;
        for (int64_t e = 0; e < size; e++) square += ((double)from[e] - m) * ((double)from[e] - m);
        const double factor = 1.0 / sqrt(square / (double)size + attr->eps);
        if (mean != NULL) mean[r] = (float)m;
        if (rstd != NULL) rstd[r] = (float)factor;
        for (int64_t e = 0; y != NULL && e < size; e++) {
            y[r * size + e] =
                (float)(((double)from[e] - m) * factor * (gamma != NULL ? (double)gamma[e] : 1.0) +
                        (beta != NULL ? (double)beta[e] : 0.0));
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_layer_norm_attr *a = attr;
    duet_value d[3];
    if (dout[1] != DUET_NONE || dout[2] != DUET_NONE)
        duet_graph_fail(g, DUET_UNSUPPORTED, "layer_norm: no gradient flows from mean and rstd");
    if (dout[0] == DUET_NONE) return;
    duet_layer_norm_grad(g, (const duet_value[5]){in[0], out[1], out[2], dout[0], in[1]}, a->axes,
                         d);
    din[0] = d[0];
    if (in[1] != DUET_NONE) din[1] = d[1];
    if (in[2] != DUET_NONE) din[2] = d[2];
}

static double count_flops(const duet_call *call) {
    return 8.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_layer_norm(duet_graph *g, duet_value x, duet_value gamma, duet_value beta,
                           int64_t axes, double eps) {
    const duet_layer_norm_attr attr = {.axes = axes, .eps = eps};
    return duet_op_apply(g, &duet_op_layer_norm, &attr, x, gamma, beta);
}

static const duet_param params[] = {
    DUET_INT(duet_layer_norm_attr, axes, "1", 1, DUET_MAX_RANK - 1,
             "last axes that are normalised"),
    DUET_FLOAT(duet_layer_norm_attr, eps, "1e-5", 0, 1, "added to the variance"),
};

/* Short rows have a larger eps: differences of a steep function mean little. */
static const duet_op_case cases[] = {
    {.attr = "axes=1,eps=0.1", .in = {DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(7), DUET_SHAPE_OF(7)}},
    {.attr = "axes=1,eps=1e-5",
     .in = {DUET_SHAPE_OF(2, 5, 48), DUET_SHAPE_OF(48), DUET_SHAPE_OF(48)}},
    {.attr = "axes=3,eps=1e-5",
     .in = {DUET_SHAPE_OF(3, 3, 5, 7), DUET_SHAPE_OF(3, 5, 7), DUET_SHAPE_OF(3, 5, 7)}},
    {.attr = "axes=2,eps=1e-5", .in = {DUET_SHAPE_OF(2, 3, 9, 5), DUET_ABSENT, DUET_ABSENT}},
    {.attr = "axes=1,eps=1e-5", .in = {DUET_SHAPE_OF(2, 33), DUET_SHAPE_OF(33), DUET_ABSENT}},
    {.attr = "axes=1,eps=1e-3", .in = {DUET_SHAPE_OF(2, 1), DUET_SHAPE_OF(1), DUET_SHAPE_OF(1)}},
};

const duet_op duet_op_layer_norm = {
    .info = {.name = "layer_norm",
             .help = "normalises the last axes of x, gamma?, beta? of their shape -> y, mean, rstd",
             .params = DUET_TABLE(params, duet_layer_norm_attr)},
    .inputs = 3,
    .required = 1,
    .outputs = 3,
    .bf16_inputs = 1u << 0,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
