/* SPDX-License-Identifier: MIT
 * engine/op/op_soft_cross_entropy.c: with l = log_softmax(logits[b]) and smoothing s,
 *   per_sample[b] = -sum over k of ((1 - s) targets[b,k] + s / K) l[k],  loss = mean over b.
 * The targets need not sum to one. A gradient flows from `loss` only; per_sample is for curves. */
#include "engine/op/formula.h"
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"logits", "targets"};
    const duet_cross_entropy_attr *attr = call->attr;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "logits", 2, 2));
    DUET_TRY(duet_op_want_shape(call, 1, "targets", &call->in[0].shape));
    if (!(attr->smoothing >= 0.0 && attr->smoothing <= 1.0))
        return duet_op_fail(call, "smoothing is %g, expected 0 to 1", attr->smoothing);
    DUET_TRY(duet_op_out(call, 0, 1, (int64_t[]){1}));
    return duet_op_out(call, 1, 1, call->in[0].shape.dim);
}

static void reference(const duet_run *run) {
    const duet_cross_entropy_attr *attr = run->call->attr;
    const int64_t B = run->call->in[0].shape.dim[0], K = run->call->in[0].shape.dim[1];
    const float *logits = run->in[0], *targets = run->in[1]; /* [B,K] */
    float *loss = run->out[0], *per_sample = run->out[1];    /* [1], [B]; NULL where unwanted */
    double total = 0.0;
    for (int64_t b = 0; b < B; b++) {
        const float *z = logits + b * K, *t = targets + b * K;
        double peak = 0.0, value = 0.0;
        const double sum = duet_row_total(&peak, z, K), level = peak + log(sum);
        for (int64_t k = 0; k < K; k++) {
            value += ((1.0 - attr->smoothing) * (double)t[k] + attr->smoothing / (double)K) *
                     (level - (double)z[k]);
        }
        total += value;
        if (per_sample != NULL) per_sample[b] = (float)value;
    }
    if (loss != NULL) loss[0] = (float)(total / (double)B);
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_cross_entropy_attr *a = attr;
    (void)out;
    if (dout[1] != DUET_NONE)
        duet_graph_fail(g, DUET_UNSUPPORTED,
                        "soft_cross_entropy: no gradient flows from per_sample; use the loss");
    if (dout[0] != DUET_NONE)
        duet_soft_cross_entropy_grad(g, in[0], in[1], dout[0], a->smoothing, din);
}

static double count_flops(const duet_call *call) {
    return 6.0 * (double)duet_shape_count(&call->in[0].shape);
}

void duet_soft_cross_entropy(duet_graph *g, duet_value logits, duet_value targets, double smoothing,
                             duet_value *loss, duet_value *per_sample) {
    const duet_cross_entropy_attr attr = {.smoothing = smoothing};
    duet_op_apply_loss(g, &duet_op_soft_cross_entropy, &attr, logits, targets, loss, per_sample);
}

static const duet_param params[] = {
    DUET_FLOAT(duet_cross_entropy_attr, smoothing, "0", 0, 1,
               "share of the targets that is spread over all classes"),
};

static const duet_op_case cases[] = {
    {.attr = "smoothing=0", .in = {DUET_SHAPE_OF(1, 3), DUET_SHAPE_OF(1, 3)}},
    {.attr = "smoothing=0.1", .in = {DUET_SHAPE_OF(5, 7), DUET_SHAPE_OF(5, 7)}},
    {.attr = "smoothing=0.5", .in = {DUET_SHAPE_OF(33, 100), DUET_SHAPE_OF(33, 100)}},
};

const duet_op duet_op_soft_cross_entropy = {
    .info = {.name = "soft_cross_entropy",
             .help = "-targets . log softmax, logits[B,K], targets[B,K] -> mean[1], per_sample[B]",
             .params = DUET_TABLE(params, duet_cross_entropy_attr)},
    .inputs = 2,
    .required = 2,
    .outputs = 2,
    .joins_rows = true,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
