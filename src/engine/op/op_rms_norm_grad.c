/* SPDX-License-Identifier: MIT
 * engine/op/op_rms_norm_grad.c: the gradient of rms_norm; its formula stands there. */
#include <math.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "dy"};
    const duet_rms_norm_attr *attr = call->attr;
    const duet_shape *x = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    if (attr->axes < 1 || attr->axes >= x->rank)
        return duet_op_fail(call, "axes is %lld, expected 1 to %d", (long long)attr->axes,
                            x->rank - 1);
    DUET_TRY(duet_op_want_shape(call, 1, "dy", x));
    return duet_op_out_shape(call, 0, x);
}

static void reference(const duet_run *run) {
    const duet_rms_norm_attr *attr = run->call->attr;
    const int64_t size = duet_rms_norm_size(&run->call->in[0].shape, attr->axes),
                  rows = duet_shape_count(&run->call->in[0].shape) / size;
    for (int64_t r = 0; r < rows; r++) {
        const float *x = (const float *)run->in[0] + r * size,
                    *dy = (const float *)run->in[1] + r * size;
        float *dx = (float *)run->out[0] + r * size;
        double square = 0.0, product = 0.0;
        for (int64_t e = 0; e < size; e++) {
            square += (double)x[e] * (double)x[e];
            product += (double)dy[e] * (double)x[e];
        }
        const double root = sqrt(square / (double)size), by = attr->eps + root;
        const double back = root > 0.0 ? product / ((double)size * root * by) : 0.0;
        for (int64_t e = 0; e < size; e++)
            dx[e] = (float)(attr->gain / by * ((double)dy[e] - (double)x[e] * back));
    }
}

static double count_flops(const duet_call *call) {
    return 7.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_rms_norm_grad(duet_graph *g, duet_value x, duet_value dy,
                              const duet_rms_norm_attr *attr) {
    return duet_op_apply(g, &duet_op_rms_norm_grad, attr, x, dy, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_rms_norm_attr, axes, "1", 1, DUET_MAX_RANK - 1, "of the forward op"),
    DUET_FLOAT(duet_rms_norm_attr, eps, "1e-4", 0, 1, "of the forward op"),
    DUET_FLOAT(duet_rms_norm_attr, gain, "1", 0, 0, "of the forward op"),
};

static const duet_op_case cases[] = {
    {.attr = "axes=1", .in = {DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(3, 7)}},
    {.attr = "axes=1,eps=0.1,gain=2",
     .in = {DUET_SHAPE_OF(2, 3, 5, 33), DUET_SHAPE_OF(2, 3, 5, 33)}},
    {.attr = "axes=1", .in = {DUET_SHAPE_OF(2, 9, 7, 48), DUET_SHAPE_OF(2, 9, 7, 48)}},
    {.attr = "axes=3,gain=0.125", .in = {DUET_SHAPE_OF(5, 7, 3, 3), DUET_SHAPE_OF(5, 7, 3, 3)}},
    {.attr = "axes=2,gain=0.1", .in = {DUET_SHAPE_OF(3, 40, 20), DUET_SHAPE_OF(3, 40, 20)}},
};

const duet_op duet_op_rms_norm_grad = {.info = {.name = "rms_norm_grad",
                                                .help = "gradient of rms_norm: x, dy -> dx",
                                                .params = DUET_TABLE(params, duet_rms_norm_attr)},
                                       .inputs = 2,
                                       .required = 2,
                                       .outputs = 1,
                                       .grad_only = true,
                                       .bf16_inputs = 1u << 0 | 1u << 1,
                                       .bf16_outputs = 1u << 0,
                                       .in_place = 1u << 1,
                                       .shape = check_shape,
                                       .reference = reference,
                                       .flops = count_flops,
                                       .cases = cases,
                                       .case_count = DUET_COUNT(cases)};
