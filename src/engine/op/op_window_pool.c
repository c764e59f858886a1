/* SPDX-License-Identifier: MIT
 * engine/op/op_window_pool.c: y[b,i,j,c] = max, or mean, of x over rows i s - p .. i s - p + k - 1
 * and columns likewise, as far as they are in the image: PyTorch's max_pool2d, whose padding is
 * minus infinity, and its avg_pool2d with count_include_pad=False. The gradient is
 * window_pool_grad. */
#include <math.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    const duet_window_pool_attr *attr = call->attr;
    const int64_t *x = call->in[0].shape.dim, k = attr->kernel, s = attr->stride, p = attr->pad;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 4, 4));
    if (k < 1 || s < 1 || p < 0 || 2 * p > k || x[1] + 2 * p < k || x[2] + 2 * p < k)
        return duet_op_fail(
            call, "kernel %lld, stride %lld, pad %lld is impossible for %lld x %lld", (long long)k,
            (long long)s, (long long)p, (long long)x[1], (long long)x[2]);
    return duet_op_out(
        call, 0, 4,
        (int64_t[]){x[0], (x[1] + 2 * p - k) / s + 1, (x[2] + 2 * p - k) / s + 1, x[3]});
}

static void reference(const duet_run *run) {
    const duet_window_pool_attr *a = run->call->attr;
    const int64_t *xd = run->call->in[0].shape.dim, *yd = run->call->out[0].shape.dim;
    const float *x = run->in[0]; /* [B,H,W,C] */
    float *y = run->out[0];
    for (int64_t e = 0; e < duet_shape_count(&run->call->out[0].shape); e++) {
        const int64_t c = e % yd[3], j = e / yd[3] % yd[2], i = e / yd[3] / yd[2] % yd[1],
                      b = e / yd[3] / yd[2] / yd[1];
        float most = -INFINITY;
        double sum = 0.0;
        int64_t count = 0;
        for (int64_t u = 0; u < a->kernel; u++) {
            for (int64_t v = 0; v < a->kernel; v++) {
                const int64_t r = i * a->stride - a->pad + u, q = j * a->stride - a->pad + v;
                if (r < 0 || r >= xd[1] || q < 0 || q >= xd[2]) continue;
                const float value = x[((b * xd[1] + r) * xd[2] + q) * xd[3] + c];
                if (value > most) most = value;
                sum += (double)value;
                count++;
            }
        }
        y[e] = a->mean ? (float)(sum / (double)count) : most;
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    duet_window_pool_attr a = *(const duet_window_pool_attr *)attr;
    (void)out;
    if (dout[0] == DUET_NONE) return;
    a.height = duet_dim(g, in[0], 1);
    a.width = duet_dim(g, in[0], 2);
    din[0] = duet_window_pool_grad(g, dout[0], a.mean ? DUET_NONE : in[0], &a);
}

static double count_flops(const duet_call *call) {
    const duet_window_pool_attr *a = call->attr;
    return (double)(a->kernel * a->kernel) * (double)duet_shape_count(&call->out[0].shape);
}

duet_value duet_mean_pool(duet_graph *g, duet_value x, int64_t kernel, int64_t stride,
                          int64_t pad) {
    const duet_window_pool_attr attr = {
        .kernel = kernel, .stride = stride, .pad = pad, .mean = true};
    return duet_op_apply(g, &duet_op_window_pool, &attr, x, DUET_NONE, DUET_NONE);
}

duet_value duet_max_pool(duet_graph *g, duet_value x, int64_t kernel, int64_t stride, int64_t pad) {
    const duet_window_pool_attr attr = {.kernel = kernel, .stride = stride, .pad = pad};
    return duet_op_apply(g, &duet_op_window_pool, &attr, x, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_window_pool_attr, kernel, "3", 1, 1024, "side of the window"),
    DUET_INT(duet_window_pool_attr, stride, "2", 1, 1024, "step of the window"),
    DUET_INT(duet_window_pool_attr, pad, "1", 0, 1024,
             "pixels around the image, which never count"),
    DUET_BOOLEAN(duet_window_pool_attr, mean, "false", "the mean instead of the largest"),
};

static const duet_op_case cases[] = {
    {.attr = "kernel=3,stride=2,pad=1", .in = {DUET_SHAPE_OF(2, 7, 6, 5)}},
    {.attr = "kernel=3,stride=2,pad=0", .in = {DUET_SHAPE_OF(1, 9, 9, 16)}},
    {.attr = "kernel=2,stride=2,pad=0", .in = {DUET_SHAPE_OF(2, 4, 6, 37)}},
    {.attr = "kernel=3,stride=1,pad=1", .in = {DUET_SHAPE_OF(1, 5, 3, 8)}},
    {.attr = "kernel=3,stride=1,pad=1,mean=true", .in = {DUET_SHAPE_OF(2, 5, 4, 37)}},
    {.attr = "kernel=2,stride=2,pad=0,mean=true", .in = {DUET_SHAPE_OF(1, 6, 4, 16)}},
};

const duet_op duet_op_window_pool = {
    .info = {.name = "window_pool",
             .help = "largest value or mean of a window, x[B,H,W,C] -> [B,(H+2p-k)/s+1,…,C]",
             .params = DUET_TABLE(params, duet_window_pool_attr)},
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
