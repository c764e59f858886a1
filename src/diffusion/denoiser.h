/* SPDX-License-Identifier: MIT
 * diffusion/denoiser.h: the model as samplers see it: D(x_t, level) -> x0, eps; and the families
 * `predict` (what the raw output means) and `weight` (how much the levels count in training). */
#ifndef DUET_DIFFUSION_DENOISER_H
#define DUET_DIFFUSION_DENOISER_H

#include "model/network.h"
#include "noise/noise.h"

/* ---- predict: what the raw output F of a network means ---- */

/* At one level all of it is linear in x_t and F, and F in x0 and eps: this is the target. */
typedef struct duet_predict_map {
    double x0_x, x0_raw;    /* x0 = x0_x x_t + x0_raw F */
    double eps_x, eps_raw;  /* eps = eps_x x_t + eps_raw F */
    double raw_x0, raw_eps; /* F = raw_x0 x0 + raw_eps eps */
} duet_predict_map;

typedef struct duet_predict { /* a member of the family `predict` */
    duet_entry info;
    duet_predict_map (*map)(const void *options, duet_level level);
} duet_predict;
DUET_FAMILY_OF(predict, duet_predict);

/* raw[count*out_channels], of which the first `channels` are read; x[count*channels] = x_t. x0, eps
 * [count*channels], either may be NULL. */
void duet_predict_decode(const duet_predict_map *map, const float *raw, int64_t out_channels,
                         const float *x, int64_t count, int64_t channels, float *x0, float *eps);
/* target[count] of the first `channels` of the output */
void duet_predict_target(const duet_predict_map *map, const float *x0, const float *eps,
                         int64_t count, float *target);

/* ---- weight: how much the levels count in training ---- */
typedef struct duet_weight { /* a member of the family `weight` */
    duet_entry info;
    /* Multiplies the squared error of the x0 that follows from the output; NULL: the squared error
     * of the output itself counts. */
    double (*at)(const void *options, duet_level level);
} duet_weight;
DUET_FAMILY_OF(weight, duet_weight);
/* The factor of the squared error of the raw output: |x0 error|^2 = x0_raw^2 |F error|^2. */
double duet_weight_raw(const duet_weight *weight, const void *options, const duet_predict_map *map,
                       duet_level level);

/* ---- denoiser ---- */

/* Writes x_t [rows,image] of a level and the time that the network is told; zeros behind, up to
 * `batch` rows. */
void duet_level_feed(const duet_network_inputs *in, const float *x, duet_level level, int64_t rows,
                     int64_t batch, int64_t image);
typedef struct duet_denoiser duet_denoiser;
DUET_NODISCARD duet_status duet_denoiser_new(duet_context *ctx, duet_denoiser **out,
                                             duet_model *model, int64_t batch);
/* Ma et al. 2024 (DeepCache): after duet_denoiser_begin, of every `every` runs only the first
 * computes the whole network; the others take the map of tap `tap` from it and compute what comes
 * after it, and the skip connections that go around it. tap 0: the first map of the decoder in the
 * full size, so that everything on smaller maps is left out. every 1 changes nothing. */
DUET_NODISCARD duet_status duet_denoiser_reuse(duet_denoiser *denoiser, int64_t every, int64_t tap);
void duet_denoiser_free(duet_denoiser *denoiser);
/* What a pass gives, [rows,S,S,C] each; NULL = not wanted. */
typedef struct duet_denoised {
    float *x0; /* not clipped */
    float *eps;
    /* of networks with learned variances (duet_denoiser_learns_variance), improved DDPM's v in
     * [-1,1]: with f = (v + 1) / 2 the log variance of a step is f log(beta) + (1 - f)
     * log(beta-tilde) */
    float *variance;
} duet_denoised;
/* Before the first run on other images: a self-conditioned network has predicted nothing of them
 * yet. */
void duet_denoiser_begin(duet_denoiser *denoiser);
/* Of a network that enlarges images, the place [batch,S,S,C] of the enlarged small ones
 * (low_res.h), which stays as it is written; NULL where the network takes none. */
float *duet_denoiser_low_res(duet_denoiser *denoiser);
/* x_t [rows,S,S,C] (unscaled), labels[rows] or NULL; rows <= batch. */
DUET_NODISCARD duet_status duet_denoiser_run(duet_denoiser *denoiser, const float *x,
                                             duet_level level, const int32_t *labels, int64_t rows,
                                             const duet_denoised *out);
/* The network gives twice the channels of an image: the second half are variances. */
bool duet_denoiser_learns_variance(const duet_denoiser *denoiser);
const duet_noise *duet_denoiser_noise(const duet_denoiser *denoiser);

#endif
