/* SPDX-License-Identifier: MIT
 * DPM-Solver-2 with EDM's churn, as k-diffusion's sample_dpm_2. */
#include <math.h>

#include "diffusion/sampler/second.h"
#include "diffusion/spacing/spacing.h"

static const duet_param rows[] = {
    DUET_WALK_STEPS("18", "sampling steps, two evaluations each; 0 = all of the schedule"),
    DUET_CHURN_ROWS,
    DUET_WALK_ROWS,
};

duet_status duet_walk_dpm2(duet_walk *walk, duet_level now, duet_level next, double noise) {
    const double u = duet_walk_place(walk, now), v = duet_walk_place(walk, next), d = v - u;
    if (v <= 0.0 || !isfinite(u)) return duet_walk_line(walk, now, next, noise);
    const duet_level middle = duet_curve_level(walk->state->noise, walk->curve, sqrt(u * v));
    const double m = duet_walk_place(walk, middle), scale = next.alpha + walk->curve * next.sigma;
    DUET_TRY(duet_walk_mark(walk));
    DUET_TRY(duet_walk_line(walk, now, middle, 0.0));
    DUET_TRY(duet_walk_look(walk, middle));
    return duet_walk_go(walk,
                        &(duet_walk_move){.mark = next.sigma / now.sigma,
                                          .seen = {-scale * d / m, scale * d * (1.0 / m - 1.0 / u)},
                                          .noise = noise});
}

static duet_status step(const void *options, duet_walk *walk) {
    duet_level hat;
    (void)options;
    DUET_TRY(duet_walk_churn(walk, &hat));
    DUET_TRY(duet_walk_look(walk, hat));
    return duet_walk_dpm2(walk, hat, duet_walk_next(walk), 0.0);
}

const duet_sampler duet_sampler_dpm2 = {
    .info = {.name = "dpm2",
             .help = "second order through a level in the middle, two evaluations a step",
             .params = DUET_TABLE(rows, duet_churn_options),
             .aliases = "kdpm2 dpm_2 KDPM2DiscreteScheduler sample_dpm_2 k_dpm_2"},
    .remembers = 2,
    .order = 2,
    .step = step,
};
