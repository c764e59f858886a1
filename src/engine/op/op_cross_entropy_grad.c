/* SPDX-License-Identifier: MIT
 * engine/op/op_cross_entropy_grad.c: dlogits[b,k] = dloss / n (p[k] - t[k]), p =
 * softmax(logits[b]), t[k] = (1 - s) (k = labels[b]) + s / K, n = the rows whose label is not
 * negative; zeros in the others. */
#include "engine/op/formula.h"
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"logits", "labels", "dloss"};
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "logits", 2, 2));
    DUET_TRY(duet_op_want(call, 1, "labels", 1, call->in[0].shape.dim));
    DUET_TRY(duet_op_want(call, 2, "dloss", 1, (int64_t[]){1}));
    return duet_op_out_shape(call, 0, &call->in[0].shape);
}

static void reference(const duet_run *run) {
    const duet_cross_entropy_attr *attr = run->call->attr;
    const int64_t B = run->call->in[0].shape.dim[0], K = run->call->in[0].shape.dim[1];
    const float *logits = run->in[0], *dloss = run->in[2]; /* [B,K], [1] */
    const int32_t *labels = run->in[1];                    /* [B] */
    float *dlogits = run->out[0];                          /* [B,K]; may be logits */
    int64_t count = 0;
    for (int64_t b = 0; b < B; b++) count += labels[b] >= 0;
    const double factor = (double)dloss[0] / (double)(count > 0 ? count : 1);
    for (int64_t b = 0; b < B; b++) {
        const float *z = logits + b * K;
        double peak = 0.0;
        const double total = duet_row_total(&peak, z, K);
        for (int64_t k = 0; k < K; k++) {
            const double target =
                attr->smoothing / (double)K + (k == labels[b] ? 1.0 - attr->smoothing : 0.0);
            const double slope = factor * (exp((double)z[k] - peak) / total - target);
            dlogits[b * K + k] = labels[b] < 0 ? 0.0f : labels[b] < K ? (float)slope : NAN;
        }
    }
}

static double count_flops(const duet_call *call) {
    return 6.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_cross_entropy_grad(duet_graph *g, duet_value logits, duet_value labels,
                                   duet_value dloss, double smoothing) {
    const duet_cross_entropy_attr attr = {.smoothing = smoothing};
    return duet_op_apply(g, &duet_op_cross_entropy_grad, &attr, logits, labels, dloss);
}

static const duet_param params[] = {
    DUET_FLOAT(duet_cross_entropy_attr, smoothing, "0", 0, 1,
               "share of each label that is spread over all classes"),
};

static const duet_op_case cases[] = {
    {.attr = "smoothing=0",
     .in = {DUET_SHAPE_OF(1, 3), DUET_SHAPE_OF(1), DUET_SHAPE_OF(1)},
     .labels = 3},
    {.attr = "smoothing=0.1",
     .in = {DUET_SHAPE_OF(9, 7), DUET_SHAPE_OF(9), DUET_SHAPE_OF(1)},
     .labels = 7},
    {.attr = "smoothing=0.5",
     .in = {DUET_SHAPE_OF(33, 100), DUET_SHAPE_OF(33), DUET_SHAPE_OF(1)},
     .labels = 100},
};

const duet_op duet_op_cross_entropy_grad = {
    .info = {.name = "cross_entropy_grad",
             .help = "gradient of cross_entropy: logits, labels, dloss[1] -> dlogits",
             .params = DUET_TABLE(params, duet_cross_entropy_attr)},
    .inputs = 3,
    .required = 3,
    .outputs = 1,
    .i32_inputs = 1u << 1,
    .grad_only = true,
    .in_place = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
