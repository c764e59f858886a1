/* SPDX-License-Identifier: MIT
 * model/foreign_made.c: see foreign_made.h. Parts are joined along the first axis. */
#include "model/foreign_made.h"

#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"

const duet_store_entry *duet_foreign_part(const duet_store *store, const char *prefix,
                                          const duet_model *model, const char *name, int k) {
    char full[1024], other[512];
    if (model->arch->part == NULL || !model->arch->part(other, sizeof other, name, k)) return NULL;
    snprintf(full, sizeof full, "%s%s", prefix, other);
    return duet_store_find(store, full);
}

/* Whether the parts are there and have the shape of the slot together. */
static bool parts_fit(const duet_store *store, const char *prefix, const duet_model *model,
                      const duet_slot *slot) {
    int64_t rows = 0;
    for (int k = 0; k < DUET_MOST_PARTS; k++) {
        const duet_store_entry *part = duet_foreign_part(store, prefix, model, slot->name, k);
        if (part == NULL || part->shape.rank != slot->shape.rank) return false;
        for (int d = 1; d < part->shape.rank; d++)
            if (part->shape.dim[d] != slot->shape.dim[d]) return false;
        rows += part->shape.dim[0];
    }
    return rows == slot->shape.dim[0];
}

static bool is_part(const duet_store *store, const char *prefix, const duet_model *model,
                    const duet_slot *slot, const duet_store_entry *entry) {
    return entry == duet_foreign_part(store, prefix, model, slot->name, 0);
}

bool duet_foreign_makes(const duet_store *store, const char *prefix, const duet_model *model,
                        const duet_slot *slot, const duet_store_entry *entry) {
    if (is_part(store, prefix, model, slot, entry)) return parts_fit(store, prefix, model, slot);
    return model->arch->reshape != NULL &&
           model->arch->reshape(model->config, slot->name, &entry->shape, NULL, NULL) == DUET_OK;
}

duet_status duet_foreign_make(float *out, const duet_store *store, const char *prefix,
                              const duet_model *model, const duet_slot *slot,
                              const duet_store_entry *entry) {
    float *in = NULL;
    if (is_part(store, prefix, model, slot, entry)) {
        for (int k = 0; k < DUET_MOST_PARTS; k++) {
            const duet_store_entry *part = duet_foreign_part(store, prefix, model, slot->name, k);
            DUET_TRY(duet_store_read(store, part->name, DUET_F32, out));
            out += duet_shape_count(&part->shape);
        }
        return DUET_OK;
    }
    DUET_TRY(duet_alloc(&in, duet_shape_count(&entry->shape), sizeof *in));
    duet_status status = duet_store_read(store, entry->name, DUET_F32, in);
    if (status == DUET_OK)
        status = model->arch->reshape(model->config, slot->name, &entry->shape, in, out);
    duet_release(in);
    return status;
}
