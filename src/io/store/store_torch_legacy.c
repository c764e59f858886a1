/* SPDX-License-Identifier: MIT
 * torch_legacy: what torch.save wrote before PyTorch 1.6: five pickles (a magic number, the
 * protocol, facts about the system, the object, the list of the keys of its storages), then for
 * each key an i64 count of elements and the elements. Nothing of the object is ever called
 * (pickle.h). Source: torch/serialization.py, _legacy_save. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "io/store/torch.h"

/* PROTO 2, LONG1 of ten bytes: 0x1950a86a20f9469cfc6c, STOP */
static const uint8_t magic[] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

#define PROTOCOL 1001

typedef struct state {
    duet_map map;
    duet_torch_tensor *tensors; /* one per entry; in the store's arena */
    int64_t *storage_at;        /* first byte of the elements, one per entry */
} state;

static bool detect(const uint8_t *head, size_t size, int64_t file_size) {
    (void)file_size;
    return size >= sizeof magic && memcmp(head, magic, sizeof magic) == 0;
}

static duet_status next_pickle(const duet_pickle_node **out, const state *s, int64_t *at,
                               duet_arena *arena) {
    int64_t used = 0;
    DUET_TRY(duet_pickle_parse(out, &used, arena, s->map.data + *at, s->map.size - *at, *at,
                               duet_torch_globals, duet_torch_global_count));
    *at += used;
    return DUET_OK;
}

static duet_status check_system(const duet_pickle_node *protocol, const duet_pickle_node *system) {
    if (protocol->kind != DUET_PICKLE_INT || protocol->integer != PROTOCOL)
        return duet_fail(DUET_UNSUPPORTED, "it is not of protocol %d", PROTOCOL);
    const duet_pickle_node *const little = duet_pickle_find(system, "little_endian");
    if (little != NULL && little->kind == DUET_PICKLE_BOOL && little->integer == 0)
        return duet_fail(DUET_UNSUPPORTED, "its numbers are big-endian");
    return DUET_OK;
}

/* A storage and its key, sorted by key. */
typedef struct storage {
    const char *key;
    int64_t at, elements,
        size; /* size of an element; 0 where no tensor uses it, so that its type is unknown */
} storage;

static int by_key(const void *a, const void *b) {
    return strcmp(((const storage *)a)->key, ((const storage *)b)->key);
}

static storage *find(storage *storages, int64_t count, const char *key) {
    const storage wanted = {.key = key};
    return bsearch(&wanted, storages, (size_t)count, sizeof *storages, by_key);
}

/* The list's order is the order of the elements in the file; types come from the tensors. */
static duet_status list_storages(storage **out, storage **ordered, const duet_store *store,
                                 const state *s, const duet_pickle_node *keys) {
    if (keys->kind != DUET_PICKLE_LIST)
        return duet_fail(DUET_FORMAT, "the list of storages is missing");
    DUET_TRY(duet_alloc(out, keys->count + 1, sizeof **out));
    DUET_TRY(duet_alloc(ordered, keys->count + 1, sizeof **ordered));
    for (int64_t i = 0; i < keys->count; i++) {
        if (keys->item[i]->kind != DUET_PICKLE_TEXT)
            return duet_fail(DUET_FORMAT, "a storage's key is no text");
        (*out)[i].key = (*ordered)[i].key = keys->item[i]->text;
    }
    qsort(*out, (size_t)keys->count, sizeof **out, by_key);
    for (int64_t i = 0; i < store->count; i++) {
        storage *const found = find(*out, keys->count, s->tensors[i].key);
        const int64_t size = (int64_t)duet_dtype_size(store->entries[i].dtype);
        if (found == NULL)
            return duet_fail(DUET_FORMAT, "tensor '%s' has a storage that is not in the file",
                             store->entries[i].name);
        if (found->size != 0 && (found->size != size || found->elements != s->tensors[i].elements))
            return duet_fail(DUET_FORMAT,
                             "tensor '%s' describes its storage otherwise than another does",
                             store->entries[i].name);
        found->size = size;
        found->elements = s->tensors[i].elements;
    }
    return DUET_OK;
}

