/* SPDX-License-Identifier: MIT
 * timestep_spacing "linspace" of diffusers: t = round(k (T - 1) / (n - 1)), k = 0 .. n - 1. Its
 * DPM-Solvers take n + 1 points and leave t = 0 out; its Euler, Heun and LMS do not round: `time`.
 */
#include <math.h>

#include "diffusion/spacing/spacing.h"

typedef struct linspace_options {
    bool extra;
} linspace_options;

static const duet_param rows[] = {
    DUET_BOOLEAN(linspace_options, extra, "false",
                 "one more point, without t = 0, as diffusers' DPM-Solvers"),
};

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    const int64_t points = count + (((const linspace_options *)options)->extra ? 1 : 0);
    const double most = (double)(noise->steps - 1);
    for (int64_t k = 0; k < count; k++) {
        const double part = points > 1 ? (double)(points - 1 - k) / (double)(points - 1) : 1.0;
        out[k] = duet_noise_at(noise, nearbyint(most * part));
    }
    return DUET_OK;
}

const duet_spacing duet_spacing_linspace = {
    .info = {.name = "linspace",
             .help = "whole t, evenly, with both ends, as diffusers",
             .params = DUET_TABLE(rows, linspace_options)},
    .fill = fill,
};
