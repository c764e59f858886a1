/* SPDX-License-Identifier: MIT
 * engine/op/op_attention_grad.c: gradient of attention; the probabilities a[t,s] are computed
 * again.
 *   g[t,s] = dy[t] . v[s];  m[t] = sum over s of a[t,s] g[t,s];
 *   e[t,s] = a[t,s] (g[t,s] - m[t]) / sqrt(d)
 *   dq[t] = sum over s of e[t,s] k[s];  dk[s] = sum over t of e[t,s] q[t];
 *   dv[s] = sum over t of a[t,s] dy[t]
 * Without scratch memory the reference computes rows of a again for each key: T^3 steps, for small
 * T only. */
#include <math.h>

#include "engine/op/formula.h"
#include "engine/op/op_list.h"

#define CHUNK 64 /* channels summed at once */

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"qkv", "dy"};
    const duet_attention_attr *attr = call->attr;
    const duet_shape *qkv = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "qkv", 3, 3));
    if (attr->heads < 1 || attr->heads > qkv->dim[2] || qkv->dim[2] % (3 * attr->heads) != 0) {
        char text[96];
        return duet_op_fail(call, "qkv %s does not divide into 3 x %lld heads",
                            duet_shape_text(qkv, text), (long long)attr->heads);
    }
    DUET_TRY(
        duet_op_want(call, 1, "dy", 3, (int64_t[]){qkv->dim[0], qkv->dim[1], qkv->dim[2] / 3}));
    return duet_op_out_shape(call, 0, qkv);
}

typedef struct head_view {                   /* one head of one sample */
    const float *q, *k, *v, *dy;             /* [T,d] */
    int64_t tokens, stride, dy_stride, size; /* strides between tokens of q, k, v and of dy */
} head_view;

typedef struct row_view {     /* what softmax needs to know of row t */
    double peak, total, mean; /* mean: m[t] */
} row_view;

static double dot(const float *a, const float *b, int64_t count) {
    double sum = 0.0;
    for (int64_t c = 0; c < count; c++) sum += (double)a[c] * (double)b[c];
    return sum;
}

static double logit(const head_view *h, int64_t t, int64_t s) {
    return dot(h->q + t * h->stride, h->k + s * h->stride, h->size) / sqrt((double)h->size);
}

static double slope(const head_view *h, int64_t t, int64_t s) {
    return dot(h->dy + t * h->dy_stride, h->v + s * h->stride, h->size);
}

static row_view row_of(const head_view *h, int64_t t) {
    row_view row = {.peak = logit(h, t, 0)};
    for (int64_t s = 1; s < h->tokens; s++) row.peak = fmax(row.peak, logit(h, t, s));
    for (int64_t s = 0; s < h->tokens; s++) {
        const double weight = exp(logit(h, t, s) - row.peak);
        row.total += weight;
        row.mean += weight * slope(h, t, s);
    }
    row.mean /= row.total;
    return row;
}

/* dq of token t: begins at `out` */
static void query_gradient(const head_view *h, int64_t t, int64_t first, int64_t count,
                           float *out) {
    const row_view row = row_of(h, t);
    double sum[CHUNK] = {0};
    for (int64_t s = 0; s < h->tokens; s++) {
        const double a = exp(logit(h, t, s) - row.peak) / row.total;
        const double e = a * (slope(h, t, s) - row.mean) / sqrt((double)h->size);
        for (int64_t c = 0; c < count; c++) sum[c] += e * (double)h->k[s * h->stride + first + c];
    }
    for (int64_t c = 0; c < count; c++) out[first + c] = (float)sum[c];
}

/* dk and dv of token s */
static void key_gradient(const head_view *h, int64_t s, int64_t first, int64_t count, float *dk,
                         float *dv) {
    double key[CHUNK] = {0}, value[CHUNK] = {0};
    for (int64_t t = 0; t < h->tokens; t++) {
        const row_view row = row_of(h, t);
        const double a = exp(logit(h, t, s) - row.peak) / row.total;
        const double e = a * (slope(h, t, s) - row.mean) / sqrt((double)h->size);
        for (int64_t c = 0; c < count; c++) {
            key[c] += e * (double)h->q[t * h->stride + first + c];
            value[c] += a * (double)h->dy[t * h->dy_stride + first + c];
        }
    }
    for (int64_t c = 0; c < count; c++) {
        dk[first + c] = (float)key[c];
        dv[first + c] = (float)value[c];
    }
}

