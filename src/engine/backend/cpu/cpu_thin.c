/* SPDX-License-Identifier: MIT
 * cpu/cpu_thin.c: convolutions where one side has at most four channels (the first and the last layer of a U-Net): oneDNN's
 * kernels are made for multiples of 8. Rows of y are computed one by one in a fixed order, so bits do not depend on batch
 * or threads; weight gradients sum images in order. */
#include <string.h>

#include "engine/backend/backend.h"
#include "engine/op/ops_grad.h"

enum { THIN = 4, WIDE = 512 };

/* Geometry with x[B,H,W,I], y[B,P,Q,O]. */
typedef struct geometry {
    int64_t B, H, W, I, P, Q, O, k, stride, pad;
} geometry;

static geometry geometry_of(const duet_arg *x, const duet_arg *y, const duet_conv2d_attr *attr, int64_t k) {
    const int64_t *xd = x->shape.dim, *yd = y->shape.dim;
    return (geometry){xd[0], xd[1], xd[2], xd[3], yd[1], yd[2], yd[3], k, attr->stride, attr->pad};
}

static bool is_thin(const geometry *g) { return (g->I <= THIN && g->O <= WIDE) || (g->O <= THIN && g->I <= WIDE); }

static bool supports_forward(const duet_call *call) {
    const geometry g = geometry_of(&call->in[0], &call->out[0], call->attr, call->in[1].shape.dim[2]);
    return is_thin(&g);
}

static bool supports_dx(const duet_call *call) {
    const geometry g = geometry_of(&call->out[0], &call->in[0], call->attr, call->in[1].shape.dim[2]);
    return is_thin(&g);
}

static bool supports_dw(const duet_call *call) {
    const duet_conv2d_attr *attr = call->attr;
    const geometry g = geometry_of(&call->in[0], &call->in[1], attr, attr->kernel);
    return is_thin(&g);
}

static duet_status plan_packed(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out) {
    (void)options;
    out->scratch = duet_shape_count(&call->in[1].shape) * (int64_t)sizeof(float);
    out->impl = "thin";
    return DUET_OK;
}

/* w[O,I,k,k] -> [k,k,I,O] (io) or [k,k,O,I] */
static void pack(const float *w, float *packed, const geometry *g, bool io) {
    const int64_t taps = g->k * g->k;
    for (int64_t o = 0; o < g->O; o++)
        for (int64_t i = 0; i < g->I; i++)
            for (int64_t t = 0; t < taps; t++)
                packed[io ? (t * g->I + i) * g->O + o : (t * g->O + o) * g->I + i] = w[(o * g->I + i) * taps + t];
}

/* y[n] += sum over m of a[m] w[m,n]; the longer axis is the vector */
static void accumulate(float *y, const float *a, const float *w, int64_t m, int64_t n) {
    for (int64_t i = 0; i < m; i++) {
        const float v = a[i];
        const float *row = w + i * n;
#pragma omp simd
        for (int64_t j = 0; j < n; j++) y[j] += v * row[j];
    }
}

static float dot(const float *a, const float *b, int64_t n) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++) sum += a[j] * b[j];
    return sum;
}

static duet_status run_forward(const duet_run *run) {
    const geometry g = geometry_of(&run->call->in[0], &run->call->out[0], run->call->attr, run->call->in[1].shape.dim[2]);
    const float *x = run->in[0], *bias = run->in[2];
    float *y = run->out[0], *w = run->scratch;
    const bool wide_out = g.O > THIN || g.I <= THIN;
    pack(run->in[1], w, &g, wide_out);
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < g.B * g.P; row++) {
        const int64_t b = row / g.P, p = row % g.P;
        for (int64_t q = 0; q < g.Q; q++) {
            float *at = y + (row * g.Q + q) * g.O;
            for (int64_t o = 0; o < g.O; o++) at[o] = bias ? bias[o] : 0.0f;
            for (int64_t u = 0; u < g.k; u++)
                for (int64_t v = 0; v < g.k; v++) {
                    const int64_t i = p * g.stride + u - g.pad, j = q * g.stride + v - g.pad;
                    if (i < 0 || i >= g.H || j < 0 || j >= g.W) continue;
                    const float *pixel = x + ((b * g.H + i) * g.W + j) * g.I, *tap = w + (u * g.k + v) * g.I * g.O;
                    if (wide_out) accumulate(at, pixel, tap, g.I, g.O);
                    else for (int64_t o = 0; o < g.O; o++) at[o] += dot(pixel, tap + o * g.I, g.I);
                }
        }
    }
    return DUET_OK;
}

