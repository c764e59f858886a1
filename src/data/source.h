/* SPDX-License-Identifier: MIT
 * data/source.h: what gives the batches of a duet_source. */
#ifndef DUET_DATA_SOURCE_H
#define DUET_DATA_SOURCE_H

#include <duet/data.h>

typedef struct duet_source_kind {
    /* The next batch, borrowed until the next call; count = 0 at the end. */
    duet_status (*next)(void *state, duet_batch *out);
    void (*close)(void *state);
} duet_source_kind;

/* The state is the source's from now on, also on failure. */
DUET_NODISCARD duet_status duet_source_new(duet_source **out, const duet_source_kind *kind,
                                           void *state, const duet_source_info *info);

#endif
