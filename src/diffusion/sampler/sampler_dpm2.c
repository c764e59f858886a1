/* SPDX-License-Identifier: MIT
 * DPM-Solver-2 with EDM's churn, as k-diffusion's sample_dpm_2. */
#include <math.h>

#include "diffusion/sampler/second.h"
#include "diffusion/spacing/spacing.h"

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("18", "sampling steps, two evaluations each; 0 = all of the schedule"),
    DUET_CHURN_ROWS,
    DUET_TRAIL_ROWS,
};

duet_status duet_trail_dpm2(duet_trail *trail, duet_level now, duet_level next, double noise) {
    const double u = duet_trail_place(trail, now), v = duet_trail_place(trail, next), d = v - u;
    if (v <= 0.0 || !isfinite(u)) return duet_trail_line(trail, now, next, noise);
    const duet_level middle = duet_curve_level(trail->state->noise, trail->curve, sqrt(u * v));
    const double m = duet_trail_place(trail, middle),
                 scale = next.alpha + trail->curve * next.sigma;
    DUET_TRY(duet_trail_mark(trail));
    DUET_TRY(duet_trail_line(trail, now, middle, 0.0));
    DUET_TRY(duet_trail_look(trail, middle));
    return duet_trail_go(
        trail, &(duet_trail_move){.mark = next.sigma / now.sigma,
                                  .seen = {-scale * d / m, scale * d * (1.0 / m - 1.0 / u)},
                                  .noise = noise});
}

static duet_status step(const void *options, duet_trail *trail) {
    duet_level hat;
    (void)options;
    DUET_TRY(duet_trail_churn(trail, &hat));
    DUET_TRY(duet_trail_look(trail, hat));
    return duet_trail_dpm2(trail, hat, duet_trail_next(trail), 0.0);
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
