/* SPDX-License-Identifier: MIT
 * diffusion/sampler/exponential.h: what the exponential integrators of the stochastic equation
 * share. Over a step of h with noise of strength eta, H = h (1 + eta):
 *   x' = sigma'/sigma e^(-eta h) x + alpha' (1 - e^-H) x0 + … + sigma' sqrt(1 - e^(-2 eta h)) noise
 */
#ifndef DUET_DIFFUSION_SAMPLER_EXPONENTIAL_H
#define DUET_DIFFUSION_SAMPLER_EXPONENTIAL_H

#include <math.h>

#include "diffusion/sampler/trail.h"

/* The step of first order; an infinite h has its limit. */
static inline duet_trail_move duet_trail_exponential(const duet_trail *trail, double h, double eta,
                                                     double s_noise) {
    const duet_level now = duet_trail_now(trail), next = duet_trail_next(trail);
    const double fresh = eta > 0.0 ? eta * h : 0.0;
    return (duet_trail_move){.keep = next.sigma / now.sigma * exp(-fresh),
                             .seen = {-next.alpha * expm1(-h - fresh)},
                             .noise = next.sigma * sqrt(-expm1(-2.0 * fresh)) * s_noise};
}

/* Options of these samplers. */
typedef struct duet_exponential_options {
    duet_trail_options trail;
    double eta, s_noise;
    char solver[16];
} duet_exponential_options;
#define DUET_EXPONENTIAL_ROWS                             \
    DUET_FLOAT(duet_exponential_options, eta, "1", 0, 10, \
               "fresh noise: 0 none, 1 as the equation"), \
        DUET_FLOAT(duet_exponential_options, s_noise, "1", 0, 10, "its amplitude")

#endif
