/* SPDX-License-Identifier: MIT
 * engine/op/op_top1.c: the share of the labelled rows whose largest logit is that of the label:
 *   top1 = mean over rows with labels[b] >= 0 of [argmax over k of logits[b,k] = labels[b]],
 * where the first of equal logits counts and a row with a NaN is wrong; 0 without labelled rows.
 * For curves: it is constant almost everywhere, so no gradient flows. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"logits", "labels"};
    const int64_t *dim = call->in[0].shape.dim;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "logits", 2, 2));
    DUET_TRY(duet_op_want(call, 1, "labels", 1, dim));
    return duet_op_out(call, 0, 1, (int64_t[]){1});
}

static bool is_right(const float *logits, int64_t count, int64_t label) {
    if (label >= count) return false;
    for (int64_t k = 0; k < count; k++) {
        const bool smaller = k < label ? logits[k] < logits[label] : logits[k] <= logits[label];
        if (!smaller) return false; /* also where one of them is NaN */
    }
    return true;
}

static void reference(const duet_run *run) {
    const int64_t B = run->call->in[0].shape.dim[0], K = run->call->in[0].shape.dim[1];
    const float *logits = run->in[0];   /* [B,K] */
    const int32_t *labels = run->in[1]; /* [B] */
    float *share = run->out[0];         /* [1] */
    int64_t right = 0, count = 0;
    for (int64_t b = 0; b < B; b++) {
        if (labels[b] < 0) continue;
        right += is_right(logits + b * K, K, labels[b]);
        count++;
    }
    share[0] = count > 0 ? (float)((double)right / (double)count) : 0.0f;
}

static double count_flops(const duet_call *call) {
    return (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_top1(duet_graph *g, duet_value logits, duet_value labels) {
    return duet_op_apply(g, &duet_op_top1, NULL, logits, labels, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 3), DUET_SHAPE_OF(1)}, .labels = 3},
    {.in = {DUET_SHAPE_OF(64, 2), DUET_SHAPE_OF(64)}, .labels = 2},
    {.in = {DUET_SHAPE_OF(200, 10), DUET_SHAPE_OF(200)}, .labels = 10},
};

const duet_op duet_op_top1 = {
    .info = {.name = "top1",
             .help = "share of the rows whose largest logit is at the label, logits[B,K], labels "
                     "i32[B] -> share[1]; rows with a negative label are left out",
             .params = DUET_TABLE_EMPTY},
    .inputs = 2,
    .required = 2,
    .outputs = 1,
    .i32_inputs = 1u << 1,
    .joins_rows = true,
    .constant_inputs = 1u << 0 | 1u << 1,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
