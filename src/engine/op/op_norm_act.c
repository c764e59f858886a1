/* SPDX-License-Identifier: MIT
 * engine/op/op_norm_act.c: what stands before each convolution of a U-Net, in one pass over the memory.
 *   z = group_norm(x);  u = z (1 + scale[b,c]) + shift[b,c];  y = silu ? u / (1 + exp(-u)) : u
 * Fused: `expand` says the same in plain ops. Only x, mean and rstd are kept for the gradient. */
#include <math.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call)
{
    static const char *const names[] = {"x", "gamma", "beta", "scale_shift"};
    const duet_norm_attr *attr = call->attr;
    const duet_shape *x = &call->in[0].shape;
    const int64_t c = duet_op_last(x);
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 3, 4));
    DUET_TRY(duet_op_want(call, 1, "gamma", 1, (int64_t[]){c}));
    DUET_TRY(duet_op_want(call, 2, "beta", 1, (int64_t[]){c}));
    DUET_TRY(duet_op_want(call, 3, "scale_shift", 2, (int64_t[]){x->dim[0], 2 * c}));
    if (attr->groups < 1 || c % attr->groups != 0) {
        char text[96];
        return duet_op_fail(call, "x %s does not divide into %lld groups", duet_shape_text(x, text), (long long)attr->groups);
    }
    if (!(attr->eps > 0.0)) return duet_op_fail(call, "eps is %g, expected more than 0", attr->eps);
    DUET_TRY(duet_op_out_shape(call, 0, x));
    DUET_TRY(duet_op_out(call, 1, 2, (int64_t[]){x->dim[0], attr->groups}));
    return duet_op_out(call, 2, 2, (int64_t[]){x->dim[0], attr->groups});
}

/* Mean and 1/std of one group, whose first element is `from`. */
static void statistics(const float *from, int64_t space, int64_t channels, int64_t size, double eps, double *mean, double *rstd)
{
    double sum = 0.0, square = 0.0;
    for (int64_t i = 0; i < space; i++) {
        for (int64_t c = 0; c < size; c++) sum += (double)from[i * channels + c];
    }
    *mean = sum / (double)(space * size);
    for (int64_t i = 0; i < space; i++) {
        for (int64_t c = 0; c < size; c++) {
            const double d = (double)from[i * channels + c] - *mean;
            square += d * d;
        }
    }
    *rstd = 1.0 / sqrt(square / (double)(space * size) + eps);
}

static void reference(const duet_run *run)
{
    const duet_norm_attr *attr = run->call->attr;
    const duet_shape *xs = &run->call->in[0].shape;
    const int64_t batch = xs->dim[0], space = duet_op_middle(xs), channels = duet_op_last(xs);
    const int64_t size = channels / attr->groups;
    const float *x = run->in[0], *gamma = run->in[1], *beta = run->in[2]; /* [B,…,C], [C], [C] */
    const float *scale_shift = run->in[3];                                /* [B,2C] or NULL */
    float *y = run->out[0], *mean = run->out[1], *rstd = run->out[2];     /* [B,…,C], [B,G], [B,G] */
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t group = 0; group < attr->groups; group++) {
            double m = 0.0, r = 0.0;
            statistics(x + b * space * channels + group * size, space, channels, size, attr->eps, &m, &r);
            if (mean != NULL) mean[b * attr->groups + group] = (float)m;
            if (rstd != NULL) rstd[b * attr->groups + group] = (float)r;
            for (int64_t c = group * size; y != NULL && c < (group + 1) * size; c++) {
                const double scale = scale_shift != NULL ? 1.0 + (double)scale_shift[b * 2 * channels + c] : 1.0;
                const double shift = scale_shift != NULL ? (double)scale_shift[b * 2 * channels + channels + c] : 0.0;
                for (int64_t i = 0; i < space; i++) {
                    const int64_t e = (b * space + i) * channels + c;
                    const double z = ((double)x[e] - m) * r * (double)gamma[c] + (double)beta[c];
                    const double u = z * scale + shift;
                    y[e] = (float)(attr->silu ? u / (1.0 + exp(-u)) : u);
                }
            }
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out, const duet_value *dout,
                     duet_value *din)
{
    const duet_norm_attr *a = attr;
    if (dout[0] == DUET_NONE) return;
    duet_value d[4];
    const duet_value all[7] = {in[0], in[1], in[2], in[3], out[1], out[2], dout[0]};
    duet_norm_act_grad(g, all, a->groups, a->eps, a->silu, d);
    for (int k = 0; k < 4; k++) {
        if (in[k] != DUET_NONE) din[k] = d[k];
    }
}

