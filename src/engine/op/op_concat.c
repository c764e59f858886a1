/* SPDX-License-Identifier: MIT
 * engine/op/op_concat.c: y[…] = a[…], then b[…] along the last axis (skip connections). The
 * gradient slices. */
#include <string.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"a", "b"};
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "a", 1, DUET_MAX_RANK));
    DUET_TRY(duet_op_rank(call, 1, "b", 1, DUET_MAX_RANK));
    duet_shape y = call->in[0].shape;
    const int last = y.rank - 1;
    y.dim[last] = duet_op_last(&call->in[1].shape);
    DUET_TRY(duet_op_want_shape(call, 1, "b", &y));
    y.dim[last] += call->in[0].shape.dim[last];
    return duet_op_out_shape(call, 0, &y);
}

static void reference(const duet_run *run) {
    const int64_t rows = duet_op_rows(&run->call->in[0].shape);
    const int64_t first = duet_op_last(&run->call->in[0].shape),
                  second = duet_op_last(&run->call->in[1].shape);
    const float *a = run->in[0], *b = run->in[1]; /* […,first], […,second] */
    float *y = run->out[0];                       /* […,first+second] */
    for (int64_t r = 0; r < rows; r++) {
        memcpy(y + r * (first + second), a + r * first, (size_t)first * sizeof(float));
        memcpy(y + r * (first + second) + first, b + r * second, (size_t)second * sizeof(float));
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)out;
    if (dout[0] == DUET_NONE) return;
    const int64_t first = duet_dim(g, in[0], -1), second = duet_dim(g, in[1], -1);
    din[0] = duet_slice(g, dout[0], 0, first);
    din[1] = duet_slice(g, dout[0], first, second);
}

duet_value duet_concat(duet_graph *g, duet_value a, duet_value b) {
    return duet_op_apply(g, &duet_op_concat, NULL, a, b, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(2), DUET_SHAPE_OF(3)}},
    {.in = {DUET_SHAPE_OF(1, 5, 3, 7), DUET_SHAPE_OF(1, 5, 3, 1)}},
    {.in = {DUET_SHAPE_OF(3, 5, 16), DUET_SHAPE_OF(3, 5, 9)}},
    {.in = {DUET_SHAPE_OF(3, 7, 7, 32), DUET_SHAPE_OF(3, 7, 7, 16)}},
};

const duet_op duet_op_concat = {
    .info = {.name = "concat", .help = "joins along the last axis", .params = DUET_TABLE_EMPTY},
    .inputs = 2,
    .required = 2,
    .outputs = 1,
    .bf16_inputs = 1u << 0 | 1u << 1,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
