/* SPDX-License-Identifier: MIT
 * io/store/amend.c: a store with some tensors and texts changed. */
#include <string.h>

#include <duet/store.h>

#include "base/error.h"
#include "base/mem.h"

typedef struct amending {
    const duet_store *store;
    duet_arena *arena;      /* tensors that the format cannot lend */
    duet_store_item *items; /* [count] */
    duet_store_pair *pairs; /* [pair_count] */
    int64_t count, pair_count;
} amending;

static bool among(const duet_store_item *items, int64_t count, const char *name) {
    for (int64_t i = 0; i < count; i++)
        if (strcmp(items[i].name, name) == 0) return true;
    return false;
}

/* A tensor as it is stored. */
static duet_status keep(amending *a, const duet_store_entry *entry) {
    duet_store_item *const item = &a->items[a->count++];
    *item = (duet_store_item){.name = entry->name,
                              .dtype = entry->dtype,
                              .stored = entry->dtype,
                              .shape = entry->shape,
                              .data = duet_store_data(a->store, entry->name)};
    if (item->data != NULL) return DUET_OK;
    void *const copy = duet_arena_alloc(a->arena, duet_shape_count(&entry->shape) + 1,
                                        duet_dtype_size(entry->dtype));
    DUET_TRY(duet_arena_status(a->arena));
    item->data = copy;
    return duet_store_read(a->store, entry->name, entry->dtype, copy);
}

static duet_status take_items(amending *a, const duet_store_item *items, int64_t count,
                              const char *without) {
    const int64_t old = duet_store_count(a->store);
    DUET_TRY(duet_alloc(&a->items, old + count + 1, sizeof *a->items));
    for (int64_t i = 0; i < old; i++) {
        const duet_store_entry *const entry = duet_store_at(a->store, i);
        if (without != NULL && strncmp(entry->name, without, strlen(without)) == 0) continue;
        if (!among(items, count, entry->name)) DUET_TRY(keep(a, entry));
    }
    for (int64_t i = 0; i < count; i++) a->items[a->count++] = items[i];
    return DUET_OK;
}

static duet_status take_pairs(amending *a, const duet_store_pair *pairs, int64_t count) {
    const duet_store_pair *have = NULL;
    const int64_t old = duet_store_pairs(a->store, &have);
    DUET_TRY(duet_alloc(&a->pairs, old + count + 1, sizeof *a->pairs));
    for (int64_t i = 0; i < old; i++) {
        bool again = false;
        for (int64_t k = 0; k < count; k++) again |= strcmp(have[i].key, pairs[k].key) == 0;
        if (!again) a->pairs[a->pair_count++] = have[i];
    }
    for (int64_t i = 0; i < count; i++) a->pairs[a->pair_count++] = pairs[i];
    return DUET_OK;
}

duet_status duet_store_amend(const char *path, const duet_store_item *items, int64_t count,
                             const duet_store_pair *pairs, int64_t pair_count,
                             const char *without) {
    duet_status status = DUET_OK;
    duet_store *store = NULL;
    amending a = {.store = NULL};
    DUET_DO(duet_store_open(&store, path));
    a.store = store;
    DUET_DO(duet_arena_new(&a.arena));
    DUET_DO(take_items(&a, items, count, without));
    DUET_DO(take_pairs(&a, pairs, pair_count));
    DUET_DO(
        duet_store_write(path, duet_store_format(store), a.items, a.count, a.pairs, a.pair_count));
done:
    duet_release(a.items);
    duet_release(a.pairs);
    duet_arena_free(a.arena);
    duet_store_close(store);
    return status;
}
