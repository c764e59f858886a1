/* SPDX-License-Identifier: MIT
 * noise/noise.h: noise levels. Everything that depends on the schedule comes from here as a
 * `duet_level`, so that samplers, training and readers agree on input scale and on the time the
 * network sees. */
#ifndef DUET_NOISE_NOISE_H
#define DUET_NOISE_NOISE_H

#include <duet/registry.h>

#include "base/choice.h"
#include "base/rng.h"

/* x_t = alpha x0 + sigma eps; the network gets in_scale * x_t and net_t. */
typedef struct duet_level {
    double t; /* place in the schedule, also between its steps; -1 = clean */
    double alpha, sigma;
    double in_scale; /* 1 for variance preserving */
    double net_t;
} duet_level;

/* A schedule has a level for every real t from 0 (least noise) to steps-1 (most). It is defined
 * either by a table of the whole t, between which log(sigma/alpha) and net_t are linear, or by a
 * formula. */
typedef struct duet_noise_schedule { /* a member of the family `noise` */
    duet_entry info;
    int64_t (*steps)(const void *options);
    /* Fills table[steps] for t = 0..steps-1; variance preserving. */
    duet_status (*table)(const void *options, duet_level *table);
    /* Or: the level at t >= 0. */
    duet_level (*at)(const void *options, double t);
    /* A level of training; NULL = a whole t, all equally often. */
    duet_level (*draw)(const void *options, duet_rng rng);
} duet_noise_schedule;

typedef struct duet_noise {
    const duet_noise_schedule *schedule;
    duet_choice choice; /* the member with its options */
    int64_t steps;
    duet_level *table; /* of the whole t */
} duet_noise;

DUET_FAMILY_OF(noise, duet_noise_schedule);
DUET_NODISCARD duet_status duet_noise_new(duet_noise **out,
                                          const char *spec); /* "linear:steps=1000" */
void duet_noise_free(duet_noise *noise);
/* 0..steps-1; -1 is the clean level (alpha 1, sigma 0; net_t 0, or that of t = 0 where the noise
 * scales its input). */
duet_level duet_noise_level(const duet_noise *noise, int64_t t);
/* The same for any real t; outside of 0..steps-1, the nearest end. */
duet_level duet_noise_at(const duet_noise *noise, double t);
/* The level with sigma/alpha = ratio; outside of the schedule, the nearest end. */
duet_level duet_noise_find(const duet_noise *noise, double ratio);
/* A level of training. */
duet_level duet_noise_draw(const duet_noise *noise, duet_rng rng);
/* sigma/alpha, which orders levels of all schedules by their noise; infinite without signal. */
double duet_level_ratio(duet_level level);
/* alpha^2/sigma^2; infinite without noise. */
double duet_level_snr(duet_level level);
/* For members that preserve variance: abar of it is the image's; in_scale 1, the network sees t
 * itself. */
duet_level duet_level_kept(int64_t t, double abar);
/* For members that explode it, with the inputs of EDM: alpha 1, in_scale = 1 / sqrt(sigma^2 +
 * data^2), net_t = time ln sigma. */
duet_level duet_level_edm(double t, double sigma, double data, double time);
/* Levels of Karras et al. 2022 (equation 5) and back:
 *   sigma_u = (low^(1/rho) + u (high^(1/rho) - low^(1/rho)))^rho */
double duet_sigma_karras(double u, double low, double high, double rho);
double duet_karras_of(double sigma, double low, double high, double rho);
/* Lin et al. 2024 (algorithm 1): abar of the last level becomes 0, that of the first stays:
 *   alpha' = (alpha - alpha_T) alpha_0 / (alpha_0 - alpha_T) */
void duet_levels_zero_snr(duet_level *table, int64_t steps);
#define DUET_ZERO_SNR(type)               \
    DUET_BOOLEAN(type, zero_snr, "false", \
                 "no signal at the last level: all others are scaled towards it")
/* From level `now` to the less noisy level `next`; all double. With s = next, t = now, r =
 * alpha_t/alpha_s:
 *   added = sigma_t^2 - r^2 sigma_s^2         variance of x_t given x_s (beta_t of DDPM)
 *   posterior = added sigma_s^2 / sigma_t^2   variance of x_s given x_t and x0 (beta-tilde of DDPM)
 */
typedef struct duet_level_gap {
    double added, posterior;
} duet_level_gap;
duet_level_gap duet_level_between(duet_level now, duet_level next);
/* out = in_scale * (alpha x0 + sigma eps) */
void duet_add_noise(float *out, const float *x0, const float *eps, duet_level level, int64_t count);
/* The noise of image `id` under `seed`: N(0,1), the same whatever the batch, thread or rank. */
void duet_image_noise(float *out, uint64_t seed, int64_t id, int64_t count);

#endif
