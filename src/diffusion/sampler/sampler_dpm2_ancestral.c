/* SPDX-License-Identifier: MIT
 * DPM-Solver-2 to a lower level, from which fresh noise leads back up, as k-diffusion's
 * sample_dpm_2_ancestral. */
#include "diffusion/sampler/second.h"

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("18", "sampling steps, two evaluations each; 0 = all of the schedule"),
    DUET_ANCESTRAL_ROWS,
    DUET_TRAIL_ROWS,
};

static duet_status step(const void *options, duet_trail *trail) {
    const duet_ancestral_step s = duet_trail_ancestral(trail, options);
    DUET_TRY(duet_trail_look(trail, s.now));
    return duet_trail_dpm2(trail, s.now, s.down, s.noise);
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
