/* SPDX-License-Identifier: MIT
 * Consistency models' sampling in one or a few steps (Song et al. 2023, algorithm 1): the network
 * maps to the clean image, then noise is added again, less each time:
 *   x_s = alpha_s x0 + sqrt(sigma_s^2 - low^2) noise,   x = x0 at the end
 * `low` is the lowest level, at which the network is the identity: a step from there would change
 * nothing, so it is not visited. */
#include <math.h>

#include "diffusion/sampler/trail.h"

typedef struct consistency_options {
    duet_trail_options trail;
    double low;
} consistency_options;
DUET_TRAIL_FIRST(consistency_options);

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("1", "leaps"),
    DUET_FLOAT(consistency_options, low, "0.002", 0, 1e3, "lowest level of noise"),
    DUET_TRAIL_ROWS,
};

static duet_status step(const void *options, duet_trail *trail) {
    const double low = ((const consistency_options *)options)->low;
    const duet_level next = duet_trail_next(trail);
    const double v = next.sigma * next.sigma - low * low;
    DUET_TRY(duet_trail_look(trail, duet_trail_now(trail)));
    return duet_trail_go(
        trail, &(duet_trail_move){.seen = {next.alpha}, .noise = v > 0.0 ? sqrt(v) : 0.0});
}

const duet_sampler duet_sampler_consistency = {
    .info = {.name = "consistency",
             .help = "one or a few leaps, for consistency models",
             .params = DUET_TABLE(rows, consistency_options),
             .aliases = "CMStochasticIterativeScheduler LCMScheduler lcm"},
    .remembers = 1,
    .leaps = true,
    .step = step,
};
