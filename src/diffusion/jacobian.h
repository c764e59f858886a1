/* SPDX-License-Identifier: MIT
 * diffusion/jacobian.h: a denoiser that also gives v^T J, J the derivative of its eps by x_t: what
 * the divergence of the probability-flow equation is estimated from. */
#ifndef DUET_DIFFUSION_JACOBIAN_H
#define DUET_DIFFUSION_JACOBIAN_H

#include "diffusion/denoiser.h"

typedef struct duet_jacobian duet_jacobian;
DUET_NODISCARD duet_status duet_jacobian_open(duet_context *ctx, duet_jacobian **out,
                                              duet_model *model, int64_t batch);
void duet_jacobian_close(duet_jacobian *jacobian); /* NULL is accepted */
/* At x_t [rows,S,S,C] of a level, direction v of the same shape: eps, and divergence [rows] = v^T J
 * v, whose mean over directions of independent signs is the trace of J (Hutchinson 1990). */
DUET_NODISCARD duet_status duet_jacobian_run(duet_jacobian *jacobian, const float *x,
                                             const float *v, duet_level level,
                                             const int32_t *labels, int64_t rows, float *eps,
                                             double *divergence);
const duet_noise *duet_jacobian_noise(const duet_jacobian *jacobian);

#endif
