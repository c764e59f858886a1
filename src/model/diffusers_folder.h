/* SPDX-License-Identifier: MIT
 * model/diffusers_folder.h: what the folders that save_pretrained of huggingface/diffusers writes
 * say of a network: config.json, and the scheduler of a pipeline (model_index.json, unet/,
 * scheduler/). */
#ifndef DUET_MODEL_DIFFUSERS_FOLDER_H
#define DUET_MODEL_DIFFUSERS_FOLDER_H

#include "model/foreign.h"

/* Options from config.json at guess->place, noise and prediction from scheduler_config.json where
 * there is one; keys that are missing have the library's defaults, which are then assumed. null is
 * what it is to the library; where that is nothing it is refused by name. DUET_UNSUPPORTED names
 * what this version does not run. */
DUET_NODISCARD duet_status duet_diffusers_read(duet_guess *guess);

#endif
