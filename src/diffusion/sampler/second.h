/* SPDX-License-Identifier: MIT
 * diffusion/sampler/second.h: a step of DPM-Solver-2 (Lu et al. 2022; k-diffusion's form): from
 * (y, u) to u' through the level m = sqrt(u u') in the middle of the logarithms,
 *   y_m = m/u y + (1 - m/u) x0,   y' = y + (u' - u) (y_m - x0_m)/m */
#ifndef DUET_DIFFUSION_SAMPLER_SECOND_H
#define DUET_DIFFUSION_SAMPLER_SECOND_H

#include "diffusion/sampler/trail.h"

/* The state is of `now`, where the network has been looked at; it becomes that of `next`. */
DUET_NODISCARD duet_status duet_trail_dpm2(duet_trail *trail, duet_level now, duet_level next,
                                           double noise);

#endif
