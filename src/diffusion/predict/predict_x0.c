/* SPDX-License-Identifier: MIT
 * The network predicts the clean image:
 *   F = x0,   eps = (x_t - alpha F) / sigma (0 where there is no noise) */
#include "diffusion/denoiser.h"

static duet_predict_map map_of(const void *options, duet_level level) {
    (void)options;
    const double by = level.sigma > 0.0 ? 1.0 / level.sigma : 0.0;
    return (duet_predict_map){
        .x0_raw = 1.0, .eps_x = by, .eps_raw = -level.alpha * by, .raw_x0 = 1.0};
}

const duet_predict duet_predict_x0 = {
    .info = {.name = "x0", .help = "the clean image", .params = DUET_TABLE_EMPTY},
    .map = map_of,
};