static duet_status run_dx(const duet_run *run) {
    const geometry g = geometry_of(&run->call->out[0], &run->call->in[0], run->call->attr, run->call->in[1].shape.dim[2]);
    const float *dy = run->in[0];
    float *dx = run->out[0], *w = run->scratch;
    const bool wide_in = g.I > THIN || g.O <= THIN;
    pack(run->in[1], w, &g, !wide_in);
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t row = 0; row < g.B * g.H; row++) {
        const int64_t b = row / g.H, i = row % g.H;
        for (int64_t j = 0; j < g.W; j++) {
            float *at = dx + (row * g.W + j) * g.I;
            memset(at, 0, (size_t)g.I * sizeof *at);
            for (int64_t u = 0; u < g.k; u++)
                for (int64_t v = 0; v < g.k; v++) {
                    const int64_t p = i + g.pad - u, q = j + g.pad - v;
                    if (p < 0 || q < 0 || p % g.stride || q % g.stride || p / g.stride >= g.P || q / g.stride >= g.Q) continue;
                    const float *pixel = dy + ((b * g.P + p / g.stride) * g.Q + q / g.stride) * g.O, *tap = w + (u * g.k + v) * g.I * g.O;
                    if (wide_in) accumulate(at, pixel, tap, g.O, g.I);
                    else for (int64_t c = 0; c < g.I; c++) at[c] += dot(pixel, tap + c * g.O, g.O);
                }
        }
    }
    return DUET_OK;
}

static duet_status plan_dw(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out) {
    const duet_conv2d_attr *attr = call->attr;
    const geometry g = geometry_of(&call->in[0], &call->in[1], attr, attr->kernel);
    (void)options;
    out->scratch = g.B * (g.k * g.k * g.I * g.O + g.O) * (int64_t)sizeof(float);
    out->impl = "thin";
    return DUET_OK;
}

/* One image's sums: part[k,k,narrow,wide], then dbias[O]. */
static void image_dw(const geometry *g, const float *x, const float *dy, float *part, float *dbias) {
    const bool wide_out = g->O > THIN || g->I <= THIN;
    const int64_t n = wide_out ? g->O : g->I, m = wide_out ? g->I : g->O;
    for (int64_t p = 0; p < g->P; p++)
        for (int64_t q = 0; q < g->Q; q++) {
            const float *d = dy + (p * g->Q + q) * g->O;
            for (int64_t o = 0; o < g->O; o++) dbias[o] += d[o];
            for (int64_t t = 0; t < g->k * g->k; t++) {
                const int64_t i = p * g->stride + t / g->k - g->pad, j = q * g->stride + t % g->k - g->pad;
                if (i < 0 || i >= g->H || j < 0 || j >= g->W) continue;
                const float *pixel = x + (i * g->W + j) * g->I, *narrow = wide_out ? pixel : d, *wide = wide_out ? d : pixel;
                for (int64_t a = 0; a < m; a++) {
                    float *row = part + (t * m + a) * n;
                    const float v = narrow[a];
#pragma omp simd
                    for (int64_t c = 0; c < n; c++) row[c] += v * wide[c];
                }
            }
        }
}

static duet_status run_dw(const duet_run *run) {
    const duet_conv2d_attr *attr = run->call->attr;
    const geometry g = geometry_of(&run->call->in[0], &run->call->in[1], attr, attr->kernel);
    const float *x = run->in[0], *dy = run->in[1];
    float *dw = run->out[0], *dbias = run->out[1], *parts = run->scratch;
    const int64_t taps = g.k * g.k, size = taps * g.I * g.O, step = size + g.O;
    const bool wide_out = g.O > THIN || g.I <= THIN;
    memset(parts, 0, (size_t)(g.B * step) * sizeof *parts);
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t b = 0; b < g.B; b++)
        image_dw(&g, x + b * g.H * g.W * g.I, dy + b * g.P * g.Q * g.O, parts + b * step, parts + b * step + size);
    for (int64_t b = 1; b < g.B; b++)
        for (int64_t e = 0; e < step; e++) parts[e] += parts[b * step + e];
    for (int64_t o = 0; o < g.O && dw; o++)
        for (int64_t i = 0; i < g.I; i++)
            for (int64_t t = 0; t < taps; t++)
                dw[(o * g.I + i) * taps + t] = parts[wide_out ? (t * g.I + i) * g.O + o : (t * g.O + o) * g.I + i];
    if (dbias) memcpy(dbias, parts + size, (size_t)g.O * sizeof *dbias);
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "conv2d", .name = "thin", .supports = supports_forward, .plan = plan_packed, .run = run_forward},
    {.op = "conv2d_dx", .name = "thin", .supports = supports_dx, .plan = plan_packed, .run = run_dx},
    {.op = "conv2d_dw", .name = "thin", .supports = supports_dw, .plan = plan_dw, .run = run_dw},
};
DUET_CPU_KERNELS(thin) = {kernels, DUET_COUNT(kernels)};
