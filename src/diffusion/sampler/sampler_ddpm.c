/* SPDX-License-Identifier: MIT
 * Ancestral sampling (Ho et al. 2020, equations 6 and 7), with fewer steps as guided-diffusion's
 *   SpacedDiffusion: the betas are those of the kept abar. Written for any alpha, sigma (s = next
 *   level, r = alpha_t/alpha_s): mean = (r sigma_s^2 x + alpha_s added x0) / sigma_t^2
 * variance: fixed_small = posterior, fixed_large = added; learned, of networks that give v in
 * [-1,1] (Nichol and Dhariwal 2021, equation 15): added^f posterior^(1-f), f = (v + 1) / 2. The
 * last step adds no noise and gives x0. */
#include <math.h>
#include <string.h>

#include "diffusion/sampler/trail.h"

typedef struct ddpm_options {
    duet_trail_options trail;
    char variance[DUET_TEXT_SIZE];
} ddpm_options;
DUET_TRAIL_FIRST(ddpm_options);

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("250", "sampling steps; 0 = all of the schedule"),
    DUET_TEXT(ddpm_options, variance, "auto", "auto|fixed_small|fixed_large|learned",
              "noise added back: posterior, whole beta, or what the network learned between them; "
              "auto = learned where it did, else posterior"),
    DUET_TRAIL_ROWS,
};

static duet_status learns(const ddpm_options *o, const duet_trail *trail, bool *out) {
    const bool can = trail->state->learns_variance, must = strcmp(o->variance, "learned") == 0;
    *out = must || (can && strcmp(o->variance, "auto") == 0);
    if (!must || can) return DUET_OK;
    return duet_fail(DUET_UNSUPPORTED,
                     "variance=learned needs a network with learned variances; this one has none; "
                     "use fixed_small or fixed_large");
}

static duet_status step(const void *options, duet_trail *trail) {
    const ddpm_options *const o = options;
    const duet_level now = duet_trail_now(trail), next = duet_trail_next(trail);
    const duet_level_gap gap = duet_level_between(now, next);
    const bool large = strcmp(o->variance, "fixed_large") == 0, last = !(next.sigma > 0.0);
    const double t2 = now.sigma * now.sigma, s2 = next.sigma * next.sigma;
    duet_trail_move move = {.keep = now.alpha / next.alpha * s2 / t2,
                            .seen = {next.alpha * gap.added / t2},
                            .noise = last ? 0.0 : sqrt(large ? gap.added : gap.posterior)};
    DUET_TRY(learns(o, trail, &trail->learned));
    DUET_TRY(duet_trail_look(trail, now));
    if (trail->learned && !last) {
        move.noise = 1.0;
        move.learned = true;
        move.small = gap.posterior;
        move.large = gap.added;
    }
    return duet_trail_go(trail, &move);
}

const duet_sampler duet_sampler_ddpm = {
    .info = {.name = "ddpm",
             .help = "ancestral sampling",
             .params = DUET_TABLE(rows, ddpm_options),
             .aliases = "DDPMScheduler ancestral"},
    .remembers = 1,
    .step = step,
};
