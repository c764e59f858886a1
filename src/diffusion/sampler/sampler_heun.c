/* SPDX-License-Identifier: MIT
 * Heun's method (Karras et al. 2022, algorithm 2): from (y, u) to u' = u + d,
 *   s1 = (y - x0)/u,  y2 = y + d s1,  s2 = (y2 - x0')/u',  y' = y + d (s1 + s2)/2
 *      = u'/u y - d/2 (1/u + d/(u u')) x0 - d/(2 u') x0'
 * Two evaluations a step; the last one, to no noise, is Euler's, and so is one from no signal on a
 * curve where that lies at infinity. */
#include <math.h>

#include "diffusion/sampler/trail.h"

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("18", "sampling steps, two evaluations each; 0 = all of the schedule"),
    DUET_CHURN_ROWS,
    DUET_TRAIL_ROWS,
};

static duet_status step(const void *options, duet_trail *trail) {
    const duet_level next = duet_trail_next(trail);
    duet_level now;
    (void)options;
    DUET_TRY(duet_trail_churn(trail, &now));
    DUET_TRY(duet_trail_look(trail, now));
    const double u = duet_trail_place(trail, now), v = duet_trail_place(trail, next), d = v - u;
    if (v <= 0.0 || !isfinite(u)) return duet_trail_line(trail, now, next, 0.0);
    const double scale = next.alpha + trail->curve * next.sigma;
    DUET_TRY(duet_trail_mark(trail));
    DUET_TRY(duet_trail_line(trail, now, next, 0.0));
    DUET_TRY(duet_trail_look(trail, next));
    return duet_trail_go(trail,
                         &(duet_trail_move){.mark = next.sigma / now.sigma,
                                            .seen = {-0.5 * scale * d / v,
                                                     -0.5 * scale * d * (1.0 / u + d / (u * v))}});
}

const duet_sampler duet_sampler_heun = {
    .info = {.name = "heun",
             .help = "second order, two evaluations a step, as EDM",
             .params = DUET_TABLE(rows, duet_churn_options),
             .aliases = "HeunDiscreteScheduler FlowMatchHeunDiscreteScheduler sample_heun k_heun "
                        "edm"},
    .remembers = 2,
    .order = 2,
    .step = step,
};
