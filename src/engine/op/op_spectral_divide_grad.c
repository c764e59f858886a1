/* SPDX-License-Identifier: MIT
 * engine/op/op_spectral_divide_grad.c: gradient of y = w / sigma, sigma = u^T W v, u and v
 * constant: dw[o,i] = (dy[o,i] - u[o] v[i] sum over all of dy y) / sigma */
#include "engine/op/op_list.h"

enum { Y, U, V, SIGMA, DY, INPUTS };

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"y", "u", "v", "sigma", "dy"};
    const duet_shape *y = &call->in[Y].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, Y, "y", 2, DUET_MAX_RANK));
    DUET_TRY(duet_op_want(call, U, "u", 1, y->dim));
    DUET_TRY(duet_op_want(call, V, "v", 1, (int64_t[]){duet_shape_count(y) / y->dim[0]}));
    DUET_TRY(duet_op_want(call, SIGMA, "sigma", 1, (int64_t[]){1}));
    DUET_TRY(duet_op_want_shape(call, DY, "dy", y));
    return duet_op_out_shape(call, 0, y);
}

static void reference(const duet_run *run) {
    const int64_t O = run->call->in[U].shape.dim[0], I = run->call->in[V].shape.dim[0];
    const float *y = run->in[Y], *u = run->in[U], *v = run->in[V], *sigma = run->in[SIGMA],
                *dy = run->in[DY];
    float *dw = run->out[0]; /* [O,I]; may be y or dy */
    double dot = 0.0;
    for (int64_t e = 0; e < O * I; e++) dot += (double)dy[e] * (double)y[e];
    for (int64_t o = 0; o < O; o++) {
        for (int64_t i = 0; i < I; i++) {
            dw[o * I + i] = (float)(((double)dy[o * I + i] - dot * (double)u[o] * (double)v[i]) /
                                    (double)sigma[0]);
        }
    }
}

static double count_flops(const duet_call *call) {
    return 6.0 * (double)duet_shape_count(&call->in[Y].shape);
}

duet_value duet_spectral_divide_grad(duet_graph *g, const duet_value in[5]) {
    const duet_value all[DUET_MAX_INPUTS] = {in[0], in[1], in[2], in[3], in[4]};
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE};
    duet_graph_add(g, &duet_op_spectral_divide_grad, NULL, all, out);
    return out[0];
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 3), DUET_SHAPE_OF(1), DUET_SHAPE_OF(3), DUET_SHAPE_OF(1),
            DUET_SHAPE_OF(1, 3)}},
    {.in = {DUET_SHAPE_OF(5, 7), DUET_SHAPE_OF(5), DUET_SHAPE_OF(7), DUET_SHAPE_OF(1),
            DUET_SHAPE_OF(5, 7)}},
    {.in = {DUET_SHAPE_OF(20, 4, 3, 3), DUET_SHAPE_OF(20), DUET_SHAPE_OF(36), DUET_SHAPE_OF(1),
            DUET_SHAPE_OF(20, 4, 3, 3)}},
};

const duet_op duet_op_spectral_divide_grad = {
    .info = {.name = "spectral_divide_grad",
             .help = "gradient of spectral_divide: y, u, v, sigma[1], dy -> dw",
             .params = DUET_TABLE_EMPTY},
    .inputs = INPUTS,
    .required = INPUTS,
    .outputs = 1,
    .grad_only = true,
    .in_place = 1u << Y | 1u << DY,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
