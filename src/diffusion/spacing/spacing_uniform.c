/* SPDX-License-Identifier: MIT
 * `steps` values spread evenly over the whole t, ends included, each rounded to the nearest (halves
 * to even), as guided-diffusion's space_timesteps does for one section. A single step is the
 * noisiest level, where that code would take t = 0. */
#include <math.h>

#include "base/error.h"
#include "base/mem.h"
#include "diffusion/spacing/spacing.h"

duet_status duet_respace(int64_t *out, int64_t total, int64_t steps) {
    if (steps < 1 || steps > total) {
        return duet_fail(
            DUET_ARG,
            "%lld sampling steps are impossible with a noise schedule of %lld; use 1 to %lld",
            (long long)steps, (long long)total, (long long)total);
    }
    if (steps == 1) {
        out[0] = total - 1;
        return DUET_OK;
    }
    const double stride = (double)(total - 1) / (double)(steps - 1);
    double at = 0.0; /* added up as in that code, so that the same values round the same way */
    for (int64_t k = 0; k < steps; k++, at += stride) /* NOLINT(cert-flp30-c): k counts */
        out[steps - 1 - k] = (int64_t)nearbyint(at);
    return DUET_OK;
}

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    duet_status status = DUET_OK;
    int64_t *t = NULL;
    (void)options;
    DUET_DO(duet_alloc(&t, count, sizeof *t));
    DUET_DO(duet_respace(t, noise->steps, count));
    for (int64_t k = 0; k < count; k++) out[k] = duet_noise_level(noise, t[k]);
done:
    duet_release(t);
    return status;
}

const duet_spacing duet_spacing_uniform = {
    .info = {.name = "uniform",
             .help = "whole t, evenly, with both ends, as guided-diffusion",
             .params = DUET_TABLE_EMPTY},
    .fill = fill,
};
