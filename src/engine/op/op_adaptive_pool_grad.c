/* SPDX-License-Identifier: MIT
 * engine/op/op_adaptive_pool_grad.c: each pixel gathers from all windows that hold it:
 *   dx[b,r,q,c] = sum over windows (i,j) around (r,q) of dy[b,i,j,c] / pixels of the window */
#include "engine/op/formula.h"
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"dy"};
    const duet_pool_attr *attr = call->attr;
    const int64_t *dy = call->in[0].shape.dim;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "dy", 4, 4));
    if (attr->size < 1 || attr->height < 1 || attr->width < 1) {
        return duet_op_fail(call, "size %lld of %lldx%lld is impossible", (long long)attr->size,
                            (long long)attr->height, (long long)attr->width);
    }
    DUET_TRY(duet_op_want(call, 0, "dy", 4, (int64_t[]){dy[0], attr->size, attr->size, dy[3]}));
    return duet_op_out(call, 0, 4, (int64_t[]){dy[0], attr->height, attr->width, dy[3]});
}

static double gather(const duet_pool_attr *attr, const float *dy, int64_t channels, int64_t r,
                     int64_t q) {
    const int64_t p = attr->size;
    double sum = 0.0;
    for (int64_t i = 0; i < p; i++) {
        const int64_t top = duet_pool_begin(i, attr->height, p),
                      bottom = duet_pool_end(i, attr->height, p);
        if (r < top || r >= bottom) continue;
        for (int64_t j = 0; j < p; j++) {
            const int64_t left = duet_pool_begin(j, attr->width, p),
                          right = duet_pool_end(j, attr->width, p);
            if (q < left || q >= right) continue;
            sum += (double)dy[(i * p + j) * channels] / (double)((bottom - top) * (right - left));
        }
    }
    return sum;
}

static void reference(const duet_run *run) {
    const duet_pool_attr *attr = run->call->attr;
    const int64_t *xd = run->call->out[0].shape.dim;
    const float *dy = run->in[0]; /* [B,p,p,C] */
    float *dx = run->out[0];      /* [B,H,W,C] */
    for (int64_t b = 0; b < xd[0]; b++) {
        for (int64_t r = 0; r < xd[1]; r++) {
            for (int64_t q = 0; q < xd[2]; q++) {
                for (int64_t c = 0; c < xd[3]; c++) {
                    const float *from = dy + b * attr->size * attr->size * xd[3] + c;
                    dx[((b * xd[1] + r) * xd[2] + q) * xd[3] + c] =
                        (float)gather(attr, from, xd[3], r, q);
                }
            }
        }
    }
}

duet_value duet_adaptive_pool_grad(duet_graph *g, duet_value dy, int64_t size, int64_t height,
                                   int64_t width) {
    const duet_pool_attr attr = {.size = size, .height = height, .width = width};
    return duet_op_apply(g, &duet_op_adaptive_pool_grad, &attr, dy, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_pool_attr, size, "1", 1, 4096, "side of the pooled map"),
    DUET_INT(duet_pool_attr, height, "1", 1, 1 << 20, "rows of the pooling's input"),
    DUET_INT(duet_pool_attr, width, "1", 1, 1 << 20, "columns of the pooling's input"),
};

static const duet_op_case cases[] = {
    {.attr = "size=4,height=7,width=7", .in = {DUET_SHAPE_OF(1, 4, 4, 5)}},
    {.attr = "size=2,height=7,width=7", .in = {DUET_SHAPE_OF(3, 2, 2, 32)}},
    {.attr = "size=1,height=5,width=3", .in = {DUET_SHAPE_OF(2, 1, 1, 9)}},
    {.attr = "size=3,height=6,width=2", .in = {DUET_SHAPE_OF(2, 3, 3, 4)}},
};

const duet_op duet_op_adaptive_pool_grad = {
    .info = {.name = "adaptive_pool_grad",
             .help = "gradient of adaptive_pool: dy[B,p,p,C] -> dx[B,H,W,C]",
             .params = DUET_TABLE(params, duet_pool_attr)},
    .inputs = 1,
    .required = 1,
    .outputs = 1,
    .grad_only = true,
    .shape = check_shape,
    .reference = reference,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
