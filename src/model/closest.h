/* SPDX-License-Identifier: MIT
 * model/closest.h: for a file that no architecture recognises, the architecture that has the most
 * tensors of such names. */
#ifndef DUET_MODEL_CLOSEST_H
#define DUET_MODEL_CLOSEST_H

#include <duet/store.h>

#include "model/model.h"

/* Writes "closest is 'vit', …: 12 of 40 names; it has no 'a', 'b'"; "" where no architecture shares
 * a tenth of the names. */
void duet_closest(char *out, size_t size, const duet_store *store);

#endif
