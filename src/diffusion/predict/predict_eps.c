/* SPDX-License-Identifier: MIT
 * The network predicts the noise (Ho et al. 2020, equation 14):
 *   F = eps,   x0 = (x_t - sigma F) / alpha
 * Without signal (alpha 0) nothing follows from the noise; abar counts as 2^-24 there, as in
 * diffusers. */
#include "diffusion/denoiser.h"

static duet_predict_map map_of(const void *options, duet_level level) {
    (void)options;
    const double alpha = level.alpha > 0x1p-12 ? level.alpha : 0x1p-12;
    return (duet_predict_map){
        .x0_x = 1.0 / alpha, .x0_raw = -level.sigma / alpha, .eps_raw = 1.0, .raw_eps = 1.0};
}

const duet_predict duet_predict_eps = {
    .info = {.name = "eps", .help = "the noise", .params = DUET_TABLE_EMPTY},
    .map = map_of,
};
