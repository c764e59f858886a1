/* SPDX-License-Identifier: MIT
 * cpu/cpu_channels.c: ops between x[B,S,C] and per-sample channel vectors [B,C], and moves along
 * the channel axis. */
#include <string.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/vector.h"
#include "engine/op/op_list.h"
#include "engine/op/ops_grad.h"

typedef struct sizes {
    int64_t B, S, C;
} sizes;

static sizes sizes_of(const duet_arg *arg) {
    const duet_shape *shape = &arg->shape;
    const int64_t C = shape->dim[shape->rank - 1];
    return (sizes){shape->dim[0], duet_shape_count(shape) / shape->dim[0] / C, C};
}

/* A vector of the channels from c on, as far as there are any. */
DUET_INLINE duet_vec act_at(const duet_act *row, int64_t c, int64_t C) {
    return C - c >= DUET_LANES ? act_load(row + c) : act_load_part(row + c, C - c);
}

DUET_INLINE duet_vec vec_at(const float *row, int64_t c, int64_t C) {
    return C - c >= DUET_LANES ? vec_load(row + c) : vec_load_part(row + c, C - c);
}

DUET_INLINE void act_put(duet_act *row, int64_t c, int64_t C, duet_vec v) {
    if (C - c >= DUET_LANES)
        act_store(row + c, v);
    else
        act_store_part(row + c, v, C - c);
}

static duet_status run_add_channels(const duet_run *run) {
    const sizes n = sizes_of(&run->call->in[0]);
    const duet_act *x = run->in[0];
    const float *v = run->in[1];
    duet_act *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < n.B * n.S; row++) {
        const duet_act *from = x + row * n.C;
        const float *add = v + row / n.S * n.C;
        for (int64_t c = 0; c < n.C; c += DUET_LANES)
            act_put(y + row * n.C, c, n.C, act_at(from, c, n.C) + vec_at(add, c, n.C));
    }
    return DUET_OK;
}

static duet_status run_add_bias(const duet_run *run) {
    const int64_t C = duet_op_last(&run->call->in[0].shape),
                  rows = duet_op_rows(&run->call->in[0].shape);
    const duet_act *x = run->in[0];
    const float *bias = run->in[1];
    duet_act *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < rows; row++)
        for (int64_t c = 0; c < C; c += DUET_LANES)
            act_put(y + row * C, c, C, act_at(x + row * C, c, C) + vec_at(bias, c, C));
    return DUET_OK;
}

static duet_status run_modulate(const duet_run *run) {
    const sizes n = sizes_of(&run->call->in[0]);
    const duet_act *x = run->in[0];
    const float *v = run->in[1];
    duet_act *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < n.B * n.S; row++) {
        const duet_act *from = x + row * n.C;
        const float *scale = v + row / n.S * 2 * n.C, *shift = scale + n.C;
        for (int64_t c = 0; c < n.C; c += DUET_LANES)
            act_put(y + row * n.C, c, n.C,
                    act_at(from, c, n.C) * (1.0f + vec_at(scale, c, n.C)) + vec_at(shift, c, n.C));
    }
    return DUET_OK;
}

/* out[c …] of `vectors` neighbouring vectors = sum over rows of a (times b, where given), chunks of
 * 32 rows first */
DUET_INLINE void sum_vectors(const duet_act *a, const duet_act *b, int64_t S, int64_t C, int64_t c,
                             float *out, const int vectors) {
    duet_vec total[4] = {{0}};
    for (int64_t s0 = 0; s0 < S; s0 += 32) {
        const int64_t end = s0 + 32 < S ? s0 + 32 : S;
        duet_vec chunk[4] = {{0}};
        for (int64_t s = s0; s < end; s++) {
            DUET_UNROLL
            for (int v = 0; v < vectors; v++) {
                const duet_vec value = act_at(a + s * C, c + v * DUET_LANES, C);
                chunk[v] += b != NULL ? value * act_at(b + s * C, c + v * DUET_LANES, C) : value;
            }
        }
        DUET_UNROLL
        for (int v = 0; v < vectors; v++) total[v] += chunk[v];
    }
    DUET_UNROLL
    for (int v = 0; v < vectors; v++) {
        const int64_t at = c + v * DUET_LANES;
        if (C - at >= DUET_LANES)
            vec_store(out + at, total[v]);
        else
            vec_store_part(out + at, total[v], C - at);
    }
}

