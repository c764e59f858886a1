/* SPDX-License-Identifier: MIT
 * engine/op/op_swap_axes.c: y[a,n,m,d] = x[a,m,n,d], which takes heads before tokens and back. Its
 * gradient is itself. */
#include <string.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    const int64_t *x = call->in[0].shape.dim;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 4, 4));
    return duet_op_out(call, 0, 4, (int64_t[]){x[0], x[2], x[1], x[3]});
}

static void reference(const duet_run *run) {
    const int64_t *dim = run->call->in[0].shape.dim;
    const int64_t M = dim[1], N = dim[2], D = dim[3];
    const float *x = run->in[0]; /* [A,M,N,D] */
    float *y = run->out[0];      /* [A,N,M,D] */
    for (int64_t a = 0; a < dim[0]; a++) {
        for (int64_t m = 0; m < M; m++) {
            for (int64_t n = 0; n < N; n++) {
                memcpy(y + ((a * N + n) * M + m) * D, x + ((a * M + m) * N + n) * D,
                       (size_t)D * sizeof *y);
            }
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)in, (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_swap_axes(g, dout[0]);
}

duet_value duet_swap_axes(duet_graph *g, duet_value x) {
    return duet_op_apply(g, &duet_op_swap_axes, NULL, x, DUET_NONE, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 5, 1, 3)}},
    {.in = {DUET_SHAPE_OF(2, 3, 7, 1)}},
    {.in = {DUET_SHAPE_OF(3, 5, 4, 17)}},
};

const duet_op duet_op_swap_axes = {
    .info = {.name = "swap_axes", .help = "x[A,M,N,D] -> [A,N,M,D]", .params = DUET_TABLE_EMPTY},
    .inputs = 1,
    .required = 1,
    .outputs = 1,
    .bf16_inputs = 1u << 0,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
