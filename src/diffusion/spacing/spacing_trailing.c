/* SPDX-License-Identifier: MIT
 * timestep_spacing "trailing" of diffusers: t = round(T - k T / n) - 1. It starts from the noisiest
 * level, which schedules without signal there need (Lin et al. 2024). */
#include <math.h>

#include "base/error.h"
#include "diffusion/spacing/spacing.h"

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    const double total = (double)noise->steps, stride = total / (double)count;
    (void)options;
    if (count > noise->steps)
        return duet_fail(DUET_ARG,
                         "%lld sampling steps are impossible with a noise schedule of %lld",
                         (long long)count, (long long)noise->steps);
    for (int64_t k = 0; k < count; k++)
        out[k] = duet_noise_at(noise, nearbyint(total - (double)k * stride) - 1.0);
    return DUET_OK;
}

const duet_spacing duet_spacing_trailing = {
    .info = {.name = "trailing",
             .help = "every (T/n)-th t down from the noisiest, as diffusers",
             .params = DUET_TABLE_EMPTY},
    .fill = fill,
};
