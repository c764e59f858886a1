/* SPDX-License-Identifier: MIT
 * Muon (K. Jordan et al. 2024): momentum, made orthogonal. Of an inner matrix
 * (engine/graph/inner.h) [O,I], of a convolution [O,I k k], with g the clipped gradient and r =
 * rate times the lr factor m = mu m + (1-mu) g,  u = mu m + (1-mu) g (Nesterov) or m,  w = w - r
 * decay w - r f O(u) where O is five steps of Newton-Schulz (orthogonal.h) and f by `scale` rms 0.2
 * sqrt(max(rows, columns)): entries as large as those of AdamW's steps, so that its rate serves (J.
 * Liu et al., "Muon is scalable for LLM training", 2025) spectral  sqrt(max(1, rows / columns)),
 * the first form; rates are about 0.02 then. All other weights (vectors, embeddings, the first and
 * last layers) follow AdamW. */
#include <math.h>
#include <omp.h>

#include "base/linalg.h"
#include "optim/adamw.h"
#include "optim/optim.h"
#include "optim/orthogonal.h"

typedef struct muon_options {
    double rate, momentum, weight_decay, other_rate, beta1, beta2, eps;
    int64_t steps;
    bool nesterov;
    char scale[16];
} muon_options;

static const duet_param rows[] = {
    DUET_FLOAT(muon_options, rate, "0.0015", 1e-12, 1e30, "learning rate of inner matrices"),
    DUET_TEXT(muon_options, scale, "rms", "rms|spectral",
              "size of their steps: entries as AdamW's, or singular values about 1 (rates ~ 0.02)"),
    DUET_FLOAT(muon_options, momentum, "0.95", 0, 0.999999, "decay of their mean of gradients"),
    DUET_BOOLEAN(muon_options, nesterov, "true", "looks one step ahead along the mean"),
    DUET_INT(muon_options, steps, "5", 1, 20, "Newton-Schulz steps that make it orthogonal"),
    DUET_FLOAT(muon_options, weight_decay, "0.01", 0, 1e6,
               "decoupled weight decay of tensors of rank 2 and more"),
    DUET_FLOAT(muon_options, other_rate, "0", 0, 1e30,
               "learning rate of all other weights, by AdamW; 0 = rate"),
    DUET_FLOAT(muon_options, beta1, "0.9", 0, 0.999999, "their decay of the mean of gradients"),
    DUET_FLOAT(muon_options, beta2, "0.99", 0, 0.999999,
               "their decay of the mean of squared gradients"),
    DUET_FLOAT(muon_options, eps, "1e-8", 1e-30, 1, "added to their denominator"),
};

static double rate_of(const void *options) {
    return ((const muon_options *)options)->rate;
}

enum { KEEP = DUET_ADAMW_COEFFICIENTS, TAKE, AHEAD, SHRINK, MOVE, RMS, STEPS, COEFFICIENTS };

static void prepare(const void *options, double factor, int64_t step, float *c) {
    const muon_options *o = options;
    const duet_adamw_options other = {.rate = o->other_rate > 0.0 ? o->other_rate : o->rate,
                                      .beta1 = o->beta1,
                                      .beta2 = o->beta2,
                                      .eps = o->eps,
                                      .weight_decay = o->weight_decay};
    duet_adamw_prepare(&other, factor, step, c);
    c[KEEP] = (float)o->momentum;
    c[TAKE] = (float)(1.0 - o->momentum);
    c[AHEAD] = o->nesterov ? 1.0F : 0.0F;
    c[SHRINK] = (float)(1.0 - o->rate * factor * o->weight_decay);
    c[MOVE] = (float)(o->rate * factor);
    c[RMS] = o->scale[0] == 'r' ? 1.0F : 0.0F;
    c[STEPS] = (float)o->steps;
}

static float factor_of(const duet_update_tensor *tensor, bool rms) {
    const double R = (double)tensor->rows, C = (double)tensor->columns;
    return (float)(rms ? 0.2 * sqrt(fmax(R, C)) : sqrt(fmax(1.0, R / C)));
}

/* A matrix, by one thread: u and scratch are of its size. */
static void run_matrix(const duet_update_call *call, const duet_update_tensor *tensor, float *u) {
    const float *const c = call->coefficients;
    const duet_update_tile *first = &call->tiles[tensor->tile];
    const int64_t count = tensor->rows * tensor->columns;
    const float keep = c[KEEP], take = c[TAKE], scale = call->scale, shrink = c[SHRINK],
                move = c[MOVE] * factor_of(tensor, c[RMS] > 0.0F);
    const float *restrict g = call->grad + first->grad;
    float *restrict m = first->beside[0], *restrict w = first->weight;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        const float d = take * (scale * g[i]);
        m[i] = keep * m[i] + d;
        u[i] = c[AHEAD] > 0.0F ? keep * m[i] + d : m[i];
    }
    duet_orthogonal(u, tensor->rows, tensor->columns, (int)c[STEPS], u + count);
#pragma omp simd
    for (int64_t i = 0; i < count; i++) w[i] = shrink * w[i] - move * u[i];
}

/* Of one matrix: the largest. */
static int64_t room_of(const duet_update_tensor *tensors, int64_t count) {
    int64_t most = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t R = tensors[i].rows, C = tensors[i].columns,
                      room = R * C + duet_orthogonal_room(R, C);
        if (tensors[i].inner && room > most) most = room;
    }
    return most;
}

static int64_t scratch_of(const duet_update_tensor *tensors, int64_t count, int threads) {
    return threads * room_of(tensors, count);
}

/* Whole matrices are divided among the threads, so that no sum depends on their number. */
static void run(const duet_update_call *call) {
    const int64_t room = room_of(call->tensors, call->tensor_count);
    duet_linalg_set_threads(1);
#pragma omp parallel num_threads(call->threads)
    {
        float *const own = call->scratch + omp_get_thread_num() * room;
#pragma omp for schedule(dynamic) nowait
        for (int64_t n = 0; n < call->tensor_count; n++)
            if (call->tensors[n].inner) run_matrix(call, &call->tensors[n], own);
#pragma omp for schedule(dynamic, 8)
        for (int64_t n = 0; n < call->tile_count; n++)
            if (!call->tiles[n].inner)
                duet_adamw_tile(&call->tiles[n], call->coefficients, call->grad, call->scale);
    }
    duet_linalg_set_threads(call->threads);
}

const duet_rule duet_optim_muon = {
    .info = {.name = "muon",
             .help = "orthogonal momentum for matrices within the network, AdamW for all else",
             .params = DUET_TABLE(rows, muon_options)},
    .gradient = true,
    .beside_count = 2,
    .beside = {"muon.m", "muon.v"},
    .inner_beside = 1,
    .coefficients = COEFFICIENTS,
    .rate = rate_of,
    .prepare = prepare,
    .scratch = scratch_of,
    .run = run,
};
