/* SPDX-License-Identifier: MIT
 * engine/op/op_conv2d_dw.c: gradients of conv2d with respect to weight and bias.
 *   dw[o,c,u,v] = sum over b,i,j of dy[b,i,j,o] x[b, i s + u - p, j s + v - p, c];
 *   dbias[o] = sum over b,i,j of dy[b,i,j,o] */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "dy"};
    const duet_conv2d_attr *attr = call->attr;
    const int64_t *x = call->in[0].shape.dim, *dy = call->in[1].shape.dim;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 4, 4));
    DUET_TRY(duet_op_rank(call, 1, "dy", 4, 4));
    const int64_t k = attr->kernel;
    if (attr->stride < 1 || attr->pad < 0 || attr->pad > (1 << 20) || k < 1 ||
        x[1] + 2 * attr->pad < k || x[2] + 2 * attr->pad < k) {
        char text[96];
        return duet_op_fail(call, "stride %lld, pad %lld, kernel %lld is impossible for x %s",
                            (long long)attr->stride, (long long)attr->pad, (long long)k,
                            duet_shape_text(&call->in[0].shape, text));
    }
    const int64_t rows = (x[1] + 2 * attr->pad - k) / attr->stride + 1,
                  columns = (x[2] + 2 * attr->pad - k) / attr->stride + 1;
    DUET_TRY(duet_op_want(call, 1, "dy", 4, (int64_t[]){x[0], rows, columns, dy[3]}));
    DUET_TRY(duet_op_out(call, 0, 4, (int64_t[]){dy[3], x[3], k, k}));
    return duet_op_out(call, 1, 1, (int64_t[]){dy[3]});
}

static void reference_weight(const duet_run *run) {
    const duet_conv2d_attr *attr = run->call->attr;
    const int64_t *xd = run->call->in[0].shape.dim, *yd = run->call->in[1].shape.dim;
    const float *x = run->in[0], *dy = run->in[1]; /* [B,H,W,I], [B,Ho,Wo,O] */
    float *dw = run->out[0];                       /* [O,I,k,k] */
    const int64_t k = attr->kernel;
    for (int64_t o = 0; o < yd[3]; o++) {
        for (int64_t c = 0; c < xd[3]; c++) {
            for (int64_t u = 0; u < k; u++) {
                for (int64_t v = 0; v < k; v++) {
                    double sum = 0.0;
                    for (int64_t b = 0; b < yd[0]; b++) {
                        for (int64_t i = 0; i < yd[1]; i++) {
                            const int64_t row = i * attr->stride + u - attr->pad;
                            if (row < 0 || row >= xd[1]) continue;
                            for (int64_t j = 0; j < yd[2]; j++) {
                                const int64_t column = j * attr->stride + v - attr->pad;
                                if (column < 0 || column >= xd[2]) continue;
                                sum += (double)dy[((b * yd[1] + i) * yd[2] + j) * yd[3] + o] *
                                       (double)x[((b * xd[1] + row) * xd[2] + column) * xd[3] + c];
                            }
                        }
                    }
                    dw[((o * xd[3] + c) * k + u) * k + v] = (float)sum;
                }
            }
        }
    }
}

static void reference(const duet_run *run) {
    const int64_t rows = duet_op_rows(&run->call->in[1].shape),
                  size = duet_op_last(&run->call->in[1].shape);
    const float *dy = run->in[1];
    float *dbias = run->out[1];
    if (run->out[0] != NULL) reference_weight(run);
    for (int64_t o = 0; dbias != NULL && o < size; o++) {
        double sum = 0.0;
        for (int64_t r = 0; r < rows; r++) sum += (double)dy[r * size + o];
        dbias[o] = (float)sum;
    }
}

static double count_flops(const duet_call *call) {
    const duet_conv2d_attr *attr = call->attr;
    const double taps = (double)(attr->kernel * attr->kernel * call->in[0].shape.dim[3]);
    return 2.0 * (double)duet_shape_count(&call->in[1].shape) * taps;
}

void duet_conv2d_dw(duet_graph *g, duet_value x, duet_value dy, int64_t stride, int64_t pad,
                    int64_t kernel, duet_value *dw, duet_value *dbias) {
    const duet_conv2d_attr attr = {.stride = stride, .pad = pad, .kernel = kernel};
    const duet_value in[DUET_MAX_INPUTS] = {x, dy};
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_conv2d_dw, &attr, in, out);
    *dw = out[0];
    *dbias = out[1];
}

static const duet_param params[] = {
    DUET_INT(duet_conv2d_attr, stride, "1", 1, 1024, "step of the window in pixels"),
    DUET_INT(duet_conv2d_attr, pad, "0", 0, 1024, "zeros on each side"),
    DUET_INT(duet_conv2d_attr, kernel, "1", 1, 1024, "side of the window"),
};

static const duet_op_case cases[] = {
    {.attr = "stride=1,pad=1,kernel=3",
     .in = {DUET_SHAPE_OF(1, 5, 7, 3), DUET_SHAPE_OF(1, 5, 7, 4)}},
    {.attr = "stride=2,pad=1,kernel=3",
     .in = {DUET_SHAPE_OF(3, 7, 6, 5), DUET_SHAPE_OF(3, 4, 3, 8)}},
    {.attr = "stride=1,pad=0,kernel=1",
     .in = {DUET_SHAPE_OF(2, 4, 3, 6), DUET_SHAPE_OF(2, 4, 3, 9)}},
    {.attr = "stride=2,pad=0,kernel=1",
     .in = {DUET_SHAPE_OF(1, 5, 6, 4), DUET_SHAPE_OF(1, 3, 3, 3)}},
    {.attr = "stride=1,pad=1,kernel=3",
     .in = {DUET_SHAPE_OF(3, 7, 7, 32), DUET_SHAPE_OF(3, 7, 7, 48)}},
    {.attr = "stride=1,pad=1,kernel=3",
     .in = {DUET_SHAPE_OF(5, 14, 28, 20), DUET_SHAPE_OF(5, 14, 28, 24)}},
    {.attr = "stride=1,pad=1,kernel=3",
     .in = {DUET_SHAPE_OF(2, 1, 1, 24), DUET_SHAPE_OF(2, 1, 1, 40)}},
    {.attr = "stride=1,pad=1,kernel=3",
     .in = {DUET_SHAPE_OF(2, 37, 33, 72), DUET_SHAPE_OF(2, 37, 33, 33)}},
    {.attr = "stride=1,pad=0,kernel=3",
     .in = {DUET_SHAPE_OF(1, 9, 6, 17), DUET_SHAPE_OF(1, 7, 4, 35)}},
};

const duet_op duet_op_conv2d_dw = {
    .info = {.name = "conv2d_dw",
             .help = "gradients to w and bias: x[B,H,W,I], dy[B,Ho,Wo,O] -> dw[O,I,k,k], dbias[O]",
             .params = DUET_TABLE(params, duet_conv2d_attr)},
    .inputs = 2,
    .required = 2,
    .outputs = 2,
    .grad_only = true,
    .bf16_inputs = 1u << 0 | 1u << 1,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
