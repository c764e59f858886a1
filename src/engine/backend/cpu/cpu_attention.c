/* SPDX-License-Identifier: MIT
 * cpu/cpu_attention.c: attention and its gradient, one (image, head) a thread. q, k', v of the head are copied to dense
 * arrays; a row of scores (T floats) is all that is kept of the T x T matrix. */
#include <math.h>
#include <string.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/vec_math.h"
#include "engine/op/attention_layout.h"

typedef struct head {
    int64_t T, d;
    float *q, *kt, *k, *v;     /* [T,d], [d,T], [T,d], [T,d] */
    float *vt, *p, *ds;        /* [d,T], [T], [T] */
    float *dq, *dk, *dv;       /* [T,d] */
} head;

static int64_t head_floats(int64_t T, int64_t d) { return (8 * d + 2) * (T + 16); }

static head head_of(float *work, int64_t T, int64_t d) {
    const int64_t n = d * (T + 16);
    return (head){T, d, work, work + n, work + 2 * n, work + 3 * n, work + 4 * n, work + 8 * n, work + 8 * n + T + 16,
                  work + 5 * n, work + 6 * n, work + 7 * n};
}

static duet_status plan(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out) {
    const duet_attention_attr *attr = call->attr;
    const int64_t *x = call->in[0].shape.dim;
    out->scratch = options->threads * head_floats(x[1], x[2] / 3 / attr->heads) * (int64_t)sizeof(float);
    out->impl = "row by row";
    return DUET_OK;
}

static void load(head *h, const float *qkv, int64_t C3, const int64_t at[3]) {
    for (int64_t i = 0; i < h->T; i++) {
        const float *row = qkv + i * C3;
        memcpy(h->q + i * h->d, row + at[0], (size_t)h->d * sizeof(float));
        memcpy(h->k + i * h->d, row + at[1], (size_t)h->d * sizeof(float));
        memcpy(h->v + i * h->d, row + at[2], (size_t)h->d * sizeof(float));
        for (int64_t c = 0; c < h->d; c++) h->kt[c * h->T + i] = row[at[1] + c];
        for (int64_t c = 0; c < h->d; c++) h->vt[c * h->T + i] = row[at[2] + c];
    }
}

/* out[T] = sum over c of a[c] m[c,T] */
static void row_times(float *out, const float *a, const float *m, int64_t T, int64_t d) {
    memset(out, 0, (size_t)T * sizeof *out);
    for (int64_t c = 0; c < d; c++) {
        const float v = a[c], *row = m + c * T;
#pragma omp simd
        for (int64_t j = 0; j < T; j++) out[j] += v * row[j];
    }
}

static void probabilities(head *h, int64_t i) {
    const float factor = (float)(1.0 / sqrt((double)h->d));
    float most = -INFINITY, total = 0;
    row_times(h->p, h->q + i * h->d, h->kt, h->T, h->d);
    for (int64_t j = 0; j < h->T; j++) most = h->p[j] > most ? h->p[j] : most;
#pragma omp simd
    for (int64_t j = 0; j < h->T; j++) h->p[j] = duet_vec_exp((h->p[j] - most) * factor);
    for (int64_t j = 0; j < h->T; j++) total += h->p[j];
    const float inverse = 1.0f / total;
#pragma omp simd
    for (int64_t j = 0; j < h->T; j++) h->p[j] *= inverse;
}

/* y[d] += sum over j of a[j] m[j,d] */
static void add_weighted(float *y, const float *a, const float *m, int64_t T, int64_t d) {
    for (int64_t j = 0; j < T; j++) {
        const float v = a[j], *row = m + j * d;
#pragma omp simd
        for (int64_t c = 0; c < d; c++) y[c] += v * row[c];
    }
}

/* m[j,d] += a[j] y[d] */
static void add_outer(float *m, const float *a, const float *y, int64_t T, int64_t d) {
    for (int64_t j = 0; j < T; j++) {
        const float v = a[j];
        float *row = m + j * d;
#pragma omp simd
        for (int64_t c = 0; c < d; c++) row[c] += v * y[c];
    }
}

