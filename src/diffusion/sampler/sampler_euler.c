/* SPDX-License-Identifier: MIT
 * Euler's method on the probability-flow equation, with EDM's churn (Karras et al. 2022, algorithm
 * 2 without its correction). Without churn it is ddim with eta = 0. */
#include "diffusion/sampler/walker.h"

static const duet_param rows[] = {
    DUET_WALK_STEPS("50", "sampling steps; 0 = all of the schedule"),
    DUET_CHURN_ROWS,
    DUET_WALK_ROWS,
};

static duet_status step(const void *options, duet_walk *walk) {
    duet_level hat;
    (void)options;
    DUET_TRY(duet_walk_churn(walk, &hat));
    DUET_TRY(duet_walk_look(walk, hat));
    return duet_walk_line(walk, hat, duet_walk_next(walk), 0.0);
}

const duet_sampler duet_sampler_euler = {
    .info = {.name = "euler",
             .help = "Euler's method, with EDM's churn",
             .params = DUET_TABLE(rows, duet_churn_options),
             .aliases = "EulerDiscreteScheduler EDMEulerScheduler FlowMatchEulerDiscreteScheduler "
                        "sample_euler k_euler"},
    .remembers = 1,
    .order = 1,
    .step = step,
};
