/* SPDX-License-Identifier: MIT
 * duet/store.h: a store is named tensors on disk. The family `store` holds the formats; reading
 * treats every file as hostile, writing is atomic. */
#ifndef DUET_STORE_H
#define DUET_STORE_H

#include <duet/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct duet_store duet_store; /* an open file */

/* One tensor of a file. Names and pairs are borrowed from the store. */
typedef struct duet_store_entry {
    const char *name;
    duet_dtype dtype; /* as stored */
    duet_shape shape;
} duet_store_entry;

/* One entry of its text metadata. */
typedef struct duet_store_pair {
    const char *key, *value;
} duet_store_pair;

/* The format is found from the content, never from the file name. */
DUET_NODISCARD duet_status duet_store_open(duet_store **out, const char *path);
void duet_store_close(duet_store *store);
const char *duet_store_format(const duet_store *store); /* "safetensors", "npz", … */
int64_t duet_store_count(const duet_store *store);
const duet_store_entry *duet_store_at(const duet_store *store, int64_t index); /* in file order */
const duet_store_entry *duet_store_find(const duet_store *store,
                                        const char *name); /* NULL when absent */
/* Reads one tensor, converted to `dtype`, into dst, which has room for all of it. */
DUET_NODISCARD duet_status duet_store_read(const duet_store *store, const char *name,
                                           duet_dtype dtype, void *dst);
/* The stored bytes themselves (borrowed from the mapping), or NULL where the format cannot give
 * them without copying. */
const void *duet_store_data(const duet_store *store, const char *name);
/* Text metadata (safetensors' __metadata__); NULL when absent. */
const char *duet_store_metadata(const duet_store *store, const char *key);

/* All pairs; returns their number. */
int64_t duet_store_pairs(const duet_store *store, const duet_store_pair **out);

/* One tensor to write. `dtype` is the type of `data`; it is stored as `stored`. */
typedef struct duet_store_item {
    const char *name;
    duet_dtype dtype, stored;
    duet_shape shape;
    const void *data;
} duet_store_item;

/* `format` is a member of the family ("safetensors", "npz"); npz ignores pairs. */
DUET_NODISCARD duet_status duet_store_write(const char *path, const char *format,
                                            const duet_store_item *items, int64_t count,
                                            const duet_store_pair *pairs, int64_t pair_count);
/* Writes the file again, in its format, with tensors and texts added: each takes the place of that
 * of its name. Tensors whose names begin with `without` (NULL: none) are left out. All else stays
 * as it is stored. */
DUET_NODISCARD duet_status duet_store_amend(const char *path, const duet_store_item *items,
                                            int64_t count, const duet_store_pair *pairs,
                                            int64_t pair_count, const char *without);

#ifdef __cplusplus
}
#endif
#endif
