/* SPDX-License-Identifier: MIT
 * engine/op/op_attention.c: self-attention on qkv[B,T,3C]: in each head of d = C/heads channels
 *   y[i] = sum_j softmax_j(q[i].k[j] / sqrt(d)) v[j].
 * Channel order of qkv: legacy = (head, q|k|v, d), guided-diffusion's QKVAttentionLegacy; new = (q|k|v, head, d). */
#include <math.h>

#include "engine/op/attention_layout.h"
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"qkv"};
    const duet_attention_attr *attr = call->attr;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "qkv", 3, 3));
    const int64_t *d = call->in[0].shape.dim;
    if (attr->heads < 1 || d[2] % (3 * attr->heads) != 0)
        return duet_op_fail(call, "%lld channels of qkv cannot be split into 3 x %lld heads", (long long)d[2], (long long)attr->heads);
    return duet_op_out(call, 0, 3, (int64_t[]){d[0], d[1], d[2] / 3});
}

static double score(const float *row_q, const float *row_k, int64_t size) {
    double sum = 0;
    for (int64_t c = 0; c < size; c++) sum += (double)row_q[c] * (double)row_k[c];
    return sum / sqrt((double)size);
}

/* One row of one head. */
static void attend(const float *qkv, int64_t T, int64_t C3, int64_t i, const int64_t at[3], int64_t size, float *y) {
    double most = -INFINITY, total = 0;
    for (int64_t j = 0; j < T; j++) most = fmax(most, score(qkv + i * C3 + at[0], qkv + j * C3 + at[1], size));
    for (int64_t j = 0; j < T; j++) total += exp(score(qkv + i * C3 + at[0], qkv + j * C3 + at[1], size) - most);
    for (int64_t c = 0; c < size; c++) {
        double sum = 0;
        for (int64_t j = 0; j < T; j++)
            sum += exp(score(qkv + i * C3 + at[0], qkv + j * C3 + at[1], size) - most) / total * (double)qkv[j * C3 + at[2] + c];
        y[c] = (float)sum;
    }
}

static void reference(const duet_run *run) {
    const duet_attention_attr *attr = run->call->attr;
    const int64_t *d = run->call->in[0].shape.dim, C = d[2] / 3, size = C / attr->heads;
    const float *qkv = run->in[0]; /* [B,T,3C] */
    float *y = run->out[0];        /* [B,T,C] */
    for (int64_t b = 0; b < d[0]; b++)
        for (int64_t h = 0; h < attr->heads; h++) {
            int64_t at[3];
            duet_attention_offsets(at, attr, C, h);
            for (int64_t i = 0; i < d[1]; i++)
                attend(qkv + b * d[1] * d[2], d[1], d[2], i, at, size, y + (b * d[1] + i) * C + h * size);
        }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out, const duet_value *dout, duet_value *din) {
    const duet_attention_attr *a = attr;
    (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_attention_grad(g, in[0], dout[0], a->heads, a->legacy);
}

static double count_flops(const duet_call *call) {
    const int64_t *d = call->in[0].shape.dim;
    return 4.0 * (double)d[0] * (double)d[1] * (double)d[1] * (double)(d[2] / 3);
}

duet_value duet_attention(duet_graph *g, duet_value qkv, int64_t heads, bool legacy) {
    const duet_attention_attr attr = {.heads = heads, .legacy = legacy};
    return duet_op_apply(g, &duet_op_attention, &attr, qkv, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_attention_attr, heads, "1", 1, 4096, "attention heads"),
    DUET_BOOLEAN(duet_attention_attr, legacy, "true", "qkv channels ordered (head, q|k|v, c)"),
};

static const duet_op_case cases[] = {
    {.attr = "heads=1", .in = {DUET_SHAPE_OF(1, 1, 3)}},
    {.attr = "heads=2,legacy=true", .in = {DUET_SHAPE_OF(3, 5, 24)}},
    {.attr = "heads=2,legacy=false", .in = {DUET_SHAPE_OF(3, 5, 24)}},
    {.attr = "heads=4,legacy=true", .in = {DUET_SHAPE_OF(2, 49, 192)}},
    {.attr = "heads=1,legacy=false", .in = {DUET_SHAPE_OF(1, 37, 51)}},
};

const duet_op duet_op_attention = {
    .info = {.name = "attention", .help = "softmax(q k' / sqrt(d)) v in each head", .params = DUET_TABLE(params, duet_attention_attr)},
    .inputs = 1, .required = 1, .outputs = 1,
    .shape = check_shape, .reference = reference, .grad = gradient, .flops = count_flops,
    .cases = cases, .case_count = DUET_COUNT(cases)};
