/* SPDX-License-Identifier: MIT
 * The family `backend`: where networks run. */
#include "engine/backend/backend.h"

#include "base/error.h"
#include "engine/backend/backend.def"

DUET_FAMILY(backend, DUET_BACKENDS, "where networks run");

duet_status duet_backend_find(const duet_backend **out, const char *name) {
    const duet_entry *entry = NULL;
    DUET_TRY(duet_family_parse(&duet_family_backend, &entry, NULL, 0,
                               name != NULL && name[0] != '\0' ? name : "cpu"));
    *out = duet_backend_of(entry)->backend();
    return DUET_OK;
}
