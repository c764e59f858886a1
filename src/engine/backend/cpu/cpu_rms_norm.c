/* SPDX-License-Identifier: MIT
 * cpu/cpu_rms_norm.c: rms_norm and its gradient, a row at a time: two passes over a row, the second
 * of which finds it in the cache. Sums are double, of blocks that are f32. */
#include <math.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/vector.h"
#include "engine/op/op_list.h"

enum { BLOCK = 256, SMALL = 16384 }; /* elements that one thread sums, and works on alone */

static int64_t less(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Sum of a b over a block, by vectors, whose order is fixed. */
DUET_INLINE float dot_block(const duet_act *a, const duet_act *b, int64_t count) {
    duet_vec sum = vec_set(0.0f);
    int64_t e = 0;
    for (; e + DUET_LANES <= count; e += DUET_LANES) sum += act_load(a + e) * act_load(b + e);
    if (e < count) sum += act_load_part(a + e, count - e) * act_load_part(b + e, count - e);
    return vec_sum(sum);
}

DUET_INLINE double dot(const duet_act *a, const duet_act *b, int64_t size) {
    double total = 0.0;
    for (int64_t e = 0; e < size; e += BLOCK)
        total += (double)dot_block(a + e, b + e, less(BLOCK, size - e));
    return total;
}

/* y = by (a - b back); b may be NULL */
DUET_INLINE void write_row(duet_act *y, const duet_act *a, const duet_act *b, float by, float back,
                           int64_t size) {
    const duet_vec factor = vec_set(by), minus = vec_set(back);
    int64_t e = 0;
    for (; e + DUET_LANES <= size; e += DUET_LANES) {
        const duet_vec v = act_load(a + e);
        act_store(y + e, factor * (b != NULL ? v - act_load(b + e) * minus : v));
    }
    if (e == size) return;
    const duet_vec v = act_load_part(a + e, size - e);
    act_store_part(y + e, factor * (b != NULL ? v - act_load_part(b + e, size - e) * minus : v),
                   size - e);
}

static duet_status run_forward(const duet_run *run) {
    const duet_rms_norm_attr *const attr = run->call->attr;
    const int64_t size = duet_rms_norm_size(&run->call->in[0].shape, attr->axes),
                  rows = duet_shape_count(&run->call->in[0].shape) / size;
    const duet_act *const x = run->in[0];
    duet_act *const y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static) if (rows * size > SMALL)
    for (int64_t r = 0; r < rows; r++) {
        const duet_act *const from = x + r * size;
        const double root = sqrt(dot(from, from, size) / (double)size);
        write_row(y + r * size, from, NULL, (float)(attr->gain / (attr->eps + root)), 0.0f, size);
    }
    return DUET_OK;
}

static duet_status run_grad(const duet_run *run) {
    const duet_rms_norm_attr *const attr = run->call->attr;
    const int64_t size = duet_rms_norm_size(&run->call->in[0].shape, attr->axes),
                  rows = duet_shape_count(&run->call->in[0].shape) / size;
    const duet_act *const x = run->in[0], *const dy = run->in[1];
    duet_act *const dx = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static) if (rows * size > SMALL)
    for (int64_t r = 0; r < rows; r++) {
        const duet_act *const from = x + r * size, *const d = dy + r * size;
        const double root = sqrt(dot(from, from, size) / (double)size), by = attr->eps + root;
        const double back = root > 0.0 ? dot(d, from, size) / ((double)size * root * by) : 0.0;
        write_row(dx + r * size, d, from, (float)(attr->gain / by), (float)back, size);
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "rms_norm", .name = "rows", .run = run_forward},
    {.op = "rms_norm_grad", .name = "rows", .run = run_grad},
};
DUET_CPU_KERNELS(rms_norm) = {kernels, DUET_COUNT(kernels)};