static void sum_rows(const duet_act *a, const duet_act *b, int64_t S, int64_t C, float *out) {
    int64_t c = 0;
    for (; c + 4 * DUET_LANES <= C; c += 4 * DUET_LANES) sum_vectors(a, b, S, C, c, out, 4);
    for (; c < C; c += DUET_LANES) sum_vectors(a, b, S, C, c, out, 1);
}

static duet_status run_sum_channels(const duet_run *run) {
    const sizes n = sizes_of(&run->call->in[0]);
    const duet_act *x = run->in[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t b = 0; b < n.B; b++)
        sum_rows(x + b * n.S * n.C, NULL, n.S, n.C, (float *)run->out[0] + b * n.C);
    return DUET_OK;
}

static duet_status run_modulate_grad(const duet_run *run) {
    const sizes n = sizes_of(&run->call->in[0]);
    const duet_act *x = run->in[0], *dy = run->in[2];
    const float *v = run->in[1];
    duet_act *dx = run->out[0];
    float *dv = run->out[1];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t b = 0; b < n.B; b++) {
        const float *scale = v + b * 2 * n.C;
        const duet_act *up = dy + b * n.S * n.C;
        for (int64_t s = 0; s < n.S && dx; s++)
            for (int64_t c = 0; c < n.C; c += DUET_LANES)
                act_put(dx + (b * n.S + s) * n.C, c, n.C,
                        act_at(up + s * n.C, c, n.C) * (1.0f + vec_at(scale, c, n.C)));
        if (!dv) continue;
        sum_rows(x + b * n.S * n.C, up, n.S, n.C, dv + b * 2 * n.C);
        sum_rows(up, NULL, n.S, n.C, dv + b * 2 * n.C + n.C);
    }
    return DUET_OK;
}

static duet_status run_broadcast(const duet_run *run) {
    const sizes n = sizes_of(&run->call->out[0]);
    const float *v = run->in[0];
    float *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < n.B * n.S; row++)
        memcpy(y + row * n.C, v + row / n.S * n.C, (size_t)n.C * sizeof *y);
    return DUET_OK;
}

static duet_status run_concat(const duet_run *run) {
    const sizes a = sizes_of(&run->call->in[0]), b = sizes_of(&run->call->in[1]);
    const int64_t rows = a.B * a.S, C = a.C + b.C;
    const duet_act *x = run->in[0], *z = run->in[1];
    duet_act *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        memcpy(y + row * C, x + row * a.C, (size_t)a.C * sizeof *y);
        memcpy(y + row * C + a.C, z + row * b.C, (size_t)b.C * sizeof *y);
    }
    return DUET_OK;
}

static duet_status run_slice(const duet_run *run) {
    const duet_slice_attr *attr = run->call->attr;
    const sizes n = sizes_of(&run->call->in[0]);
    const duet_act *x = run->in[0];
    duet_act *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < n.B * n.S; row++)
        memcpy(y + row * attr->count, x + row * n.C + attr->begin, (size_t)attr->count * sizeof *y);
    return DUET_OK;
}

static duet_status run_unslice(const duet_run *run) {
    const duet_slice_attr *attr = run->call->attr;
    const sizes n = sizes_of(&run->call->in[0]), m = sizes_of(&run->call->out[0]);
    const duet_act *x = run->in[0];
    duet_act *y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < n.B * n.S; row++) {
        memset(y + row * m.C, 0, (size_t)m.C * sizeof *y);
        memcpy(y + row * m.C + attr->begin, x + row * n.C, (size_t)n.C * sizeof *y);
    }
    return DUET_OK;
}

static bool has_middle(const duet_call *call) {
    return call->in[0].shape.rank >= 2;
}

static const duet_kernel kernels[] = {
    {.op = "add_channels", .name = "simd", .run = run_add_channels},
    {.op = "add_bias", .name = "simd", .run = run_add_bias},
    {.op = "sum_channels", .name = "simd", .run = run_sum_channels},
    {.op = "broadcast_channels", .name = "copy", .run = run_broadcast}, /* f32 always */
    {.op = "modulate", .name = "simd", .run = run_modulate},
    {.op = "modulate_grad", .name = "simd", .run = run_modulate_grad},
    {.op = "concat", .name = "copy", .supports = has_middle, .run = run_concat},
    {.op = "slice", .name = "copy", .supports = has_middle, .run = run_slice},
    {.op = "unslice", .name = "copy", .supports = has_middle, .run = run_unslice},
};
DUET_CPU_KERNELS(channels) = {kernels, DUET_COUNT(kernels)};
