/* SPDX-License-Identifier: MIT
 * DPM-Solver++(2M) (Lu et al. 2022b, algorithm 2), with r = h_before / h:
 *   x' = sigma'/sigma x + alpha' (1 - e^-h) ((1 + 1/2r) x0 - 1/2r x0_before)
 * One evaluation a step. The first step, and one to the clean image, are of first order. */
#include <math.h>

#include "diffusion/sampler/trail.h"

typedef struct dpmpp_2m_options {
    duet_trail_options trail;
} dpmpp_2m_options;
DUET_TRAIL_FIRST(dpmpp_2m_options);

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("20", "sampling steps; 0 = all of the schedule"),
    DUET_TRAIL_ROWS,
};

static duet_status step(const void *options, duet_trail *trail) {
    const duet_level now = duet_trail_now(trail), next = duet_trail_next(trail);
    const double h = duet_trail_h(trail, 0);
    (void)options;
    DUET_TRY(duet_trail_look(trail, now));
    if (!isfinite(h) || duet_trail_before(trail) < 1) return duet_trail_line(trail, now, next, 0.0);
    const double half = 0.5 * h / duet_trail_h(trail, 1), pull = -next.alpha * expm1(-h);
    return duet_trail_go(trail, &(duet_trail_move){.keep = next.sigma / now.sigma,
                                                   .seen = {pull * (1.0 + half), -pull * half}});
}

const duet_sampler duet_sampler_dpmpp_2m = {
    .info = {.name = "dpmpp_2m",
             .help = "DPM-Solver++(2M): second order, one evaluation a step",
             .params = DUET_TABLE(rows, dpmpp_2m_options),
             .aliases = "dpmpp DPMSolverMultistepScheduler EDMDPMSolverMultistepScheduler "
                        "sample_dpmpp_2m dpmpp2m dpm++2m"},
    .remembers = 2,
    .order = 2,
    .step = step,
};
