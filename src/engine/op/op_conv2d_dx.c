/* SPDX-License-Identifier: MIT
 * engine/op/op_conv2d_dx.c: gradient of conv2d with respect to its input, and on its own the
 *   transposed convolution. dx[b,r,q,c] = sum over o,u,v with i s + u - p = r, j s + v - p = q of
 *   dy[b,i,j,o] w[o,c,u,v] The input's size is an attribute: with a stride it does not follow from
 *   dy. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"dy", "w"};
    const duet_conv2d_attr *attr = call->attr;
    const int64_t *dy = call->in[0].shape.dim, *w = call->in[1].shape.dim;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "dy", 4, 4));
    DUET_TRY(duet_op_rank(call, 1, "w", 4, 4));
    DUET_TRY(duet_op_want(call, 1, "w", 4, (int64_t[]){dy[3], w[1], w[2], w[2]}));
    if (attr->stride < 1 || attr->pad < 0 || attr->pad > (1 << 20) || attr->height < 1 ||
        attr->width < 1 || attr->height > (1 << 20) || attr->width > (1 << 20) ||
        attr->height + 2 * attr->pad < w[2] || attr->width + 2 * attr->pad < w[2]) {
        return duet_op_fail(call, "stride %lld, pad %lld, size %lldx%lld is impossible",
                            (long long)attr->stride, (long long)attr->pad, (long long)attr->height,
                            (long long)attr->width);
    }
    DUET_TRY(
        duet_op_want(call, 0, "dy", 4,
                     (int64_t[]){dy[0], (attr->height + 2 * attr->pad - w[2]) / attr->stride + 1,
                                 (attr->width + 2 * attr->pad - w[2]) / attr->stride + 1, w[0]}));
    return duet_op_out(call, 0, 4, (int64_t[]){dy[0], attr->height, attr->width, w[1]});
}

static void reference(const duet_run *run) {
    const duet_conv2d_attr *attr = run->call->attr;
    const int64_t *yd = run->call->in[0].shape.dim, *wd = run->call->in[1].shape.dim,
                  *xd = run->call->out[0].shape.dim;
    const float *dy = run->in[0], *w = run->in[1]; /* [B,Ho,Wo,O], [O,I,k,k] */
    float *dx = run->out[0];                       /* [B,H,W,I] */
    const int64_t k = wd[2], s = attr->stride;
    for (int64_t b = 0; b < xd[0]; b++) {
        for (int64_t row = 0; row < xd[1]; row++) {
            for (int64_t column = 0; column < xd[2]; column++) {
                for (int64_t c = 0; c < xd[3]; c++) {
                    double sum = 0.0;
                    for (int64_t u = 0; u < k; u++) {
                        const int64_t top = row + attr->pad - u; /* = i s */
                        if (top < 0 || top % s != 0 || top / s >= yd[1]) continue;
                        for (int64_t v = 0; v < k; v++) {
                            const int64_t left = column + attr->pad - v; /* = j s */
                            if (left < 0 || left % s != 0 || left / s >= yd[2]) continue;
                            for (int64_t o = 0; o < yd[3]; o++) {
                                sum +=
                                    (double)
                                        dy[((b * yd[1] + top / s) * yd[2] + left / s) * yd[3] + o] *
                                    (double)w[((o * xd[3] + c) * k + u) * k + v];
                            }
                        }
                    }
                    dx[((b * xd[1] + row) * xd[2] + column) * xd[3] + c] = (float)sum;
                }
            }
        }
    }
}

/* The transpose of the transpose: d/d(dy) is conv2d; with respect to w both exchange their places
 * in conv2d_dw. */
static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_conv2d_attr *a = attr;
    duet_value unused = DUET_NONE;
    (void)out;
    if (dout[0] == DUET_NONE) return;
    din[0] = duet_conv2d(g, dout[0], in[1], DUET_NONE, a->stride, a->pad);
    duet_conv2d_dw(g, dout[0], in[0], a->stride, a->pad, duet_dim(g, in[1], 2), &din[1], &unused);
}

