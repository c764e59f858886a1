/* SPDX-License-Identifier: MIT
 * engine/op/op_mse_loss.c: loss = mean (pred - target)^2 over everything; per_sample[b] = the mean of sample b. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"pred", "target"};
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "pred", 1, DUET_MAX_RANK));
    DUET_TRY(duet_op_want_shape(call, 1, "target", &call->in[0].shape));
    DUET_TRY(duet_op_out(call, 0, 1, (int64_t[]){1}));
    return duet_op_out(call, 1, 1, (int64_t[]){call->in[0].shape.dim[0]});
}

static void reference(const duet_run *run) {
    const int64_t B = run->call->in[0].shape.dim[0], size = duet_shape_count(&run->call->in[0].shape) / B;
    const float *pred = run->in[0], *target = run->in[1];
    float *loss = run->out[0], *per_sample = run->out[1];
    double total = 0;
    for (int64_t b = 0; b < B; b++) {
        double sum = 0;
        for (int64_t e = 0; e < size; e++) {
            const double d = (double)pred[b * size + e] - (double)target[b * size + e];
            sum += d * d;
        }
        total += sum;
        if (per_sample) per_sample[b] = (float)(sum / (double)size);
    }
    if (loss) loss[0] = (float)(total / (double)(B * size));
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out, const duet_value *dout, duet_value *din) {
    (void)attr, (void)out;
    if (dout[0] == DUET_NONE) return; /* per_sample is for reports: no gradient flows through it */
    din[0] = duet_mse_loss_grad(g, in[0], in[1], dout[0]);
    din[1] = duet_scale(g, din[0], -1.0);
}

static double count_flops(const duet_call *call) { return 3.0 * (double)duet_shape_count(&call->in[0].shape); }

void duet_mse_loss(duet_graph *g, duet_value pred, duet_value target, duet_value *loss, duet_value *per_sample) {
    const duet_value in[DUET_MAX_INPUTS] = {pred, target};
    duet_value out[DUET_MAX_OUTPUTS];
    duet_graph_add(g, &duet_op_mse_loss, NULL, in, out);
    *loss = out[0];
    *per_sample = out[1];
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1), DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(3, 7, 5, 2), DUET_SHAPE_OF(3, 7, 5, 2)}},
};

const duet_op duet_op_mse_loss = {
    .info = {.name = "mse_loss", .help = "mean (pred - target)^2, and the mean of each sample", .params = DUET_TABLE_EMPTY},
    .inputs = 2, .required = 2, .outputs = 2,
    .shape = check_shape, .reference = reference, .grad = gradient, .flops = count_flops, .cases = cases, .case_count = DUET_COUNT(cases)};
