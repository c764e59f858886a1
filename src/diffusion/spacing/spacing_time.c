/* SPDX-License-Identifier: MIT
 * Real t, evenly: diffusers' "linspace" of Euler, Heun and LMS, DPM-Solver's "time_uniform". */
#include "diffusion/spacing/spacing.h"

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    const double most = (double)(noise->steps - 1);
    (void)options;
    for (int64_t k = 0; k < count; k++)
        out[k] = duet_noise_at(
            noise, count > 1 ? most * (double)(count - 1 - k) / (double)(count - 1) : most);
    return DUET_OK;
}

const duet_spacing duet_spacing_time = {
    .info = {.name = "time",
             .help = "real t, evenly, with both ends",
             .params = DUET_TABLE_EMPTY,
             .aliases = "time_uniform"},
    .fill = fill,
};
