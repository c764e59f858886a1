/* SPDX-License-Identifier: MIT
 * noise/noise.h: noise levels. Everything that depends on the schedule comes from here as a
 * `duet_level`, so that samplers, training and readers agree on input scale and on the time the
 * network sees. */
#ifndef DUET_NOISE_NOISE_H
#define DUET_NOISE_NOISE_H

#include <duet/registry.h>

/* x_t = alpha x0 + sigma eps; the network gets in_scale * x_t and net_t. */
typedef struct duet_level {
    double t; /* discrete step; -1 = clean */
    double alpha, sigma;
    double in_scale; /* 1 for variance preserving */
    double net_t;
} duet_level;

typedef struct duet_noise_schedule { /* a member of the family `noise` */
    duet_entry info;
    int64_t (*steps)(const void *options);
    /* Fills table[steps] for t = 0..steps-1. */
    duet_status (*table)(const void *options, duet_level *table);
} duet_noise_schedule;

typedef struct duet_noise {
    const duet_noise_schedule *schedule;
    int64_t steps;
    duet_level *table;
} duet_noise;

DUET_FAMILY_OF(noise, duet_noise_schedule);
DUET_NODISCARD duet_status duet_noise_new(duet_noise **out,
                                          const char *spec); /* "linear:steps=1000" */
void duet_noise_free(duet_noise *noise);
/* 0..steps-1; -1 is the clean level (alpha 1, sigma 0; net_t 0, or that of t = 0 where the noise
 * scales its input). */
duet_level duet_noise_level(const duet_noise *noise, int64_t t);
/* For members that preserve variance: abar of it is the image's; in_scale 1, the network sees t
 * itself. */
duet_level duet_level_kept(int64_t t, double abar);
/* out = in_scale * (alpha x0 + sigma eps) */
void duet_add_noise(float *out, const float *x0, const float *eps, duet_level level, int64_t count);
/* The noise of image `id` under `seed`: N(0,1), the same whatever the batch, thread or rank. */
void duet_image_noise(float *out, uint64_t seed, int64_t id, int64_t count);

#endif
