/* SPDX-License-Identifier: MIT
 * The network predicts the velocity (Salimans and Ho 2022, appendix D), for variance-preserving
 * noise, alpha^2 + sigma^2 = 1:
 *   F = alpha eps - sigma x0,   x0 = alpha x_t - sigma F,   eps = sigma x_t + alpha F */
#include "diffusion/denoiser.h"

static duet_predict_map map_of(const void *options, duet_level level) {
    (void)options;
    return (duet_predict_map){.x0_x = level.alpha,
                              .x0_raw = -level.sigma,
                              .eps_x = level.sigma,
                              .eps_raw = level.alpha,
                              .raw_x0 = -level.sigma,
                              .raw_eps = level.alpha};
}

const duet_predict duet_predict_v = {
    .info = {.name = "v", .help = "the velocity, alpha eps - sigma x0", .params = DUET_TABLE_EMPTY},
    .map = map_of,
};
