/* SPDX-License-Identifier: MIT
 * engine/op/op_timestep_embedding.c: sinusoids of the time step (Vaswani et al. 2017; by default as
 *   guided-diffusion). y[b,i] = cos(t f_i), y[b,n+i] = sin(t f_i), f_i = max_period^(-i/(n -
 *   shift)), n = dim/2, i < n; a zero column when dim is odd diffusers puts sines first unless
 *   flip_sin_to_cos is set, and its shift (freq_shift) is 1 in some networks. */
#include <math.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"t"};
    const duet_timestep_attr *attr = call->attr;
    const int64_t half = attr->dim / 2;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "t", 1, 1));
    if (attr->dim < 1 || !(attr->max_period > 0.0) ||
        !((double)half - attr->shift > 0.0 || half == 0)) {
        return duet_op_fail(call, "dim %lld, max_period %g, shift %g is impossible",
                            (long long)attr->dim, attr->max_period, attr->shift);
    }
    return duet_op_out(call, 0, 2, (int64_t[]){call->in[0].shape.dim[0], attr->dim});
}

static void reference(const duet_run *run) {
    const duet_timestep_attr *attr = run->call->attr;
    const int64_t batch = run->call->in[0].shape.dim[0], half = attr->dim / 2;
    const float *t = run->in[0]; /* [B] */
    float *y = run->out[0];      /* [B,dim] */
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t i = 0; i < half; i++) {
            const double angle = (double)t[b] * exp(-log(attr->max_period) * (double)i /
                                                    ((double)half - attr->shift));
            y[b * attr->dim + i] = (float)(attr->sines_first ? sin(angle) : cos(angle));
            y[b * attr->dim + half + i] = (float)(attr->sines_first ? cos(angle) : sin(angle));
        }
        if (attr->dim % 2 != 0) y[b * attr->dim + attr->dim - 1] = 0.0f;
    }
}

static double count_flops(const duet_call *call) {
    return 20.0 * (double)duet_shape_count(&call->out[0].shape);
}

duet_value duet_timestep_embedding(duet_graph *g, duet_value t, int64_t dim, double max_period,
                                   double shift, bool sines_first) {
    const duet_timestep_attr attr = {
        .dim = dim, .max_period = max_period, .shift = shift, .sines_first = sines_first};
    return duet_op_apply(g, &duet_op_timestep_embedding, &attr, t, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_timestep_attr, dim, "128", 1, 1 << 20, "columns of the result"),
    DUET_FLOAT(duet_timestep_attr, max_period, "10000", 0, 1e12, "slowest period over 2 pi"),
    DUET_FLOAT(duet_timestep_attr, shift, "0", 0, 16, "taken from dim/2 in the exponent"),
    DUET_BOOLEAN(duet_timestep_attr, sines_first, "false", "sines before cosines"),
};

static const duet_op_case cases[] = {
    {.attr = "dim=8,max_period=10000", .in = {DUET_SHAPE_OF(1)}},
    {.attr = "dim=7,max_period=10000", .in = {DUET_SHAPE_OF(3)}},
    {.attr = "dim=64,max_period=100", .in = {DUET_SHAPE_OF(5)}},
    {.attr = "dim=8,max_period=10000,shift=1,sines_first=true", .in = {DUET_SHAPE_OF(3)}},
    {.attr = "dim=1,max_period=100", .in = {DUET_SHAPE_OF(2)}},
};

const duet_op duet_op_timestep_embedding = {
    .info = {.name = "timestep_embedding",
             .help = "cosines, then sines of the time step, t[B] -> [B,dim]",
             .params = DUET_TABLE(params, duet_timestep_attr)},
    .inputs = 1,
    .required = 1,
    .outputs = 1,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
