/* SPDX-License-Identifier: MIT
 * shards: weights that lie in several files, by the list of them that huggingface's libraries write
 * (model.safetensors.index.json, pytorch_model.bin.index.json):
 *   {"metadata": {…}, "weight_map": {"name of a tensor": "name of its file", …}}
 * The files are of any other format and lie in the list's folder. Refused: a name that leads
 * outside of it, a file that is missing, a tensor that is not in its file, a list in a list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <duet/registry.h>

#include "base/error.h"
#include "base/file.h"
#include "io/json_file.h"
#include "io/store/store.h"

enum { MOST_SHARDS = 4096, MOST_BYTES = 64 << 20 };

typedef struct place {
    int shard;
    int64_t index; /* in its store */
} place;

typedef struct state {
    const char **names; /* of the files, sorted */
    duet_store **stores;
    int count;
    place *places; /* one per entry; in the store's arena */
} state;

static bool detect(const uint8_t *head, size_t size, int64_t file_size) {
    size_t at = 0;
    (void)file_size;
    while (at < size && (head[at] == ' ' || (head[at] >= '\t' && head[at] <= '\r'))) at++;
    return at < size && head[at] == '{' && memmem(head, size, "\"weight_map\"", 12) != NULL;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the files, each once. */
static duet_status list_names(duet_store *store, state *s, const json_t *map) {
    const size_t tensors = json_object_size(map);
    const char *key;
    json_t *value;
    int count = 0;
    s->names = duet_arena_alloc(store->arena, (int64_t)tensors + 1, sizeof *s->names);
    DUET_TRY(duet_arena_status(store->arena));
    json_object_foreach((json_t *)map, key, value) {
        const char *const name = json_string_value(value);
        if (name == NULL || *name == '\0')
            return duet_fail(DUET_FORMAT, "the list names no file for tensor '%s'", key);
        if (duet_path_leads_outside(name))
            return duet_fail(DUET_FORMAT,
                             "the list has tensor '%s' in '%s', which leads outside of its folder",
                             key, name);
        s->names[count++] = duet_arena_text(store->arena, name);
        DUET_TRY(duet_arena_status(store->arena));
    }
    if (count == 0) return duet_fail(DUET_FORMAT, "the list names no tensor");
    qsort(s->names, (size_t)count, sizeof *s->names, by_text);
    for (int i = 0; i < count; i++)
        if (s->count == 0 || strcmp(s->names[s->count - 1], s->names[i]) != 0)
            s->names[s->count++] = s->names[i];
    return s->count <= MOST_SHARDS
               ? DUET_OK
               : duet_fail(DUET_FORMAT, "the list names %d files; the limit is %d", s->count,
                           MOST_SHARDS);
}

/* All that are missing are counted before the first is opened. */
static duet_status find_files(const state *s, const char *folder) {
    const char *first = NULL;
    int missing = 0;
    for (int i = 0; i < s->count; i++) {
        char path[DUET_PATH_SIZE];
        if (duet_path_in(path, folder, s->names[i])) continue;
        if (missing++ == 0) first = s->names[i];
    }
    return missing == 0
               ? DUET_OK
               : duet_fail(DUET_NOT_FOUND,
                           "%d of its %d files %s missing: '%s'%s; fetch %s into '%s'", missing,
                           s->count, missing == 1 ? "is" : "are", first,
                           missing == 1 ? "" : " and others", missing == 1 ? "it" : "them", folder);
}

static duet_status open_files(state *s, const char *folder, bool *mapped, int64_t *tensors) {
    for (int i = 0; i < s->count; i++) {
        char path[DUET_PATH_SIZE];
        DUET_TRY(duet_path_join(path, folder, s->names[i]));
        DUET_TRY(duet_store_open_shard(&s->stores[i], path));
        *mapped &= s->stores[i]->mapped;
        *tensors += duet_store_count(s->stores[i]);
    }
    return DUET_OK;
}

/* Is this file the one that the list names for the tensor? One that it does not name is taken. */
static bool belongs(const json_t *map, const char *tensor, const char *file, int64_t *found) {
    const char *const wanted = json_string_value(json_object_get(map, tensor));
    const bool listed = wanted != NULL && strcmp(wanted, file) == 0;
    *found += listed;
    return listed || wanted == NULL;
}

static duet_status collect(duet_store *store, state *s, const json_t *map, int64_t tensors) {
    int64_t found = 0;
    const char *key;
    json_t *value;
    store->entries = duet_arena_alloc(store->arena, tensors + 1, sizeof *store->entries);
    s->places = duet_arena_alloc(store->arena, tensors + 1, sizeof *s->places);
    DUET_TRY(duet_arena_status(store->arena));
    for (int i = 0; i < s->count; i++) {
        for (int64_t k = 0; k < duet_store_count(s->stores[i]); k++) {
            const duet_store_entry *const entry = duet_store_at(s->stores[i], k);
            if (!belongs(map, entry->name, s->names[i], &found)) continue;
            store->entries[store->count] = *entry;
            s->places[store->count++] = (place){.shard = i, .index = k};
        }
    }
    if (found == (int64_t)json_object_size(map)) return DUET_OK;
    json_object_foreach((json_t *)map, key, value) {
        for (int i = 0; i < s->count; i++)
            if (strcmp(s->names[i], json_string_value(value)) == 0 &&
                duet_store_find(s->stores[i], key) == NULL)
                return duet_fail(DUET_FORMAT, "tensor '%s' is not in '%s', where the list has it",
                                 key, s->names[i]);
    }
    return DUET_OK;
}

static duet_status store_open(duet_store *store, const char *path) {
    duet_status status = DUET_OK;
    json_t *root = NULL;
    char folder[DUET_PATH_SIZE];
    int64_t tensors = 0;
    state *const s = duet_arena_alloc(store->arena, 1, sizeof *s);
    DUET_TRY(duet_arena_status(store->arena));
    store->state = s;
    const char *const base = duet_path_base(path);
    snprintf(folder, sizeof folder, "%.*s", base == path ? 1 : (int)(base - path),
             base == path ? "." : path);
    DUET_DO(duet_json_read(&root, path, MOST_BYTES));
    const json_t *const map = json_object_get(root, "weight_map");
    if (!json_is_object(map)) DUET_FAIL(DUET_FORMAT, "its 'weight_map' is no JSON object");
    DUET_DO(list_names(store, s, map));
    DUET_DO(find_files(s, folder));
    s->stores = duet_arena_alloc(store->arena, s->count, sizeof(duet_store *));
    DUET_DO(duet_arena_status(store->arena));
    store->mapped = true;
    DUET_DO(open_files(s, folder, &store->mapped, &tensors));
    DUET_DO(collect(store, s, map, tensors));
done:
    json_decref(root);
    return status;
}

static void store_close(duet_store *store) {
    state *const s = store->state;
    for (int i = 0; s != NULL && s->stores != NULL && i < s->count; i++)
        duet_store_close(s->stores[i]);
    store->state = NULL;
}

static duet_status store_read(const duet_store *store, int64_t index, duet_dtype dtype, void *dst) {
    const state *const s = store->state;
    const place *const at = &s->places[index];
    const duet_store *const from = s->stores[at->shard];
    return from->format->read(from, at->index, dtype, dst);
}

static const void *store_data(const duet_store *store, int64_t index) {
    const state *const s = store->state;
    const place *const at = &s->places[index];
    const duet_store *const from = s->stores[at->shard];
    return from->format->data != NULL ? from->format->data(from, at->index) : NULL;
}

const duet_store_member duet_store_shards = {
    .info = {.name = "shards",
             .help = "weights in several files, by the list of them",
             .params = DUET_TABLE_EMPTY},
    .detect = detect,
    .open = store_open,
    .close = store_close,
    .read = store_read,
    .data = store_data,
};
