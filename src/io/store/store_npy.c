/* SPDX-License-Identifier: MIT
 * npy: one array of numpy (npy.h), the tensor "array", in row-major or column-major order;
 * row-major ones are mapped. Written in version 1. */
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "io/store/npy.h"
#include "io/store/store.h"

#define NAME "array"

enum { PART = 4096 }; /* elements converted at a time */

typedef struct state {
    duet_map map;
    int64_t data_at;
    bool fortran;
} state;

static bool detect(const uint8_t *head, size_t size, int64_t file_size) {
    (void)file_size;
    return size >= DUET_NPY_PREFIX && memcmp(head, "\x93NUMPY", 6) == 0;
}

static duet_status store_open(duet_store *store, const char *path) {
    state *const s = duet_arena_alloc(store->arena, 1, sizeof *s);
    store->entries = duet_arena_alloc(store->arena, 1, sizeof *store->entries);
    DUET_TRY(duet_arena_status(store->arena));
    DUET_TRY(duet_map_open(&s->map, path));
    store->state = s;
    store->mapped = s->map.mapped;
    duet_npy npy;
    int64_t text_at = 0, text_size = 0;
    if (s->map.size < DUET_NPY_PREFIX)
        return duet_fail(DUET_FORMAT, "the header is cut off: the file has %lld bytes, not %d",
                         (long long)s->map.size, DUET_NPY_PREFIX);
    DUET_TRY(duet_npy_prefix(&text_at, &text_size, s->map.data, NAME));
    if (s->map.size - text_at < text_size)
        return duet_fail(DUET_FORMAT, "the header is cut off: the file has %lld bytes, not %lld",
                         (long long)s->map.size, (long long)(text_at + text_size));
    DUET_TRY(duet_npy_parse(&npy, (const char *)s->map.data + text_at, text_size, NAME));
    s->data_at = text_at + text_size;
    s->fortran = npy.fortran && npy.shape.rank > 1;
    const int64_t need = duet_shape_count(&npy.shape) * (int64_t)duet_dtype_size(npy.dtype),
                  have = s->map.size - s->data_at;
    if (have != need)
        return duet_fail(DUET_FORMAT, "%s: %lld bytes behind the header, but its shape needs %lld",
                         have < need ? "the file is cut off" : "the file is too long",
                         (long long)have, (long long)need);
    store->entries[0] = (duet_store_entry){.name = NAME, .dtype = npy.dtype, .shape = npy.shape};
    store->count = 1;
    return DUET_OK;
}

static void store_close(duet_store *store) {
    state *const s = store->state;
    if (s != NULL) duet_map_close(&s->map);
    store->state = NULL;
}

static duet_status store_read(const duet_store *store, int64_t index, duet_dtype dtype, void *dst) {
    duet_status status = DUET_OK;
    const state *const s = store->state;
    const duet_store_entry *const e = &store->entries[index];
    const int64_t count = duet_shape_count(&e->shape);
    uint8_t *columns = NULL;
    if (s->fortran) DUET_DO(duet_alloc(&columns, count, duet_dtype_size(dtype)));
    duet_convert(columns != NULL ? columns : dst, dtype, s->map.data + s->data_at, e->dtype, count);
    if (columns != NULL) duet_npy_to_rows(dst, columns, &e->shape, duet_dtype_size(dtype));
done:
    duet_release(columns);
    return status;
}

static const void *store_data(const duet_store *store, int64_t index) {
    const state *const s = store->state;
    (void)index;
    return s->fortran ? NULL : s->map.data + s->data_at;
}

static duet_status store_write(const char *path, const duet_store_item *items, int64_t count,
                               const duet_store_pair *pairs, int64_t pair_count) {
    uint8_t header[DUET_NPY_HEADER_MAX], part[PART * 8];
    int64_t size = 0;
    duet_writer *writer = NULL;
    (void)pairs, (void)pair_count;
    if (count != 1)
        return duet_fail(DUET_ARG, "a .npy file holds one array, not %lld; npz holds several",
                         (long long)count);
    DUET_TRY(duet_npy_write(header, &size, &items[0]));
    DUET_TRY(duet_writer_open(&writer, path));
    duet_writer_put(writer, header, size);
    const int64_t elements = duet_shape_count(&items[0].shape),
                  from = (int64_t)duet_dtype_size(items[0].dtype),
                  to = (int64_t)duet_dtype_size(items[0].stored);
    for (int64_t i = 0; i < elements; i += PART) {
        const int64_t n = elements - i < PART ? elements - i : PART;
        duet_convert(part, items[0].stored, (const uint8_t *)items[0].data + i * from,
                     items[0].dtype, n);
        duet_writer_put(writer, part, n * to);
    }
    return duet_writer_commit(writer);
}

const duet_store_member duet_store_npy = {
    .info = {.name = "npy", .help = "one array of numpy's", .params = DUET_TABLE_EMPTY},
    .detect = detect,
    .open = store_open,
    .close = store_close,
    .read = store_read,
    .data = store_data,
    .write = store_write,
};