static double count_flops(const duet_call *call) {
    const int64_t *w = call->in[1].shape.dim;
    return 2.0 * (double)duet_shape_count(&call->in[0].shape) * (double)(w[1] * w[2] * w[3]);
}

duet_value duet_conv2d_dx(duet_graph *g, duet_value dy, duet_value w, int64_t stride, int64_t pad,
                          int64_t height, int64_t width) {
    const duet_conv2d_attr attr = {.stride = stride, .pad = pad, .height = height, .width = width};
    return duet_op_apply(g, &duet_op_conv2d_dx, &attr, dy, w, DUET_NONE);
}

duet_value duet_conv_transpose2d(duet_graph *g, duet_value x, duet_value w, duet_value bias,
                                 int64_t stride, int64_t pad) {
    const int64_t more = duet_dim(g, w, 2) - 2 * pad - stride;
    const duet_value y = duet_conv2d_dx(g, x, w, stride, pad, duet_dim(g, x, 1) * stride + more,
                                        duet_dim(g, x, 2) * stride + more);
    return bias == DUET_NONE ? y : duet_add_bias(g, y, bias);
}

static const duet_param params[] = {
    DUET_INT(duet_conv2d_attr, stride, "1", 1, 1024, "step of the window in pixels"),
    DUET_INT(duet_conv2d_attr, pad, "0", 0, 1024, "zeros on each side"),
    DUET_INT(duet_conv2d_attr, height, "1", 1, 1 << 20, "rows of the convolution's input"),
    DUET_INT(duet_conv2d_attr, width, "1", 1, 1 << 20, "columns of the convolution's input"),
};

static const duet_op_case cases[] = {
    {.attr = "stride=1,pad=1,height=5,width=7",
     .in = {DUET_SHAPE_OF(1, 5, 7, 4), DUET_SHAPE_OF(4, 3, 3, 3)}},
    {.attr = "stride=2,pad=1,height=7,width=6",
     .in = {DUET_SHAPE_OF(3, 4, 3, 8), DUET_SHAPE_OF(8, 5, 3, 3)}},
    {.attr = "stride=2,pad=1,height=8,width=8",
     .in = {DUET_SHAPE_OF(2, 4, 4, 16), DUET_SHAPE_OF(16, 16, 3, 3)}},
    {.attr = "stride=1,pad=0,height=4,width=3",
     .in = {DUET_SHAPE_OF(2, 4, 3, 9), DUET_SHAPE_OF(9, 6, 1, 1)}},
    {.attr = "stride=2,pad=0,height=5,width=6",
     .in = {DUET_SHAPE_OF(1, 3, 3, 3), DUET_SHAPE_OF(3, 4, 1, 1)}},
    {.attr = "stride=2,pad=1,height=6,width=8",
     .in = {DUET_SHAPE_OF(2, 3, 4, 5), DUET_SHAPE_OF(5, 3, 4, 4)}},
    {.attr = "stride=1,pad=0,height=7,width=7",
     .in = {DUET_SHAPE_OF(2, 6, 6, 4), DUET_SHAPE_OF(4, 3, 2, 2)}},
    {.attr = "stride=1,pad=1,height=7,width=7",
     .in = {DUET_SHAPE_OF(3, 7, 7, 48), DUET_SHAPE_OF(48, 32, 3, 3)}},
    {.attr = "stride=1,pad=1,height=14,width=28",
     .in = {DUET_SHAPE_OF(5, 14, 28, 20), DUET_SHAPE_OF(20, 24, 3, 3)}},
    {.attr = "stride=1,pad=0,height=9,width=6",
     .in = {DUET_SHAPE_OF(1, 7, 4, 35), DUET_SHAPE_OF(35, 17, 3, 3)}},
};

const duet_op duet_op_conv2d_dx = {
    .info = {.name = "conv2d_dx",
             .help = "gradient of conv2d to its input: dy[B,Ho,Wo,O], w[O,I,k,k] -> dx[B,H,W,I]",
             .params = DUET_TABLE(params, duet_conv2d_attr)},
    .inputs = 2,
    .required = 2,
    .outputs = 1,
    .bf16_inputs = 1u << 0,
    .bf16_outputs = 1u << 0,
    .weight_inputs = 1u << 1,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
