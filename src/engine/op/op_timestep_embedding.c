/* SPDX-License-Identifier: MIT
 * engine/op/op_timestep_embedding.c: sinusoids of the time, guided-diffusion's order: with h = floor(dim/2) and
 * f_i = max_period^(-i/h): y = [cos(t f_0..h-1), sin(t f_0..h-1)], and a zero when dim is odd. No gradient flows to t. */
#include <math.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"t"};
    const duet_timestep_attr *attr = call->attr;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "t", 1, 1));
    if (attr->dim < 2 || !(attr->max_period > 0)) return duet_op_fail(call, "dim %lld, max_period %g", (long long)attr->dim, attr->max_period);
    return duet_op_out(call, 0, 2, (int64_t[]){call->in[0].shape.dim[0], attr->dim});
}

static void reference(const duet_run *run) {
    const duet_timestep_attr *attr = run->call->attr;
    const int64_t B = run->call->in[0].shape.dim[0], half = attr->dim / 2;
    const float *t = run->in[0];
    float *y = run->out[0]; /* [B,dim] */
    for (int64_t b = 0; b < B; b++) {
        if (attr->dim % 2 == 1) y[b * attr->dim + attr->dim - 1] = 0.0f;
        for (int64_t i = 0; i < half; i++) {
            const double angle = (double)t[b] * exp(-log(attr->max_period) * (double)i / (double)half);
            y[b * attr->dim + i] = (float)cos(angle);
            y[b * attr->dim + half + i] = (float)sin(angle);
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out, const duet_value *dout, duet_value *din) {
    (void)g, (void)attr, (void)in, (void)out, (void)dout, (void)din;
}

duet_value duet_timestep_embedding(duet_graph *g, duet_value t, int64_t dim, double max_period) {
    const duet_timestep_attr attr = {.dim = dim, .max_period = max_period};
    return duet_op_apply(g, &duet_op_timestep_embedding, &attr, t, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_timestep_attr, dim, "32", 2, 1 << 20, "channels"),
    DUET_FLOAT(duet_timestep_attr, max_period, "10000", 0, 1e12, "longest period over 2 pi"),
};

static const duet_op_case cases[] = {
    {.attr = "dim=2", .in = {DUET_SHAPE_OF(1)}},
    {.attr = "dim=7", .in = {DUET_SHAPE_OF(3)}},
    {.attr = "dim=32", .in = {DUET_SHAPE_OF(5)}},
};

const duet_op duet_op_timestep_embedding = {
    .info = {.name = "timestep_embedding", .help = "cosines and sines of t", .params = DUET_TABLE(params, duet_timestep_attr)},
    .inputs = 1, .required = 1, .outputs = 1, .grad_only = true,
    .shape = check_shape, .reference = reference, .grad = gradient, .cases = cases, .case_count = DUET_COUNT(cases)};
