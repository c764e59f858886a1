/* SPDX-License-Identifier: MIT
 * diffusion/guiding.h: a duet_guidance at work on the predictions of one generator. */
#ifndef DUET_DIFFUSION_GUIDING_H
#define DUET_DIFFUSION_GUIDING_H

#include <duet/sample.h>

#include "noise/noise.h"

/* A file of 'duet guide': safetensors with t i32[L] ascending, weight [L,K,D], bias [L,K], and
 * under this key a JSON object: tap, pool, model_hash, data, classes. */
#define DUET_GUIDE_KEY "duet.guide"

typedef struct duet_guiding duet_guiding;
DUET_NODISCARD duet_status duet_guiding_open(duet_context *ctx, duet_guiding **out,
                                             duet_model *model, int64_t batch,
                                             const duet_guidance *guidance);
void duet_guiding_close(duet_guiding *guiding); /* NULL is accepted */
/* Classes that can be asked for. */
int64_t duet_guiding_classes(const duet_guiding *guiding);
void duet_guiding_begin(duet_guiding *guiding); /* before a pass, as duet_denoiser_begin */
/* Classifier-free: x0 of the network for the classes -> the mixture; else nothing. */
DUET_NODISCARD duet_status duet_guiding_mix(duet_guiding *guiding, const float *x, duet_level level,
                                            int64_t rows, float *x0);
/* By a gradient: x0 -> x0 + scale sigma^2 / alpha slope; else nothing. */
DUET_NODISCARD duet_status duet_guiding_steer(duet_guiding *guiding, const float *x,
                                              duet_level level, const int32_t *labels, int64_t rows,
                                              float *x0);
/* Sum of log p(class | x_t) over the rows of the last gradient; 0 where there is none. */
double duet_guiding_sum(const duet_guiding *guiding);

#endif
