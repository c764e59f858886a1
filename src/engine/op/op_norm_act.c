/* SPDX-License-Identifier: MIT
 * engine/op/op_norm_act.c: what stands before each convolution of a U-Net, in one pass over the
 * memory.
 *   z = group_norm(x);  u = z (1 + scale[b,c]) + shift[b,c];  y = silu ? u / (1 + exp(-u)) : u
 * `more` are the channels behind those of x: the norm of a concat that is never written. The
 * gradient writes it again. Fused: `expand` says the same in plain ops. Only x, mean and rstd are
 * kept for the gradient. */
#include <math.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "gamma", "beta", "scale_shift", "more"};
    const duet_norm_attr *attr = call->attr;
    duet_shape all = call->in[0].shape, *const x = &all;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 3, 4));
    if (call->has_in[4]) {
        const int64_t more = duet_op_last(&call->in[4].shape);
        all.dim[all.rank - 1] = more;
        DUET_TRY(duet_op_want_shape(call, 4, "more", &all));
        all.dim[all.rank - 1] = more + duet_op_last(&call->in[0].shape);
    }
    const int64_t c = duet_op_last(x);
    DUET_TRY(duet_op_want(call, 1, "gamma", 1, (int64_t[]){c}));
    DUET_TRY(duet_op_want(call, 2, "beta", 1, (int64_t[]){c}));
    DUET_TRY(duet_op_want(call, 3, "scale_shift", 2, (int64_t[]){x->dim[0], 2 * c}));
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

/* Channel c of a row (of all samples) of x and what stands behind it. */
static double element(const duet_run *run, int64_t row, int64_t c) {
    const float *x = run->in[0], *more = run->in[4]; /* [B,…,C], [B,…,C'] or NULL */
    const int64_t own = duet_op_last(&run->call->in[0].shape);
    return c < own ? (double)x[row * own + c]
                   : (double)more[row * duet_op_last(&run->call->in[4].shape) + c - own];
}

/* Mean and 1/std of the channels c0 … c0 + size of the rows from `row` on. */
static void statistics(const duet_run *run, int64_t row, int64_t space, int64_t c0, int64_t size,
                       double *mean, double *rstd) {
    double sum = 0.0, square = 0.0;
    for (int64_t i = 0; i < space; i++) {
        for (int64_t c = c0; c < c0 + size; c++) sum += element(run, row + i, c);
    }
    *mean = sum / (double)(space * size);
    for (int64_t i = 0; i < space; i++) {
        for (int64_t c = c0; c < c0 + size; c++) {
            const double d = element(run, row + i, c) - *mean;
            square += d * d;
        }
    }
    *rstd = 1.0 /
            sqrt(square / (double)(space * size) + ((const duet_norm_attr *)run->call->attr)->eps);
}

