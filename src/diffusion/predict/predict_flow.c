/* SPDX-License-Identifier: MIT
 * The network predicts the direction of the straight path (Liu et al. 2023):
 *   F = eps - x0,   x0 = (x_t - sigma F) / (alpha + sigma),   eps = (x_t + alpha F) / (alpha +
 * sigma) alpha + sigma is 1 for the noise `flow`. */
#include "diffusion/denoiser.h"

static duet_predict_map map_of(const void *options, duet_level level) {
    (void)options;
    const double by = 1.0 / (level.alpha + level.sigma);
    return (duet_predict_map){.x0_x = by,
                              .x0_raw = -level.sigma * by,
                              .eps_x = by,
                              .eps_raw = level.alpha * by,
                              .raw_x0 = -1.0,
                              .raw_eps = 1.0};
}

const duet_predict duet_predict_flow = {
    .info = {.name = "flow",
             .help = "the direction of the straight path, eps - x0",
             .params = DUET_TABLE_EMPTY},
    .map = map_of,
};
