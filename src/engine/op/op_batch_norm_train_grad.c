/* SPDX-License-Identifier: MIT
 * engine/op/op_batch_norm_train_grad.c: gradient of batch_norm_train, through the statistics.
 *   hat = (x - mean[c]) rstd[c];  dgamma = sum over rows of dy hat;  dbeta = sum over rows of dy;
 *   dx = gamma rstd (dy - dbeta / n - hat dgamma / n)
 * mean and rstd are taken as given: the formula holds for any, which is how it is tested. */
#include "engine/op/op_list.h"

enum { X, GAMMA, MEAN, RSTD, DY, INPUTS };

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "gamma", "mean", "rstd", "dy"};
    const duet_shape *x = &call->in[X].shape;
    const int64_t C = duet_op_last(x);
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, X, "x", 2, DUET_MAX_RANK));
    for (int k = GAMMA; k <= RSTD; k++) DUET_TRY(duet_op_want(call, k, names[k], 1, &C));
    DUET_TRY(duet_op_want_shape(call, DY, "dy", x));
    DUET_TRY(duet_op_out_shape(call, 0, x));
    DUET_TRY(duet_op_out(call, 1, 1, &C));
    return duet_op_out(call, 2, 1, &C);
}

static void reference(const duet_run *run) {
    const int64_t rows = duet_op_rows(&run->call->in[X].shape),
                  C = duet_op_last(&run->call->in[X].shape);
    const float *x = run->in[X], *gamma = run->in[GAMMA], *mean = run->in[MEAN],
                *rstd = run->in[RSTD], *dy = run->in[DY];
    float *dx = run->out[0], *dgamma = run->out[1], *dbeta = run->out[2]; /* NULL: unwanted */
    for (int64_t c = 0; c < C; c++) {
        double sum = 0.0, product = 0.0;
        for (int64_t r = 0; r < rows; r++) {
            const double hat = ((double)x[r * C + c] - (double)mean[c]) * (double)rstd[c];
            sum += (double)dy[r * C + c];
            product += (double)dy[r * C + c] * hat;
        }
        for (int64_t r = 0; dx != NULL && r < rows; r++) {
            const double hat = ((double)x[r * C + c] - (double)mean[c]) * (double)rstd[c];
            dx[r * C + c] = (float)((double)gamma[c] * (double)rstd[c] *
                                    ((double)dy[r * C + c] - sum / (double)rows -
                                     hat * product / (double)rows));
        }
        if (dgamma != NULL) dgamma[c] = (float)product;
        if (dbeta != NULL) dbeta[c] = (float)sum;
    }
}

static double count_flops(const duet_call *call) {
    return 12.0 * (double)duet_shape_count(&call->in[X].shape);
}

void duet_batch_norm_train_grad(duet_graph *g, const duet_value in[5], duet_value out[3]) {
    const duet_value all[DUET_MAX_INPUTS] = {in[0], in[1], in[2], in[3], in[4]};
    duet_value results[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE, DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_batch_norm_train_grad, NULL, all, results);
    for (int k = 0; k < 3; k++) out[k] = results[k];
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(5, 3), DUET_SHAPE_OF(3), DUET_SHAPE_OF(3), DUET_SHAPE_OF(3),
            DUET_SHAPE_OF(5, 3)}},
    {.in = {DUET_SHAPE_OF(2, 3, 5, 7), DUET_SHAPE_OF(7), DUET_SHAPE_OF(7), DUET_SHAPE_OF(7),
            DUET_SHAPE_OF(2, 3, 5, 7)}},
    {.in = {DUET_SHAPE_OF(3, 20, 25, 33), DUET_SHAPE_OF(33), DUET_SHAPE_OF(33), DUET_SHAPE_OF(33),
            DUET_SHAPE_OF(3, 20, 25, 33)}},
};

const duet_op duet_op_batch_norm_train_grad = {
    .info = {.name = "batch_norm_train_grad",
             .help = "gradient of batch_norm_train: x, gamma, mean, rstd, dy -> dx, dgamma[C], "
                     "dbeta[C]",
             .params = DUET_TABLE_EMPTY},
    .inputs = INPUTS,
    .required = INPUTS,
    .outputs = 3,
    .grad_only = true,
    .bf16_inputs = 1u << X | 1u << DY,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
