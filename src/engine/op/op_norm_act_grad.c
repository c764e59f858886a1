/* SPDX-License-Identifier: MIT
 * engine/op/op_norm_act_grad.c: gradient of group_norm and norm_act, from x and the statistics
 * alone.
 *   hat = (x - mean) rstd;  z = hat gamma + beta;  u = z (1 + scale) + shift;
 *   du = silu ? dy s(u) (1 + u (1 - s(u))) : dy
 *   dscale = sum over space of du z;  dshift = sum over space of du;  dz = du (1 + scale)
 *   dgamma = sum over batch, space of dz hat;  dbeta = sum over batch, space of dz;  h = dz gamma
 *   dx = rstd (h - mean of h - hat mean of (h hat)), means over the group; s is the logistic
 *   function. mean and rstd are taken as given: the formula holds for any, which is how it is
 *   tested. */
#include <math.h>

#include "engine/op/op_list.h"

typedef struct norm_view { /* the inputs of one run */
    const duet_norm_attr *attr;
    int64_t batch, space, channels, size; /* size = C/G */
    const float *x, *gamma, *beta, *scale_shift, *mean, *rstd, *dy;
} norm_view;

typedef struct norm_point { /* of one element */
    double hat, z, du, dz;
} norm_point;

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "gamma", "beta", "scale_shift", "mean", "rstd", "dy"};
    const duet_norm_attr *attr = call->attr;
    const duet_shape *x = &call->in[0].shape;
    const int64_t c = duet_op_last(x);
    DUET_TRY(duet_op_check(call, names));
    for (int k = 4; k < 7; k++) DUET_TRY(duet_op_present(call, k, names[k]));
    DUET_TRY(duet_op_rank(call, 0, "x", 3, 4));
    DUET_TRY(duet_op_want(call, 1, "gamma", 1, (int64_t[]){c}));
    DUET_TRY(duet_op_want(call, 2, "beta", 1, (int64_t[]){c}));
    DUET_TRY(duet_op_want(call, 3, "scale_shift", 2, (int64_t[]){x->dim[0], 2 * c}));
    if (attr->groups < 1 || c % attr->groups != 0) {
        char text[96];
        return duet_op_fail(call, "x %s does not divide into %lld groups", duet_shape_text(x, text),
                            (long long)attr->groups);
    }
    DUET_TRY(duet_op_want(call, 4, "mean", 2, (int64_t[]){x->dim[0], attr->groups}));
    DUET_TRY(duet_op_want(call, 5, "rstd", 2, (int64_t[]){x->dim[0], attr->groups}));
    DUET_TRY(duet_op_want_shape(call, 6, "dy", x));
    DUET_TRY(duet_op_out_shape(call, 0, x));
    DUET_TRY(duet_op_out(call, 1, 1, (int64_t[]){c}));
    DUET_TRY(duet_op_out(call, 2, 1, (int64_t[]){c}));
    if (call->has_in[3]) return duet_op_out_shape(call, 3, &call->in[3].shape);
    return duet_op_out(call, 3, 1, (int64_t[]){0});
}

static norm_point point_of(const norm_view *v, int64_t b, int64_t i, int64_t c) {
    const int64_t e = (b * v->space + i) * v->channels + c,
                  group = b * v->attr->groups + c / v->size;
    const double scale =
        v->scale_shift != NULL ? 1.0 + (double)v->scale_shift[b * 2 * v->channels + c] : 1.0;
    const double shift = v->scale_shift != NULL
                             ? (double)v->scale_shift[b * 2 * v->channels + v->channels + c]
                             : 0.0;
    norm_point p;
    p.hat = ((double)v->x[e] - (double)v->mean[group]) * (double)v->rstd[group];
    p.z = p.hat * (double)v->gamma[c] + (double)v->beta[c];
    p.du = (double)v->dy[e];
    if (v->attr->silu) {
        const double u = p.z * scale + shift, s = 1.0 / (1.0 + exp(-u));
        p.du *= s * (1.0 + u * (1.0 - s));
    }
    p.dz = p.du * scale;
    return p;
}

static void gradient_of_x(const norm_view *v, float *dx) {
    const double count = (double)(v->space * v->size);
    for (int64_t b = 0; b < v->batch; b++) {
        for (int64_t group = 0; group < v->attr->groups; group++) {
            double sum = 0.0, product = 0.0;
            for (int64_t i = 0; i < v->space; i++) {
                for (int64_t c = group * v->size; c < (group + 1) * v->size; c++) {
                    const norm_point p = point_of(v, b, i, c);
                    sum += p.dz * (double)v->gamma[c];
                    product += p.dz * (double)v->gamma[c] * p.hat;
                }
            }
            const double r = (double)v->rstd[b * v->attr->groups + group];
            for (int64_t i = 0; i < v->space; i++) {
                for (int64_t c = group * v->size; c < (group + 1) * v->size; c++) {
                    const norm_point p = point_of(v, b, i, c);
                    dx[(b * v->space + i) * v->channels + c] =
                        (float)(r * (p.dz * (double)v->gamma[c] - sum / count -
                                     p.hat * (product / count)));
                }
            }
        }
    }
}

