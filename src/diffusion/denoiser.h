/* SPDX-License-Identifier: MIT
 * diffusion/denoiser.h: the model as samplers see it: D(x_t, level) -> x0, eps; and the families
 * `predict` (what the raw output means) and `sampler` (a function of a denoiser, a state and a list
 * of levels, as in k-diffusion and EDM). */
#ifndef DUET_DIFFUSION_DENOISER_H
#define DUET_DIFFUSION_DENOISER_H

#include "model/model.h"
#include "noise/noise.h"

/* ---- predict: raw network output -> x0 and eps, and the training target ---- */
typedef struct duet_predict {
    duet_entry info;
    /* raw[count*out_channels], x[count*channels] = x_t; only the first `channels` of out_channels
     * are used here */
    void (*decode)(const void *options, const float *raw, int64_t out_channels, const float *x,
                   duet_level level, int64_t count, int64_t channels, float *x0, float *eps);
    /* target[count] for the mse loss against the first `channels` of the output */
    void (*target)(const void *options, const float *x0, const float *eps, duet_level level,
                   int64_t count, float *target);
} duet_predict;
DUET_FAMILY_OF(predict, duet_predict);

/* ---- denoiser ---- */
typedef struct duet_denoiser duet_denoiser;
DUET_NODISCARD duet_status duet_denoiser_new(duet_context *ctx, duet_denoiser **out,
                                             duet_model *model, int64_t batch);
void duet_denoiser_free(duet_denoiser *denoiser);
/* x_t [rows,S,S,C] (unscaled), labels[rows] or NULL; rows <= batch. x0, eps: [rows,S,S,C], either
 * may be NULL. x0 is not clipped. */
DUET_NODISCARD duet_status duet_denoiser_run(duet_denoiser *denoiser, const float *x,
                                             duet_level level, const int32_t *labels, int64_t rows,
                                             float *x0, float *eps);
const duet_noise *duet_denoiser_noise(const duet_denoiser *denoiser);

/* ---- sampler ---- */
typedef struct duet_sampler_state {
    void *user; /* levels for duet_denoise */
    /* One evaluation for all rows; x[rows*dim] f32. */
    duet_status (*denoise)(void *user, const float *x, duet_level level, float *x0, float *eps);
    const duet_noise *noise;
    int64_t rows, dim;
    /* in: N(0,1) at the highest level; out: the sample. The state stays in double precision. */
    double *x;
    /* noise of step k of row i: duet_rng_make(seed, "step", id[i]), elements from k*dim */
    uint64_t seed;
    const int64_t *id; /* [rows] numbers of the samples */
    bool clip;         /* clip predicted x0 to [-1,1] (then eps is recomputed from it) */
    duet_status (*step)(void *user, int64_t done, int64_t total, const double *x,
                        const float *x0); /* after each step; may be NULL */
} duet_sampler_state;
typedef struct duet_sampler {
    duet_entry info;
    duet_status (*run)(const void *options, duet_sampler_state *state);
} duet_sampler;
DUET_FAMILY_OF(sampler, duet_sampler);
/* Respacing of guided-diffusion ("ddimN"/evenly): `steps` values of t out of 0..total-1,
 * descending. */
DUET_NODISCARD duet_status duet_respace(int64_t *out, int64_t total, int64_t steps);

#endif
