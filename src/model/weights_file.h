/* SPDX-License-Identifier: MIT
 * model/weights_file.h: where the weights of other programs' folders lie: the names that
 * huggingface's libraries give them, whole or in several files, and what the config.json beside
 * them is of. A pipeline of diffusers has the network in unet/, and averaged weights in
 * unet_ema/. */
#ifndef DUET_MODEL_WEIGHTS_FILE_H
#define DUET_MODEL_WEIGHTS_FILE_H

#include "base/error.h"
#include "base/file.h"

typedef struct duet_place {
    char file[DUET_PATH_SIZE];    /* of the tensors, or the list of its parts */
    char network[DUET_PATH_SIZE]; /* with the config.json of diffusers' network; "" = none */
    char folder[DUET_PATH_SIZE];  /* of the pipeline or the network */
    char program[64];             /* whose config.json it is, where it is not diffusers' */
    char sets[64];                /* "'unet', 'unet_ema'", where there are both; else "" */
    bool averaged;                /* it is the averaged one of them */
} duet_place;

/* DUET_NOT_FOUND for a folder of another kind. weights: a word that chooses of several sets, or "".
 * A file that is one part of several gives the list of all. */
DUET_NODISCARD duet_status duet_place_find(duet_place *out, const char *path, const char *weights);

#endif