static void reference(const duet_run *run) {
    const duet_norm_attr *attr = run->call->attr;
    const duet_shape *xs = &run->call->in[0].shape;
    const norm_view v = {.attr = attr,
                         .batch = xs->dim[0],
                         .space = duet_op_middle(xs),
                         .channels = duet_op_last(xs),
                         .size = duet_op_last(xs) / attr->groups,
                         .x = run->in[0],
                         .gamma = run->in[1],
                         .beta = run->in[2],
                         .scale_shift = run->in[3],
                         .mean = run->in[4],
                         .rstd = run->in[5],
                         .dy = run->in[6]};
    float *dgamma = run->out[1], *dbeta = run->out[2],
          *dscale_shift = run->out[3]; /* [C], [C], [B,2C]; NULL where unwanted */
    if (run->out[0] != NULL) gradient_of_x(&v, run->out[0]);
    for (int64_t c = 0; c < v.channels; c++) {
        double gamma_sum = 0.0, beta_sum = 0.0;
        for (int64_t b = 0; b < v.batch; b++) {
            double scale_sum = 0.0, shift_sum = 0.0;
            for (int64_t i = 0; i < v.space; i++) {
                const norm_point p = point_of(&v, b, i, c);
                scale_sum += p.du * p.z;
                shift_sum += p.du;
                gamma_sum += p.dz * p.hat;
                beta_sum += p.dz;
            }
            if (dscale_shift == NULL || v.scale_shift == NULL) continue;
            dscale_shift[b * 2 * v.channels + c] = (float)scale_sum;
            dscale_shift[b * 2 * v.channels + v.channels + c] = (float)shift_sum;
        }
        if (dgamma != NULL) dgamma[c] = (float)gamma_sum;
        if (dbeta != NULL) dbeta[c] = (float)beta_sum;
    }
}

static double count_flops(const duet_call *call) {
    return 20.0 * (double)duet_shape_count(&call->in[0].shape);
}

void duet_norm_act_grad(duet_graph *g, const duet_value in[7], int64_t groups, double eps,
                        bool silu, duet_value out[4]) {
    const duet_norm_attr attr = {.groups = groups, .eps = eps, .silu = silu};
    const duet_value all[DUET_MAX_INPUTS] = {in[0], in[1], in[2], in[3], in[4], in[5], in[6]};
    duet_value results[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE, DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_norm_act_grad, &attr, all, results);
    for (int k = 0; k < 4; k++) out[k] = results[k];
    if (in[3] == DUET_NONE) out[3] = DUET_NONE;
}

static const duet_param params[] = {
    DUET_INT(duet_norm_attr, groups, "32", 1, 1 << 20,
             "groups of channels with statistics of their own"),
    DUET_FLOAT(duet_norm_attr, eps, "1e-5", 0, 1, "of the forward op; rstd holds it already"),
    DUET_BOOLEAN(duet_norm_attr, silu, "true", "SiLU behind the norm"),
};

static const duet_op_case cases[] = {
    {.attr = "groups=2,silu=true",
     .in = {DUET_SHAPE_OF(1, 5, 3, 6), DUET_SHAPE_OF(6), DUET_SHAPE_OF(6), DUET_SHAPE_OF(1, 12),
            DUET_SHAPE_OF(1, 2), DUET_SHAPE_OF(1, 2), DUET_SHAPE_OF(1, 5, 3, 6)}},
    {.attr = "groups=1,silu=true",
     .in = {DUET_SHAPE_OF(3, 3, 7, 5), DUET_SHAPE_OF(5), DUET_SHAPE_OF(5), DUET_ABSENT,
            DUET_SHAPE_OF(3, 1), DUET_SHAPE_OF(3, 1), DUET_SHAPE_OF(3, 3, 7, 5)}},
    {.attr = "groups=32,silu=true",
     .in = {DUET_SHAPE_OF(3, 5, 5, 64), DUET_SHAPE_OF(64), DUET_SHAPE_OF(64), DUET_SHAPE_OF(3, 128),
            DUET_SHAPE_OF(3, 32), DUET_SHAPE_OF(3, 32), DUET_SHAPE_OF(3, 5, 5, 64)}},
    {.attr = "groups=8,silu=false",
     .in = {DUET_SHAPE_OF(3, 49, 48), DUET_SHAPE_OF(48), DUET_SHAPE_OF(48), DUET_ABSENT,
            DUET_SHAPE_OF(3, 8), DUET_SHAPE_OF(3, 8), DUET_SHAPE_OF(3, 49, 48)}},
    {.attr = "groups=3,silu=false",
     .in = {DUET_SHAPE_OF(2, 1, 1, 3), DUET_SHAPE_OF(3), DUET_SHAPE_OF(3), DUET_SHAPE_OF(2, 6),
            DUET_SHAPE_OF(2, 3), DUET_SHAPE_OF(2, 3), DUET_SHAPE_OF(2, 1, 1, 3)}},
};

const duet_op duet_op_norm_act_grad = {
    .info =
        {.name = "norm_act_grad",
         .help =
             "gradient of group_norm and norm_act -> dx, dgamma[C], dbeta[C], dscale_shift[B,2C]",
         .params = DUET_TABLE(params, duet_norm_attr)},
    .inputs = 7,
    .required = 3,
    .outputs = 4,
    .grad_only = true,
    .bf16_inputs = 1u << 0 | 1u << 6,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
