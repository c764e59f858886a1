/* SPDX-License-Identifier: MIT
 * The store family's dispatcher: the format is found from the first bytes, and a file that is no
 * store is told apart by its content ("is a PNG image"), since the usual mistake is a wrong path or
 * a failed download. Little-endian hosts only. */
#include "io/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "io/kind.h"
#include "io/store/store.def"

#define HEAD_SIZE 1024 /* the first name in a zip archive is seen whole */

DUET_FAMILY(store, DUET_STORES, "formats of named tensors on disk");

/* Before version 0.1.10 PyTorch wrote a tar of these. */
static bool is_old_torch(const uint8_t *head, size_t size) {
    static const char *const names[] = {"sys_info", "pickle", "storages", "tensors"};
    for (int i = 0; i < DUET_COUNT(names); i++)
        if (size > 262 && memcmp(head + 257, "ustar", 5) == 0 &&
            memcmp(head, names[i], strlen(names[i]) + 1) == 0)
            return true;
    return false;
}

/* What is not only no model: how the kinds of kind.h end here. */
static const struct {
    duet_file_is kind;
    const char *end;
} ends[] = {{DUET_FILE_HTML, ""},
            {DUET_FILE_LFS, ""},
            {DUET_FILE_GZIP, "; unpack it first"},
            {DUET_FILE_TAR, ", not a model; unpack it first"},
            {DUET_FILE_HDF5, ": not supported by this version"},
            {DUET_FILE_GGUF, ": not supported by this version"}};

const char *duet_store_describe(const uint8_t *head, size_t size, char text[128], bool *advises) {
    if (size == 0) return "empty";
    if (is_old_torch(head, size))
        return "a PyTorch file from before version 0.1.10 (a tar): not supported by this version; "
               "load it with PyTorch and save it again";
    if (size >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5)
        return "a pickle, but not of PyTorch's tensors";
    if (size >= 4 && memcmp(head, "PK\3\4", 4) == 0) {
        const bool script = memmem(head, size, "/data/0", 7) != NULL ||
                            memmem(head, size, "code/__torch__", 14) != NULL;
        *advises = script;
        return script ? "a TorchScript program; save the weights alone: "
                        "torch.save(model.state_dict(), 'weights.pt')"
                      : "a zip archive without numpy arrays";
    }
    const duet_file_kind kind = duet_kind_of_bytes(head, (int64_t)size);
    const char *end = ", not a model";
    for (int i = 0; i < DUET_COUNT(ends); i++)
        if (kind.is == ends[i].kind) end = ends[i].end;
    if (kind.is != DUET_FILE_UNKNOWN)
        snprintf(text, 128, "%s%s", kind.words, end);
    else
        snprintf(text, 128, "of no known format (it starts with %02x %02x %02x %02x)", head[0],
                 size > 1 ? head[1] : 0u, size > 2 ? head[2] : 0u, size > 3 ? head[3] : 0u);
    return text;
}

/* The first bytes and the size of the file, without reading the rest. */
static duet_status read_head(uint8_t head[HEAD_SIZE], size_t *size, int64_t *file_size,
                             const char *path) {
    duet_map map;
    if (duet_path_is_folder(path))
        return duet_fail(DUET_ARG, "'%s' is a folder, not a file of tensors", path);
    DUET_TRY(duet_map_open(&map, path));
    *file_size = map.size;
    *size = map.size < HEAD_SIZE ? (size_t)map.size : HEAD_SIZE;
    if (*size) memcpy(head, map.data, *size);
    duet_map_close(&map);
    return DUET_OK;
}

/* What the file holds is at fault, unless the system or the memory is. */
static duet_status open_as(duet_store *store, const char *path) {
    const duet_status status = store->format->open(store, path);
    return status == DUET_FORMAT || status == DUET_UNSUPPORTED
               ? duet_because(DUET_CAUSE_NO_STORE, status)
               : status;
}

/* whole: a list of shards is a store too. */
static duet_status open_store(duet_store **out, const char *path, bool whole) {
    duet_status status = DUET_OK;
    duet_store *store = NULL;
    uint8_t head[HEAD_SIZE] = {0};
    size_t size = 0;
    int64_t file_size = 0;
    DUET_TRY(read_head(head, &size, &file_size, path));
    DUET_DO(duet_alloc(&store, 1, sizeof *store));
    DUET_DO(duet_arena_new(&store->arena));
    for (int i = 0; i < duet_family_store.count && store->format == NULL; i++) {
        const duet_store_member *const format = duet_store_of(duet_family_store.entries[i]);
        if ((whole || format != &duet_store_shards) && format->detect(head, size, file_size))
            store->format = format;
    }
    if (store->format == NULL) {
        char text[128];
        bool advises = false;
        status = duet_fail(DUET_FORMAT, "'%s' is %s", path,
                           duet_store_describe(head, size, text, &advises));
        if (advises) status = duet_advised(status);
        DUET_DO(duet_because(DUET_CAUSE_NO_STORE, status));
    }
    DUET_CONTEXT(open_as(store, path), "cannot open '%s'", path);
    *out = store;
    return DUET_OK;
done:
    duet_store_close(store);
    return status;
}

duet_status duet_store_open(duet_store **out, const char *path) {
    return open_store(out, path, true);
}

