/* SPDX-License-Identifier: MIT
 * The family `weight`: how much the levels count in training. A weight is defined for the squared
 * error of x0, so that it means the same whatever the network predicts. */
#include "diffusion/denoiser.h"
#include "diffusion/weight/weight.def"

DUET_FAMILY(weight, DUET_WEIGHTS, "weights of the levels of noise in training");

double duet_weight_raw(const duet_weight *weight, const void *options, const duet_predict_map *map,
                       duet_level level) {
    if (weight == NULL || weight->at == NULL) return 1.0;
    return weight->at(options, level) * map->x0_raw * map->x0_raw;
}
