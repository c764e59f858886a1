/* SPDX-License-Identifier: MIT
 * Consistency models' sampling in one or a few steps (Song et al. 2023, algorithm 1): the network
 * maps to the clean image, then noise is added again, less each time:
 *   x_s = alpha_s x0 + sqrt(sigma_s^2 - low^2) noise,   x = x0 at the end
 * `low` is the lowest level, at which the network is the identity. */
#include <math.h>

#include "base/error.h"
#include "diffusion/sampler/sampler.h"

typedef struct consistency_options {
    int64_t steps;
    double low;
    bool clip;
} consistency_options;

static const duet_param rows[] = {
    DUET_INT(consistency_options, steps, "1", 1, 1e6, "leaps"),
    DUET_FLOAT(consistency_options, low, "0.002", 0, 1e3, "lowest level of noise"),
    DUET_BOOLEAN(consistency_options, clip, "true",
                 "clip the predicted image to [-1,1] at each step"),
};

static void rule(const void *options, const duet_sampler_move *move, double *x, const float *x0,
                 const float *noise, int64_t dim) {
    const double low = ((const consistency_options *)options)->low,
                 v = move->next.sigma * move->next.sigma - low * low;
    const double spread = v > 0.0 ? sqrt(v) : 0.0;
    for (int64_t i = 0; i < dim; i++)
        x[i] = move->next.alpha * (double)x0[i] + (noise != NULL ? spread * (double)noise[i] : 0.0);
}

/* The levels are spread evenly over the schedule, but without its lowest, at which a step would
 * change nothing. */
static duet_status run(const void *options, duet_sampler_state *state) {
    const consistency_options *o = options;
    if (o->steps >= state->noise->steps)
        return duet_fail(DUET_ARG, "%lld steps are impossible with a noise schedule of %lld levels",
                         (long long)o->steps, (long long)state->noise->steps);
    return duet_sampler_walk(state, o->steps, o->steps + 1, o->clip, o->steps > 1, rule, options);
}

const duet_sampler duet_sampler_consistency = {
    .info = {.name = "consistency",
             .help = "one or a few leaps, for consistency models",
             .params = DUET_TABLE(rows, consistency_options)},
    .run = run,
};
