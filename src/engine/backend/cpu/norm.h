/* SPDX-License-Identifier: MIT
 * cpu/norm.h: what norm and its gradient share. Both are z = a (x - center) + d per channel, y =
 * silu?(z): the difference first, so that a mean far from 0 does not cancel in rounded products. A
 * sample is cut into chunks of rows that fit the L1 cache; the cut depends on the shape alone,
 * and so do the bits. Threads share the samples, or, where there are fewer samples than threads,
 * the chunks. */
#ifndef DUET_CPU_NORM_H
#define DUET_CPU_NORM_H

#include "engine/backend/backend.h"
#include "engine/backend/cpu/vector.h"
#include "engine/op/ops_grad.h"

typedef struct norm {
    int64_t B, S, C, G; /* x[B,S,C] */
    int64_t size, pad;  /* channels of a group; C rounded up */
    int64_t rows, chunks;
    double eps;
    bool silu;
    const duet_act *x;
    const float *gamma, *beta, *scale_shift;
} norm;

/* What a sample keeps in scratch: channel arrays of `pad` floats, then doubles. */
enum {
    ARRAY_A,
    ARRAY_D,
    ARRAY_CENTER,
    ARRAY_E,
    ARRAY_F,
    ARRAY_WORK,
    ARRAY_MEAN = ARRAY_WORK + 3,
    ARRAY_RSTD,
    ARRAYS
};

DUET_INLINE int64_t sample_floats(int64_t pad) {
    return (ARRAYS + 4) * pad; /* 2 C doubles are 4 C floats */
}

DUET_INLINE norm norm_of(const duet_call *call) {
    const duet_norm_attr *const attr = call->attr;
    const duet_shape *const shape = &call->in[0].shape;
    norm n = {.B = shape->dim[0],
              .C = shape->dim[shape->rank - 1],
              .G = attr->groups,
              .eps = attr->eps,
              .silu = attr->silu && call->inputs != 3};
    n.S = duet_shape_count(shape) / n.B / n.C;
    n.size = n.C / n.G;
    n.pad = (n.C + 15) / 16 * 16;
    n.rows = 4096 / n.C > 64 ? 64 : 4096 / n.C < 16 ? 16 : 4096 / n.C;
    n.chunks = (n.S + n.rows - 1) / n.rows;
    return n;
}

DUET_INLINE norm norm_run(const duet_run *run) {
    norm n = norm_of(run->call);
    n.x = run->in[0];
    n.gamma = run->in[1];
    n.beta = run->in[2];
    n.scale_shift = run->call->inputs > 3 ? run->in[3] : NULL;
    return n;
}

/* Fewer samples than threads: chunks are shared, and each has a slot in scratch: 2 C doubles, then
 * 3 arrays. */
DUET_INLINE bool shares_chunks(const norm *n, int threads) {
    return n->B < threads && n->chunks > 1;
}

DUET_INLINE float *sample_of(const norm *n, const duet_run *run, int64_t b) {
    return (float *)run->scratch + b * sample_floats(n->pad);
}

DUET_INLINE float *chunk_of(const norm *n, const duet_run *run, int64_t b, int64_t chunk) {
    return (float *)run->scratch + n->B * sample_floats(n->pad) +
           (b * n->chunks + chunk) * 7 * n->pad;
}

DUET_INLINE double *doubles(float *at) {
    return (double *)(void *)at;
}

DUET_INLINE duet_status plan_norm(const duet_call *call, const duet_kernel_options *options,
                                  duet_kernel_plan *out) {
    const norm n = norm_of(call);
    out->scratch = n.B * sample_floats(n.pad);
    if (shares_chunks(&n, options->threads)) out->scratch += n.B * n.chunks * 7 * n.pad;
    out->scratch *= (int64_t)sizeof(float);
    out->impl = "fused";
    return DUET_OK;
}

DUET_INLINE int64_t chunk_rows(const norm *n, int64_t chunk) {
    return n->S - chunk * n->rows < n->rows ? n->S - chunk * n->rows : n->rows;
}

/* Coefficients of sample b. `rest` (may be NULL) is what rounding the means to float left. */
DUET_INLINE void coefficients(const norm *n, int64_t b, const float *mean, const float *rest,
                              const float *rstd, float *sample) {
    float *const a = sample + ARRAY_A * n->pad, *const d = sample + ARRAY_D * n->pad;
    float *const center = sample + ARRAY_CENTER * n->pad;
    const float *const v = n->scale_shift == NULL ? NULL : n->scale_shift + b * 2 * n->C;
    for (int64_t g = 0, c = 0; g < n->G; g++) {
        for (int64_t i = 0; i < n->size; i++, c++) {
            const float scale = v == NULL ? 1.0f : 1.0f + v[c],
                        shift = v == NULL ? 0.0f : v[n->C + c];
            a[c] = rstd[g] * n->gamma[c] * scale;
            d[c] = n->beta[c] * scale + shift - (rest == NULL ? 0.0f : a[c] * rest[g]);
            center[c] = mean[g];
        }
    }
}

DUET_INLINE const duet_act *rows_at(const norm *n, const duet_act *x, int64_t b, int64_t chunk) {
    return x + (b * n->S + chunk * n->rows) * n->C;
}

#endif