static duet_status place_storages(storage *storages, const storage *ordered, int64_t count,
                                  const state *s, int64_t at) {
    for (int64_t i = 0; i < count; i++) {
        storage *const found = find(storages, count, ordered[i].key);
        int64_t elements = 0;
        if (found->size == 0)
            return duet_fail(DUET_UNSUPPORTED,
                             "storage '%s' belongs to no tensor, so its size is not known",
                             found->key);
        if (s->map.size - at < 8)
            return duet_fail(DUET_FORMAT,
                             "the file is cut off before storage '%s': it has %lld bytes, and that "
                             "begins at byte %lld",
                             found->key, (long long)s->map.size, (long long)at);
        memcpy(&elements, s->map.data + at, sizeof elements);
        if (elements != found->elements)
            return duet_fail(DUET_FORMAT,
                             "storage '%s' has %lld elements, but its tensors say %lld", found->key,
                             (long long)elements, (long long)found->elements);
        found->at = at + 8;
        if (elements > (s->map.size - found->at) / found->size)
            return duet_fail(DUET_FORMAT,
                             "the file is cut off: it has %lld bytes, but the %lld elements of "
                             "storage '%s' begin at byte %lld and have %lld bytes each",
                             (long long)s->map.size, (long long)elements, found->key,
                             (long long)found->at, (long long)found->size);
        at = found->at + elements * found->size;
    }
    return at == s->map.size
               ? DUET_OK
               : duet_fail(DUET_FORMAT, "%lld bytes after the last storage belong to none",
                           (long long)(s->map.size - at));
}

static duet_status read_storages(duet_store *store, state *s, const duet_pickle_node *keys,
                                 int64_t at) {
    duet_status status = DUET_OK;
    storage *storages = NULL, *ordered = NULL;
    DUET_DO(list_storages(&storages, &ordered, store, s, keys));
    DUET_DO(place_storages(storages, ordered, keys->count, s, at));
    s->storage_at = duet_arena_alloc(store->arena, store->count + 1, sizeof *s->storage_at);
    DUET_DO(duet_arena_status(store->arena));
    for (int64_t i = 0; i < store->count; i++)
        s->storage_at[i] = find(storages, keys->count, s->tensors[i].key)->at;
done:
    duet_release(storages);
    duet_release(ordered);
    return status;
}

static duet_status store_open(duet_store *store, const char *path) {
    duet_status status = DUET_OK;
    duet_arena *arena = NULL;
    const duet_pickle_node *protocol = NULL, *system = NULL, *object = NULL, *keys = NULL;
    int64_t at = sizeof magic;
    state *const s = duet_arena_alloc(store->arena, 1, sizeof *s);
    DUET_TRY(duet_arena_status(store->arena));
    DUET_TRY(duet_map_open(&s->map, path));
    store->state = s;
    store->mapped = s->map.mapped;
    DUET_DO(duet_arena_new(&arena));
    DUET_DO(next_pickle(&protocol, s, &at, arena));
    DUET_DO(next_pickle(&system, s, &at, arena));
    DUET_DO(check_system(protocol, system));
    DUET_DO(next_pickle(&object, s, &at, arena));
    DUET_DO(next_pickle(&keys, s, &at, arena));
    DUET_DO(duet_torch_collect(store, &s->tensors, object));
    DUET_DO(read_storages(store, s, keys, at));
done:
    duet_arena_free(arena);
    return status;
}

static void store_close(duet_store *store) {
    state *const s = store->state;
    if (s != NULL) duet_map_close(&s->map);
    store->state = NULL;
}

static duet_status store_read(const duet_store *store, int64_t index, duet_dtype dtype, void *dst) {
    const state *const s = store->state;
    const duet_store_entry *const entry = &store->entries[index];
    const int64_t at =
        s->storage_at[index] + s->tensors[index].offset * (int64_t)duet_dtype_size(entry->dtype);
    duet_torch_gather(dst, dtype, s->map.data + at, entry, &s->tensors[index]);
    return DUET_OK;
}

const duet_store_member duet_store_torch_legacy = {
    .info = {.name = "torch_legacy",
             .help = "PyTorch's files from before version 1.6",
             .params = DUET_TABLE_EMPTY},
    .detect = detect,
    .open = store_open,
    .close = store_close,
    .read = store_read,
};
