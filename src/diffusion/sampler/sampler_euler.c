/* SPDX-License-Identifier: MIT
 * Euler's method on the probability-flow equation, with EDM's churn (Karras et al. 2022, algorithm
 * 2 without its correction). Without churn it is ddim with eta = 0. */
#include "diffusion/sampler/trail.h"

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("50", "sampling steps; 0 = all of the schedule"),
    DUET_CHURN_ROWS,
    DUET_TRAIL_ROWS,
};

static duet_status step(const void *options, duet_trail *trail) {
    duet_level hat;
    (void)options;
    DUET_TRY(duet_trail_churn(trail, &hat));
    DUET_TRY(duet_trail_look(trail, hat));
    return duet_trail_line(trail, hat, duet_trail_next(trail), 0.0);
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
