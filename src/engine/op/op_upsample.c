/* SPDX-License-Identifier: MIT
 * engine/op/op_upsample.c: nearest neighbour, twice the size: y[b,i,j,c] = gain x[b,i/2,j/2,c].
 * Gradient: the sum of each 2x2 block, which is avg_pool with gain 4. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    const int64_t *x = call->in[0].shape.dim;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 4, 4));
    return duet_op_out(call, 0, 4, (int64_t[]){x[0], 2 * x[1], 2 * x[2], x[3]});
}

static void reference(const duet_run *run) {
    const duet_resample_attr *attr = run->call->attr;
    const int64_t *yd = run->call->out[0].shape.dim;
    const float *x = run->in[0]; /* [B,H,W,C] */
    float *y = run->out[0];      /* [B,2H,2W,C] */
    for (int64_t b = 0; b < yd[0]; b++) {
        for (int64_t i = 0; i < yd[1]; i++) {
            for (int64_t j = 0; j < yd[2]; j++) {
                for (int64_t c = 0; c < yd[3]; c++) {
                    const int64_t from =
                        ((b * (yd[1] / 2) + i / 2) * (yd[2] / 2) + j / 2) * yd[3] + c;
                    y[((b * yd[1] + i) * yd[2] + j) * yd[3] + c] =
                        (float)(attr->gain * (double)x[from]);
                }
            }
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_resample_attr *a = attr;
    (void)in, (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_avg_pool(g, dout[0], a->gain * 4.0);
}

duet_value duet_upsample(duet_graph *g, duet_value x, double gain) {
    const duet_resample_attr attr = {.gain = gain};
    return duet_op_apply(g, &duet_op_upsample, &attr, x, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_FLOAT(duet_resample_attr, gain, "1", 0, 0, "multiplies the result"),
};

static const duet_op_case cases[] = {
    {.attr = "gain=1", .in = {DUET_SHAPE_OF(1, 3, 5, 7)}},
    {.attr = "gain=0.25", .in = {DUET_SHAPE_OF(3, 1, 2, 16)}},
    {.attr = "gain=1", .in = {DUET_SHAPE_OF(2, 7, 7, 32)}},
};

const duet_op duet_op_upsample = {
    .info = {.name = "upsample",
             .help = "nearest neighbour to twice the size, times gain",
             .params = DUET_TABLE(params, duet_resample_attr)},
    .inputs = 1,
    .required = 1,
    .outputs = 1,
    .bf16_inputs = 1u << 0,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
