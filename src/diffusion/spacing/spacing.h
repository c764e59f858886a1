/* SPDX-License-Identifier: MIT
 * diffusion/spacing/spacing.h: the family `spacing`: which levels a sampler visits. Levels may lie
 * between the steps of the schedule. */
#ifndef DUET_DIFFUSION_SPACING_SPACING_H
#define DUET_DIFFUSION_SPACING_SPACING_H

#include "noise/noise.h"

typedef struct duet_spacing { /* a member of the family `spacing` */
    duet_entry info;
    /* How many levels it gives where `steps` are wanted; NULL = as many. */
    int64_t (*count)(const void *options, const duet_noise *noise, int64_t steps);
    /* Fills out[count], the noisiest first. */
    duet_status (*fill)(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out);
} duet_spacing;
DUET_FAMILY_OF(spacing, duet_spacing);

/* Levels of `spec` for `steps` (0 = all of the schedule), the noisiest first, with room for one
 * more; each is less noisy than the one before. duet_release. */
DUET_NODISCARD duet_status duet_spacing_make(const char *spec, const duet_noise *noise,
                                             int64_t steps, duet_level **out, int64_t *count);

/* Solvers and spacings see the levels of a schedule on a curve c, on which a level lies at
 *   u = sigma / (alpha + c sigma),   y = x / (alpha + c sigma),   dy/du = (y - x0) / u
 * for any c: the probability-flow equation of Karras et al. 2022. c = 0 has u = sigma/alpha; c = 1
 * has u = sigma on the straight path of `flow`, and is finite without signal. */
double duet_curve_of(const duet_noise *noise); /* 1 for the straight path, else 0 */
double duet_curve_place(double curve, duet_level level);
duet_level duet_curve_level(const duet_noise *noise, double curve, double u);
/* The ends of the schedule on its curve, the high one 4096 where it is infinite (alpha^2 =
 * 2^-24, as in diffusers); `low`, `high` in their place where not 0. */
DUET_NODISCARD duet_status duet_curve_ends(const duet_noise *noise, double *low, double *high);
/* Level k of `count` for u(0..1), 1 = the noisiest. */
typedef double (*duet_curve_path)(const void *options, double part, double low, double high);
DUET_NODISCARD duet_status duet_curve_fill(const void *options, const duet_noise *noise, double low,
                                           double high, duet_curve_path path, int64_t count,
                                           duet_level *out);

/* Respacing of guided-diffusion ("ddimN"/evenly): `steps` values of t out of 0..total-1,
 * descending. */
DUET_NODISCARD duet_status duet_respace(int64_t *out, int64_t total, int64_t steps);

#endif
