/* SPDX-License-Identifier: MIT
 * engine/op/op_softmax_grad.c: dx[r,c] = y[r,c] (dy[r,c] - sum over j of y[r,j] dy[r,j]), y the
 * result of softmax. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"y", "dy"};
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "y", 1, DUET_MAX_RANK));
    DUET_TRY(duet_op_want_shape(call, 1, "dy", &call->in[0].shape));
    return duet_op_out_shape(call, 0, &call->in[0].shape);
}

static void reference(const duet_run *run) {
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  size = duet_op_last(&run->call->in[0].shape);
    const float *y = run->in[0], *dy = run->in[1]; /* […,C] */
    float *dx = run->out[0];                       /* […,C]; may be y or dy */
    for (int64_t r = 0; r < rows; r++) {
        double dot = 0.0;
        for (int64_t e = r * size; e < (r + 1) * size; e++) dot += (double)y[e] * (double)dy[e];
        for (int64_t e = r * size; e < (r + 1) * size; e++)
            dx[e] = (float)((double)y[e] * ((double)dy[e] - dot));
    }
}

static double count_flops(const duet_call *call) {
    return 4.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_softmax_grad(duet_graph *g, duet_value y, duet_value dy) {
    return duet_op_apply(g, &duet_op_softmax_grad, NULL, y, dy, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(5), DUET_SHAPE_OF(5)}},
    {.in = {DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(3, 7)}},
    {.in = {DUET_SHAPE_OF(2, 5, 33), DUET_SHAPE_OF(2, 5, 33)}},
    {.in = {DUET_SHAPE_OF(3, 7, 7, 48), DUET_SHAPE_OF(3, 7, 7, 48)}},
};

const duet_op duet_op_softmax_grad = {.info = {.name = "softmax_grad",
                                               .help = "gradient of softmax: y, dy -> dx",
                                               .params = DUET_TABLE_EMPTY},
                                      .inputs = 2,
                                      .required = 2,
                                      .outputs = 1,
                                      .grad_only = true,
                                      .in_place = 1u << 0 | 1u << 1,
                                      .shape = check_shape,
                                      .reference = reference,
                                      .flops = count_flops,
                                      .cases = cases,
                                      .case_count = DUET_COUNT(cases)};
