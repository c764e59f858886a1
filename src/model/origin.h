/* SPDX-License-Identifier: MIT
 * model/origin.h: the origin of a file of another program, as far as it is recorded. */
#ifndef DUET_MODEL_ORIGIN_H
#define DUET_MODEL_ORIGIN_H

#include "io/store/store.h"
#include "model/model.h"

/* Fills licence, origin and says of the card from the file's metadata (safetensors with ModelSpec's
 * keys; numbers and texts beside PyTorch's tensors), config.json of diffusers, and the front matter
 * of a README.md beside it (Hugging Face's model cards). It is not an error if nothing is found. */
void duet_origin_read(duet_card *card, const duet_store *store, const char *path);

#endif