typedef struct sizes {
    int64_t B, T, C, heads, d, step;
} sizes;

static sizes sizes_of(const duet_run *run) {
    const duet_attention_attr *attr = run->call->attr;
    const int64_t *x = run->call->in[0].shape.dim;
    const int64_t C = x[2] / 3;
    return (sizes){x[0], x[1], C, attr->heads, C / attr->heads, head_floats(x[1], C / attr->heads)};
}

/* Which slice of the scratch a piece of work uses: thread k takes pieces k, k + threads, … */
static duet_status run_forward(const duet_run *run) {
    const sizes n = sizes_of(run);
    const float *qkv = run->in[0];
    float *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int thread = 0; thread < run->threads; thread++) {
        head h = head_of((float *)run->scratch + thread * n.step, n.T, n.d);
        for (int64_t piece = thread; piece < n.B * n.heads; piece += run->threads) {
            const int64_t b = piece / n.heads, k = piece % n.heads;
            int64_t at[3];
            duet_attention_offsets(at, run->call->attr, n.C, k);
            load(&h, qkv + b * n.T * 3 * n.C, 3 * n.C, at);
            for (int64_t i = 0; i < n.T; i++) {
                float *out = y + (b * n.T + i) * n.C + k * n.d;
                probabilities(&h, i);
                memset(out, 0, (size_t)n.d * sizeof *out);
                add_weighted(out, h.p, h.v, n.T, n.d);
            }
        }
    }
    return DUET_OK;
}

static void grad_row(head *h, int64_t i, const float *dy) {
    const float factor = (float)(1.0 / sqrt((double)h->d));
    float mean = 0;
    probabilities(h, i);
    row_times(h->ds, dy, h->vt, h->T, h->d);
    for (int64_t j = 0; j < h->T; j++) mean += h->p[j] * h->ds[j];
    add_outer(h->dv, h->p, dy, h->T, h->d);
#pragma omp simd
    for (int64_t j = 0; j < h->T; j++) h->ds[j] = h->p[j] * (h->ds[j] - mean) * factor;
    add_weighted(h->dq + i * h->d, h->ds, h->k, h->T, h->d);
    add_outer(h->dk, h->ds, h->q + i * h->d, h->T, h->d);
}

static duet_status run_grad(const duet_run *run) {
    const sizes n = sizes_of(run);
    const float *qkv = run->in[0], *dy = run->in[1];
    float *dqkv = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int thread = 0; thread < run->threads; thread++) {
        head h = head_of((float *)run->scratch + thread * n.step, n.T, n.d);
        for (int64_t piece = thread; piece < n.B * n.heads; piece += run->threads) {
            const int64_t b = piece / n.heads, k = piece % n.heads;
            int64_t at[3];
            duet_attention_offsets(at, run->call->attr, n.C, k);
            load(&h, qkv + b * n.T * 3 * n.C, 3 * n.C, at);
            memset(h.dq, 0, (size_t)(3 * n.d * (n.T + 16)) * sizeof *h.dq);
            for (int64_t i = 0; i < n.T; i++) grad_row(&h, i, dy + (b * n.T + i) * n.C + k * n.d);
            for (int64_t i = 0; i < n.T; i++) {
                float *row = dqkv + (b * n.T + i) * 3 * n.C;
                memcpy(row + at[0], h.dq + i * n.d, (size_t)n.d * sizeof *row);
                memcpy(row + at[1], h.dk + i * n.d, (size_t)n.d * sizeof *row);
                memcpy(row + at[2], h.dv + i * n.d, (size_t)n.d * sizeof *row);
            }
        }
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "attention", .name = "attention", .plan = plan, .run = run_forward},
    {.op = "attention_grad", .name = "attention", .plan = plan, .run = run_grad},
};
DUET_CPU_KERNELS(attention) = {kernels, DUET_COUNT(kernels)};
