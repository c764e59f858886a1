/* SPDX-License-Identifier: MIT
 * model/weights_file.h: the location of the weights in folders of other programs: the names that
 * huggingface's libraries give them, whole or in several files, and the program of the config.json
 * beside them. A pipeline of diffusers has the network in unet/, and averaged weights in
 * unet_ema/. */
#ifndef DUET_MODEL_WEIGHTS_FILE_H
#define DUET_MODEL_WEIGHTS_FILE_H

#include "base/error.h"
#include "base/file.h"

typedef struct duet_place {
    char file[DUET_PATH_SIZE];    /* the file of the tensors, or the list of its parts */
    char network[DUET_PATH_SIZE]; /* the folder of diffusers' config.json; "" = none */
    char folder[DUET_PATH_SIZE];  /* the folder of the pipeline or the network */
    char program[64];             /* the program of config.json where it is not diffusers */
    char sets[64];                /* "'unet', 'unet_ema'", where there are both; else "" */
    bool averaged;                /* the file is the averaged one of them */
} duet_place;

/* DUET_NOT_FOUND for a folder of another kind. weights: a word that chooses one of several sets, or
 * "". A file that is one of several parts gives the list of all. */
DUET_NODISCARD duet_status duet_place_find(duet_place *out, const char *path, const char *weights);

#endif