static void reference(const duet_run *run) {
    const duet_norm_attr *attr = run->call->attr;
    const duet_shape *ys = &run->call->out[0].shape;
    const int64_t batch = ys->dim[0], space = duet_op_middle(ys), channels = duet_op_last(ys);
    const int64_t size = channels / attr->groups;
    const float *gamma = run->in[1], *beta = run->in[2],
                *scale_shift = run->in[3];                            /* [C], [C], [B,2C] or NULL */
    float *y = run->out[0], *mean = run->out[1], *rstd = run->out[2]; /* [B,…,C], [B,G], [B,G] */
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t group = 0; group < attr->groups; group++) {
            double m = 0.0, r = 0.0;
            statistics(run, b * space, space, group * size, size, &m, &r);
            if (mean != NULL) mean[b * attr->groups + group] = (float)m;
            if (rstd != NULL) rstd[b * attr->groups + group] = (float)r;
            for (int64_t c = group * size; y != NULL && c < (group + 1) * size; c++) {
                const double scale =
                    scale_shift != NULL ? 1.0 + (double)scale_shift[b * 2 * channels + c] : 1.0;
                const double shift = scale_shift != NULL
                                         ? (double)scale_shift[b * 2 * channels + channels + c]
                                         : 0.0;
                for (int64_t i = 0; i < space; i++) {
                    const double z = (element(run, b * space + i, c) - m) * r * (double)gamma[c] +
                                     (double)beta[c];
                    const double u = z * scale + shift;
                    y[(b * space + i) * channels + c] =
                        (float)(attr->silu ? u / (1.0 + exp(-u)) : u);
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
    const duet_value x = in[4] == DUET_NONE ? in[0] : duet_op_joined(g, in[0], in[4]);
    const duet_value all[7] = {x, in[1], in[2], in[3], out[1], out[2], dout[0]};
    duet_norm_act_grad(g, all, a->groups, a->eps, a->silu, d);
    for (int k = 0; k < 4; k++) {
        if (in[k] != DUET_NONE) din[k] = d[k];
    }
    if (in[4] == DUET_NONE) return;
    din[0] = duet_slice(g, d[0], 0, duet_dim(g, in[0], -1));
    din[4] = duet_slice(g, d[0], duet_dim(g, in[0], -1), duet_dim(g, in[4], -1));
}

static void expand(duet_graph *g, const void *attr, const duet_value *in, duet_value *out) {
    const duet_norm_attr *a = attr;
    const duet_norm_attr plain = {.groups = a->groups, .eps = a->eps};
    const duet_value x = in[4] == DUET_NONE ? in[0] : duet_concat(g, in[0], in[4]);
    duet_value norm[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_group_norm, &plain,
                   (const duet_value[DUET_MAX_INPUTS]){x, in[1], in[2]}, norm);
    out[0] = norm[0];
    out[1] = norm[1];
    out[2] = norm[2];
    if (in[3] != DUET_NONE) out[0] = duet_modulate(g, out[0], in[3]);
    if (a->silu) out[0] = duet_silu(g, out[0]);
}

static double count_flops(const duet_call *call) {
    const duet_norm_attr *attr = call->attr;
    return (8.0 + (call->has_in[3] ? 2.0 : 0.0) + (attr->silu ? 4.0 : 0.0)) *
           (double)duet_shape_count(&call->out[0].shape);
}

duet_value duet_norm_act(duet_graph *g, duet_value x, duet_value gamma, duet_value beta,
                         duet_value scale_shift, int64_t groups, double eps, bool silu) {
    const duet_norm_attr attr = {.groups = groups, .eps = eps, .silu = silu};
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_norm_act, &attr,
                   (const duet_value[DUET_MAX_INPUTS]){x, gamma, beta, scale_shift, DUET_NONE},
                   out);
    return out[0];
}

static const duet_param params[] = {
    DUET_INT(duet_norm_attr, groups, "32", 1, 1 << 20,
             "groups of channels with statistics of their own"),
    DUET_FLOAT(duet_norm_attr, eps, "1e-5", 0, 1, "added to the variance"),
    DUET_BOOLEAN(duet_norm_attr, silu, "true", "SiLU behind the norm"),
};

/* One element a group has a larger eps: rstd = 1/sqrt(eps) there, and multiplies the rounding of x
 * and mean. */
static const duet_op_case cases[] = {
    {.attr = "groups=2,eps=1e-5,silu=true",
     .in = {DUET_SHAPE_OF(1, 5, 3, 6), DUET_SHAPE_OF(6), DUET_SHAPE_OF(6), DUET_SHAPE_OF(1, 12),
            DUET_ABSENT}},
    {.attr = "groups=1,eps=1e-5,silu=true",
     .in = {DUET_SHAPE_OF(3, 3, 7, 5), DUET_SHAPE_OF(5), DUET_SHAPE_OF(5), DUET_ABSENT,
            DUET_ABSENT}},
    {.attr = "groups=32,eps=1e-5,silu=true",
     .in = {DUET_SHAPE_OF(3, 5, 5, 64), DUET_SHAPE_OF(64), DUET_SHAPE_OF(64), DUET_SHAPE_OF(3, 128),
            DUET_ABSENT}},
    {.attr = "groups=8,eps=1e-6,silu=false",
     .in = {DUET_SHAPE_OF(3, 49, 48), DUET_SHAPE_OF(48), DUET_SHAPE_OF(48), DUET_ABSENT,
            DUET_ABSENT}},
    {.attr = "groups=3,eps=1e-3,silu=true",
     .in = {DUET_SHAPE_OF(2, 1, 1, 3), DUET_SHAPE_OF(3), DUET_SHAPE_OF(3), DUET_SHAPE_OF(2, 6),
            DUET_ABSENT}},
    {.attr = "groups=7,eps=0.1,silu=false",
     .in = {DUET_SHAPE_OF(2, 2, 1, 7), DUET_SHAPE_OF(7), DUET_SHAPE_OF(7), DUET_SHAPE_OF(2, 14),
            DUET_ABSENT}},
    {.attr = "groups=7,eps=1e-5,silu=true", /* a group lies in both */
     .in = {DUET_SHAPE_OF(2, 5, 3, 12), DUET_SHAPE_OF(21), DUET_SHAPE_OF(21), DUET_SHAPE_OF(2, 42),
            DUET_SHAPE_OF(2, 5, 3, 9)}},
    {.attr = "groups=32,eps=1e-5,silu=true",
     .in = {DUET_SHAPE_OF(3, 49, 64), DUET_SHAPE_OF(96), DUET_SHAPE_OF(96), DUET_ABSENT,
            DUET_SHAPE_OF(3, 49, 32)}},
    {.attr = "groups=4,eps=1e-5,silu=true",
     .in = {DUET_SHAPE_OF(2, 48, 45, 8), DUET_SHAPE_OF(8), DUET_SHAPE_OF(8), DUET_SHAPE_OF(2, 16),
            DUET_ABSENT}},
    {.attr = "groups=4,eps=1e-5,silu=true", /* threads share a sample whose two widths are no whole
                                               vectors */
     .in = {DUET_SHAPE_OF(1, 30, 21, 12), DUET_SHAPE_OF(32), DUET_SHAPE_OF(32), DUET_ABSENT,
            DUET_SHAPE_OF(1, 30, 21, 20)}},
};

const duet_op duet_op_norm_act = {
    .info = {.name = "norm_act",
             .help = "fused silu?(group_norm(x) (1 + scale) + shift), x[B,…,C], "
                     "scale_shift[B,2C]?, more[B,…,C']?",
             .params = DUET_TABLE(params, duet_norm_attr)},
    .inputs = 5,
    .required = 3,
    .outputs = 3,
    .bf16_inputs = 1u << 0 | 1u << 4,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .expand = expand,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
