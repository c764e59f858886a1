/* SPDX-License-Identifier: MIT
 * engine/op/op_spectral_divide.c: y = w / sigma, sigma = u^T W v, W[O,I] the weight with its axes
 * behind the first taken together; spectral normalisation where u and v are its first singular
 * vectors. They are constants to the gradient, as in PyTorch. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"w", "u", "v"};
    const duet_shape *w = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "w", 2, DUET_MAX_RANK));
    DUET_TRY(duet_op_want(call, 1, "u", 1, w->dim));
    DUET_TRY(duet_op_want(call, 2, "v", 1, (int64_t[]){duet_shape_count(w) / w->dim[0]}));
    DUET_TRY(duet_op_out_shape(call, 0, w));
    return duet_op_out(call, 1, 1, (int64_t[]){1});
}

static void reference(const duet_run *run) {
    const int64_t O = run->call->in[1].shape.dim[0], I = run->call->in[2].shape.dim[0];
    const float *w = run->in[0], *u = run->in[1], *v = run->in[2]; /* [O,I], [O], [I] */
    float *y = run->out[0], *sigma = run->out[1]; /* [O,I], [1]; NULL where unwanted */
    double total = 0.0;
    for (int64_t o = 0; o < O; o++) {
        double sum = 0.0;
        for (int64_t i = 0; i < I; i++) sum += (double)w[o * I + i] * (double)v[i];
        total += sum * (double)u[o];
    }
    if (sigma != NULL) sigma[0] = (float)total;
    for (int64_t e = 0; y != NULL && e < O * I; e++) y[e] = (float)((double)w[e] / total);
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr;
    if (dout[1] != DUET_NONE)
        duet_graph_fail(g, DUET_UNSUPPORTED, "spectral_divide: no gradient flows from sigma");
    if (dout[0] != DUET_NONE)
        din[0] = duet_spectral_divide_grad(
            g, (const duet_value[5]){out[0], in[1], in[2], out[1], dout[0]});
}

static double count_flops(const duet_call *call) {
    return 3.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_spectral_divide(duet_graph *g, duet_value w, duet_value u, duet_value v) {
    return duet_op_apply(g, &duet_op_spectral_divide, NULL, w, u, v);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 3), DUET_SHAPE_OF(1), DUET_SHAPE_OF(3)}},
    {.in = {DUET_SHAPE_OF(5, 7), DUET_SHAPE_OF(5), DUET_SHAPE_OF(7)}},
    {.in = {DUET_SHAPE_OF(20, 4, 3, 3), DUET_SHAPE_OF(20), DUET_SHAPE_OF(36)}},
};

const duet_op duet_op_spectral_divide = {
    .info = {.name = "spectral_divide",
             .help = "w / (u^T w v), w[O,…], u[O], v[I] -> y, sigma[1]",
             .params = DUET_TABLE_EMPTY},
    .inputs = 3,
    .required = 3,
    .outputs = 2,
    .constant_inputs = 1u << 1 | 1u << 2,
    .in_place = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
