/* SPDX-License-Identifier: MIT
 * DPM-Solver++(2S) (Lu et al. 2022b, algorithm 1 with r = 1/2) to a lower level, from which fresh
 * noise leads back up: with h = lambda' - lambda and the level m in the middle of the lambdas,
 *   x_m by the first-order step,   x' = sigma'/sigma x + alpha' (1 - e^-h) x0_m */
#include <math.h>

#include "diffusion/sampler/trail.h"

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("18", "sampling steps, two evaluations each; 0 = all of the schedule"),
    DUET_ANCESTRAL_ROWS,
    DUET_TRAIL_ROWS,
};

static duet_status step(const void *options, duet_trail *trail) {
    const duet_ancestral_step s = duet_trail_ancestral(trail, options);
    const double high = duet_level_ratio(s.now), low = duet_level_ratio(s.down);
    DUET_TRY(duet_trail_look(trail, s.now));
    if (low <= 0.0 || !isfinite(high)) return duet_trail_line(trail, s.now, s.down, s.noise);
    const duet_level middle = duet_noise_find(trail->state->noise, sqrt(high * low));
    DUET_TRY(duet_trail_mark(trail));
    DUET_TRY(duet_trail_line(trail, s.now, middle, 0.0));
    DUET_TRY(duet_trail_look(trail, middle));
    return duet_trail_go(trail, &(duet_trail_move){.mark = s.down.sigma / s.now.sigma,
                                                   .seen = {s.down.alpha * (1.0 - low / high)},
                                                   .noise = s.noise});
}

const duet_sampler duet_sampler_dpmpp_2s_ancestral = {
    .info = {.name = "dpmpp_2s_ancestral",
             .help = "DPM-Solver++(2S) with fresh noise in each step (eta=0: without)",
             .params = DUET_TABLE(rows, duet_ancestral_options),
             .aliases = "dpmpp_2s dpmpp_2s_a DPMSolverSinglestepScheduler "
                        "sample_dpmpp_2s_ancestral"},
    .remembers = 2,
    .order = 2,
    .step = step,
};
