/* SPDX-License-Identifier: MIT
 * model/foreign_made.h: tensors of other programs' files that are there in another form: as parts
 * that are joined, or in another shape (duet_arch: part, reshape). */
#ifndef DUET_MODEL_FOREIGN_MADE_H
#define DUET_MODEL_FOREIGN_MADE_H

#include <duet/store.h>

#include "model/model.h"

enum { DUET_MOST_PARTS = 3 };

/* Part k of a tensor of the network; NULL = there is none. */
const duet_store_entry *duet_foreign_part(const duet_store *store, const char *prefix,
                                          const duet_model *model, const char *name, int k);
/* Whether the slot can be made of `entry`, of another shape, or of the parts that begin with it. */
bool duet_foreign_makes(const duet_store *store, const char *prefix, const duet_model *model,
                        const duet_slot *slot, const duet_store_entry *entry);
DUET_NODISCARD duet_status duet_foreign_make(float *out, const duet_store *store,
                                             const char *prefix, const duet_model *model,
                                             const duet_slot *slot, const duet_store_entry *entry);

#endif
