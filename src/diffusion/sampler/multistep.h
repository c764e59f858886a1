/* SPDX-License-Identifier: MIT
 * diffusion/sampler/multistep.h: weights of linear multistep rules: integrals of the polynomial
 * through the last slopes. */
#ifndef DUET_DIFFUSION_SAMPLER_MULTISTEP_H
#define DUET_DIFFUSION_SAMPLER_MULTISTEP_H

#include "diffusion/sampler/trail.h"

/* The integral from u = `from` to `to` of Lagrange's polynomial j of the places at[count], which
 * takes u or, with `logs`, log u. */
double duet_lagrange_integral(const double *at, int count, int j, double from, double to,
                              bool logs);
/* f over [from, to] by Gauss and Legendre in panels. */
double duet_quadrature(double (*f)(const void *user, double x), const void *user, double from,
                       double to, int panels);
/* The step of slopes dy/du: x' = m'/m x + m' sum_i weight_i seen[i], m = alpha + curve sigma. */
DUET_NODISCARD duet_status duet_trail_slopes(duet_trail *trail, duet_level now, duet_level next,
                                             double curve, const double *weight);

#endif
