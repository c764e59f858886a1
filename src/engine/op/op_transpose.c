/* SPDX-License-Identifier: MIT
 * engine/op/op_transpose.c: y[n,m] = x[m,n]. Its gradient is itself. For parameters whose file has
 * them in another order than activations are in. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 2, 2));
    return duet_op_out(call, 0, 2, (int64_t[]){call->in[0].shape.dim[1], call->in[0].shape.dim[0]});
}

static void reference(const duet_run *run) {
    const int64_t M = run->call->in[0].shape.dim[0], N = run->call->in[0].shape.dim[1];
    const float *x = run->in[0]; /* [M,N] */
    float *y = run->out[0];      /* [N,M] */
    for (int64_t m = 0; m < M; m++) {
        for (int64_t n = 0; n < N; n++) y[n * M + m] = x[m * N + n];
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)in, (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_transpose(g, dout[0]);
}

duet_value duet_transpose(duet_graph *g, duet_value x) {
    return duet_op_apply(g, &duet_op_transpose, NULL, x, DUET_NONE, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 5)}},
    {.in = {DUET_SHAPE_OF(7, 3)}},
    {.in = {DUET_SHAPE_OF(20, 49)}},
};

const duet_op duet_op_transpose = {
    .info = {.name = "transpose", .help = "x[M,N] -> [N,M]", .params = DUET_TABLE_EMPTY},
    .inputs = 1,
    .required = 1,
    .outputs = 1,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
