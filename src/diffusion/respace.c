/* SPDX-License-Identifier: MIT
 * Fewer steps than the schedule has: `steps` values spread evenly over 0..total-1, ends included,
 * each rounded to the nearest whole step (halves to even), as guided-diffusion's space_timesteps
 * does for one section. A single step is the noisiest level, where that code would take t = 0. */
#include <math.h>

#include "base/error.h"
#include "diffusion/denoiser.h"

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