static void expand(duet_graph *g, const void *attr, const duet_value *in, duet_value *out)
{
    const duet_norm_attr *a = attr;
    const duet_norm_attr plain = {.groups = a->groups, .eps = a->eps};
    duet_value norm[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_group_norm, &plain, (const duet_value[DUET_MAX_INPUTS]){in[0], in[1], in[2]}, norm);
    out[0] = norm[0];
    out[1] = norm[1];
    out[2] = norm[2];
    if (in[3] != DUET_NONE) out[0] = duet_modulate(g, out[0], in[3]);
    if (a->silu) out[0] = duet_silu(g, out[0]);
}

static double count_flops(const duet_call *call)
{
    const duet_norm_attr *attr = call->attr;
    return (8.0 + (call->has_in[3] ? 2.0 : 0.0) + (attr->silu ? 4.0 : 0.0)) * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_norm_act(duet_graph *g, duet_value x, duet_value gamma, duet_value beta, duet_value scale_shift, int64_t groups,
                         double eps, bool silu)
{
    const duet_norm_attr attr = {.groups = groups, .eps = eps, .silu = silu};
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_norm_act, &attr, (const duet_value[DUET_MAX_INPUTS]){x, gamma, beta, scale_shift}, out);
    return out[0];
}

static const duet_param params[] = {
    DUET_INT(duet_norm_attr, groups, "32", 1, 1 << 20, "groups of channels with statistics of their own"),
    DUET_FLOAT(duet_norm_attr, eps, "1e-5", 0, 1, "added to the variance"),
    DUET_BOOLEAN(duet_norm_attr, silu, "true", "SiLU behind the norm"),
};

/* One element a group has a larger eps: rstd = 1/sqrt(eps) there, and multiplies the rounding of x and mean. */
static const duet_op_case cases[] = {
    {.attr = "groups=2,eps=1e-5,silu=true",
     .in = {DUET_SHAPE_OF(1, 5, 3, 6), DUET_SHAPE_OF(6), DUET_SHAPE_OF(6), DUET_SHAPE_OF(1, 12)}},
    {.attr = "groups=1,eps=1e-5,silu=true", .in = {DUET_SHAPE_OF(3, 3, 7, 5), DUET_SHAPE_OF(5), DUET_SHAPE_OF(5), DUET_ABSENT}},
    {.attr = "groups=32,eps=1e-5,silu=true",
     .in = {DUET_SHAPE_OF(3, 5, 5, 64), DUET_SHAPE_OF(64), DUET_SHAPE_OF(64), DUET_SHAPE_OF(3, 128)}},
    {.attr = "groups=8,eps=1e-6,silu=false", .in = {DUET_SHAPE_OF(3, 49, 48), DUET_SHAPE_OF(48), DUET_SHAPE_OF(48), DUET_ABSENT}},
    {.attr = "groups=3,eps=1e-3,silu=true",
     .in = {DUET_SHAPE_OF(2, 1, 1, 3), DUET_SHAPE_OF(3), DUET_SHAPE_OF(3), DUET_SHAPE_OF(2, 6)}},
    {.attr = "groups=7,eps=0.1,silu=false",
     .in = {DUET_SHAPE_OF(2, 2, 1, 7), DUET_SHAPE_OF(7), DUET_SHAPE_OF(7), DUET_SHAPE_OF(2, 14)}},
};

const duet_op duet_op_norm_act = {
    .info = {.name = "norm_act", .help = "fused silu?(group_norm(x) (1 + scale) + shift), x[B,…,C], scale_shift[B,2C]?",
             .params = DUET_TABLE(params, duet_norm_attr)},
    .inputs = 4, .required = 3, .outputs = 3,
    .bf16_inputs = 1u << 0, .bf16_outputs = 1u << 0,
    .shape = check_shape, .reference = reference, .grad = gradient, .expand = expand, .flops = count_flops,
    .cases = cases, .case_count = DUET_COUNT(cases)};
