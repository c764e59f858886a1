/* SPDX-License-Identifier: MIT
 * io/store/store.h: what a member of the family `store` implements. */
#ifndef DUET_IO_STORE_H
#define DUET_IO_STORE_H

#include <duet/registry.h>
#include <duet/store.h>

#include "base/mem.h"

/* Filled by `open`; the dispatcher owns it and calls `close`. */
struct duet_store {
    const struct duet_store_member *format;
    duet_arena *arena; /* names, entries, metadata live here */
    duet_store_entry *entries;
    int64_t count;
    duet_store_pair *pairs;
    int64_t pair_count;
    bool mapped; /* what `data` gives lies in a mapping of the file */
    void *state; /* the format's own */
};

typedef struct duet_store_member {
    duet_entry info;
    bool (*detect)(const uint8_t *head, size_t size,
                   int64_t file_size); /* head: up to 1024 first bytes */
    duet_status (*open)(duet_store *store,
                        const char *path); /* arena made; entries, pairs and state to fill */
    void (*close)(duet_store *store);      /* frees state, also after a failed open */
    duet_status (*read)(const duet_store *store, int64_t index, duet_dtype dtype, void *dst);
    const void *(*data)(const duet_store *store, int64_t index); /* optional */
    duet_status (*write)(const char *path, const duet_store_item *items, int64_t count,
                         const duet_store_pair *pairs, int64_t pair_count); /* optional */
} duet_store_member;
DUET_FAMILY_OF(store, duet_store_member);

/* For `shards`: a file of tensors, and no list of such files. */
DUET_NODISCARD duet_status duet_store_open_shard(duet_store **out, const char *path);
/* What a file that no format knows looks like ("a PNG image, not a model"), from its first bytes.
 * `text` is storage for an answer that is not constant; *advises: the answer says what to do. */
const char *duet_store_describe(const uint8_t *head, size_t size, char text[128], bool *advises);
/* For members. Checks rank, signs and overflow of the byte count before filling *out. */
DUET_NODISCARD duet_status duet_store_shape(duet_shape *out, const int64_t *dims, int64_t rank,
                                            duet_dtype dtype, const char *name);

#endif
