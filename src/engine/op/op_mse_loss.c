/* SPDX-License-Identifier: MIT
 * engine/op/op_mse_loss.c: per_sample[b] = mean over the sample of (pred - target)^2; loss = mean
 * over samples of weight[b] per_sample[b]; without weights they are 1. A gradient flows from `loss`
 * only, dweight[b] = dloss per_sample[b] / B; per_sample is for curves. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"pred", "target", "weight"};
    const duet_shape *pred = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "pred", 1, DUET_MAX_RANK));
    DUET_TRY(duet_op_want_shape(call, 1, "target", pred));
    DUET_TRY(duet_op_want(call, 2, "weight", 1, (int64_t[]){pred->dim[0]}));
    DUET_TRY(duet_op_out(call, 0, 1, (int64_t[]){1}));
    return duet_op_out(call, 1, 1, (int64_t[]){pred->dim[0]});
}

static void reference(const duet_run *run) {
    const duet_shape *shape = &run->call->in[0].shape;
    const int64_t batch = shape->dim[0], size = duet_shape_count(shape) / batch;
    const float *pred = run->in[0], *target = run->in[1], *weight = run->in[2]; /* [B,…]; [B] */
    float *loss = run->out[0], *per_sample = run->out[1]; /* [1], [B]; NULL where unwanted */
    double total = 0.0;
    for (int64_t b = 0; b < batch; b++) {
        double sum = 0.0;
        for (int64_t e = 0; e < size; e++) {
            const double d = (double)pred[b * size + e] - (double)target[b * size + e];
            sum += d * d;
        }
        total += weight != NULL ? (double)weight[b] * sum : sum;
        if (per_sample != NULL) per_sample[b] = (float)(sum / (double)size);
    }
    if (loss != NULL) loss[0] = (float)(total / (double)(batch * size));
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr;
    if (dout[1] != DUET_NONE)
        duet_graph_fail(g, DUET_UNSUPPORTED,
                        "mse_loss: no gradient flows from per_sample; use the loss");
    if (dout[0] == DUET_NONE) return;
    din[0] = duet_mse_loss_grad(g, in[0], in[1], dout[0], in[2]);
    din[1] = duet_scale(g, din[0], -1.0);
    if (in[2] == DUET_NONE) return;
    const int64_t batch = duet_dim(g, in[2], 0);
    din[2] = duet_mul(g, duet_scale(g, out[1], 1.0 / (double)batch), dout[0]);
}

static double count_flops(const duet_call *call) {
    return 3.0 * (double)duet_shape_count(&call->in[0].shape);
}

void duet_mse_loss(duet_graph *g, duet_value pred, duet_value target, duet_value *loss,
                   duet_value *per_sample) {
    duet_op_apply_loss(g, &duet_op_mse_loss, NULL, pred, target, loss, per_sample);
}

void duet_weighted_mse_loss(duet_graph *g, duet_value pred, duet_value target, duet_value weight,
                            duet_value *loss, duet_value *per_sample) {
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_mse_loss, NULL,
                   (const duet_value[DUET_MAX_INPUTS]){pred, target, weight, DUET_NONE, DUET_NONE},
                   out);
    *loss = out[0];
    *per_sample = out[1];
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1), DUET_SHAPE_OF(1), DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(3, 7), DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(2, 5, 3, 9), DUET_SHAPE_OF(2, 5, 3, 9), DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(3, 28, 28, 3), DUET_SHAPE_OF(3, 28, 28, 3), DUET_ABSENT}},
    {.in = {DUET_SHAPE_OF(4, 6, 5, 2), DUET_SHAPE_OF(4, 6, 5, 2), DUET_SHAPE_OF(4)}},
};

const duet_op duet_op_mse_loss = {
    .info = {.name = "mse_loss",
             .help =
                 "mean squared error, pred[B,…], target[B,…], weight[B]? -> loss[1], per_sample[B]",
             .params = DUET_TABLE_EMPTY},
    .inputs = 3,
    .required = 2,
    .outputs = 2,
    .joins_rows = true,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
