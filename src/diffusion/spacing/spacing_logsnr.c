/* SPDX-License-Identifier: MIT
 * log(alpha/sigma) evenly: DPM-Solver's "logSNR" (Lu et al. 2022). Both ends must be finite:
 * without signal at the highest level it starts at sigma/alpha = 4096. */
#include <math.h>

#include "diffusion/spacing/spacing.h"

#define MOST_RATIO 4096.0

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    const double low = log(duet_level_ratio(noise->table[0])),
                 top = duet_level_ratio(noise->table[noise->steps - 1]),
                 high = log(isfinite(top) ? top : MOST_RATIO);
    (void)options;
    for (int64_t k = 0; k < count; k++) {
        const double part = count > 1 ? 1.0 - (double)k / (double)(count - 1) : 1.0;
        out[k] = duet_noise_find(noise, exp(low + part * (high - low)));
    }
    return DUET_OK;
}

const duet_spacing duet_spacing_logsnr = {
    .info = {.name = "logsnr",
             .help = "log(alpha/sigma) evenly, as DPM-Solver",
             .params = DUET_TABLE_EMPTY,
             .aliases = "logSNR lu"},
    .fill = fill,
};
