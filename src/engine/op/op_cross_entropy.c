/* SPDX-License-Identifier: MIT
 * engine/op/op_cross_entropy.c: with l = log_softmax(logits[b]) and smoothing s,
 *   per_sample[b] = -(1 - s) l[labels[b]] - s / K sum over k of l[k],
 *   loss = mean of per_sample over the rows whose label is not negative.
 * A row with a negative label is left out: its per_sample is 0; where all are left out, so is the
 * loss. A label of K or more makes both not a number, so that the step is refused. A gradient flows
 * from `loss` only; per_sample is for curves. */
#include "engine/op/formula.h"
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"logits", "labels"};
    const duet_cross_entropy_attr *attr = call->attr;
    const int64_t *dim = call->in[0].shape.dim;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "logits", 2, 2));
    DUET_TRY(duet_op_want(call, 1, "labels", 1, dim));
    if (!(attr->smoothing >= 0.0 && attr->smoothing <= 1.0))
        return duet_op_fail(call, "smoothing is %g, expected 0 to 1", attr->smoothing);
    DUET_TRY(duet_op_out(call, 0, 1, (int64_t[]){1}));
    return duet_op_out(call, 1, 1, dim);
}

static void reference(const duet_run *run) {
    const duet_cross_entropy_attr *attr = run->call->attr;
    const int64_t B = run->call->in[0].shape.dim[0], K = run->call->in[0].shape.dim[1];
    const float *logits = run->in[0];                     /* [B,K] */
    const int32_t *labels = run->in[1];                   /* [B] */
    float *loss = run->out[0], *per_sample = run->out[1]; /* [1], [B]; NULL where unwanted */
    double total = 0.0;
    int64_t count = 0;
    for (int64_t b = 0; b < B; b++) {
        double value = 0.0;
        if (labels[b] >= 0) {
            const float *z = logits + b * K;
            double peak = 0.0, sum = 0.0;
            const double spread = duet_row_total(&peak, z, K), level = peak + log(spread);
            for (int64_t k = 0; k < K; k++) sum += level - (double)z[k];
            value = labels[b] < K ? (1.0 - attr->smoothing) * (level - (double)z[labels[b]]) +
                                        attr->smoothing / (double)K * sum
                                  : NAN;
            count++;
        }
        total += value;
        if (per_sample != NULL) per_sample[b] = (float)value;
    }
    if (loss != NULL) loss[0] = count > 0 ? (float)(total / (double)count) : 0.0f;
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_cross_entropy_attr *a = attr;
    (void)out;
    if (dout[1] != DUET_NONE)
        duet_graph_fail(g, DUET_UNSUPPORTED,
                        "cross_entropy: no gradient flows from per_sample; use the loss");
    if (dout[0] != DUET_NONE)
        din[0] = duet_cross_entropy_grad(g, in[0], in[1], dout[0], a->smoothing);
}

static double count_flops(const duet_call *call) {
    return 5.0 * (double)duet_shape_count(&call->in[0].shape);
}

void duet_cross_entropy(duet_graph *g, duet_value logits, duet_value labels, double smoothing,
                        duet_value *loss, duet_value *per_sample) {
    const duet_cross_entropy_attr attr = {.smoothing = smoothing};
    duet_op_apply_loss(g, &duet_op_cross_entropy, &attr, logits, labels, loss, per_sample);
}

static const duet_param params[] = {
    DUET_FLOAT(duet_cross_entropy_attr, smoothing, "0", 0, 1,
               "share of each label that is spread over all classes"),
};

static const duet_op_case cases[] = {
    {.attr = "smoothing=0", .in = {DUET_SHAPE_OF(1, 3), DUET_SHAPE_OF(1)}, .labels = 3},
    {.attr = "smoothing=0.1", .in = {DUET_SHAPE_OF(9, 7), DUET_SHAPE_OF(9)}, .labels = 7},
    {.attr = "smoothing=0", .in = {DUET_SHAPE_OF(5, 10), DUET_SHAPE_OF(5)}, .labels = 10},
    {.attr = "smoothing=0.5", .in = {DUET_SHAPE_OF(33, 100), DUET_SHAPE_OF(33)}, .labels = 100},
};

const duet_op duet_op_cross_entropy = {
    .info = {.name = "cross_entropy",
             .help = "-log softmax at the label, logits[B,K], labels i32[B] -> mean[1], "
                     "per_sample[B]; rows with a negative label are left out",
             .params = DUET_TABLE(params, duet_cross_entropy_attr)},
    .inputs = 2,
    .required = 2,
    .outputs = 2,
    .i32_inputs = 1u << 1,
    .joins_rows = true,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
