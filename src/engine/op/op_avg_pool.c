/* SPDX-License-Identifier: MIT
 * engine/op/op_avg_pool.c: y[b,i,j,c] = gain times the mean of the 2x2 block of x at (2i,2j). H and
 * W are even: an odd rest would be lost without notice. Gradient: upsample with a quarter of the
 * gain. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    const int64_t *x = call->in[0].shape.dim;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 4, 4));
    if (x[1] % 2 != 0 || x[2] % 2 != 0) {
        char text[96];
        return duet_op_fail(call, "x is %s, expected even height and width",
                            duet_shape_text(&call->in[0].shape, text));
    }
    return duet_op_out(call, 0, 4, (int64_t[]){x[0], x[1] / 2, x[2] / 2, x[3]});
}

static void reference(const duet_run *run) {
    const duet_resample_attr *attr = run->call->attr;
    const int64_t *xd = run->call->in[0].shape.dim, *yd = run->call->out[0].shape.dim;
    const float *x = run->in[0]; /* [B,2H,2W,C] */
    float *y = run->out[0];      /* [B,H,W,C] */
    for (int64_t b = 0; b < yd[0]; b++) {
        for (int64_t i = 0; i < yd[1]; i++) {
            for (int64_t j = 0; j < yd[2]; j++) {
                for (int64_t c = 0; c < yd[3]; c++) {
                    double sum = 0.0;
                    for (int64_t u = 0; u < 2; u++) {
                        for (int64_t v = 0; v < 2; v++) {
                            sum += (double)
                                x[((b * xd[1] + 2 * i + u) * xd[2] + 2 * j + v) * xd[3] + c];
                        }
                    }
                    y[((b * yd[1] + i) * yd[2] + j) * yd[3] + c] = (float)(attr->gain * 0.25 * sum);
                }
            }
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_resample_attr *a = attr;
    (void)in, (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_upsample(g, dout[0], a->gain * 0.25);
}

static double count_flops(const duet_call *call) {
    return (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_avg_pool(duet_graph *g, duet_value x, double gain) {
    const duet_resample_attr attr = {.gain = gain};
    return duet_op_apply(g, &duet_op_avg_pool, &attr, x, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_FLOAT(duet_resample_attr, gain, "1", 0, 0, "multiplies the result"),
};

static const duet_op_case cases[] = {
    {.attr = "gain=1", .in = {DUET_SHAPE_OF(1, 6, 10, 7)}},
    {.attr = "gain=4", .in = {DUET_SHAPE_OF(3, 2, 4, 16)}},
    {.attr = "gain=1", .in = {DUET_SHAPE_OF(2, 14, 14, 32)}},
};

const duet_op duet_op_avg_pool = {.info = {.name = "avg_pool",
                                           .help = "mean of 2x2 blocks, times gain",
                                           .params = DUET_TABLE(params, duet_resample_attr)},
                                  .inputs = 1,
                                  .required = 1,
                                  .outputs = 1,
                                  .bf16_inputs = 1u << 0,
                                  .bf16_outputs = 1u << 0,
                                  .shape = check_shape,
                                  .reference = reference,
                                  .grad = gradient,
                                  .flops = count_flops,
                                  .cases = cases,
                                  .case_count = DUET_COUNT(cases)};
