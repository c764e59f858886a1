/* SPDX-License-Identifier: MIT
 * engine/op/op_mse_loss_grad.c: dpred = dloss 2 (pred - target) / count, count = elements of pred.
 */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"pred", "target", "dloss"};
    const duet_shape *pred = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "pred", 1, DUET_MAX_RANK));
    DUET_TRY(duet_op_want_shape(call, 1, "target", pred));
    DUET_TRY(duet_op_want(call, 2, "dloss", 1, (int64_t[]){1}));
    return duet_op_out_shape(call, 0, pred);
}

static void reference(const duet_run *run) {
    const int64_t count = duet_shape_count(&run->call->in[0].shape);
    const float *pred = run->in[0], *target = run->in[1],
                *dloss = run->in[2]; /* [B,…], [B,…], [1] */
    float *dpred = run->out[0];
    for (int64_t e = 0; e < count; e++) {
        dpred[e] =
            (float)((double)dloss[0] * 2.0 * ((double)pred[e] - (double)target[e]) / (double)count);
    }
}

static double count_flops(const duet_call *call) {
    return 2.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_mse_loss_grad(duet_graph *g, duet_value pred, duet_value target, duet_value dloss) {
    return duet_op_apply(g, &duet_op_mse_loss_grad, NULL, pred, target, dloss);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1), DUET_SHAPE_OF(1), DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(2, 5, 3, 9), DUET_SHAPE_OF(2, 5, 3, 9), DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(3, 28, 28, 3), DUET_SHAPE_OF(3, 28, 28, 3), DUET_SHAPE_OF(1)}},
};

const duet_op duet_op_mse_loss_grad = {
    .info = {.name = "mse_loss_grad",
             .help = "gradient of mse_loss: pred, target, dloss[1] -> dpred",
             .params = DUET_TABLE_EMPTY},
    .inputs = 3,
    .required = 3,
    .outputs = 1,
    .grad_only = true,
    .in_place = 1u << 0 | 1u << 1,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
