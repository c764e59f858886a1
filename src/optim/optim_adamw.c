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

typedef struct coefficients {
    float scale, keep1, take1, keep2, take2, shrink, move, root, eps;
} coefficients;

static void run_tile(const coefficients *c, const float *restrict g, float *restrict w,
                     float *restrict m, float *restrict v, int64_t count) {
    const float scale = c->scale, keep1 = c->keep1, take1 = c->take1, keep2 = c->keep2,
                take2 = c->take2;
    const float shrink = c->shrink, move = c->move, root = c->root, eps = c->eps;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        const float d = scale * g[i];
        m[i] = keep1 * m[i] + take1 * d;
        v[i] = keep2 * v[i] + take2 * d * d;
        w[i] = shrink * w[i] - move * m[i] / (root * sqrtf(v[i]) + eps);
    }
}

static void step(const void *options, const duet_optim_call *call) {
    const adamw_options *o = options;
    const double rate = o->rate * call->factor, k = (double)call->step;
    coefficients plain = {
        .scale = (float)call->grad_scale,
        .keep1 = (float)o->beta1,
        .take1 = (float)(1.0 - o->beta1),
        .keep2 = (float)o->beta2,
        .take2 = (float)(1.0 - o->beta2),
        .shrink = 1.0F,
        .move = (float)(rate / (1.0 - pow(o->beta1, k))),
        .root = (float)(1.0 / sqrt(1.0 - pow(o->beta2, k))),
        .eps = (float)o->eps,
    };
    coefficients decayed = plain;
    decayed.shrink = (float)(1.0 - rate * o->weight_decay);
#pragma omp parallel for schedule(static) num_threads(call->threads)
    for (int64_t n = 0; n < call->tile_count; n++) {
        const duet_optim_tile *t = &call->tiles[n];
        run_tile(t->decay ? &decayed : &plain, call->grad + t->grad, t->weight, t->moment[0],
                 t->moment[1], t->count);
    }
}

const duet_optim duet_optim_adamw = {
    .info = {.name = "adamw",
             .help = "Adam with decoupled weight decay",
             .params = DUET_TABLE(rows, adamw_options)},
    .moments = 2,
    .moment_name = {"adamw.m", "adamw.v"},
    .rate = rate_of,
    .step = step,
};
