/* SPDX-License-Identifier: MIT
 * DPM-Solver++(2M) (Lu et al. 2022b, algorithm 2), with r = h_before / h:
 *   x' = sigma'/sigma x + alpha' (1 - e^-h) ((1 + 1/2r) x0 - 1/2r x0_before)
 * One evaluation a step. The first step, and one to the clean image, are of first order. */
#include <math.h>

#include "diffusion/sampler/walker.h"

typedef struct dpmpp_2m_options {
    duet_walk_options walk;
} dpmpp_2m_options;
DUET_WALK_FIRST(dpmpp_2m_options);

static const duet_param rows[] = {
    DUET_WALK_STEPS("20", "sampling steps; 0 = all of the schedule"),
    DUET_WALK_ROWS,
};

static duet_status step(const void *options, duet_walk *walk) {
    const duet_level now = duet_walk_now(walk), next = duet_walk_next(walk);
    const double h = duet_walk_h(walk, 0);
    (void)options;
    DUET_TRY(duet_walk_look(walk, now));
    if (!isfinite(h) || duet_walk_before(walk) < 1) return duet_walk_line(walk, now, next, 0.0);
    const double half = 0.5 * h / duet_walk_h(walk, 1), pull = -next.alpha * expm1(-h);
    return duet_walk_go(walk, &(duet_walk_move){.keep = next.sigma / now.sigma,
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
