/* SPDX-License-Identifier: MIT
 * DPM-Solver++(2M) for the stochastic equation (Lu et al. 2022b, appendix; k-diffusion): beside the
 * terms of first order, with r = h_before / h, H = h (1 + eta), d = (x0 - x0_before) / r:
 *   midpoint: alpha' (1 - e^-H)/2 d,   heun: alpha' (1 - (1 - e^-H)/H) d */
#include <string.h>

#include "diffusion/sampler/exponential.h"

static const duet_param rows[] = {
    DUET_WALK_STEPS("25", "sampling steps; 0 = all of the schedule"),
    DUET_EXPONENTIAL_ROWS,
    DUET_TEXT(duet_exponential_options, solver, "midpoint", "midpoint|heun",
              "how the second order is reached"),
    DUET_WALK_ROWS,
};

static duet_status step(const void *options, duet_walk *walk) {
    const duet_exponential_options *const o = options;
    const double h = duet_walk_h(walk, 0), whole = h * (1.0 + o->eta);
    duet_walk_move move = duet_walk_exponential(walk, h, o->eta, o->s_noise);
    DUET_TRY(duet_walk_look(walk, duet_walk_now(walk)));
    if (isfinite(h) && duet_walk_before(walk) >= 1) {
        const double part =
            strcmp(o->solver, "heun") == 0 ? 1.0 + expm1(-whole) / whole : -0.5 * expm1(-whole);
        const double by = duet_walk_next(walk).alpha * part * h / duet_walk_h(walk, 1);
        move.seen[0] += by;
        move.seen[1] = -by;
    }
    return duet_walk_go(walk, &move);
}

const duet_sampler duet_sampler_dpmpp_2m_sde = {
    .info = {.name = "dpmpp_2m_sde",
             .help = "DPM-Solver++(2M) with fresh noise in each step",
             .params = DUET_TABLE(rows, duet_exponential_options),
             .aliases = "sample_dpmpp_2m_sde dpmpp2m_sde sde-dpmsolver++"},
    .remembers = 2,
    .order = 2,
    .step = step,
};
