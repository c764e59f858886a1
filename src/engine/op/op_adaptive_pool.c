/* SPDX-License-Identifier: MIT
 * engine/op/op_adaptive_pool.c: y[b,i,j,c] = mean of x over rows floor(i H/p) .. ceil((i+1) H/p)
 * and columns likewise, as PyTorch's adaptive_avg_pool2d. Windows overlap when p does not divide
 * the size, and repeat pixels when p is larger. */
#include "engine/op/formula.h"
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    const duet_pool_attr *attr = call->attr;
    const int64_t *x = call->in[0].shape.dim;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 4, 4));
    if (attr->size < 1) return duet_op_fail(call, "size %lld is impossible", (long long)attr->size);
    return duet_op_out(call, 0, 4, (int64_t[]){x[0], attr->size, attr->size, x[3]});
}

static void reference(const duet_run *run) {
    const duet_pool_attr *attr = run->call->attr;
    const int64_t *xd = run->call->in[0].shape.dim;
    const int64_t p = attr->size;
    const float *x = run->in[0]; /* [B,H,W,C] */
    float *y = run->out[0];      /* [B,p,p,C] */
    for (int64_t b = 0; b < xd[0]; b++) {
        for (int64_t i = 0; i < p; i++) {
            for (int64_t j = 0; j < p; j++) {
                const int64_t top = duet_pool_begin(i, xd[1], p),
                              bottom = duet_pool_end(i, xd[1], p);
                const int64_t left = duet_pool_begin(j, xd[2], p),
                              right = duet_pool_end(j, xd[2], p);
                for (int64_t c = 0; c < xd[3]; c++) {
                    double sum = 0.0;
                    for (int64_t r = top; r < bottom; r++) {
                        for (int64_t q = left; q < right; q++)
                            sum += (double)x[((b * xd[1] + r) * xd[2] + q) * xd[3] + c];
                    }
                    y[((b * p + i) * p + j) * xd[3] + c] =
                        (float)(sum / (double)((bottom - top) * (right - left)));
                }
            }
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_pool_attr *a = attr;
    (void)out;
    if (dout[0] != DUET_NONE)
        din[0] = duet_adaptive_pool_grad(g, dout[0], a->size, duet_dim(g, in[0], 1),
                                         duet_dim(g, in[0], 2));
}

static double count_flops(const duet_call *call) {
    return (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_adaptive_pool(duet_graph *g, duet_value x, int64_t size) {
    const duet_pool_attr attr = {.size = size};
    return duet_op_apply(g, &duet_op_adaptive_pool, &attr, x, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_pool_attr, size, "1", 1, 4096, "side of the result"),
};

static const duet_op_case cases[] = {
    {.attr = "size=4", .in = {DUET_SHAPE_OF(1, 7, 7, 5)}},
    {.attr = "size=2", .in = {DUET_SHAPE_OF(3, 7, 7, 32)}},
    {.attr = "size=1", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}},
    {.attr = "size=3", .in = {DUET_SHAPE_OF(2, 6, 2, 4)}},
    {.attr = "size=7", .in = {DUET_SHAPE_OF(1, 14, 14, 16)}},
};

const duet_op duet_op_adaptive_pool = {
    .info = {.name = "adaptive_pool",
             .help = "adaptive average pooling, x[B,H,W,C] -> [B,size,size,C]",
             .params = DUET_TABLE(params, duet_pool_attr)},
    .inputs = 1,
    .required = 1,
    .outputs = 1,
    .bf16_inputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
