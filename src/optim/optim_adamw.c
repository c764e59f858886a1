/* SPDX-License-Identifier: MIT
 * AdamW (Loshchilov and Hutter 2019): with g the clipped gradient, step k = 1, 2, … and r = rate
 * times the lr factor
 *   m = b1 m + (1-b1) g          v = b2 v + (1-b2) g^2
 *   w = w - r decay w - r (m / (1-b1^k)) / (sqrt(v / (1-b2^k)) + eps)
 * Weight decay applies only to tensors of rank >= 2, not to gains and biases. Computed in f32
 * element by element, so that the result does not depend on the threads. */
#include <math.h>

#include "optim/optim.h"

typedef struct adamw_options {
    double rate, beta1, beta2, eps, weight_decay;
} adamw_options;

static const duet_param rows[] = {
    DUET_FLOAT(adamw_options, rate, "0.0015", 1e-12, 1e30, "learning rate"),
    DUET_FLOAT(adamw_options, beta1, "0.9", 0, 0.999999, "decay of the mean of gradients"),
    DUET_FLOAT(adamw_options, beta2, "0.99", 0, 0.999999, "decay of the mean of squared gradients"),
    DUET_FLOAT(adamw_options, eps, "1e-8", 1e-30, 1, "added to the denominator"),
    DUET_FLOAT(adamw_options, weight_decay, "0.01", 0, 1e6,
               "decoupled weight decay of tensors of rank 2 and more"),
};

static double rate_of(const void *options) {
    return ((const adamw_options *)options)->rate;
}

enum { KEEP1, TAKE1, KEEP2, TAKE2, SHRINK, MOVE, ROOT, EPS, COEFFICIENTS };

static void prepare(const void *options, double factor, int64_t step, float *c) {
    const adamw_options *o = options;
    const double rate = o->rate * factor, k = (double)step;
    c[KEEP1] = (float)o->beta1;
    c[TAKE1] = (float)(1.0 - o->beta1);
    c[KEEP2] = (float)o->beta2;
    c[TAKE2] = (float)(1.0 - o->beta2);
    c[SHRINK] = (float)(1.0 - rate * o->weight_decay);
    c[MOVE] = (float)(rate / (1.0 - pow(o->beta1, k)));
    c[ROOT] = (float)(1.0 / sqrt(1.0 - pow(o->beta2, k)));
    c[EPS] = (float)o->eps;
}

static void run_tile(const float *c, float scale, float shrink, const float *restrict g,
                     float *restrict w, float *restrict m, float *restrict v, int64_t count) {
    const float keep1 = c[KEEP1], take1 = c[TAKE1], keep2 = c[KEEP2], take2 = c[TAKE2];
    const float move = c[MOVE], root = c[ROOT], eps = c[EPS];
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        const float d = scale * g[i];
        m[i] = keep1 * m[i] + take1 * d;
        v[i] = keep2 * v[i] + take2 * d * d;
        w[i] = shrink * w[i] - move * m[i] / (root * sqrtf(v[i]) + eps);
    }
}

static void run(const duet_update_call *call) {
    const float *const c = call->coefficients;
#pragma omp parallel for schedule(static) num_threads(call->threads)
    for (int64_t n = 0; n < call->tile_count; n++) {
        const duet_update_tile *t = &call->tiles[n];
        run_tile(c, call->scale, t->decay ? c[SHRINK] : 1.0F, call->grad + t->grad, t->weight,
                 t->beside[0], t->beside[1], t->count);
    }
}

const duet_rule duet_optim_adamw = {
    .info = {.name = "adamw",
             .help = "Adam with decoupled weight decay",
             .params = DUET_TABLE(rows, adamw_options)},
    .gradient = true,
    .beside_count = 2,
    .beside = {"adamw.m", "adamw.v"},
    .coefficients = COEFFICIENTS,
    .rate = rate_of,
    .prepare = prepare,
    .run = run,
};
