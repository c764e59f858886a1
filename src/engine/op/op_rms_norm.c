/* SPDX-License-Identifier: MIT
 * engine/op/op_rms_norm.c: y = gain x / (eps + r),  r = sqrt(mean of x^2) over the last `axes`
 * axes: pixels of a map (axes 1), filters of a weight (all axes but the first, gain 1/sqrt(I k k)),
 * heads of q, k and v (Karras et al. 2024, "Analyzing and improving the training dynamics of
 * diffusion models", appendix B). Gradient, with n elements in a row: dx = gain / (eps + r) (dy - x
 * sum(dy x) / (n r (eps + r))),  without the second term where r is 0 */
#include <math.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    const duet_rms_norm_attr *attr = call->attr;
    const duet_shape *x = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    if (attr->axes < 1 || attr->axes >= x->rank) {
        char text[96];
        return duet_op_fail(call,
                            "x %s cannot be normalised over its last %lld axes, expected 1 to %d",
                            duet_shape_text(x, text), (long long)attr->axes, x->rank - 1);
    }
    if (!(attr->eps > 0.0)) return duet_op_fail(call, "eps is %g, expected more than 0", attr->eps);
    return duet_op_out_shape(call, 0, x);
}

static void reference(const duet_run *run) {
    const duet_rms_norm_attr *attr = run->call->attr;
    const int64_t size = duet_rms_norm_size(&run->call->in[0].shape, attr->axes),
                  rows = duet_shape_count(&run->call->in[0].shape) / size;
    const float *x = run->in[0];
    float *y = run->out[0];
    for (int64_t r = 0; r < rows; r++) {
        double square = 0.0;
        for (int64_t e = 0; e < size; e++)
            square += (double)x[r * size + e] * (double)x[r * size + e];
        const double factor = attr->gain / (attr->eps + sqrt(square / (double)size));
        for (int64_t e = 0; e < size; e++)
            y[r * size + e] = (float)((double)x[r * size + e] * factor);
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_rms_norm_grad(g, in[0], dout[0], attr);
}

static double count_flops(const duet_call *call) {
    return 3.0 * (double)duet_shape_count(&call->in[0].shape);
}

int64_t duet_rms_norm_size(const duet_shape *x, int64_t axes) {
    int64_t size = 1;
    for (int i = x->rank - (int)axes; i < x->rank; i++) size *= x->dim[i];
    return size;
}

duet_value duet_rms_norm(duet_graph *g, duet_value x, int64_t axes, double eps, double gain) {
    const duet_rms_norm_attr attr = {.axes = axes, .eps = eps, .gain = gain};
    return duet_op_apply(g, &duet_op_rms_norm, &attr, x, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_rms_norm_attr, axes, "1", 1, DUET_MAX_RANK - 1, "last axes that are normalised"),
    DUET_FLOAT(duet_rms_norm_attr, eps, "1e-4", 0, 1, "added to the root"),
    DUET_FLOAT(duet_rms_norm_attr, gain, "1", 0, 0, "root of the mean square of the result"),
};

static const duet_op_case cases[] = {
    {.attr = "axes=1", .in = {DUET_SHAPE_OF(3, 7)}},
    {.attr = "axes=1,eps=0.1,gain=2", .in = {DUET_SHAPE_OF(2, 3, 5, 33)}},
    {.attr = "axes=1", .in = {DUET_SHAPE_OF(2, 9, 7, 48)}},
    {.attr = "axes=3,gain=0.125", .in = {DUET_SHAPE_OF(5, 7, 3, 3)}},
    {.attr = "axes=2,gain=0.1", .in = {DUET_SHAPE_OF(3, 40, 20)}},
};

const duet_op duet_op_rms_norm = {
    .info = {.name = "rms_norm",
             .help = "gain x / (eps + root of the mean square of the last axes of x)",
             .params = DUET_TABLE(params, duet_rms_norm_attr)},
    .inputs = 1,
    .required = 1,
    .outputs = 1,
    .bf16_inputs = 1u << 0,
    .bf16_outputs = 1u << 0,
    .in_place = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
