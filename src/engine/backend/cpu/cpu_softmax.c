/* SPDX-License-Identifier: MIT
 * cpu/cpu_softmax.c: softmax, log_softmax and their gradients, a row at a time: the bits of a row
 * depend on nothing else. */
#include <math.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/vector.h"
#include "engine/op/op_list.h"

/* The next lanes of a row that has `count` more elements; where there are none, `rest`. */
DUET_INLINE duet_vec lanes_of(const float *from, int64_t count, float rest) {
    if (count >= DUET_LANES) return vec_load(from);
    float full[DUET_LANES];
    for (int i = 0; i < DUET_LANES; i++) full[i] = i < count ? from[i] : rest;
    return vec_load(full);
}

DUET_INLINE void store_lanes(float *to, duet_vec v, int64_t count) {
    if (count >= DUET_LANES)
        vec_store(to, v);
    else
        vec_store_part(to, v, count);
}

static float peak_of(const float *x, int64_t C) {
    duet_vec most = vec_set(-INFINITY);
    for (int64_t c = 0; c < C; c += DUET_LANES)
        most = vec_max(lanes_of(x + c, C - c, -INFINITY), most);
    float peak = most[0];
    for (int i = 1; i < DUET_LANES; i++) peak = most[i] > peak ? most[i] : peak;
    return peak;
}

/* y = exp(x - peak) where y is given; their sum */
static float exp_row(const float *x, float peak, int64_t C, float *y) {
    duet_vec sum = {0};
    for (int64_t c = 0; c < C; c += DUET_LANES) {
        const duet_vec e = vec_exp(lanes_of(x + c, C - c, -INFINITY) - peak);
        if (y != NULL) store_lanes(y + c, e, C - c);
        sum += e;
    }
    return vec_sum(sum);
}

static duet_status run_softmax(const duet_run *run) {
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  C = duet_op_last(&run->call->in[0].shape);
    const float *const x = run->in[0];
    float *const y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        float *const to = y + r * C;
        const duet_vec factor = vec_set(1.0f / exp_row(x + r * C, peak_of(x + r * C, C), C, to));
        for (int64_t c = 0; c < C; c += DUET_LANES)
            store_lanes(to + c, lanes_of(to + c, C - c, 0.0f) * factor, C - c);
    }
    return DUET_OK;
}

static duet_status run_log_softmax(const duet_run *run) {
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  C = duet_op_last(&run->call->in[0].shape);
    const float *const x = run->in[0];
    float *const y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        const float peak = peak_of(x + r * C, C);
        const float level = (float)log((double)exp_row(x + r * C, peak, C, NULL));
        for (int64_t c = 0; c < C; c += DUET_LANES) {
            const duet_vec v = lanes_of(x + r * C + c, C - c, 0.0f);
            store_lanes(y + r * C + c, (v - peak) - level, C - c);
        }
    }
    return DUET_OK;
}

static duet_status run_softmax_grad(const duet_run *run) {
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  C = duet_op_last(&run->call->in[0].shape);
    const float *const y = run->in[0], *const dy = run->in[1];
    float *const dx = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        duet_vec sum = {0};
        for (int64_t c = 0; c < C; c += DUET_LANES)
            sum += lanes_of(y + r * C + c, C - c, 0.0f) * lanes_of(dy + r * C + c, C - c, 0.0f);
        const duet_vec dot = vec_set(vec_sum(sum));
        for (int64_t c = 0; c < C; c += DUET_LANES) {
            const duet_vec p = lanes_of(y + r * C + c, C - c, 0.0f),
                           d = lanes_of(dy + r * C + c, C - c, 0.0f);
            store_lanes(dx + r * C + c, p * (d - dot), C - c);
        }
    }
    return DUET_OK;
}

static duet_status run_log_softmax_grad(const duet_run *run) {
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  C = duet_op_last(&run->call->in[0].shape);
    const float *const y = run->in[0], *const dy = run->in[1];
    float *const dx = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        duet_vec sum = {0};
        for (int64_t c = 0; c < C; c += DUET_LANES) sum += lanes_of(dy + r * C + c, C - c, 0.0f);
        const duet_vec total = vec_set(vec_sum(sum));
        for (int64_t c = 0; c < C; c += DUET_LANES) {
            const duet_vec p = vec_exp(lanes_of(y + r * C + c, C - c, 0.0f)),
                           d = lanes_of(dy + r * C + c, C - c, 0.0f);
            store_lanes(dx + r * C + c, d - p * total, C - c);
        }
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "softmax", .name = "simd", .run = run_softmax},
    {.op = "log_softmax", .name = "simd", .run = run_log_softmax},
    {.op = "softmax_grad", .name = "simd", .run = run_softmax_grad},
    {.op = "log_softmax_grad", .name = "simd", .run = run_log_softmax_grad},
};
DUET_CPU_KERNELS(softmax) = {kernels, DUET_COUNT(kernels)};
