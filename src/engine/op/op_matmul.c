/* SPDX-License-Identifier: MIT
 * engine/op/op_matmul.c: products of two activations: y[b,m,n] = sum over k of A[b,m,k] B[b,k,n].
 * a is A, or with transpose_a A's transpose [B,K,M]; b is B, or with transpose_b [B,N,K]. Both have
 * rank 3, or both rank 2 and no batch. The gradients are matmuls again. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"a", "b"};
    const duet_matmul_attr *attr = call->attr;
    const duet_shape *a = &call->in[0].shape, *b = &call->in[1].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "a", 2, 3));
    DUET_TRY(duet_op_rank(call, 1, "b", a->rank, a->rank));
    const int row = a->rank - 2, column = a->rank - 1;
    duet_shape want = *a, y = *a;
    want.dim[attr->transpose_b ? column : row] = a->dim[attr->transpose_a ? row : column];
    want.dim[attr->transpose_b ? row : column] = b->dim[attr->transpose_b ? row : column];
    DUET_TRY(duet_op_want_shape(call, 1, "b", &want));
    y.dim[row] = a->dim[attr->transpose_a ? column : row];
    y.dim[column] = b->dim[attr->transpose_b ? row : column];
    return duet_op_out_shape(call, 0, &y);
}

static void reference(const duet_run *run) {
    const duet_matmul_attr *attr = run->call->attr;
    const duet_shape *as = &run->call->in[0].shape, *ys = &run->call->out[0].shape;
    const int row = ys->rank - 2, column = ys->rank - 1;
    const int64_t batch = ys->rank == 3 ? ys->dim[0] : 1, M = ys->dim[row], N = ys->dim[column],
                  K = as->dim[attr->transpose_a ? row : column];
    const float *a = run->in[0], *b = run->in[1];
    float *y = run->out[0]; /* [B,M,N] */
    for (int64_t i = 0; i < batch; i++, a += M * K, b += K * N, y += M * N) {
        for (int64_t m = 0; m < M; m++) {
            for (int64_t n = 0; n < N; n++) {
                double sum = 0.0;
                for (int64_t k = 0; k < K; k++) {
                    sum += (double)a[attr->transpose_a ? k * M + m : m * K + k] *
                           (double)b[attr->transpose_b ? n * K + k : k * N + n];
                }
                y[m * N + n] = (float)sum;
            }
        }
    }
}

/* With Y = A B: dA = dY B^T and dB = A^T dY, each of them transposed where its input is. */
static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_matmul_attr *t = attr;
    (void)out;
    if (dout[0] == DUET_NONE) return;
    din[0] = t->transpose_a ? duet_matmul(g, in[1], dout[0], t->transpose_b, true)
                            : duet_matmul(g, dout[0], in[1], false, !t->transpose_b);
    din[1] = t->transpose_b ? duet_matmul(g, dout[0], in[0], true, t->transpose_a)
                            : duet_matmul(g, in[0], dout[0], !t->transpose_a, false);
}

static double count_flops(const duet_call *call) {
    const duet_matmul_attr *attr = call->attr;
    const duet_shape *a = &call->in[0].shape;
    return 2.0 * (double)duet_shape_count(&call->out[0].shape) *
           (double)a->dim[attr->transpose_a ? a->rank - 2 : a->rank - 1];
}

duet_value duet_matmul(duet_graph *g, duet_value a, duet_value b, bool transpose_a,
                       bool transpose_b) {
    const duet_matmul_attr attr = {.transpose_a = transpose_a, .transpose_b = transpose_b};
    return duet_op_apply(g, &duet_op_matmul, &attr, a, b, DUET_NONE);
}

static const duet_param params[] = {
    DUET_BOOLEAN(duet_matmul_attr, transpose_a, "false", "a is [B,K,M]"),
    DUET_BOOLEAN(duet_matmul_attr, transpose_b, "false", "b is [B,N,K]"),
};

static const duet_op_case cases[] = {
    {.attr = "transpose_a=false,transpose_b=false",
     .in = {DUET_SHAPE_OF(5, 3), DUET_SHAPE_OF(3, 7)}},
    {.attr = "transpose_a=true,transpose_b=false",
     .in = {DUET_SHAPE_OF(2, 3, 5), DUET_SHAPE_OF(2, 3, 7)}},
    {.attr = "transpose_a=false,transpose_b=true",
     .in = {DUET_SHAPE_OF(3, 17, 9), DUET_SHAPE_OF(3, 35, 9)}},
    {.attr = "transpose_a=true,transpose_b=true", .in = {DUET_SHAPE_OF(3, 5), DUET_SHAPE_OF(7, 3)}},
    {.attr = "transpose_a=false,transpose_b=false",
     .in = {DUET_SHAPE_OF(2, 133, 40), DUET_SHAPE_OF(2, 40, 50)}},
    {.attr = "transpose_a=true,transpose_b=true",
     .in = {DUET_SHAPE_OF(2, 40, 133), DUET_SHAPE_OF(2, 50, 40)}},
};

const duet_op duet_op_matmul = {
    .info = {.name = "matmul",
             .help = "product of two activations, a[B,M,K] b[B,K,N] -> [B,M,N], either transposed",
             .params = DUET_TABLE(params, duet_matmul_attr)},
    .inputs = 2,
    .required = 2,
    .outputs = 1,
    .bf16_inputs = 1u << 0 | 1u << 1,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
