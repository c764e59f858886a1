/* SPDX-License-Identifier: MIT
 * DDIM (Song et al. 2021, equation 12), for any alpha, sigma (s = next level):
 *   eps = (x - alpha_t x0) / sigma_t
 *   x_s = alpha_s x0 + sqrt(sigma_s^2 - v) eps + sqrt(v) noise,   v = eta^2 posterior
 * eta = 0 solves the probability-flow equation to first order; eta = 1 is ancestral sampling. */
#include <math.h>

#include "diffusion/sampler/trail.h"

typedef struct ddim_options {
    duet_trail_options trail;
    double eta;
} ddim_options;
DUET_TRAIL_FIRST(ddim_options);

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("50", "sampling steps; 0 = all of the schedule"),
    DUET_FLOAT(ddim_options, eta, "0", 0, 1, "fresh noise: 0 none, 1 as much as ddpm"),
    DUET_TRAIL_ROWS,
};

static duet_status step(const void *options, duet_trail *trail) {
    const double eta = ((const ddim_options *)options)->eta;
    const duet_level now = duet_trail_now(trail), next = duet_trail_next(trail);
    const double v = eta * eta * duet_level_between(now, next).posterior,
                 s2 = next.sigma * next.sigma;
    DUET_TRY(duet_trail_look(trail, now));
    return duet_trail_go(trail, &(duet_trail_move){.seen = {next.alpha},
                                                   .along = sqrt(s2 > v ? s2 - v : 0.0) / now.sigma,
                                                   .alpha = now.alpha,
                                                   .noise = sqrt(v)});
}

const duet_sampler duet_sampler_ddim = {
    .info = {.name = "ddim",
             .help =
                 "deterministic sampling in few steps; eta adds noise, which young networks need",
             .params = DUET_TABLE(rows, ddim_options),
             .aliases = "DDIMScheduler"},
    .remembers = 1,
    .order = 1,
    .step = step,
};
