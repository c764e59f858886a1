/* SPDX-License-Identifier: MIT
 * io/store/pairs.h: texts beside the tensors of a store (a card, a licence) as a JSON object of
 * texts: safetensors' __metadata__, the comment of an npz archive. */
#ifndef DUET_IO_STORE_PAIRS_H
#define DUET_IO_STORE_PAIRS_H

#include <jansson.h>

#include "io/store/store.h"

/* Appends a pair to those of the store. */
DUET_NODISCARD duet_status duet_pairs_add(duet_store *store, const char *key, const char *value);
/* Adds the members of a JSON object; DUET_FORMAT where one is not a text; the message names it. */
DUET_NODISCARD duet_status duet_pairs_read(duet_store *store, const json_t *object);
/* DUET_ARG for a key that is given twice or a text that is not UTF-8. The caller releases *out. */
DUET_NODISCARD duet_status duet_pairs_json(json_t **out, const duet_store_pair *pairs,
                                           int64_t count);

#endif
