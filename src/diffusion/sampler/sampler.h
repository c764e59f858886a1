/* SPDX-License-Identifier: MIT
 * What samplers share: the list of levels, the clipped prediction, the noise of a step, and the
 * callback after it. */
#ifndef DUET_DIFFUSION_SAMPLER_SAMPLER_H
#define DUET_DIFFUSION_SAMPLER_SAMPLER_H

#include "diffusion/denoiser.h"

/* From level `now` to the less noisy level `next`; all double. With s = next, t = now, r =
 * alpha_t/alpha_s:
 *   added = sigma_t^2 - r^2 sigma_s^2         variance of x_t given x_s (beta_t of DDPM)
 *   posterior = added sigma_s^2 / sigma_t^2   variance of x_s given x_t and x0 (beta-tilde of DDPM)
 */
typedef struct duet_sampler_move {
    duet_level now, next;
    double added, posterior;
} duet_sampler_move;

/* x[dim] becomes the next state; x0[dim] is the prediction, noise[dim] is N(0,1), or NULL where the
 * rule uses none. */
typedef void (*duet_sampler_rule)(const void *options, const duet_sampler_move *move, double *x,
                                  const float *x0, const float *noise, int64_t dim);

/* Steps down the noisiest `count` of `levels` levels, which are spread evenly over the schedule
 * with its ends, and from the last of them to the clean image; the rule updates every row. noisy:
 * the rule needs noise. */
DUET_NODISCARD duet_status duet_sampler_walk(duet_sampler_state *state, int64_t count,
                                             int64_t levels, bool clip, bool noisy,
                                             duet_sampler_rule rule, const void *options);
/* The same for all of `steps` levels; 0 = those of the schedule. */
DUET_NODISCARD duet_status duet_sampler_loop(duet_sampler_state *state, int64_t steps, bool clip,
                                             bool noisy, duet_sampler_rule rule,
                                             const void *options);

#endif
