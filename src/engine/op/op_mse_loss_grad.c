/* SPDX-License-Identifier: MIT
 * engine/op/op_mse_loss_grad.c: dpred = dloss weight[b] 2 (pred - target) / count, count = elements
 * of pred. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"pred", "target", "dloss", "weight"};
    const duet_shape *pred = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "pred", 1, DUET_MAX_RANK));
    DUET_TRY(duet_op_want_shape(call, 1, "target", pred));
    DUET_TRY(duet_op_want(call, 2, "dloss", 1, (int64_t[]){1}));
    DUET_TRY(duet_op_want(call, 3, "weight", 1, (int64_t[]){pred->dim[0]}));
    return duet_op_out_shape(call, 0, pred);
}

static void reference(const duet_run *run) {
    const duet_shape *shape = &run->call->in[0].shape;
    const int64_t batch = shape->dim[0], count = duet_shape_count(shape), size = count / batch;
    const float *pred = run->in[0], *target = run->in[1], *dloss = run->in[2],
                *weight = run->in[3]; /* [B,…], [B,…], [1], [B] */
    float *dpred = run->out[0];
    for (int64_t b = 0; b < batch; b++) {
        const double by = (double)dloss[0] * (weight != NULL ? (double)weight[b] : 1.0) * 2.0;
        for (int64_t e = b * size; e < (b + 1) * size; e++)
            dpred[e] = (float)(by * ((double)pred[e] - (double)target[e]) / (double)count);
    }
}

static double count_flops(const duet_call *call) {
    return 2.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_mse_loss_grad(duet_graph *g, duet_value pred, duet_value target, duet_value dloss,
                              duet_value weight) {
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE};
    duet_graph_add(g, &duet_op_mse_loss_grad, NULL,
                   (const duet_value[DUET_MAX_INPUTS]){pred, target, dloss, weight, DUET_NONE},
                   out);
    return out[0];
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1), DUET_SHAPE_OF(1), DUET_SHAPE_OF(1), DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(1), DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(2, 5, 3, 9), DUET_SHAPE_OF(2, 5, 3, 9), DUET_SHAPE_OF(1), DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(3, 28, 28, 3), DUET_SHAPE_OF(3, 28, 28, 3), DUET_SHAPE_OF(1),
            DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(4, 6, 5, 2), DUET_SHAPE_OF(4, 6, 5, 2), DUET_SHAPE_OF(1),
            DUET_SHAPE_OF(4)}},
};

const duet_op duet_op_mse_loss_grad = {
    .info = {.name = "mse_loss_grad",
             .help = "gradient of mse_loss: pred, target, dloss[1], weight[B]? -> dpred",
             .params = DUET_TABLE_EMPTY},
    .inputs = 4,
    .required = 3,
    .outputs = 1,
    .grad_only = true,
    .in_place = 1u << 0 | 1u << 1,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
