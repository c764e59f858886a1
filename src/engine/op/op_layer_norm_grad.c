/* SPDX-License-Identifier: MIT
 * engine/op/op_layer_norm_grad.c: gradient of layer_norm from x and the statistics.
 *   hat = (x - mean) rstd;  h = dy gamma;
 *   dx = rstd (h - mean of h - hat mean of (h hat)), means over the row;
 *   dgamma = sum over rows of dy hat;  dbeta = sum over rows of dy.
 * mean and rstd are taken as given: the formula holds for any, which is how it is tested. */
#include "engine/op/op_list.h"

enum { X, MEAN, RSTD, DY, GAMMA, INPUTS };

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "mean", "rstd", "dy", "gamma"};
    const duet_layer_norm_attr *attr = call->attr;
    const duet_shape *x = &call->in[X].shape;
    DUET_TRY(duet_op_check(call, names));
    if (attr->axes < 1 || attr->axes >= x->rank) {
        char text[96];
        return duet_op_fail(call,
                            "x %s cannot be normalised over its last %lld axes, expected 1 to %d",
                            duet_shape_text(x, text), (long long)attr->axes, x->rank - 1);
    }
    const int axes = (int)attr->axes, before = x->rank - axes;
    DUET_TRY(duet_op_want(call, MEAN, "mean", before, x->dim));
    DUET_TRY(duet_op_want(call, RSTD, "rstd", before, x->dim));
    DUET_TRY(duet_op_want_shape(call, DY, "dy", x));
    DUET_TRY(duet_op_want(call, GAMMA, "gamma", axes, x->dim + before));
    DUET_TRY(duet_op_out_shape(call, 0, x));
    DUET_TRY(duet_op_out(call, 1, axes, x->dim + before));
    return duet_op_out(call, 2, axes, x->dim + before);
}

static void gradient_of_x(const duet_run *run, int64_t rows, int64_t size, float *dx) {
    const float *x = run->in[X], *mean = run->in[MEAN], *rstd = run->in[RSTD], *dy = run->in[DY],
                *gamma = run->in[GAMMA];
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0.0, product = 0.0;
        for (int64_t e = 0; e < size; e++) {
            const double hat = ((double)x[r * size + e] - (double)mean[r]) * (double)rstd[r];
            const double h = (double)dy[r * size + e] * (gamma != NULL ? (double)gamma[e] : 1.0);
            sum += h;
            product += h * hat;
        }
        for (int64_t e = 0; e < size; e++) {
            const double hat = ((double)x[r * size + e] - (double)mean[r]) * (double)rstd[r];
            const double h = (double)dy[r * size + e] * (gamma != NULL ? (double)gamma[e] : 1.0);
            dx[r * size + e] =
                (float)((double)rstd[r] * (h - sum / (double)size - hat * product / (double)size));
        }
    }
}

static void reference(const duet_run *run) {
    const int64_t rows = duet_shape_count(&run->call->in[MEAN].shape),
                  size = duet_shape_count(&run->call->in[X].shape) / rows;
    const float *x = run->in[X], *mean = run->in[MEAN], *rstd = run->in[RSTD], *dy = run->in[DY];
    float *dgamma = run->out[1], *dbeta = run->out[2]; /* NULL where unwanted */
    if (run->out[0] != NULL) gradient_of_x(run, rows, size, run->out[0]);
    for (int64_t e = 0; e < size; e++) {
        double gamma_sum = 0.0, beta_sum = 0.0;
        for (int64_t r = 0; r < rows; r++) {
            const double d = (double)dy[r * size + e];
            gamma_sum += d * ((double)x[r * size + e] - (double)mean[r]) * (double)rstd[r];
            beta_sum += d;
        }
        if (dgamma != NULL) dgamma[e] = (float)gamma_sum;
        if (dbeta != NULL) dbeta[e] = (float)beta_sum;
    }
}

static double count_flops(const duet_call *call) {
    return 16.0 * (double)duet_shape_count(&call->in[X].shape);
}

void duet_layer_norm_grad(duet_graph *g, const duet_value in[5], int64_t axes, duet_value out[3]) {
    const duet_layer_norm_attr attr = {.axes = axes, .eps = 1e-5};
    const duet_value all[DUET_MAX_INPUTS] = {in[0], in[1], in[2], in[3], in[4]};
    duet_value results[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE, DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_layer_norm_grad, &attr, all, results);
    for (int k = 0; k < 3; k++) out[k] = results[k];
}

static const duet_param params[] = {
    DUET_INT(duet_layer_norm_attr, axes, "1", 1, DUET_MAX_RANK - 1,
             "last axes that are normalised"),
    DUET_FLOAT(duet_layer_norm_attr, eps, "1e-5", 0, 1, "of the forward op; rstd holds it already"),
};

static const duet_op_case cases[] = {
    {.attr = "axes=1",
     .in = {DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(3), DUET_SHAPE_OF(3), DUET_SHAPE_OF(3, 7),
            DUET_SHAPE_OF(7)}},
    {.attr = "axes=1",
     .in = {DUET_SHAPE_OF(3, 5, 48), DUET_SHAPE_OF(3, 5), DUET_SHAPE_OF(3, 5),
            DUET_SHAPE_OF(3, 5, 48), DUET_ABSENT}},
    {.attr = "axes=3",
     .in = {DUET_SHAPE_OF(3, 3, 5, 7), DUET_SHAPE_OF(3), DUET_SHAPE_OF(3),
            DUET_SHAPE_OF(3, 3, 5, 7), DUET_SHAPE_OF(3, 5, 7)}},
    {.attr = "axes=1",
     .in = {DUET_SHAPE_OF(5, 133, 20), DUET_SHAPE_OF(5, 133), DUET_SHAPE_OF(5, 133),
            DUET_SHAPE_OF(5, 133, 20), DUET_SHAPE_OF(20)}},
};

const duet_op duet_op_layer_norm_grad = {
    .info = {.name = "layer_norm_grad",
             .help = "gradient of layer_norm: x, mean, rstd, dy, gamma? -> dx, dgamma, dbeta",
             .params = DUET_TABLE(params, duet_layer_norm_attr)},
    .inputs = INPUTS,
    .required = GAMMA,
    .outputs = 3,
    .grad_only = true,
    .bf16_inputs = 1u << X | 1u << DY,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