static void reference(const duet_run *run) {
    const duet_attention_attr *attr = run->call->attr;
    const int64_t *yd = run->call->in[1].shape.dim; /* [B,T,C] */
    const int64_t channels = yd[2], size = channels / attr->heads;
    const float *qkv = run->in[0], *dy = run->in[1]; /* [B,T,3C], [B,T,C] */
    float *dqkv = run->out[0];                       /* [B,T,3C] */
    for (int64_t b = 0; b < yd[0]; b++) {
        for (int64_t head = 0; head < attr->heads; head++) {
            const float *from = qkv + b * yd[1] * 3 * channels;
            const int64_t q = duet_qkv_channel(attr, channels, head, 0, 0),
                          k = duet_qkv_channel(attr, channels, head, 1, 0);
            const int64_t v = duet_qkv_channel(attr, channels, head, 2, 0);
            const head_view h = {.q = from + q,
                                 .k = from + k,
                                 .v = from + v,
                                 .dy = dy + b * yd[1] * channels + head * size,
                                 .tokens = yd[1],
                                 .stride = 3 * channels,
                                 .dy_stride = channels,
                                 .size = size};
            for (int64_t t = 0; t < yd[1]; t++) {
                float *to = dqkv + (b * yd[1] + t) * 3 * channels;
                for (int64_t first = 0; first < size; first += CHUNK) {
                    const int64_t count = size - first < CHUNK ? size - first : CHUNK;
                    query_gradient(&h, t, first, count, to + q);
                    key_gradient(&h, t, first, count, to + k, to + v);
                }
            }
        }
    }
}

static double count_flops(const duet_call *call) {
    return 10.0 * (double)duet_shape_count(&call->in[1].shape) * (double)call->in[1].shape.dim[1];
}

duet_value duet_attention_grad(duet_graph *g, duet_value qkv, duet_value dy, int64_t heads,
                               bool legacy) {
    const duet_attention_attr attr = {.heads = heads, .legacy = legacy};
    return duet_op_apply(g, &duet_op_attention_grad, &attr, qkv, dy, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_attention_attr, heads, "1", 1, 1024,
             "independent attentions over C/heads channels each"),
    DUET_BOOLEAN(duet_attention_attr, legacy, "false",
                 "channel order (head, q|k|v, c) instead of (q|k|v, head, c)"),
};

static const duet_op_case cases[] = {
    {.attr = "heads=1,legacy=false", .in = {DUET_SHAPE_OF(1, 5, 9), DUET_SHAPE_OF(1, 5, 3)}},
    {.attr = "heads=2,legacy=true", .in = {DUET_SHAPE_OF(3, 7, 18), DUET_SHAPE_OF(3, 7, 6)}},
    {.attr = "heads=2,legacy=false", .in = {DUET_SHAPE_OF(2, 9, 30), DUET_SHAPE_OF(2, 9, 10)}},
    {.attr = "heads=1,legacy=true", .in = {DUET_SHAPE_OF(2, 1, 12), DUET_SHAPE_OF(2, 1, 4)}},
    {.attr = "heads=2,legacy=true", .in = {DUET_SHAPE_OF(1, 49, 96), DUET_SHAPE_OF(1, 49, 32)}},
    {.attr = "heads=1,legacy=false", .in = {DUET_SHAPE_OF(1, 11, 216), DUET_SHAPE_OF(1, 11, 72)}},
};

const duet_op duet_op_attention_grad = {
    .info = {.name = "attention_grad",
             .help = "gradient of attention: qkv[B,T,3C], dy[B,T,C] -> dqkv[B,T,3C]",
             .params = DUET_TABLE(params, duet_attention_attr)},
    .inputs = 2,
    .required = 2,
    .outputs = 1,
    .grad_only = true,
    .bf16_inputs = 1u << 0 | 1u << 1,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
