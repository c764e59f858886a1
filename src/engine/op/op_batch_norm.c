/* SPDX-License-Identifier: MIT
 * engine/op/op_batch_norm.c: batch normalisation with the statistics of training, as networks run
 *   after it (Ioffe, Szegedy 2015): y = (x - mean) / sqrt(var + eps) * gamma + beta, plus a
 *   residual where there is one, and max(y, 0) if asked for. */
#include <math.h>

#include "engine/op/op_list.h"

enum { X, GAMMA, BETA, MEAN, VAR, RESIDUAL, INPUTS };

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "gamma", "beta", "mean", "var", "residual"};
    const duet_shape *x = &call->in[X].shape;
    DUET_TRY(duet_op_check(call, names));
    const int64_t C = duet_op_last(x);
    for (int k = GAMMA; k <= VAR; k++) DUET_TRY(duet_op_want(call, k, names[k], 1, &C));
    DUET_TRY(duet_op_want_shape(call, RESIDUAL, "residual", x));
    return duet_op_out_shape(call, 0, x);
}

static void reference(const duet_run *run) {
    const duet_batch_norm_attr *attr = run->call->attr;
    const duet_shape *shape = &run->call->in[X].shape;
    const int64_t rows = duet_op_rows(shape), C = duet_op_last(shape);
    const float *x = run->in[X], *gamma = run->in[GAMMA], *beta = run->in[BETA],
                *mean = run->in[MEAN], *var = run->in[VAR];
    const float *residual = run->in[RESIDUAL];
    float *y = run->out[0];
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < C; c++) {
            const int64_t e = r * C + c;
            double v = ((double)x[e] - (double)mean[c]) / sqrt((double)var[c] + attr->eps) *
                           (double)gamma[c] +
                       (double)beta[c];
            if (residual != NULL) v += (double)residual[e];
            y[e] = (float)(attr->relu && v < 0.0 ? 0.0 : v);
        }
    }
}

static double count_flops(const duet_call *call) {
    return 3.0 * (double)duet_shape_count(&call->in[X].shape);
}

duet_value duet_batch_norm(duet_graph *g, duet_value x, const duet_value statistics[4],
                           duet_value residual, double eps, bool relu) {
    const duet_batch_norm_attr attr = {.eps = eps, .relu = relu};
    const duet_value in[DUET_MAX_INPUTS] = {
        x, statistics[0], statistics[1], statistics[2], statistics[3], residual};
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE};
    duet_graph_add(g, &duet_op_batch_norm, &attr, in, out);
    return out[0];
}

static const duet_param params[] = {
    DUET_FLOAT(duet_batch_norm_attr, eps, "1e-5", 0, 1, "added to the variance"),
    DUET_BOOLEAN(duet_batch_norm_attr, relu, "false", "negative results become 0"),
};

/* The tests draw from U(-1,1): eps keeps the variance positive. */
static const duet_op_case cases[] = {
    {.attr = "eps=1,relu=false",
     .in = {DUET_SHAPE_OF(2, 3, 5, 7), DUET_SHAPE_OF(7), DUET_SHAPE_OF(7), DUET_SHAPE_OF(7),
            DUET_SHAPE_OF(7), DUET_ABSENT}},
    {.attr = "eps=1,relu=true",
     .in = {DUET_SHAPE_OF(1, 4, 4, 33), DUET_SHAPE_OF(33), DUET_SHAPE_OF(33), DUET_SHAPE_OF(33),
            DUET_SHAPE_OF(33), DUET_SHAPE_OF(1, 4, 4, 33)}},
    {.attr = "eps=1,relu=true",
     .in = {DUET_SHAPE_OF(5, 32), DUET_SHAPE_OF(32), DUET_SHAPE_OF(32), DUET_SHAPE_OF(32),
            DUET_SHAPE_OF(32), DUET_ABSENT}},
};

const duet_op duet_op_batch_norm = {.info = {.name = "batch_norm",
                                             .help = "(x - mean) / sqrt(var + eps) * gamma + beta, "
                                                     "residual?, relu?: x[…,C], the others [C]",
                                             .params = DUET_TABLE(params, duet_batch_norm_attr)},
                                    .inputs = INPUTS,
                                    .required = RESIDUAL,
                                    .outputs = 1,
                                    .in_place = 1u << X | 1u << RESIDUAL,
                                    .bf16_inputs = 1u << X | 1u << RESIDUAL,
                                    .bf16_outputs = 1u << 0,
                                    .inference_only = true,
                                    .shape = check_shape,
                                    .reference = reference,
                                    .flops = count_flops,
                                    .cases = cases,
                                    .case_count = DUET_COUNT(cases)};
