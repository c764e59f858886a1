/* SPDX-License-Identifier: MIT
 * engine/op/op_embedding.c: y[b] = table[labels[b]]. Labels are data, not shape: one outside 0..K-1
 * gives a row of zeros (and no gradient), so that no value can read foreign memory; "no class" of
 * classifier-free guidance is such a label. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"table", "labels"};
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "table", 2, 2));
    DUET_TRY(duet_op_rank(call, 1, "labels", 1, 1));
    return duet_op_out(call, 0, 2, (int64_t[]){call->in[1].shape.dim[0], call->in[0].shape.dim[1]});
}

static void reference(const duet_run *run) {
    const int64_t rows = run->call->in[0].shape.dim[0], size = run->call->in[0].shape.dim[1];
    const int64_t batch = run->call->in[1].shape.dim[0];
    const float *table = run->in[0];    /* [K,D] */
    const int32_t *labels = run->in[1]; /* [B] */
    float *y = run->out[0];             /* [B,D] */
    for (int64_t b = 0; b < batch; b++) {
        const bool inside = labels[b] >= 0 && labels[b] < rows;
        for (int64_t c = 0; c < size; c++)
            y[b * size + c] = inside ? table[labels[b] * size + c] : 0.0f;
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)out;
    if (dout[0] != DUET_NONE)
        din[0] = duet_embedding_grad(g, in[1], dout[0], duet_dim(g, in[0], 0));
}

duet_value duet_embedding(duet_graph *g, duet_value table, duet_value labels) {
    return duet_op_apply(g, &duet_op_embedding, NULL, table, labels, DUET_NONE);
}

duet_value duet_gather_rows(duet_graph *g, duet_value table, duet_value index) {
    return duet_embedding(g, table, index);
}

/* More labels than rows: those outside are among the tested. */
static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 3), DUET_SHAPE_OF(1)}, .labels = 1},
    {.in = {DUET_SHAPE_OF(5, 7), DUET_SHAPE_OF(3)}, .labels = 5},
    {.in = {DUET_SHAPE_OF(4, 16), DUET_SHAPE_OF(9)}, .labels = 7},
};

const duet_op duet_op_embedding = {
    .info =
        {.name = "embedding",
         .help =
             "rows of a table, table[K,D], labels i32[B] -> [B,D]; zeros for labels out of range",
         .params = DUET_TABLE_EMPTY},
    .inputs = 2,
    .required = 2,
    .outputs = 1,
    .i32_inputs = 1u << 1,
    .weight_inputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
