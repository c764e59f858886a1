/* SPDX-License-Identifier: MIT
 * Euler's method to a lower level, from which fresh noise leads back up to the next one: ddim with
 * an eta that may exceed 1, and an amplitude of the noise. */
#include "diffusion/sampler/trail.h"

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("50", "sampling steps; 0 = all of the schedule"),
    DUET_ANCESTRAL_ROWS,
    DUET_TRAIL_ROWS,
};

static duet_status step(const void *options, duet_trail *trail) {
    const duet_ancestral_step s = duet_trail_ancestral(trail, options);
    DUET_TRY(duet_trail_look(trail, s.now));
    return duet_trail_line(trail, s.now, s.down, s.noise);
}

const duet_sampler duet_sampler_euler_ancestral = {
    .info = {.name = "euler_ancestral",
             .help = "Euler's method with fresh noise in each step",
             .params = DUET_TABLE(rows, duet_ancestral_options),
             .aliases = "euler_a EulerAncestralDiscreteScheduler sample_euler_ancestral "
                        "k_euler_ancestral"},
    .remembers = 1,
    .order = 1,
    .step = step,
};
