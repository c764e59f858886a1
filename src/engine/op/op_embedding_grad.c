/* SPDX-License-Identifier: MIT
 * engine/op/op_embedding_grad.c: dtable[k] = sum over b with labels[b] = k of dy[b]; labels out of
 * range add nothing. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"labels", "dy"};
    const duet_embedding_grad_attr *attr = call->attr;
    const duet_shape *dy = &call->in[1].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "labels", 1, 1));
    DUET_TRY(duet_op_rank(call, 1, "dy", 2, 2));
    DUET_TRY(duet_op_want(call, 1, "dy", 2, (int64_t[]){call->in[0].shape.dim[0], dy->dim[1]}));
    if (attr->rows < 1)
        return duet_op_fail(call, "a table of %lld rows is impossible", (long long)attr->rows);
    return duet_op_out(call, 0, 2, (int64_t[]){attr->rows, dy->dim[1]});
}

static void reference(const duet_run *run) {
    const int64_t rows = run->call->out[0].shape.dim[0], size = run->call->out[0].shape.dim[1];
    const int64_t batch = run->call->in[0].shape.dim[0];
    const int32_t *labels = run->in[0]; /* [B] */
    const float *dy = run->in[1];       /* [B,D] */
    float *dtable = run->out[0];        /* [K,D] */
    for (int64_t k = 0; k < rows; k++) {
        for (int64_t c = 0; c < size; c++) {
            double sum = 0.0;
            for (int64_t b = 0; b < batch; b++)
                sum += labels[b] == k ? (double)dy[b * size + c] : 0.0;
            dtable[k * size + c] = (float)sum;
        }
    }
}

duet_value duet_embedding_grad(duet_graph *g, duet_value labels, duet_value dy, int64_t rows) {
    const duet_embedding_grad_attr attr = {.rows = rows};
    return duet_op_apply(g, &duet_op_embedding_grad, &attr, labels, dy, DUET_NONE);
}

duet_value duet_scatter_rows(duet_graph *g, duet_value index, duet_value dy, int64_t rows) {
    return duet_embedding_grad(g, index, dy, rows);
}

static const duet_param params[] = {
    DUET_INT(duet_embedding_grad_attr, rows, "1", 1, 1 << 30, "rows of the table"),
};

static const duet_op_case cases[] = {
    {.attr = "rows=1", .in = {DUET_SHAPE_OF(1), DUET_SHAPE_OF(1, 3)}, .labels = 1},
    {.attr = "rows=5", .in = {DUET_SHAPE_OF(3), DUET_SHAPE_OF(3, 7)}, .labels = 5},
    {.attr = "rows=4", .in = {DUET_SHAPE_OF(9), DUET_SHAPE_OF(9, 16)}, .labels = 7},
};

const duet_op duet_op_embedding_grad = {
    .info = {.name = "embedding_grad",
             .help = "gradient of embedding: labels i32[B], dy[B,D] -> dtable[rows,D]",
             .params = DUET_TABLE(params, duet_embedding_grad_attr)},
    .inputs = 2,
    .required = 2,
    .outputs = 1,
    .i32_inputs = 1u << 0,
    .grad_only = true,
    .shape = check_shape,
    .reference = reference,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
