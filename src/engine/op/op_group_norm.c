/* SPDX-License-Identifier: MIT
 * engine/op/op_group_norm.c: group normalisation (Wu, He, ECCV 2018), channels last.
 *   y = (x - mean[b,g]) rstd[b,g] gamma[c] + beta[c],  rstd = 1 / sqrt(var + eps),  var biased,
 * over the H W C/G elements of group g = c / (C/G) of sample b. mean and rstd are outputs: the
 * gradient needs them. With one element a group the variance is 0 and y = beta: eps must be
 * positive. */
#include <math.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "gamma", "beta"};
    const duet_norm_attr *attr = call->attr;
    const duet_shape *x = &call->in[0].shape;
    const int64_t c = duet_op_last(x);
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 3, 4));
    DUET_TRY(duet_op_want(call, 1, "gamma", 1, (int64_t[]){c}));
    DUET_TRY(duet_op_want(call, 2, "beta", 1, (int64_t[]){c}));
    if (attr->groups < 1 || c % attr->groups != 0) {
        char text[96];
        return duet_op_fail(call, "x %s does not divide into %lld groups", duet_shape_text(x, text),
                            (long long)attr->groups);
    }
    if (!(attr->eps > 0.0)) return duet_op_fail(call, "eps is %g, expected more than 0", attr->eps);
    DUET_TRY(duet_op_out_shape(call, 0, x));
    DUET_TRY(duet_op_out(call, 1, 2, (int64_t[]){x->dim[0], attr->groups}));
    return duet_op_out(call, 2, 2, (int64_t[]){x->dim[0], attr->groups});
}

static void reference(const duet_run *run) {
    const duet_norm_attr *attr = run->call->attr;
    const duet_shape *xs = &run->call->in[0].shape;
    const int64_t batch = xs->dim[0], space = duet_op_middle(xs), channels = duet_op_last(xs);
    const int64_t size = channels / attr->groups;
    const float *x = run->in[0], *gamma = run->in[1], *beta = run->in[2]; /* [B,…,C], [C], [C] */
    float *y = run->out[0], *mean = run->out[1], *rstd = run->out[2]; /* [B,…,C], [B,G], [B,G] */
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t group = 0; group < attr->groups; group++) {
            const float *from = x + b * space * channels + group * size;
            double sum = 0.0, square = 0.0;
            for (int64_t i = 0; i < space; i++) {
                for (int64_t c = 0; c < size; c++) sum += (double)from[i * channels + c];
            }
            const double m = sum / (double)(space * size);
            for (int64_t i = 0; i < space; i++) {
                for (int64_t c = 0; c < size; c++) {
                    const double d = (double)from[i * channels + c] - m;
                    square += d * d;
                }
            }
            const double r = 1.0 / sqrt(square / (double)(space * size) + attr->eps);
            if (mean != NULL) mean[b * attr->groups + group] = (float)m;
            if (rstd != NULL) rstd[b * attr->groups + group] = (float)r;
            for (int64_t i = 0; y != NULL && i < space; i++) {
                for (int64_t c = 0; c < size; c++) {
                    const int64_t channel = group * size + c;
                    const double hat = ((double)from[i * channels + c] - m) * r;
                    y[(b * space + i) * channels + channel] =
                        (float)(hat * (double)gamma[channel] + (double)beta[channel]);
                }
            }
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_norm_attr *a = attr;
    if (dout[0] == DUET_NONE) return;
    duet_value d[4];
    const duet_value all[7] = {in[0], in[1], in[2], DUET_NONE, out[1], out[2], dout[0]};
    duet_norm_act_grad(g, all, a->groups, a->eps, false, d);
    din[0] = d[0];
    din[1] = d[1];
    din[2] = d[2];
}

static double count_flops(const duet_call *call) {
    return 8.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_group_norm(duet_graph *g, duet_value x, duet_value gamma, duet_value beta,
                           int64_t groups, double eps) {
    const duet_norm_attr attr = {.groups = groups, .eps = eps};
    return duet_op_apply(g, &duet_op_group_norm, &attr, x, gamma, beta);
}

static const duet_param params[] = {
    DUET_INT(duet_norm_attr, groups, "32", 1, 1 << 20,
             "groups of channels with statistics of their own"),
    DUET_FLOAT(duet_norm_attr, eps, "1e-5", 0, 1, "added to the variance"),
};

/* One element a group has a larger eps: rstd = 1/sqrt(eps) there, and multiplies the rounding of x
 * and mean. */
static const duet_op_case cases[] = {
    {.attr = "groups=2,eps=1e-5",
     .in = {DUET_SHAPE_OF(1, 5, 3, 6), DUET_SHAPE_OF(6), DUET_SHAPE_OF(6)}},
    {.attr = "groups=1,eps=1e-5",
     .in = {DUET_SHAPE_OF(3, 3, 7, 5), DUET_SHAPE_OF(5), DUET_SHAPE_OF(5)}},
    {.attr = "groups=32,eps=1e-5",
     .in = {DUET_SHAPE_OF(2, 5, 5, 64), DUET_SHAPE_OF(64), DUET_SHAPE_OF(64)}},
    {.attr = "groups=8,eps=1e-6",
     .in = {DUET_SHAPE_OF(3, 49, 48), DUET_SHAPE_OF(48), DUET_SHAPE_OF(48)}},
    {.attr = "groups=3,eps=1e-3",
     .in = {DUET_SHAPE_OF(1, 1, 1, 3), DUET_SHAPE_OF(3), DUET_SHAPE_OF(3)}},
    {.attr = "groups=7,eps=0.1",
     .in = {DUET_SHAPE_OF(2, 2, 1, 7), DUET_SHAPE_OF(7), DUET_SHAPE_OF(7)}},
};

const duet_op duet_op_group_norm = {
    .info = {.name = "group_norm",
             .help =
                 "normalises each group of channels of each sample, x[B,…,C], gamma[C], beta[C]",
             .params = DUET_TABLE(params, duet_norm_attr)},
    .inputs = 3,
    .required = 3,
    .outputs = 3,
    .bf16_inputs = 1u << 0,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
