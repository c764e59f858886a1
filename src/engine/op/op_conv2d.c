/* SPDX-License-Identifier: MIT
 * engine/op/op_conv2d.c: convolution (cross-correlation) with zero padding, as PyTorch's conv2d
 *   without dilation or groups. y[b,i,j,o] = add[b,i,j,o] + bias[o] + sum over c,u,v of x[b, i s +
 *   u - p, j s + v - p, c] w[o,c,u,v] x, y are NHWC; w keeps the checkpoint's OIHW. `add` is a
 *   residual that the fuse pass finds: its gradient is dy itself. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "w", "bias", "add"};
    const duet_conv2d_attr *attr = call->attr;
    const int64_t *x = call->in[0].shape.dim, *w = call->in[1].shape.dim;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 4, 4));
    DUET_TRY(duet_op_rank(call, 1, "w", 4, 4));
    DUET_TRY(duet_op_want(call, 1, "w", 4, (int64_t[]){w[0], x[3], w[2], w[2]}));
    DUET_TRY(duet_op_want(call, 2, "bias", 1, (int64_t[]){w[0]}));
    if (attr->stride < 1 || attr->pad < 0 || attr->pad > (1 << 20)) {
        return duet_op_fail(call, "stride %lld, pad %lld is impossible", (long long)attr->stride,
                            (long long)attr->pad);
    }
    const int64_t rows = x[1] + 2 * attr->pad - w[2], columns = x[2] + 2 * attr->pad - w[2];
    if (rows < 0 || columns < 0) {
        char have[96], kernel[96];
        return duet_op_fail(call, "x %s with pad %lld is smaller than the kernel of w %s",
                            duet_shape_text(&call->in[0].shape, have), (long long)attr->pad,
                            duet_shape_text(&call->in[1].shape, kernel));
    }
    DUET_TRY(duet_op_out(
        call, 0, 4, (int64_t[]){x[0], rows / attr->stride + 1, columns / attr->stride + 1, w[0]}));
    return duet_op_want_rows(call, 3, "add", &call->out[0].shape);
}

static void reference(const duet_run *run) {
    const duet_conv2d_attr *attr = run->call->attr;
    const int64_t *xd = run->call->in[0].shape.dim, *wd = run->call->in[1].shape.dim,
                  *yd = run->call->out[0].shape.dim;
    const float *x = run->in[0], *w = run->in[1],
                *bias = run->in[2]; /* [B,H,W,I], [O,I,k,k], [O] or NULL */
    const float *add = run->in[3];  /* [B,Ho,Wo,O] or NULL; may be y */
    float *y = run->out[0];         /* [B,Ho,Wo,O] */
    const int64_t k = wd[2];
    for (int64_t b = 0; b < yd[0]; b++) {
        for (int64_t i = 0; i < yd[1]; i++) {
            for (int64_t j = 0; j < yd[2]; j++) {
                for (int64_t o = 0; o < yd[3]; o++) {
                    const int64_t e = ((b * yd[1] + i) * yd[2] + j) * yd[3] + o;
                    double sum = (bias != NULL ? (double)bias[o] : 0.0) +
                                 (add != NULL ? (double)add[e] : 0.0);
                    for (int64_t u = 0; u < k; u++) {
                        const int64_t row = i * attr->stride + u - attr->pad;
                        if (row < 0 || row >= xd[1]) continue;
                        for (int64_t v = 0; v < k; v++) {
                            const int64_t column = j * attr->stride + v - attr->pad;
                            if (column < 0 || column >= xd[2]) continue;
                            for (int64_t c = 0; c < xd[3]; c++) {
                                sum += (double)x[((b * xd[1] + row) * xd[2] + column) * xd[3] + c] *
                                       (double)w[((o * xd[3] + c) * k + u) * k + v];
                            }
                        }
                    }
                    y[e] = (float)sum;
                }
            }
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_conv2d_attr *a = attr;
    (void)out;
    if (dout[0] == DUET_NONE) return;
    duet_value dbias = DUET_NONE;
    din[0] = duet_conv2d_dx(g, dout[0], in[1], a->stride, a->pad, duet_dim(g, in[0], 1),
                            duet_dim(g, in[0], 2));
    duet_conv2d_dw(g, in[0], dout[0], a->stride, a->pad, duet_dim(g, in[1], 2), &din[1], &dbias);
    if (in[2] != DUET_NONE) din[2] = dbias;
    if (in[3] != DUET_NONE) din[3] = duet_op_reshaped(g, dout[0], in[3]);
}

static double count_flops(const duet_call *call) {
    const int64_t *w = call->in[1].shape.dim;
    return 2.0 * (double)duet_shape_count(&call->out[0].shape) * (double)(w[1] * w[2] * w[3]);
}

duet_value duet_conv2d(duet_graph *g, duet_value x, duet_value w, duet_value bias, int64_t stride,
                       int64_t pad) {
    const duet_conv2d_attr attr = {.stride = stride, .pad = pad};
    return duet_op_apply(g, &duet_op_conv2d, &attr, x, w, bias);
}

static const duet_param params[] = {
    DUET_INT(duet_conv2d_attr, stride, "1", 1, 1024, "step of the window in pixels"),
    DUET_INT(duet_conv2d_attr, pad, "0", 0, 1024, "zeros on each side"),
};

static const duet_op_case cases[] = {
    {.attr = "stride=1,pad=1",
     .in = {DUET_SHAPE_OF(1, 5, 7, 3), DUET_SHAPE_OF(4, 3, 3, 3), DUET_SHAPE_OF(4), DUET_ABSENT}},
    {.attr = "stride=2,pad=1",
     .in = {DUET_SHAPE_OF(3, 7, 6, 5), DUET_SHAPE_OF(8, 5, 3, 3), DUET_ABSENT, DUET_ABSENT}},
    {.attr = "stride=1,pad=0",
     .in = {DUET_SHAPE_OF(2, 4, 3, 6), DUET_SHAPE_OF(9, 6, 1, 1), DUET_SHAPE_OF(9), DUET_ABSENT}},
    {.attr = "stride=2,pad=3",
     .in = {DUET_SHAPE_OF(1, 9, 8, 2), DUET_SHAPE_OF(3, 2, 7, 7), DUET_SHAPE_OF(3), DUET_ABSENT}},
    {.attr = "stride=2,pad=0",
     .in = {DUET_SHAPE_OF(1, 5, 5, 4), DUET_SHAPE_OF(3, 4, 1, 1), DUET_ABSENT, DUET_ABSENT}},
    {.attr = "stride=1,pad=1",
     .in = {DUET_SHAPE_OF(3, 7, 7, 32), DUET_SHAPE_OF(48, 32, 3, 3), DUET_SHAPE_OF(48),
            DUET_ABSENT}},
    {.attr = "stride=1,pad=1",
     .in = {DUET_SHAPE_OF(2, 14, 14, 16), DUET_SHAPE_OF(16, 16, 3, 3), DUET_SHAPE_OF(16),
            DUET_ABSENT}},
    {.attr = "stride=1,pad=2",
     .in = {DUET_SHAPE_OF(1, 1, 1, 1), DUET_SHAPE_OF(1, 1, 3, 3), DUET_SHAPE_OF(1), DUET_ABSENT}},
    {.attr = "stride=1,pad=1",
     .in = {DUET_SHAPE_OF(5, 28, 28, 20), DUET_SHAPE_OF(24, 20, 3, 3), DUET_SHAPE_OF(24),
            DUET_ABSENT}},
    {.attr = "stride=1,pad=1",
     .in = {DUET_SHAPE_OF(2, 1, 1, 24), DUET_SHAPE_OF(40, 24, 3, 3), DUET_ABSENT, DUET_ABSENT}},
    {.attr = "stride=1,pad=0",
     .in = {DUET_SHAPE_OF(3, 9, 6, 17), DUET_SHAPE_OF(35, 17, 3, 3), DUET_SHAPE_OF(35),
            DUET_ABSENT}},
    {.attr = "stride=2,pad=1",
     .in = {DUET_SHAPE_OF(2, 6, 5, 3), DUET_SHAPE_OF(4, 3, 3, 3), DUET_SHAPE_OF(4),
            DUET_SHAPE_OF(2, 3, 3, 4)}},
    {.attr = "stride=1,pad=1",
     .in = {DUET_SHAPE_OF(3, 9, 6, 17), DUET_SHAPE_OF(35, 17, 3, 3), DUET_SHAPE_OF(35),
            DUET_SHAPE_OF(3, 9, 6, 35)}},
    {.attr = "stride=1,pad=1",
     .in = {DUET_SHAPE_OF(2, 30, 29, 16), DUET_SHAPE_OF(48, 16, 3, 3), DUET_SHAPE_OF(48),
            DUET_SHAPE_OF(2, 30, 29, 48)}},
    {.attr = "stride=1,pad=0",
     .in = {DUET_SHAPE_OF(2, 5, 4, 24), DUET_SHAPE_OF(40, 24, 1, 1), DUET_ABSENT,
            DUET_SHAPE_OF(2, 20, 40)}},
    {.attr = "stride=1,pad=1",
     .in = {DUET_SHAPE_OF(2, 5, 7, 32), DUET_SHAPE_OF(3, 32, 3, 3), DUET_SHAPE_OF(3),
            DUET_SHAPE_OF(2, 5, 7, 3)}},
    {.attr = "stride=1,pad=1",
     .in = {DUET_SHAPE_OF(2, 9, 13, 150), DUET_SHAPE_OF(37, 150, 3, 3), DUET_SHAPE_OF(37),
            DUET_ABSENT}},
    {.attr = "stride=1,pad=1",
     .in = {DUET_SHAPE_OF(2, 6, 5, 300), DUET_SHAPE_OF(280, 300, 3, 3), DUET_ABSENT, DUET_ABSENT}},
    {.attr = "stride=1,pad=1",
     .in = {DUET_SHAPE_OF(1, 3, 2, 464), DUET_SHAPE_OF(17, 464, 3, 3), DUET_SHAPE_OF(17),
            DUET_SHAPE_OF(1, 3, 2, 17)}},
    {.attr = "stride=1,pad=1",
     .in = {DUET_SHAPE_OF(1, 3, 3, 464), DUET_SHAPE_OF(33, 464, 3, 3), DUET_SHAPE_OF(33),
            DUET_ABSENT}},
};

const duet_op duet_op_conv2d = {
    .info = {.name = "conv2d",
             .help = "convolution with zero padding, x[B,H,W,I], w[O,I,k,k], bias[O]?, add[y]?",
             .params = DUET_TABLE(params, duet_conv2d_attr)},
    .inputs = 4,
    .required = 2,
    .outputs = 1,
    .in_place = 1u << 3,
    .bf16_inputs = 1u << 0 | 1u << 3,
    .bf16_outputs = 1u << 0,
    .weight_inputs = 1u << 1,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
