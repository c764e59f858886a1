/* SPDX-License-Identifier: MIT
 * The network predicts the velocity (Salimans and Ho 2022, appendix D):
 *   F = alpha eps - sigma x0,   x0 = (alpha x_t - sigma F) / n,   eps = (sigma x_t + alpha F) / n
 * with n = alpha^2 + sigma^2, which is 1 for noise that preserves variance. */
#include <math.h>

#include "diffusion/denoiser.h"

static duet_predict_map map_of(const void *options, duet_level level) {
    (void)options;
    const double n = level.alpha * level.alpha + level.sigma * level.sigma,
                 by = fabs(n - 1.0) < 1e-9 ? 1.0 : 1.0 / n; /* 1, whatever rounding says */
    return (duet_predict_map){.x0_x = level.alpha * by,
                              .x0_raw = -level.sigma * by,
                              .eps_x = level.sigma * by,
                              .eps_raw = level.alpha * by,
                              .raw_x0 = -level.sigma,
                              .raw_eps = level.alpha};
}

const duet_predict duet_predict_v = {
    .info = {.name = "v", .help = "the velocity, alpha eps - sigma x0", .params = DUET_TABLE_EMPTY},
    .map = map_of,
};
