/* SPDX-License-Identifier: MIT
 * engine/op/op_attention.c: self-attention with all heads, from one tensor of queries, keys and
 * values.
 *   a[t,s] = softmax over s of (q[t] . k[s] / sqrt(d)),  y[t] = sum over s of a[t,s] v[s],
 *   d = C / heads
 * Trap: two channel orders of qkv exist (formula.h). ADM's checkpoints use `legacy`: (head, q|k|v,
 * c); newer ones and diffusers use (q|k|v, head, c). Swapping them gives no error, only bad
 * images. */
#include <math.h>

#include "engine/op/formula.h"
#include "engine/op/op_list.h"

#define CHUNK 64 /* channels summed at once: the reference has no scratch memory */

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"qkv"};
    const duet_attention_attr *attr = call->attr;
    const duet_shape *qkv = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "qkv", 3, 3));
    if (attr->heads < 1 || attr->heads > qkv->dim[2] || qkv->dim[2] % (3 * attr->heads) != 0) {
        char text[96];
        return duet_op_fail(call, "qkv %s does not divide into 3 x %lld heads",
                            duet_shape_text(qkv, text), (long long)attr->heads);
    }
    return duet_op_out(call, 0, 3, (int64_t[]){qkv->dim[0], qkv->dim[1], qkv->dim[2] / 3});
}

typedef struct head_view {  /* one head of one sample */
    const float *q, *k, *v; /* [T,d] with `stride` between tokens */
    int64_t tokens, stride, size;
} head_view;

static double logit(const head_view *h, int64_t t, int64_t s) {
    double sum = 0.0;
    for (int64_t c = 0; c < h->size; c++)
        sum += (double)h->q[t * h->stride + c] * (double)h->k[s * h->stride + c];
    return sum / sqrt((double)h->size);
}

/* y[t, c] for all c of the head */
static void attend(const head_view *h, int64_t t, float *y) {
    double peak = logit(h, t, 0), total = 0.0;
    for (int64_t s = 1; s < h->tokens; s++) peak = fmax(peak, logit(h, t, s));
    for (int64_t s = 0; s < h->tokens; s++) total += exp(logit(h, t, s) - peak);
    for (int64_t first = 0; first < h->size; first += CHUNK) {
        const int64_t count = h->size - first < CHUNK ? h->size - first : CHUNK;
        double sum[CHUNK] = {0};
        for (int64_t s = 0; s < h->tokens; s++) {
            const double a = exp(logit(h, t, s) - peak) / total;
            for (int64_t c = 0; c < count; c++)
                sum[c] += a * (double)h->v[s * h->stride + first + c];
        }
        for (int64_t c = 0; c < count; c++) y[first + c] = (float)sum[c];
    }
}

static void reference(const duet_run *run) {
    const duet_attention_attr *attr = run->call->attr;
    const int64_t *yd = run->call->out[0].shape.dim; /* [B,T,C] */
    const int64_t channels = yd[2], size = channels / attr->heads;
    const float *qkv = run->in[0]; /* [B,T,3C] */
    float *y = run->out[0];
    for (int64_t b = 0; b < yd[0]; b++) {
        for (int64_t head = 0; head < attr->heads; head++) {
            const float *from = qkv + b * yd[1] * 3 * channels;
            const head_view h = {.q = from + duet_qkv_channel(attr, channels, head, 0, 0),
                                 .k = from + duet_qkv_channel(attr, channels, head, 1, 0),
                                 .v = from + duet_qkv_channel(attr, channels, head, 2, 0),
                                 .tokens = yd[1],
                                 .stride = 3 * channels,
                                 .size = size};
            for (int64_t t = 0; t < yd[1]; t++)
                attend(&h, t, y + (b * yd[1] + t) * channels + head * size);
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_attention_attr *a = attr;
    (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_attention_grad(g, in[0], dout[0], a->heads, a->legacy);
}

static double count_flops(const duet_call *call) {
    return 4.0 * (double)duet_shape_count(&call->out[0].shape) * (double)call->out[0].shape.dim[1];
}

duet_value duet_attention(duet_graph *g, duet_value qkv, int64_t heads, bool legacy) {
    const duet_attention_attr attr = {.heads = heads, .legacy = legacy};
    return duet_op_apply(g, &duet_op_attention, &attr, qkv, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_attention_attr, heads, "1", 1, 1024,
             "independent attentions over C/heads channels each"),
    DUET_BOOLEAN(duet_attention_attr, legacy, "false",
                 "channel order (head, q|k|v, c) instead of (q|k|v, head, c)"),
};

static const duet_op_case cases[] = {
    {.attr = "heads=1,legacy=false", .in = {DUET_SHAPE_OF(1, 5, 9)}},
    {.attr = "heads=2,legacy=true", .in = {DUET_SHAPE_OF(3, 7, 18)}},
    {.attr = "heads=2,legacy=false", .in = {DUET_SHAPE_OF(2, 9, 30)}},
    {.attr = "heads=1,legacy=true", .in = {DUET_SHAPE_OF(2, 1, 12)}},
    {.attr = "heads=2,legacy=true", .in = {DUET_SHAPE_OF(2, 49, 192)}},
    {.attr = "heads=1,legacy=false", .in = {DUET_SHAPE_OF(1, 17, 216)}},
};

const duet_op duet_op_attention = {
    .info = {.name = "attention",
             .help = "softmax(q k^T / sqrt(C/heads)) v in each head, qkv[B,T,3C] -> [B,T,C]",
             .params = DUET_TABLE(params, duet_attention_attr)},
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
