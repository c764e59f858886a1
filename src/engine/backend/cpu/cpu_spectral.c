/* SPDX-License-Identifier: MIT
 * cpu/cpu_spectral.c: a power iteration with W^T u in scratch memory: two passes over the weight.
 * Sums are double; the division and its gradient run their references, a pass or two each. */
#include <math.h>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/vector.h"

#define LEAST 1e-12 /* of a vector's length, as in the reference */

static duet_status plan_power(const duet_call *call, const duet_kernel_options *options,
                              duet_kernel_plan *out) {
    const int64_t O = call->in[1].shape.dim[0], I = duet_shape_count(&call->in[0].shape) / O;
    (void)options;
    out->scratch = (O + I) * (int64_t)sizeof(double);
    out->impl = "";
    return DUET_OK;
}

/* x[count] divided by its length */
static void normalise(double *x, int64_t count) {
    double square = 0.0;
    for (int64_t i = 0; i < count; i++) square += x[i] * x[i];
    const double length = fmax(sqrt(square), LEAST);
    for (int64_t i = 0; i < count; i++) x[i] /= length;
}

static duet_status run_power(const duet_run *run) {
    const int64_t O = run->call->in[1].shape.dim[0],
                  I = duet_shape_count(&run->call->in[0].shape) / O;
    const float *const w = run->in[0], *const u = run->in[1];
    float *const next = run->out[0], *const v = run->out[1];
    double *const right = run->scratch, *const left = right + I;
    for (int64_t i = 0; i < I; i++) right[i] = 0.0;
    for (int64_t o = 0; o < O; o++) {
        for (int64_t i = 0; i < I; i++) right[i] += (double)w[o * I + i] * (double)u[o];
    }
    normalise(right, I);
    for (int64_t o = 0; o < O; o++) {
        double sum = 0.0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < I; i++) sum += (double)w[o * I + i] * right[i];
        left[o] = sum;
    }
    normalise(left, O);
    for (int64_t i = 0; v != NULL && i < I; i++) v[i] = (float)right[i];
    for (int64_t o = 0; next != NULL && o < O; o++) next[o] = (float)left[o];
    return DUET_OK;
}

static duet_status run_reference(const duet_run *run) {
    run->call->op->reference(run);
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "power_iteration", .name = "two-pass", .plan = plan_power, .run = run_power},
    {.op = "spectral_divide", .name = "plain", .run = run_reference},
    {.op = "spectral_divide_grad", .name = "plain", .run = run_reference},
};
DUET_CPU_KERNELS(spectral) = {kernels, DUET_COUNT(kernels)};
