/* SPDX-License-Identifier: MIT
 * No weights: the squared error of the network's own output, at all levels alike (the simple loss
 * of Ho et al. 2020 where it predicts the noise). */
#include "diffusion/denoiser.h"

const duet_weight duet_weight_none = {
    .info = {.name = "none", .help = "the output's own squared error", .params = DUET_TABLE_EMPTY},
};
