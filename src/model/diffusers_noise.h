/* SPDX-License-Identifier: MIT
 * model/diffusers_noise.h: scheduler_config.json of diffusers, read and written. A scheduler there
 * is a sampler with the noise it was made for; only the noise and what the network predicts are
 * used. */
#ifndef DUET_MODEL_DIFFUSERS_NOISE_H
#define DUET_MODEL_DIFFUSERS_NOISE_H

#include <jansson.h>

#include "base/error.h"
#include "model/foreign.h"

/* The first version whose UNet2DModel has all options that are written. */
#define DUET_DIFFUSERS_VERSION "0.21.0"

/* Values of a configuration; `absent` where they are missing or of another type. */
double duet_diffusers_number(const json_t *root, const char *key, double absent);
const char *duet_diffusers_text(const json_t *root, const char *key, const char *absent);
/* Fills noise and predict of the guess; DUET_UNSUPPORTED names what this version does not run. */
DUET_NODISCARD duet_status duet_diffusers_read_noise(duet_guess *guess, const json_t *root);
/* The configuration of a scheduler for the model's noise; the caller releases it. */
DUET_NODISCARD duet_status duet_diffusers_write_noise(json_t **out, const duet_model *model);

#endif
