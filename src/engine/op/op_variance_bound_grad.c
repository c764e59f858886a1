/* SPDX-License-Identifier: MIT
 * engine/op/op_variance_bound_grad.c: dv = dloss d(bound)/dv / (count ln 2), count = elements of v.
 */
#include "engine/op/op_list.h"
#include "engine/op/variance_bound.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"v", "pred", "target", "x0", "rows", "dloss"};
    const duet_shape *v = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "v", 2, DUET_MAX_RANK));
    for (int k = 1; k < 4; k++) DUET_TRY(duet_op_want_shape(call, k, names[k], v));
    DUET_TRY(duet_op_want(call, 4, "rows", 2, (int64_t[]){v->dim[0], 4}));
    DUET_TRY(duet_op_want(call, 5, "dloss", 1, (int64_t[]){1}));
    return duet_op_out_shape(call, 0, v);
}

static void reference(const duet_run *run) {
    const duet_shape *shape = &run->call->in[0].shape;
    const int64_t batch = shape->dim[0], count = duet_shape_count(shape), size = count / batch;
    const float *v = run->in[0], *pred = run->in[1], *target = run->in[2], *x0 = run->in[3],
                *rows = run->in[4], *dloss = run->in[5]; /* [B,…] …; [B,4]; [1] */
    const double by = (double)dloss[0] / ((double)count * 0.69314718055994530942);
    float *dv = run->out[0];
    for (int64_t e = 0; e < count; e++)
        dv[e] = (float)(by * variance_at(rows + 4 * (e / size), (double)v[e],
                                         (double)target[e] - (double)pred[e], (double)x0[e])
                                 .slope);
}

static double count_flops(const duet_call *call) {
    return 40.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_variance_bound_grad(duet_graph *g, const duet_value *in, duet_value dloss) {
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE};
    duet_graph_add(g, &duet_op_variance_bound_grad, NULL,
                   (const duet_value[DUET_MAX_INPUTS]){in[0], in[1], in[2], in[3], in[4], dloss},
                   out);
    return out[0];
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 1), DUET_SHAPE_OF(1, 1), DUET_SHAPE_OF(1, 1), DUET_SHAPE_OF(1, 1),
            DUET_SHAPE_OF(1, 4), DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(2, 3), DUET_SHAPE_OF(2, 3), DUET_SHAPE_OF(2, 3), DUET_SHAPE_OF(2, 3),
            DUET_SHAPE_OF(2, 4), DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(3, 4, 5, 2), DUET_SHAPE_OF(3, 4, 5, 2), DUET_SHAPE_OF(3, 4, 5, 2),
            DUET_SHAPE_OF(3, 4, 5, 2), DUET_SHAPE_OF(3, 4), DUET_SHAPE_OF(1)}},
};

const duet_op duet_op_variance_bound_grad = {
    .info = {.name = "variance_bound_grad",
             .help = "gradient of variance_bound: v, F, target, x0, rows, dloss[1] -> dv",
             .params = DUET_TABLE_EMPTY},
    .inputs = 6,
    .required = 6,
    .outputs = 1,
    .grad_only = true,
    .in_place = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
