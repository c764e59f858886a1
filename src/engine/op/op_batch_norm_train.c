/* SPDX-License-Identifier: MIT
 * engine/op/op_batch_norm_train.c: batch normalisation by the statistics of the batch (Ioffe,
 * Szegedy 2015):
 *   y = (x - mean[c]) rstd[c] gamma[c] + beta[c],  rstd = 1 / sqrt(v + eps),
 * over the n rows of x[…,C]; v is the biased variance (divided by n). The output var is the
 * unbiased one (n - 1), which running averages take: as PyTorch. */
#include <math.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "gamma", "beta"};
    const duet_batch_norm_train_attr *attr = call->attr;
    const duet_shape *x = &call->in[0].shape;
    const int64_t C = duet_op_last(x);
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 2, DUET_MAX_RANK));
    DUET_TRY(duet_op_want(call, 1, "gamma", 1, &C));
    DUET_TRY(duet_op_want(call, 2, "beta", 1, &C));
    if (duet_op_rows(x) < 2) {
        char text[96];
        return duet_op_fail(call, "x %s has one value a channel, statistics of a batch need two",
                            duet_shape_text(x, text));
    }
    if (!(attr->eps > 0.0)) return duet_op_fail(call, "eps is %g, expected more than 0", attr->eps);
    DUET_TRY(duet_op_out_shape(call, 0, x));
    for (int k = 1; k < 4; k++) DUET_TRY(duet_op_out(call, k, 1, &C));
    return DUET_OK;
}

static void reference(const duet_run *run) {
    const duet_batch_norm_train_attr *attr = run->call->attr;
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  C = duet_op_last(&run->call->in[0].shape);
    const float *x = run->in[0], *gamma = run->in[1], *beta = run->in[2]; /* […,C], [C], [C] */
    float *y = run->out[0], *mean = run->out[1], *rstd = run->out[2], *var = run->out[3];
    for (int64_t c = 0; c < C; c++) {
        double sum = 0.0, square = 0.0;
        for (int64_t r = 0; r < rows; r++) sum += (double)x[r * C + c];
        const double m = sum / (double)rows;
        for (int64_t r = 0; r < rows; r++)
            square += ((double)x[r * C + c] - m) * ((double)x[r * C + c] - m);
        const double factor = 1.0 / sqrt(square / (double)rows + attr->eps);
        if (mean != NULL) mean[c] = (float)m;
        if (rstd != NULL) rstd[c] = (float)factor;
        if (var != NULL) var[c] = (float)(square / (double)(rows - 1));
        for (int64_t r = 0; y != NULL && r < rows; r++) {
            y[r * C + c] =
                (float)(((double)x[r * C + c] - m) * factor * (double)gamma[c] + (double)beta[c]);
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr;
    if (dout[1] != DUET_NONE || dout[2] != DUET_NONE || dout[3] != DUET_NONE)
        duet_graph_fail(g, DUET_UNSUPPORTED,
                        "batch_norm_train: no gradient flows from mean, rstd and var");
    if (dout[0] != DUET_NONE)
        duet_batch_norm_train_grad(g, (const duet_value[5]){in[0], in[1], out[1], out[2], dout[0]},
                                   din);
}

static double count_flops(const duet_call *call) {
    return 8.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_batch_norm_train(duet_graph *g, duet_value x, duet_value gamma, duet_value beta,
                                 double eps, duet_value *mean, duet_value *var) {
    const duet_batch_norm_train_attr attr = {.eps = eps};
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE, DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_batch_norm_train, &attr,
                   (const duet_value[DUET_MAX_INPUTS]){x, gamma, beta}, out);
    if (mean != NULL) *mean = out[1];
    if (var != NULL) *var = out[3];
    return out[0];
}

static const duet_param params[] = {
    DUET_FLOAT(duet_batch_norm_train_attr, eps, "1e-5", 0, 1, "added to the variance"),
};

/* Few rows have a larger eps: differences of a steep function mean little. */
static const duet_op_case cases[] = {
    {.attr = "eps=0.5", .in = {DUET_SHAPE_OF(5, 3), DUET_SHAPE_OF(3), DUET_SHAPE_OF(3)}},
    {.attr = "eps=1e-5", .in = {DUET_SHAPE_OF(2, 3, 5, 7), DUET_SHAPE_OF(7), DUET_SHAPE_OF(7)}},
    {.attr = "eps=1e-5", .in = {DUET_SHAPE_OF(3, 21, 33), DUET_SHAPE_OF(33), DUET_SHAPE_OF(33)}},
    {.attr = "eps=1e-3",
     .in = {DUET_SHAPE_OF(3, 20, 25, 16), DUET_SHAPE_OF(16), DUET_SHAPE_OF(16)}},
};

const duet_op duet_op_batch_norm_train = {
    .info = {.name = "batch_norm_train",
             .help = "normalises each channel by the batch: x[…,C], gamma[C], beta[C] -> y, "
                     "mean[C], rstd[C], var[C] (unbiased)",
             .params = DUET_TABLE(params, duet_batch_norm_train_attr)},
    .inputs = 3,
    .required = 3,
    .outputs = 4,
    .bf16_inputs = 1u << 0,
    .bf16_outputs = 1u << 0,
    .joins_rows = true,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
