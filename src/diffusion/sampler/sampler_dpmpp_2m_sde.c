/* SPDX-License-Identifier: MIT
 * DPM-Solver++(2M) for the stochastic equation (Lu et al. 2022b, appendix; k-diffusion): beside the
 * terms of first order, with r = h_before / h, H = h (1 + eta), d = (x0 - x0_before) / r:
 *   midpoint: alpha' (1 - e^-H)/2 d,   heun: alpha' (1 - (1 - e^-H)/H) d */
#include <string.h>

#include "diffusion/sampler/exponential.h"

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("25", "sampling steps; 0 = all of the schedule"),
    DUET_EXPONENTIAL_ROWS,
    DUET_TEXT(duet_exponential_options, solver, "midpoint", "midpoint|heun",
              "how the second order is reached"),
    DUET_TRAIL_ROWS,
};

static duet_status step(const void *options, duet_trail *trail) {
    const duet_exponential_options *const o = options;
    const double h = duet_trail_h(trail, 0), whole = h * (1.0 + o->eta);
    duet_trail_move move = duet_trail_exponential(trail, h, o->eta, o->s_noise);
    DUET_TRY(duet_trail_look(trail, duet_trail_now(trail)));
    if (isfinite(h) && duet_trail_before(trail) >= 1) {
        const double part =
            strcmp(o->solver, "heun") == 0 ? 1.0 + expm1(-whole) / whole : -0.5 * expm1(-whole);
        const double by = duet_trail_next(trail).alpha * part * h / duet_trail_h(trail, 1);
        move.seen[0] += by;
        move.seen[1] = -by;
    }
    return duet_trail_go(trail, &move);
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
