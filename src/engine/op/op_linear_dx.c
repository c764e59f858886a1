/* SPDX-License-Identifier: MIT
 * engine/op/op_linear_dx.c: gradient of linear with respect to its input: dx[…,c] = sum over o of
 * dy[…,o] w[o,c]. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"dy", "w"};
    const duet_shape *dy = &call->in[0].shape, *w = &call->in[1].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "dy", 1, DUET_MAX_RANK));
    DUET_TRY(duet_op_rank(call, 1, "w", 2, 4));
    DUET_TRY(duet_op_want(call, 1, "w", w->rank, (int64_t[]){duet_op_last(dy), w->dim[1], 1, 1}));
    duet_shape dx = *dy;
    dx.dim[dx.rank - 1] = w->dim[1];
    return duet_op_out_shape(call, 0, &dx);
}

static void reference(const duet_run *run) {
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  outs = duet_op_last(&run->call->in[0].shape);
    const int64_t size = run->call->in[1].shape.dim[1];
    const float *dy = run->in[0], *w = run->in[1]; /* […,O], [O,I] */
    float *dx = run->out[0];                       /* […,I] */
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < size; c++) {
            double sum = 0.0;
            for (int64_t o = 0; o < outs; o++)
                sum += (double)dy[r * outs + o] * (double)w[o * size + c];
            dx[r * size + c] = (float)sum;
        }
    }
}

static double count_flops(const duet_call *call) {
    return 2.0 * (double)duet_shape_count(&call->out[0].shape) *
           (double)duet_op_last(&call->in[0].shape);
}

duet_value duet_linear_dx(duet_graph *g, duet_value dy, duet_value w) {
    return duet_op_apply(g, &duet_op_linear_dx, NULL, dy, w, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 5), DUET_SHAPE_OF(5, 7)}},
    {.in = {DUET_SHAPE_OF(3, 5, 9), DUET_SHAPE_OF(9, 6, 1)}},
    {.in = {DUET_SHAPE_OF(2, 3, 2, 4), DUET_SHAPE_OF(4, 8, 1, 1)}},
    {.in = {DUET_SHAPE_OF(3, 49, 96), DUET_SHAPE_OF(96, 32, 1)}},
    {.in = {DUET_SHAPE_OF(2, 101, 130), DUET_SHAPE_OF(130, 35)}},
    {.in = {DUET_SHAPE_OF(2, 101, 1024), DUET_SHAPE_OF(1024, 5)}},
    {.in = {DUET_SHAPE_OF(150, 8200), DUET_SHAPE_OF(8200, 3)}},
};

const duet_op duet_op_linear_dx = {
    .info = {.name = "linear_dx",
             .help = "gradient of linear to its input: dy[…,O], w[O,I] -> dx[…,I]",
             .params = DUET_TABLE_EMPTY},
    .inputs = 2,
    .required = 2,
    .outputs = 1,
    .grad_only = true,
    .bf16_inputs = 1u << 0,
    .bf16_outputs = 1u << 0,
    .weight_inputs = 1u << 1,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
