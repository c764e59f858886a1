/* SPDX-License-Identifier: MIT
 * model/diffusers_folder.h: folders that save_pretrained of huggingface/diffusers writes: a model
 * (config.json and the weights), or a pipeline (model_index.json, unet/, scheduler/). */
#ifndef DUET_MODEL_DIFFUSERS_FOLDER_H
#define DUET_MODEL_DIFFUSERS_FOLDER_H

#include "base/file.h"
#include "model/foreign.h"

bool duet_diffusers_is(const char *folder);
/* The file with the weights; safetensors before .bin. */
DUET_NODISCARD duet_status duet_diffusers_weights(char out[DUET_PATH_SIZE], const char *folder);
/* Options from config.json, noise and prediction from scheduler_config.json where there is one.
 * DUET_UNSUPPORTED names what this version does not run. */
DUET_NODISCARD duet_status duet_diffusers_guess(const duet_arch **out, duet_guess *guess,
                                                const duet_store *store, const char *folder);

#endif
