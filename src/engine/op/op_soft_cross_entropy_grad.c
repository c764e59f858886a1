/* SPDX-License-Identifier: MIT
 * engine/op/op_soft_cross_entropy_grad.c: with t = (1 - s) targets[b] + s / K, l = log_softmax of
 * logits[b]:
 *   dlogits[b,k] = dloss / B (exp(l[k]) sum over j of t[j] - t[k]),
 *   dtargets[b,k] = -dloss / B (1 - s) l[k] */
#include "engine/op/formula.h"
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"logits", "targets", "dloss"};
    const duet_shape *logits = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "logits", 2, 2));
    DUET_TRY(duet_op_want_shape(call, 1, "targets", logits));
    DUET_TRY(duet_op_want(call, 2, "dloss", 1, (int64_t[]){1}));
    DUET_TRY(duet_op_out_shape(call, 0, logits));
    return duet_op_out_shape(call, 1, logits);
}

static void reference(const duet_run *run) {
    const duet_cross_entropy_attr *attr = run->call->attr;
    const int64_t B = run->call->in[0].shape.dim[0], K = run->call->in[0].shape.dim[1];
    const float *logits = run->in[0], *targets = run->in[1], *dloss = run->in[2];
    float *dlogits = run->out[0], *dtargets = run->out[1]; /* [B,K]; NULL where unwanted */
    const double factor = (double)dloss[0] / (double)B, keep = 1.0 - attr->smoothing,
                 even = attr->smoothing / (double)K;
    for (int64_t b = 0; b < B; b++) {
        const float *z = logits + b * K, *t = targets + b * K;
        double peak = 0.0, mass = 0.0;
        const double sum = duet_row_total(&peak, z, K), level = peak + log(sum);
        for (int64_t k = 0; k < K; k++) mass += keep * (double)t[k] + even;
        for (int64_t k = 0; k < K; k++) {
            const double l = (double)z[k] - level, target = keep * (double)t[k] + even;
            if (dtargets != NULL) dtargets[b * K + k] = (float)(-factor * keep * l);
            if (dlogits != NULL) dlogits[b * K + k] = (float)(factor * (exp(l) * mass - target));
        }
    }
}

static double count_flops(const duet_call *call) {
    return 10.0 * (double)duet_shape_count(&call->in[0].shape);
}

void duet_soft_cross_entropy_grad(duet_graph *g, duet_value logits, duet_value targets,
                                  duet_value dloss, double smoothing, duet_value out[2]) {
    const duet_cross_entropy_attr attr = {.smoothing = smoothing};
    duet_value results[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_soft_cross_entropy_grad, &attr,
                   (const duet_value[DUET_MAX_INPUTS]){logits, targets, dloss}, results);
    out[0] = results[0];
    out[1] = results[1];
}

static const duet_param params[] = {
    DUET_FLOAT(duet_cross_entropy_attr, smoothing, "0", 0, 1,
               "share of the targets that is spread over all classes"),
};

static const duet_op_case cases[] = {
    {.attr = "smoothing=0", .in = {DUET_SHAPE_OF(1, 3), DUET_SHAPE_OF(1, 3), DUET_SHAPE_OF(1)}},
    {.attr = "smoothing=0.1", .in = {DUET_SHAPE_OF(5, 7), DUET_SHAPE_OF(5, 7), DUET_SHAPE_OF(1)}},
    {.attr = "smoothing=0.5",
     .in = {DUET_SHAPE_OF(33, 100), DUET_SHAPE_OF(33, 100), DUET_SHAPE_OF(1)}},
};

const duet_op duet_op_soft_cross_entropy_grad = {
    .info = {.name = "soft_cross_entropy_grad",
             .help = "gradient of soft_cross_entropy: logits, targets, dloss[1] -> dlogits, "
                     "dtargets",
             .params = DUET_TABLE(params, duet_cross_entropy_attr)},
    .inputs = 3,
    .required = 3,
    .outputs = 2,
    .grad_only = true,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