duet_status duet_store_open_shard(duet_store **out, const char *path) {
    return open_store(out, path, false);
}

void duet_store_close(duet_store *store) {
    if (store == NULL) return;
    if (store->format != NULL) store->format->close(store);
    duet_arena_free(store->arena);
    duet_release(store);
}

const char *duet_store_format(const duet_store *store) {
    return store->format->info.name;
}

int64_t duet_store_count(const duet_store *store) {
    return store->count;
}

const duet_store_entry *duet_store_at(const duet_store *store, int64_t index) {
    return index >= 0 && index < store->count ? &store->entries[index] : NULL;
}

const duet_store_entry *duet_store_find(const duet_store *store, const char *name) {
    for (int64_t i = 0; i < store->count; i++)
        if (strcmp(store->entries[i].name, name) == 0) return &store->entries[i];
    return NULL;
}

duet_status duet_store_read(const duet_store *store, const char *name, duet_dtype dtype,
                            void *dst) {
    const duet_store_entry *entry = duet_store_find(store, name);
    if (entry == NULL)
        return duet_fail(DUET_NOT_FOUND, "there is no tensor '%s' in the file", name);
    if ((unsigned)dtype >= DUET_DTYPE_COUNT)
        return duet_fail(DUET_ARG, "unknown element type %d", (int)dtype);
    if (duet_shape_count(&entry->shape) == 0) return DUET_OK;
    return store->format->read(store, entry - store->entries, dtype, dst);
}

const void *duet_store_data(const duet_store *store, const char *name) {
    const duet_store_entry *entry = duet_store_find(store, name);
    return entry != NULL && store->format->data != NULL
               ? store->format->data(store, entry - store->entries)
               : NULL;
}

const char *duet_store_metadata(const duet_store *store, const char *key) {
    for (int64_t i = 0; i < store->pair_count; i++)
        if (strcmp(store->pairs[i].key, key) == 0) return store->pairs[i].value;
    return NULL;
}

int64_t duet_store_pairs(const duet_store *store, const duet_store_pair **out) {
    *out = store->pairs;
    return store->pair_count;
}

static duet_status check_item(const duet_store_item *item) {
    if (item->name == NULL || !*item->name)
        return duet_fail(DUET_ARG, "a tensor to write has no name");
    if ((unsigned)item->dtype >= DUET_DTYPE_COUNT || (unsigned)item->stored >= DUET_DTYPE_COUNT)
        return duet_fail(DUET_ARG, "tensor '%s' has an unknown element type", item->name);
    duet_shape checked;
    DUET_TRY(
        duet_store_shape(&checked, item->shape.dim, item->shape.rank, item->dtype, item->name));
    if (item->data == NULL && duet_shape_count(&checked) > 0)
        return duet_fail(DUET_ARG, "tensor '%s' has no data", item->name);
    return DUET_OK;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static duet_status check_names(const duet_store_item *items, int64_t count) {
    duet_status status = DUET_OK;
    const char **names = NULL;
    DUET_DO(duet_alloc(&names, count, sizeof *names));
    for (int64_t i = 0; i < count; i++) names[i] = items[i].name;
    qsort(names, (size_t)count, sizeof *names, by_text);
    for (int64_t i = 1; i < count; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            DUET_FAIL(DUET_ARG, "tensor name '%s' is given twice", names[i]);
done:
    duet_release(names);
    return status;
}

duet_status duet_store_write(const char *path, const char *format, const duet_store_item *items,
                             int64_t count, const duet_store_pair *pairs, int64_t pair_count) {
    const duet_entry *const entry = duet_family_find(&duet_family_store, format);
    if (entry == NULL)
        return duet_fail(DUET_ARG,
                         "unknown store format '%s'; there are safetensors, npz and torch_zip",
                         format);
    const duet_store_member *const found = duet_store_of(entry);
    if (found->write == NULL)
        return duet_fail(DUET_UNSUPPORTED, "format '%s' can be read but not written", format);
    for (int64_t i = 0; i < count; i++) DUET_TRY(check_item(&items[i]));
    DUET_TRY(check_names(items, count));
    const duet_status status = found->write(path, items, count, pairs, pair_count);
    if (status != DUET_OK) duet_error_frame("cannot write '%s'", path);
    return status;
}

duet_status duet_store_shape(duet_shape *out, const int64_t *dims, int64_t rank, duet_dtype dtype,
                             const char *name) {
    if (rank < 0 || rank > DUET_MAX_RANK)
        return duet_fail(DUET_UNSUPPORTED, "tensor '%s' has rank %lld; at most %d is supported",
                         name, (long long)rank, DUET_MAX_RANK);
    duet_shape shape = {.rank = (int)rank};
    int64_t bytes = (int64_t)duet_dtype_size(dtype);
    for (int i = 0; i < (int)rank; i++) {
        if (dims[i] < 0)
            return duet_fail(DUET_FORMAT, "tensor '%s' has a negative size %lld", name,
                             (long long)dims[i]);
        /* A zero dimension must not hide an overflow of the others: the product is taken over
         * max(dim, 1). */
        if (__builtin_mul_overflow(bytes, dims[i] ? dims[i] : 1, &bytes))
            return duet_fail(DUET_FORMAT, "the shape of tensor '%s' overflows", name);
        shape.dim[i] = dims[i];
    }
    *out = shape;
    return DUET_OK;
}
