/* SPDX-License-Identifier: MIT
 * Stochastic gradient descent with momentum, in PyTorch's form (torch.optim.SGD): with g the
 * clipped gradient, step k = 1, 2, … and r = rate times the lr factor
 *   d = g + decay w,         b = mu b + d, from b = 0
 *   w = w - r b, or with nesterov w - r (d + mu b)
 * Weight decay applies only to tensors of rank >= 2. Computed in f32 element by element. */
#include "optim/optim.h"

typedef struct sgd_options {
    double rate, momentum, weight_decay;
    bool nesterov;
} sgd_options;

static const duet_param rows[] = {
    DUET_FLOAT(sgd_options, rate, "0.05", 1e-12, 1e30, "learning rate"),
    DUET_FLOAT(sgd_options, momentum, "0.9", 0, 0.999999, "of the sum of gradients"),
    DUET_FLOAT(sgd_options, weight_decay, "0", 0, 1e6,
               "times the weights, added to the gradient of tensors of rank 2 and more"),
    DUET_BOOLEAN(sgd_options, nesterov, "false", "looks one step ahead along the sum"),
};

static double rate_of(const void *options) {
    return ((const sgd_options *)options)->rate;
}

enum { RATE, KEEP, DECAY, AHEAD, COEFFICIENTS };

/* The sum is zero before step 1, so that it needs no case of its own. */
static void prepare(const void *options, double factor, int64_t step, float *c) {
    const sgd_options *o = options;
    (void)step;
    c[RATE] = (float)(o->rate * factor);
    c[KEEP] = (float)o->momentum;
    c[DECAY] = (float)o->weight_decay;
    c[AHEAD] = o->nesterov ? 1.0F : 0.0F;
}

static void run_tile(const duet_update_tile *t, const float *c, const float *grad, float scale) {
    const float rate = c[RATE], keep = c[KEEP], decay = t->decay ? c[DECAY] : 0.0F;
    const float own = c[AHEAD], sum = c[AHEAD] > 0 ? keep : 1.0F;
    const float *const g = grad + t->grad;
    float *const w = t->weight, *const b = t->beside[0];
#pragma omp simd
    for (int64_t i = 0; i < t->count; i++) {
        const float d = scale * g[i] + decay * w[i];
        b[i] = keep * b[i] + d;
        w[i] -= rate * (own * d + sum * b[i]);
    }
}

static void run(const duet_update_call *call) {
#pragma omp parallel for schedule(static) num_threads(call->threads)
    for (int64_t n = 0; n < call->tile_count; n++)
        run_tile(&call->tiles[n], call->coefficients, call->grad, call->scale);
}

const duet_rule duet_optim_sgd = {
    .info = {.name = "sgd",
             .help = "gradient descent with momentum",
             .params = DUET_TABLE(rows, sgd_options)},
    .gradient = true,
    .beside_count = 1,
    .beside = {"sgd.b"},
    .coefficients = COEFFICIENTS,
    .rate = rate_of,
    .prepare = prepare,
    .run = run,
};
