/* SPDX-License-Identifier: MIT
 * DPM-Solver-2 to a lower level, from which fresh noise leads back up, as k-diffusion's
 * sample_dpm_2_ancestral. */
#include "diffusion/sampler/second.h"

static const duet_param rows[] = {
    DUET_WALK_STEPS("18", "sampling steps, two evaluations each; 0 = all of the schedule"),
    DUET_ANCESTRAL_ROWS,
    DUET_WALK_ROWS,
};

static duet_status step(const void *options, duet_walk *walk) {
    const duet_ancestral_options *const o = options;
    const duet_level now = duet_walk_now(walk);
    double up = 0.0;
    const duet_level down = duet_walk_down(now, duet_walk_next(walk), o->eta, &up);
    DUET_TRY(duet_walk_look(walk, now));
    return duet_walk_dpm2(walk, now, down, up * o->s_noise);
}

const duet_sampler duet_sampler_dpm2_ancestral = {
    .info = {.name = "dpm2_ancestral",
             .help = "dpm2 with fresh noise in each step",
             .params = DUET_TABLE(rows, duet_ancestral_options),
             .aliases = "kdpm2_ancestral dpm_2_ancestral dpm2_a KDPM2AncestralDiscreteScheduler "
                        "sample_dpm_2_ancestral k_dpm_2_ancestral"},
    .remembers = 2,
    .order = 2,
    .step = step,
};
