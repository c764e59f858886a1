/* SPDX-License-Identifier: MIT
 * cpu/cpu_batch_norm.c: batch normalisation as a gain and a shift of each channel, and pooling by
 * the largest value. */
#include <math.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/counts.h"
#include "engine/op/op_list.h"

static duet_status plan_batch_norm(const duet_call *call, const duet_kernel_options *options,
                                   duet_kernel_plan *out) {
    (void)options;
    out->scratch =
        2 * round_up(duet_op_last(&call->in[0].shape), DUET_LANES) * (int64_t)sizeof(float);
    return DUET_OK;
}

/* A row of pixels' channels: y = x gain + shift + residual. */
DUET_INLINE void run_row(const duet_act *x, const duet_act *residual, const float *gain,
                         const float *shift, int64_t C, bool relu, duet_act *y) {
    const duet_vec least = vec_set(relu ? 0.0f : -INFINITY);
    for (int64_t c = 0; c < C; c += DUET_LANES) {
        const int64_t count = C - c;
        const bool whole = count >= DUET_LANES;
        duet_vec v = (whole ? act_load(x + c) : act_load_part(x + c, count)) * vec_load(gain + c) +
                     vec_load(shift + c);
        if (residual != NULL)
            v += whole ? act_load(residual + c) : act_load_part(residual + c, count);
        v = vec_select(v < least, least, v); /* not a number stays that */
        if (whole)
            act_store(y + c, v);
        else
            act_store_part(y + c, v, count);
    }
}

static duet_status run_batch_norm(const duet_run *run) {
    const duet_batch_norm_attr *const attr = run->call->attr;
    const int64_t C = duet_op_last(&run->call->in[0].shape),
                  rows = duet_op_rows(&run->call->in[0].shape);
    const float *const gamma = run->in[1], *const beta = run->in[2], *const mean = run->in[3],
                       *const var = run->in[4];
    const duet_act *const x = run->in[0], *const residual = run->in[5];
    duet_act *const y = run->out[0];
    float *const gain = run->scratch, *const shift = gain + round_up(C, DUET_LANES);
    for (int64_t c = 0; c < C; c++) {
        const double factor = (double)gamma[c] / sqrt((double)var[c] + attr->eps);
        gain[c] = (float)factor;
        shift[c] = (float)((double)beta[c] - (double)mean[c] * factor);
    }
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        run_row(x + row * C, residual == NULL ? NULL : residual + row * C, gain, shift, C,
                attr->relu, y + row * C);
    }
    return DUET_OK;
}

static duet_status run_window_pool(const duet_run *run) {
    const duet_window_pool_attr *const a = run->call->attr;
    const int64_t *const xd = run->call->in[0].shape.dim, *const yd = run->call->out[0].shape.dim,
                         C = xd[3];
    const duet_act *const x = run->in[0];
    duet_act *const y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t p = 0; p < yd[0] * yd[1] * yd[2]; p++) {
        const int64_t b = p / (yd[1] * yd[2]), top = p / yd[2] % yd[1] * a->stride - a->pad,
                      left = p % yd[2] * a->stride - a->pad;
        const int64_t r1 = smaller(top + a->kernel, xd[1]), q1 = smaller(left + a->kernel, xd[2]);
        for (int64_t c = 0; c < C; c += DUET_LANES) {
            const int64_t count = C - c;
            duet_vec most = vec_set(-INFINITY), sum = vec_set(0.0F);
            for (int64_t r = larger(top, 0); r < r1; r++) {
                for (int64_t q = larger(left, 0); q < q1; q++) {
                    const duet_act *const at = x + ((b * xd[1] + r) * xd[2] + q) * C + c;
                    const duet_vec v =
                        count >= DUET_LANES ? act_load(at) : act_load_part(at, count);
                    most = vec_select(v > most, v, most);
                    sum += v;
                }
            }
            if (a->mean)
                most =
                    sum * vec_set(1.0F / (float)((r1 - larger(top, 0)) * (q1 - larger(left, 0))));
            if (count >= DUET_LANES)
                act_store(y + p * C + c, most);
            else
                act_store_part(y + p * C + c, most, count);
        }
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "batch_norm", .name = "simd", .plan = plan_batch_norm, .run = run_batch_norm},
    {.op = "window_pool", .name = "simd", .run = run_window_pool},
};
DUET_CPU_KERNELS(batch_norm) = {kernels, DUET_COUNT(kernels)};
