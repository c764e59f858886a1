/* SPDX-License-Identifier: MIT
 * engine/op/op_linear.c: y[…,o] = add[…,o] + bias[o] + sum over c of x[…,c] w[o,c].
 * The weight may carry ones behind [O,I]: checkpoints store attention's projections as 1x1
 * convolutions. `add` is a residual that the fuse pass finds: its gradient is dy itself. `more` are
 * the channels behind those of x: the product with a concat that is never written; the gradient
 * writes it again. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "w", "bias", "add", "more"};
    const duet_shape *x = &call->in[0].shape, *w = &call->in[1].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 1, DUET_MAX_RANK));
    DUET_TRY(duet_op_rank(call, 1, "w", 2, 4));
    duet_shape y = *x;
    if (call->has_in[4]) y.dim[y.rank - 1] = duet_op_last(&call->in[4].shape);
    DUET_TRY(duet_op_want_shape(call, 4, "more", &y));
    const int64_t inputs = duet_op_last(x) + (call->has_in[4] ? duet_op_last(&y) : 0);
    DUET_TRY(duet_op_want(call, 1, "w", w->rank, (int64_t[]){w->dim[0], inputs, 1, 1}));
    DUET_TRY(duet_op_want(call, 2, "bias", 1, (int64_t[]){w->dim[0]}));
    y.dim[y.rank - 1] = w->dim[0];
    DUET_TRY(duet_op_out_shape(call, 0, &y));
    return duet_op_want_rows(call, 3, "add", &y);
}

static void reference(const duet_run *run) {
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  size = duet_op_last(&run->call->in[0].shape);
    const int64_t outs = run->call->in[1].shape.dim[0];
    const float *more = run->in[4]; /* […,I'] or NULL */
    const int64_t rest = more != NULL ? duet_op_last(&run->call->in[4].shape) : 0,
                  all = size + rest;
    const float *x = run->in[0], *w = run->in[1],
                *bias = run->in[2]; /* […,I], [O,I], [O] or NULL */
    const float *add = run->in[3];  /* […,O] or NULL; may be y */
    float *y = run->out[0];         /* […,O] */
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t o = 0; o < outs; o++) {
            double sum = (bias != NULL ? (double)bias[o] : 0.0) +
                         (add != NULL ? (double)add[r * outs + o] : 0.0);
            for (int64_t c = 0; c < size; c++)
                sum += (double)x[r * size + c] * (double)w[o * all + c];
            for (int64_t c = 0; c < rest; c++)
                sum += (double)more[r * rest + c] * (double)w[o * all + size + c];
            y[r * outs + o] = (float)sum;
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)out;
    if (dout[0] == DUET_NONE) return;
    duet_value dbias = DUET_NONE;
    const duet_value x = in[4] == DUET_NONE ? in[0] : duet_op_joined(g, in[0], in[4]);
    din[0] = duet_linear_dx(g, dout[0], in[1]);
    duet_linear_dw(g, x, dout[0], duet_value_arg(g, in[1])->shape.rank, &din[1], &dbias);
    if (in[2] != DUET_NONE) din[2] = dbias;
    if (in[3] != DUET_NONE) din[3] = duet_op_reshaped(g, dout[0], in[3]);
    if (in[4] == DUET_NONE) return;
    const duet_value dx = din[0];
    din[0] = duet_slice(g, dx, 0, duet_dim(g, in[0], -1));
    din[4] = duet_slice(g, dx, duet_dim(g, in[0], -1), duet_dim(g, in[4], -1));
}

static double count_flops(const duet_call *call) {
    return 2.0 * (double)duet_shape_count(&call->out[0].shape) *
           (double)(duet_op_last(&call->in[0].shape) +
                    (call->has_in[4] ? duet_op_last(&call->in[4].shape) : 0));
}

duet_value duet_linear(duet_graph *g, duet_value x, duet_value w, duet_value bias) {
    return duet_op_apply(g, &duet_op_linear, NULL, x, w, bias);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 7), DUET_SHAPE_OF(5, 7), DUET_SHAPE_OF(5), DUET_ABSENT, DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(3, 5, 6), DUET_SHAPE_OF(9, 6, 1), DUET_ABSENT, DUET_ABSENT, DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(2, 3, 2, 8), DUET_SHAPE_OF(4, 8, 1, 1), DUET_SHAPE_OF(4), DUET_ABSENT,
            DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(3, 49, 32), DUET_SHAPE_OF(96, 32, 1), DUET_SHAPE_OF(96), DUET_ABSENT,
            DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(4), DUET_SHAPE_OF(1, 4), DUET_ABSENT, DUET_ABSENT, DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(2, 21, 9), DUET_SHAPE_OF(35, 9), DUET_SHAPE_OF(35),
            DUET_SHAPE_OF(2, 3, 7, 35), DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(3, 16), DUET_SHAPE_OF(32, 16), DUET_ABSENT, DUET_SHAPE_OF(3, 32),
            DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(2, 3, 5, 12), DUET_SHAPE_OF(35, 19, 1, 1), DUET_SHAPE_OF(35), DUET_ABSENT,
            DUET_SHAPE_OF(2, 3, 5, 7)}},
    {.in = {DUET_SHAPE_OF(3, 21, 16), DUET_SHAPE_OF(32, 48), DUET_ABSENT, DUET_SHAPE_OF(3, 21, 32),
            DUET_SHAPE_OF(3, 21, 32)}},
    {.in = {DUET_SHAPE_OF(2, 101, 130), DUET_SHAPE_OF(35, 130), DUET_SHAPE_OF(35),
            DUET_SHAPE_OF(2, 101, 35), DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(2, 101, 70), DUET_SHAPE_OF(35, 135), DUET_SHAPE_OF(35), DUET_ABSENT,
            DUET_SHAPE_OF(2, 101, 65)}},
};

const duet_op duet_op_linear = {
    .info =
        {.name = "linear",
         .help =
             "matrix product along the last axis, x[…,I], w[O,I], bias[O]?, add[y]?, more[…,I']?",
         .params = DUET_TABLE_EMPTY},
    .inputs = 5,
    .required = 2,
    .outputs = 1,
    .in_place = 1u << 3,
    .bf16_inputs = 1u << 0 | 1u << 3 | 1u << 4,
    .bf16_outputs = 1u << 0,
    .weight_inputs = 1u << 1,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
