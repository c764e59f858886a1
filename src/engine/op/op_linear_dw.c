/* SPDX-License-Identifier: MIT
 * engine/op/op_linear_dw.c: gradients of linear with respect to weight and bias, summed over all
 * rows r.
 *   dw[o,c] = sum over r of dy[r,o] x[r,c];   dbias[o] = sum over r of dy[r,o]
 * dw has the weight's own shape: [O,I] with ones behind up to `rank`. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "dy"};
    const duet_linear_dw_attr *attr = call->attr;
    const duet_shape *x = &call->in[0].shape, *dy = &call->in[1].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 1, DUET_MAX_RANK));
    DUET_TRY(duet_op_rank(call, 1, "dy", 1, DUET_MAX_RANK));
    if (attr->rank < 2 || attr->rank > 4)
        return duet_op_fail(call, "a weight of rank %lld is impossible", (long long)attr->rank);
    duet_shape want = *x;
    want.dim[want.rank - 1] = duet_op_last(dy);
    DUET_TRY(duet_op_want_shape(call, 1, "dy", &want));
    DUET_TRY(duet_op_out(call, 0, (int)attr->rank,
                         (int64_t[]){duet_op_last(dy), duet_op_last(x), 1, 1}));
    return duet_op_out(call, 1, 1, (int64_t[]){duet_op_last(dy)});
}

static void reference(const duet_run *run) {
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  size = duet_op_last(&run->call->in[0].shape);
    const int64_t outs = duet_op_last(&run->call->in[1].shape);
    const float *x = run->in[0], *dy = run->in[1]; /* […,I], […,O] */
    float *dw = run->out[0], *dbias = run->out[1]; /* [O,I], [O]; either may be NULL */
    for (int64_t o = 0; o < outs; o++) {
        for (int64_t c = 0; dw != NULL && c < size; c++) {
            double sum = 0.0;
            for (int64_t r = 0; r < rows; r++)
                sum += (double)dy[r * outs + o] * (double)x[r * size + c];
            dw[o * size + c] = (float)sum;
        }
        double total = 0.0;
        for (int64_t r = 0; dbias != NULL && r < rows; r++) total += (double)dy[r * outs + o];
        if (dbias != NULL) dbias[o] = (float)total;
    }
}

static double count_flops(const duet_call *call) {
    return 2.0 * (double)duet_shape_count(&call->in[1].shape) *
           (double)duet_op_last(&call->in[0].shape);
}

void duet_linear_dw(duet_graph *g, duet_value x, duet_value dy, int rank, duet_value *dw,
                    duet_value *dbias) {
    const duet_linear_dw_attr attr = {.rank = rank};
    const duet_value in[DUET_MAX_INPUTS] = {x, dy};
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_linear_dw, &attr, in, out);
    *dw = out[0];
    *dbias = out[1];
}

static const duet_param params[] = {
    DUET_INT(duet_linear_dw_attr, rank, "2", 2, 4, "of the weight; dims behind [O,I] are 1"),
};

static const duet_op_case cases[] = {
    {.attr = "rank=2", .in = {DUET_SHAPE_OF(1, 7), DUET_SHAPE_OF(1, 5)}},
    {.attr = "rank=3", .in = {DUET_SHAPE_OF(3, 5, 6), DUET_SHAPE_OF(3, 5, 9)}},
    {.attr = "rank=4", .in = {DUET_SHAPE_OF(2, 3, 2, 8), DUET_SHAPE_OF(2, 3, 2, 4)}},
    {.attr = "rank=2", .in = {DUET_SHAPE_OF(3, 49, 32), DUET_SHAPE_OF(3, 49, 96)}},
    {.attr = "rank=2", .in = {DUET_SHAPE_OF(2, 101, 13), DUET_SHAPE_OF(2, 101, 19)}},
};

const duet_op duet_op_linear_dw = {
    .info = {.name = "linear_dw",
             .help = "gradients of linear to weight and bias: x[…,I], dy[…,O] -> dw[O,I], dbias[O]",
             .params = DUET_TABLE(params, duet_linear_dw_attr)},
    .inputs = 2,
    .required = 2,
    .outputs = 2,
    .grad_only = true,
    .bf16_inputs = 1u << 0 | 1u << 1,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
