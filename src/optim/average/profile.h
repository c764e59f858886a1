/* SPDX-License-Identifier: MIT
 * optim/average/profile.h: profiles of power averages, and the sum of some of them that is nearest
 * to another (Karras et al. 2024, appendix C: post-hoc synthesis of averages). */
#ifndef DUET_OPTIM_PROFILE_H
#define DUET_OPTIM_PROFILE_H

#include <duet/base.h>

/* How much the weights at time t count: (gamma + 1) t^gamma / T^(gamma + 1) for 0 <= t <= T. */
typedef struct duet_profile {
    double time, exponent; /* T, gamma */
} duet_profile;

/* Integral of the product of two profiles. */
double duet_profile_dot(duet_profile a, duet_profile b);
/* factors[count]: the sum of factors[i] times profile list[i] is nearest to `wanted` in the mean
 * square; *error: the distance that is left, relative to `wanted`. */
DUET_NODISCARD duet_status duet_profile_fit(const duet_profile *list, int64_t count,
                                            duet_profile wanted, double *factors, double *error);

#endif
