/* SPDX-License-Identifier: MIT
 * engine/op/op_attention_grad.c: with P = softmax(S), S = q k' / sqrt(d), y = P v:
 *   dv = P' dy,  dS = P * (dy v' - rowsum(P * dy v')),  dq = dS k / sqrt(d),  dk = dS' q / sqrt(d). */
#include <math.h>
#include <string.h>

#include "engine/op/attention_layout.h"
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"qkv", "dy"};
    const duet_attention_attr *attr = call->attr;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "qkv", 3, 3));
    const int64_t *d = call->in[0].shape.dim;
    if (attr->heads < 1 || d[2] % (3 * attr->heads) != 0)
        return duet_op_fail(call, "%lld channels of qkv cannot be split into 3 x %lld heads", (long long)d[2], (long long)attr->heads);
    DUET_TRY(duet_op_want(call, 1, "dy", 3, (int64_t[]){d[0], d[1], d[2] / 3}));
    return duet_op_out_shape(call, 0, &call->in[0].shape);
}

static double dot(const float *a, const float *b, int64_t size) {
    double sum = 0;
    for (int64_t c = 0; c < size; c++) sum += (double)a[c] * (double)b[c];
    return sum;
}

/* Adds row i's share of one head; x, dx: [T,3C] of one image, dy: row i's [d]. Two passes over the tokens, no T x T store. */
static void add_row(const float *x, float *dx, int64_t T, int64_t C3, int64_t i, const int64_t at[3], int64_t size, const float *dy) {
    const double root = sqrt((double)size);
    double most = -INFINITY, total = 0, mean = 0;
    for (int64_t j = 0; j < T; j++) most = fmax(most, dot(x + i * C3 + at[0], x + j * C3 + at[1], size) / root);
    for (int64_t j = 0; j < T; j++) {
        const double e = exp(dot(x + i * C3 + at[0], x + j * C3 + at[1], size) / root - most);
        total += e;
        mean += e * dot(dy, x + j * C3 + at[2], size);
    }
    mean /= total;
    for (int64_t j = 0; j < T; j++) {
        const double p = exp(dot(x + i * C3 + at[0], x + j * C3 + at[1], size) / root - most) / total;
        const double ds = p * (dot(dy, x + j * C3 + at[2], size) - mean) / root;
        for (int64_t c = 0; c < size; c++) {
            dx[j * C3 + at[2] + c] += (float)(p * (double)dy[c]);
            dx[i * C3 + at[0] + c] += (float)(ds * (double)x[j * C3 + at[1] + c]);
            dx[j * C3 + at[1] + c] += (float)(ds * (double)x[i * C3 + at[0] + c]);
        }
    }
}

static void reference(const duet_run *run) {
    const duet_attention_attr *attr = run->call->attr;
    const int64_t *d = run->call->in[0].shape.dim, C = d[2] / 3, size = C / attr->heads;
    const float *qkv = run->in[0], *dy = run->in[1]; /* [B,T,3C], [B,T,C] */
    float *dqkv = run->out[0];
    memset(dqkv, 0, (size_t)duet_shape_count(&run->call->in[0].shape) * sizeof *dqkv);
    for (int64_t b = 0; b < d[0]; b++)
        for (int64_t h = 0; h < attr->heads; h++) {
            int64_t at[3];
            duet_attention_offsets(at, attr, C, h);
            for (int64_t i = 0; i < d[1]; i++)
                add_row(qkv + b * d[1] * d[2], dqkv + b * d[1] * d[2], d[1], d[2], i, at, size, dy + (b * d[1] + i) * C + h * size);
        }
}

static double count_flops(const duet_call *call) {
    const int64_t *d = call->in[0].shape.dim;
    return 10.0 * (double)d[0] * (double)d[1] * (double)d[1] * (double)(d[2] / 3);
}

duet_value duet_attention_grad(duet_graph *g, duet_value qkv, duet_value dy, int64_t heads, bool legacy) {
    const duet_attention_attr attr = {.heads = heads, .legacy = legacy};
    return duet_op_apply(g, &duet_op_attention_grad, &attr, qkv, dy, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_attention_attr, heads, "1", 1, 4096, "attention heads"),
    DUET_BOOLEAN(duet_attention_attr, legacy, "true", "qkv channels ordered (head, q|k|v, c)"),
};

static const duet_op_case cases[] = {
    {.attr = "heads=1", .in = {DUET_SHAPE_OF(1, 1, 3), DUET_SHAPE_OF(1, 1, 1)}},
    {.attr = "heads=2,legacy=true", .in = {DUET_SHAPE_OF(3, 5, 24), DUET_SHAPE_OF(3, 5, 8)}},
    {.attr = "heads=2,legacy=false", .in = {DUET_SHAPE_OF(2, 16, 48), DUET_SHAPE_OF(2, 16, 16)}},
    {.attr = "heads=1,legacy=false", .in = {DUET_SHAPE_OF(1, 37, 51), DUET_SHAPE_OF(1, 37, 17)}},
};

const duet_op duet_op_attention_grad = {
    .info = {.name = "attention_grad", .help = "gradient of attention", .params = DUET_TABLE(params, duet_attention_attr)},
    .inputs = 2, .required = 2, .outputs = 1, .grad_only = true,
    .shape = check_shape, .reference = reference, .flops = count_flops,
    .cases = cases, .case_count = DUET_COUNT(cases)};
