/* SPDX-License-Identifier: MIT
 * engine/op/op_variance_bound.c: see duet_variance_bound in ops.h and the formulas in
 * variance_bound.h; means over a sample in bits. */
#include "engine/op/op_list.h"
#include "engine/op/variance_bound.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"v", "pred", "target", "x0", "rows"};
    const duet_shape *v = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "v", 2, DUET_MAX_RANK));
    for (int k = 1; k < 4; k++) DUET_TRY(duet_op_want_shape(call, k, names[k], v));
    DUET_TRY(duet_op_want(call, 4, "rows", 2, (int64_t[]){v->dim[0], 4}));
    DUET_TRY(duet_op_out(call, 0, 1, (int64_t[]){1}));
    return duet_op_out(call, 1, 1, (int64_t[]){v->dim[0]});
}

static void reference(const duet_run *run) {
    const duet_shape *shape = &run->call->in[0].shape;
    const int64_t batch = shape->dim[0], size = duet_shape_count(shape) / batch;
    const float *v = run->in[0], *pred = run->in[1], *target = run->in[2], *x0 = run->in[3],
                *rows = run->in[4];                       /* [B,…] …; [B,4] */
    float *loss = run->out[0], *per_sample = run->out[1]; /* [1], [B]; NULL where unwanted */
    double total = 0.0;
    for (int64_t b = 0; b < batch; b++) {
        double sum = 0.0;
        for (int64_t e = b * size; e < (b + 1) * size; e++)
            sum += variance_at(rows + 4 * b, (double)v[e], (double)target[e] - (double)pred[e],
                               (double)x0[e])
                       .nats;
        sum /= (double)size * 0.69314718055994530942;
        total += sum;
        if (per_sample != NULL) per_sample[b] = (float)sum;
    }
    if (loss != NULL) loss[0] = (float)(total / (double)batch);
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)out;
    if (dout[1] != DUET_NONE)
        duet_graph_fail(g, DUET_UNSUPPORTED,
                        "variance_bound: no gradient flows from per_sample; use the loss");
    if (dout[0] != DUET_NONE) din[0] = duet_variance_bound_grad(g, in, dout[0]);
}

static double count_flops(const duet_call *call) {
    return 40.0 * (double)duet_shape_count(&call->in[0].shape);
}

void duet_variance_bound(duet_graph *g, duet_value v, duet_value pred, duet_value target,
                         duet_value x0, duet_value rows, duet_value *loss, duet_value *per_sample) {
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_variance_bound, NULL,
                   (const duet_value[DUET_MAX_INPUTS]){v, pred, target, x0, rows}, out);
    *loss = out[0];
    *per_sample = out[1];
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 1), DUET_SHAPE_OF(1, 1), DUET_SHAPE_OF(1, 1), DUET_SHAPE_OF(1, 1),
            DUET_SHAPE_OF(1, 4)}},
    {.in = {DUET_SHAPE_OF(2, 3), DUET_SHAPE_OF(2, 3), DUET_SHAPE_OF(2, 3), DUET_SHAPE_OF(2, 3),
            DUET_SHAPE_OF(2, 4)}},
    {.in = {DUET_SHAPE_OF(3, 4, 5, 2), DUET_SHAPE_OF(3, 4, 5, 2), DUET_SHAPE_OF(3, 4, 5, 2),
            DUET_SHAPE_OF(3, 4, 5, 2), DUET_SHAPE_OF(3, 4)}},
};

const duet_op duet_op_variance_bound = {
    .info = {.name = "variance_bound",
             .help = "bound that trains variances: v, F, target, x0, rows[B,4] -> loss[1], "
                     "per_sample[B]",
             .params = DUET_TABLE_EMPTY},
    .inputs = 5,
    .required = 5,
    .outputs = 2,
    .constant_inputs = 0x1E, /* v alone is trained */
    .joins_rows = true,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
