/* SPDX-License-Identifier: MIT
 * engine/op/op_timestep_weights.c: which rows of a table of time steps a step reads, y[b,k] =
 * max(0, 1 - |t[b] - k|), so that y times the table is the row of an integer step and lies on the
 * line between two rows else. Steps are clamped to the table. */
#include <math.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"t"};
    const duet_timestep_weights_attr *attr = call->attr;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "t", 1, 1));
    if (attr->rows < 1)
        return duet_op_fail(call, "a table of %lld rows is impossible", (long long)attr->rows);
    return duet_op_out(call, 0, 2, (int64_t[]){call->in[0].shape.dim[0], attr->rows});
}

static void reference(const duet_run *run) {
    const duet_timestep_weights_attr *attr = run->call->attr;
    const int64_t batch = run->call->in[0].shape.dim[0];
    const float *t = run->in[0]; /* [B] */
    float *y = run->out[0];      /* [B,rows] */
    for (int64_t b = 0; b < batch; b++) {
        /* a NaN becomes 0 */
        const double step = fmin(fmax((double)t[b], 0.0), (double)(attr->rows - 1));
        for (int64_t k = 0; k < attr->rows; k++)
            y[b * attr->rows + k] = (float)fmax(0.0, 1.0 - fabs(step - (double)k));
    }
}

duet_value duet_timestep_weights(duet_graph *g, duet_value t, int64_t rows) {
    const duet_timestep_weights_attr attr = {.rows = rows};
    return duet_op_apply(g, &duet_op_timestep_weights, &attr, t, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_timestep_weights_attr, rows, "1000", 1, 1 << 20, "rows of the table"),
};

static const duet_op_case cases[] = {
    {.attr = "rows=8", .in = {DUET_SHAPE_OF(3)}},
    {.attr = "rows=100", .in = {DUET_SHAPE_OF(5)}},
    {.attr = "rows=1", .in = {DUET_SHAPE_OF(1)}},
};

const duet_op duet_op_timestep_weights = {
    .info = {.name = "timestep_weights",
             .help =
                 "weights of a table's rows, t[B] -> [B,rows]: 1 at row t, linear between two rows",
             .params = DUET_TABLE(params, duet_timestep_weights_attr)},
    .inputs = 1,
    .required = 1,
    .outputs = 1,
    .shape = check_shape,
    .reference = reference,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
