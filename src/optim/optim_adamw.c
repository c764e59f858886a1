/* SPDX-License-Identifier: MIT
 * AdamW (Loshchilov and Hutter 2019): with g the clipped gradient, step k = 1, 2, … and r = rate
 * times the lr factor
 *   m = b1 m + (1-b1) g          v = b2 v + (1-b2) g^2
 *   w = w - r decay w - r (m / (1-b1^k)) / (sqrt(v / (1-b2^k)) + eps)
 * Weight decay applies only to tensors of rank >= 2, not to gains and biases. Computed in f32
 * element by element, so that the result does not depend on the threads. */
#include <math.h>

#include "optim/adamw.h"
#include "optim/optim.h"

static const duet_param rows[] = {
    DUET_FLOAT(duet_adamw_options, rate, "0.0015", 1e-12, 1e30, "learning rate"),
    DUET_FLOAT(duet_adamw_options, beta1, "0.9", 0, 0.999999, "decay of the mean of gradients"),
    DUET_FLOAT(duet_adamw_options, beta2, "0.99", 0, 0.999999,
               "decay of the mean of squared gradients"),
    DUET_FLOAT(duet_adamw_options, eps, "1e-8", 1e-30, 1, "added to the denominator"),
    DUET_FLOAT(duet_adamw_options, weight_decay, "0.01", 0, 1e6,
               "decoupled weight decay of tensors of rank 2 and more"),
};

static double rate_of(const void *options) {
    return ((const duet_adamw_options *)options)->rate;
}

enum { KEEP1, TAKE1, KEEP2, TAKE2, SHRINK, MOVE, ROOT, EPS };

void duet_adamw_prepare(const duet_adamw_options *o, double factor, int64_t step, float *c) {
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

static void prepare(const void *options, double factor, int64_t step, float *c) {
    duet_adamw_prepare(options, factor, step, c);
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

void duet_adamw_tile(const duet_update_tile *t, const float *c, const float *grad, float scale) {
    run_tile(c, scale, t->decay ? c[SHRINK] : 1.0F, grad + t->grad, t->weight, t->beside[0],
             t->beside[1], t->count);
}

static void run(const duet_update_call *call) {
#pragma omp parallel for schedule(static) num_threads(call->threads)
    for (int64_t n = 0; n < call->tile_count; n++)
        duet_adamw_tile(&call->tiles[n], call->coefficients, call->grad, call->scale);
}

const duet_rule duet_optim_adamw = {
    .info = {.name = "adamw",
             .help = "Adam with decoupled weight decay",
             .params = DUET_TABLE(rows, duet_adamw_options)},
    .gradient = true,
    .beside_count = 2,
    .beside = {"adamw.m", "adamw.v"},
    .coefficients = DUET_ADAMW_COEFFICIENTS,
    .rate = rate_of,
    .prepare = prepare,
    .run = run,
};
