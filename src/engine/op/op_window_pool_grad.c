/* SPDX-License-Identifier: MIT
 * engine/op/op_window_pool_grad.c: dx of window_pool: each pixel gathers from all windows that hold
 * it: of mean dy / pixels of the window in the image, of max dy where the pixel is the window's
 * first largest one by rows, as in PyTorch; for max x is needed. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"dy", "x"};
    const duet_window_pool_attr *a = call->attr;
    const int64_t k = a->kernel, s = a->stride, p = a->pad, h = a->height, w = a->width;
    const int64_t *dy = call->in[0].shape.dim;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "dy", 4, 4));
    if (k < 1 || s < 1 || p < 0 || 2 * p > k || h < 1 || w < 1 || h + 2 * p < k || w + 2 * p < k)
        return duet_op_fail(call,
                            "kernel %lld, stride %lld, pad %lld is impossible for %lld x %lld",
                            (long long)k, (long long)s, (long long)p, (long long)h, (long long)w);
    DUET_TRY(
        duet_op_want(call, 0, "dy", 4,
                     (int64_t[]){dy[0], (h + 2 * p - k) / s + 1, (w + 2 * p - k) / s + 1, dy[3]}));
    if (!a->mean) DUET_TRY(duet_op_present(call, 1, "x"));
    DUET_TRY(duet_op_want(call, 1, "x", 4, (int64_t[]){dy[0], h, w, dy[3]}));
    return duet_op_out(call, 0, 4, (int64_t[]){dy[0], h, w, dy[3]});
}

/* The part of a window in the image. */
typedef struct window {
    int64_t top, bottom, left, right;
} window;

static window window_at(const duet_window_pool_attr *a, int64_t i, int64_t j) {
    const int64_t top = i * a->stride - a->pad, left = j * a->stride - a->pad;
    const int64_t bottom = top + a->kernel, right = left + a->kernel;
    return (window){.top = top < 0 ? 0 : top,
                    .bottom = bottom > a->height ? a->height : bottom,
                    .left = left < 0 ? 0 : left,
                    .right = right > a->width ? a->width : right};
}

/* Share of pixel (r, q) in a window that holds it; x[H,W,…] is this sample's channel. */
static double share(const duet_window_pool_attr *a, const window *in, const float *x,
                    int64_t channels, int64_t r, int64_t q) {
    if (a->mean) return 1.0 / (double)((in->bottom - in->top) * (in->right - in->left));
    int64_t best = in->top * a->width + in->left;
    for (int64_t u = in->top; u < in->bottom; u++) {
        for (int64_t v = in->left; v < in->right; v++) {
            if (x[(u * a->width + v) * channels] > x[best * channels]) best = u * a->width + v;
        }
    }
    return best == r * a->width + q ? 1.0 : 0.0;
}

/* Index of the first window whose end is beyond pixel r. */
static int64_t first_window(const duet_window_pool_attr *a, int64_t r) {
    const int64_t beyond = r + a->pad - a->kernel + 1;
    return beyond <= 0 ? 0 : (beyond + a->stride - 1) / a->stride;
}

static void reference(const duet_run *run) {
    const duet_window_pool_attr *a = run->call->attr;
    const int64_t *xd = run->call->out[0].shape.dim, *yd = run->call->in[0].shape.dim;
    float *dx = run->out[0]; /* [B,H,W,C] */
    for (int64_t e = 0; e < duet_shape_count(&run->call->out[0].shape); e++) {
        const int64_t c = e % xd[3], q = e / xd[3] % xd[2], r = e / xd[3] / xd[2] % xd[1],
                      b = e / xd[3] / xd[2] / xd[1];
        const float *dy = (const float *)run->in[0] + b * yd[1] * yd[2] * yd[3] + c;
        const float *x =
            run->in[1] == NULL ? NULL : (const float *)run->in[1] + b * xd[1] * xd[2] * xd[3] + c;
        double sum = 0.0;
        for (int64_t i = first_window(a, r); i < yd[1] && i * a->stride - a->pad <= r; i++) {
            for (int64_t j = first_window(a, q); j < yd[2] && j * a->stride - a->pad <= q; j++) {
                const window in = window_at(a, i, j);
                sum += share(a, &in, x, xd[3], r, q) * (double)dy[(i * yd[2] + j) * yd[3]];
            }
        }
        dx[e] = (float)sum;
    }
}

static double count_flops(const duet_call *call) {
    const duet_window_pool_attr *a = call->attr;
    return (double)(a->kernel * a->kernel) * (double)duet_shape_count(&call->out[0].shape);
}

duet_value duet_window_pool_grad(duet_graph *g, duet_value dy, duet_value x,
                                 const duet_window_pool_attr *attr) {
    return duet_op_apply(g, &duet_op_window_pool_grad, attr, dy, x, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_window_pool_attr, kernel, "3", 1, 1024, "side of the window"),
    DUET_INT(duet_window_pool_attr, stride, "2", 1, 1024, "step of the window"),
    DUET_INT(duet_window_pool_attr, pad, "1", 0, 1024,
             "pixels around the image, which never count"),
    DUET_BOOLEAN(duet_window_pool_attr, mean, "false", "the mean instead of the largest"),
    DUET_INT(duet_window_pool_attr, height, "1", 1, 1 << 20, "rows of the pooling's input"),
    DUET_INT(duet_window_pool_attr, width, "1", 1, 1 << 20, "columns of the pooling's input"),
};

static const duet_op_case cases[] = {
    {.attr = "kernel=3,stride=2,pad=1,height=7,width=6",
     .in = {DUET_SHAPE_OF(2, 4, 3, 5), DUET_SHAPE_OF(2, 7, 6, 5)}},
    {.attr = "kernel=2,stride=2,pad=0,height=5,width=7",
     .in = {DUET_SHAPE_OF(2, 2, 3, 9), DUET_SHAPE_OF(2, 5, 7, 9)}},
    {.attr = "kernel=2,stride=3,pad=1,height=6,width=5",
     .in = {DUET_SHAPE_OF(1, 3, 2, 8), DUET_SHAPE_OF(1, 6, 5, 8)}},
    {.attr = "kernel=3,stride=1,pad=1,mean=true,height=5,width=4",
     .in = {DUET_SHAPE_OF(2, 5, 4, 7), DUET_ABSENT}},
    {.attr = "kernel=2,stride=2,pad=0,mean=true,height=6,width=5",
     .in = {DUET_SHAPE_OF(1, 3, 2, 16), DUET_ABSENT}},
};

const duet_op duet_op_window_pool_grad = {
    .info = {.name = "window_pool_grad",
             .help = "gradient of window_pool: dy[B,Ho,Wo,C], x[B,H,W,C] of max -> dx[B,H,W,C]",
             .params = DUET_TABLE(params, duet_window_pool_attr)},
    .inputs = 2,
    .required = 1,
    .outputs = 1,
    .bf16_inputs = 1u << 0 | 1u << 1,
    .bf16_outputs = 1u << 0,
    .grad_only = true,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
