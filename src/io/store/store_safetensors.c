/* SPDX-License-Identifier: MIT
 * safetensors: u64 N (little-endian), N bytes of JSON, then the data.
 *   {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets":
 *   [begin, end]}, ...} Offsets count from the end of the header. Refused: N over 100,000,000 or
 *   past the file, a header that is not a JSON object from its first byte, duplicate keys, unknown
 *   types, byte counts that disagree with the shape, overlaps, holes, and bytes after the last
 *   tensor. Written as the reference writer does: widest types first, then by name; the header is
 *   padded with spaces to 8 bytes.
 * Source: the format's description and the checks of the reference implementation
 * (huggingface/safetensors 0.4). */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/file.h"
#include "io/store/pairs.h"

#define MAX_HEADER 100000000
#define HEADER_AT  8

/* `order` is the reference's order of types, in which a writer sorts descending. */
static const struct {
    const char *name;
    duet_dtype dtype;
    int order;
} dtypes[] = {
    {"BOOL", DUET_BOOL, 0}, {"U8", DUET_U8, 1},     {"I8", DUET_I8, 2},
    {"F16", DUET_F16, 3},   {"BF16", DUET_BF16, 4}, {"I32", DUET_I32, 5},
    {"F32", DUET_F32, 6},   {"F64", DUET_F64, 7},   {"I64", DUET_I64, 8},
};

/* Valid in the format, without a counterpart here. */
static const char *const foreign_dtypes[] = {
    "I16", "U16", "U32", "U64", "C64", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "F6_E3M2"};

typedef struct span {
    int64_t begin, end; /* from the start of the file */
} span;

typedef struct state {
    duet_map map;
    span *spans; /* one per entry, same order; in the store's arena */
} state;

/* One tensor while the header is read. */
typedef struct record {
    duet_store_entry entry;
    span at;
    int64_t line; /* place in the header: makes the order of empty tensors stable */
} record;

static bool detect(const uint8_t *head, size_t size, int64_t file_size) {
    /* A header length under 2^40 tells the file from texts, where these bytes are letters. */
    (void)file_size;
    return size > HEADER_AT && head[HEADER_AT] == '{' && head[5] == 0 && head[6] == 0 &&
           head[7] == 0;
}

static duet_status read_dtype(duet_dtype *out, const json_t *value, const char *name) {
    const char *text = json_string_value(value);
    if (text == NULL) return duet_fail(DUET_FORMAT, "tensor '%s' has no dtype", name);
    for (int i = 0; i < DUET_COUNT(dtypes); i++) {
        if (strcmp(text, dtypes[i].name) != 0) continue;
        *out = dtypes[i].dtype;
        return DUET_OK;
    }
    for (int i = 0; i < DUET_COUNT(foreign_dtypes); i++)
        if (strcmp(text, foreign_dtypes[i]) == 0)
            return duet_fail(DUET_UNSUPPORTED,
                             "tensor '%s' has dtype '%s', which this version does not read", name,
                             text);
    return duet_fail(DUET_FORMAT, "tensor '%s' has unknown dtype '%s'", name, text);
}

static duet_status read_shape(duet_shape *out, const json_t *value, duet_dtype dtype,
                              const char *name) {
    if (!json_is_array(value)) return duet_fail(DUET_FORMAT, "tensor '%s' has no shape", name);
    const size_t rank = json_array_size(value);
    int64_t dims[DUET_MAX_RANK];
    for (size_t i = 0; i < rank && i < DUET_MAX_RANK; i++) {
        const json_t *dim = json_array_get(value, i);
        if (!json_is_integer(dim))
            return duet_fail(DUET_FORMAT, "tensor '%s' has a shape that is not of integers", name);
        dims[i] = json_integer_value(dim);
    }
    return duet_store_shape(out, dims, (int64_t)rank, dtype, name);
}

static duet_status read_span(record *r, const json_t *value, int64_t data_at, int64_t file_size) {
    const char *name = r->entry.name;
    const json_t *first = json_array_get(value, 0), *second = json_array_get(value, 1);
    if (json_array_size(value) != 2 || !json_is_integer(first) || !json_is_integer(second))
        return duet_fail(DUET_FORMAT, "tensor '%s' has no data_offsets of two integers", name);
    const int64_t begin = json_integer_value(first), end = json_integer_value(second),
                  size = file_size - data_at;
    if (begin < 0 || end < begin)
        return duet_fail(DUET_FORMAT, "tensor '%s' has data_offsets [%lld, %lld]", name,
                         (long long)begin, (long long)end);
    if (end > size)
        return duet_advised(
            duet_fail(DUET_FORMAT,
                      "the file has %lld bytes, but tensor '%s' ends at byte %lld; is the file "
                      "cut off? fetch it again",
                      (long long)file_size, name,
                      (long long)(end < INT64_MAX - data_at ? data_at + end : INT64_MAX)));
    const int64_t need =
        duet_shape_count(&r->entry.shape) * (int64_t)duet_dtype_size(r->entry.dtype);
    if (end - begin != need)
        return duet_fail(DUET_FORMAT, "tensor '%s' has %lld bytes, but its shape needs %lld", name,
                         (long long)(end - begin), (long long)need);
    r->at = (span){.begin = data_at + begin, .end = data_at + end};
    return DUET_OK;
}

static int by_place(const void *a, const void *b) {
    const record *x = a, *y = b;
    if (x->at.begin != y->at.begin) return x->at.begin < y->at.begin ? -1 : 1;
    if (x->at.end != y->at.end) return x->at.end < y->at.end ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

/* Sorts by place, checks that the tensors tile the data without holes or overlaps, and fills the
 * store. */
static duet_status place(duet_store *store, state *s, record *records, int64_t count,
                         int64_t data_at) {
    qsort(records, (size_t)count, sizeof *records, by_place);
    store->entries = duet_arena_alloc(store->arena, count, sizeof *store->entries);
    s->spans = duet_arena_alloc(store->arena, count, sizeof *s->spans);
    DUET_TRY(duet_arena_status(store->arena));
    int64_t at = data_at;
    for (int64_t i = 0; i < count; i++) {
        const record *r = &records[i];
        if (r->at.begin != at)
            return duet_fail(DUET_FORMAT, "tensor '%s' begins at byte %lld of the data, %s %lld",
                             r->entry.name, (long long)(r->at.begin - data_at),
                             r->at.begin < at ? "inside another that ends at"
                                              : "leaving a hole from",
                             (long long)(at - data_at));
        at = r->at.end;
        store->entries[i] = r->entry;
        s->spans[i] = r->at;
    }
    if (at != s->map.size)
        return duet_fail(DUET_FORMAT, "%lld bytes after the last tensor belong to none",
                         (long long)(s->map.size - at));
    store->count = count;
    return DUET_OK;
}

static duet_status read_records(duet_store *store, state *s, const json_t *root, int64_t data_at) {
    duet_status status = DUET_OK;
    record *records = NULL;
    int64_t count = 0;
    const char *key;
    json_t *value;
    DUET_DO(duet_alloc(&records, (int64_t)json_object_size(root), sizeof *records));
    json_object_foreach((json_t *)root, key, value) {
        if (strcmp(key, "__metadata__") == 0) {
            if (!json_is_object(value))
                DUET_FAIL(DUET_FORMAT, "'__metadata__' is not a JSON object");
            DUET_DO(duet_pairs_read(store, value));
            continue;
        }
        record *r = &records[count];
        *r = (record){.entry.name = duet_arena_text(store->arena, key), .line = count};
        DUET_DO(duet_arena_status(store->arena));
        if (!json_is_object(value))
            DUET_FAIL(DUET_FORMAT, "tensor '%s' is not described by a JSON object", key);
        DUET_DO(read_dtype(&r->entry.dtype, json_object_get(value, "dtype"), key));
        DUET_DO(read_shape(&r->entry.shape, json_object_get(value, "shape"), r->entry.dtype, key));
        DUET_DO(read_span(r, json_object_get(value, "data_offsets"), data_at, s->map.size));
        count++;
    }
    DUET_DO(place(store, s, records, count, data_at));
done:
    duet_release(records);
    return status;
}

static duet_status store_open(duet_store *store, const char *path) {
    duet_status status = DUET_OK;
    json_t *root = NULL;
    state *s = duet_arena_alloc(store->arena, 1, sizeof *s);
    DUET_TRY(duet_arena_status(store->arena));
    DUET_TRY(duet_map_open(&s->map, path));
    store->state = s;
    store->mapped = s->map.mapped;
    uint64_t length = 0;
    if (s->map.size < HEADER_AT + 1)
        return duet_fail(DUET_FORMAT, "the file has only %lld bytes", (long long)s->map.size);
    memcpy(&length, s->map.data, HEADER_AT);
    if (length > MAX_HEADER)
        return duet_fail(DUET_FORMAT, "the header's length is %llu bytes; the limit is %d",
                         (unsigned long long)length, MAX_HEADER);
    if ((int64_t)length > s->map.size - HEADER_AT)
        return duet_advised(duet_fail(
            DUET_FORMAT, "the header has %llu bytes, but only %lld follow; is the file cut off?",
            (unsigned long long)length, (long long)(s->map.size - HEADER_AT)));
    const char *text = (const char *)s->map.data + HEADER_AT;
    if (length < 2 || text[0] != '{')
        return duet_fail(DUET_FORMAT, "the header is not a JSON object");
    json_error_t where;
    root = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL)
        return duet_fail(DUET_FORMAT, "the header is not valid: %s (byte %d)", where.text,
                         where.position);
    DUET_DO(read_records(store, s, root, HEADER_AT + (int64_t)length));
done:
    json_decref(root);
    return status;
}

static void store_close(duet_store *store) {
    state *s = store->state;
    if (s != NULL) duet_map_close(&s->map);
    store->state = NULL;
}

static duet_status store_read(const duet_store *store, int64_t index, duet_dtype dtype, void *dst) {
    const state *s = store->state;
    const duet_store_entry *e = &store->entries[index];
    duet_convert(dst, dtype, s->map.data + s->spans[index].begin, e->dtype,
                 duet_shape_count(&e->shape));
    return DUET_OK;
}

/* NULL where a writer did not pad its header and the elements stand at odd addresses. */
static const void *store_data(const duet_store *store, int64_t index) {
    const state *s = store->state;
    const uint8_t *at = s->map.data + s->spans[index].begin;
    return (uintptr_t)at % duet_dtype_size(store->entries[index].dtype) == 0 ? at : NULL;
}

static int order_of(duet_dtype dtype) {
    for (int i = 0; i < DUET_COUNT(dtypes); i++)
        if (dtypes[i].dtype == dtype) return dtypes[i].order;
    return 0;
}

static int by_type_and_name(const void *a, const void *b) {
    const duet_store_item *const *x = a, *const *y = b;
    const int first = order_of((*x)->stored), second = order_of((*y)->stored);
    return first != second ? second - first : strcmp((*x)->name, (*y)->name);
}

static const char *dtype_text(duet_dtype dtype) {
    for (int i = 0; i < DUET_COUNT(dtypes); i++)
        if (dtypes[i].dtype == dtype) return dtypes[i].name;
    return "?";
}

static json_t *describe(const duet_store_item *item, int64_t begin, int64_t end) {
    json_t *shape = json_array();
    for (int i = 0; i < item->shape.rank; i++)
        json_array_append_new(shape, json_integer(item->shape.dim[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_text(item->stored), "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)end);
}

static duet_status add_pairs(json_t *root, const duet_store_pair *pairs, int64_t pair_count) {
    json_t *object = NULL;
    if (pair_count == 0) return DUET_OK;
    DUET_TRY(duet_pairs_json(&object, pairs, pair_count));
    json_object_set_new(root, "__metadata__", object);
    return DUET_OK;
}

static duet_status make_header(char **out, const duet_store_item *const *items, int64_t count,
                               const duet_store_pair *pairs, int64_t pair_count) {
    duet_status status = DUET_OK;
    int64_t at = 0;
    json_t *root = json_object();
    if (root == NULL) return duet_fail(DUET_NO_MEMORY, "out of memory in jansson");
    DUET_DO(add_pairs(root, pairs, pair_count));
    for (int64_t i = 0; i < count; i++) {
        const duet_store_item *item = items[i];
        const int64_t bytes =
            duet_shape_count(&item->shape) * (int64_t)duet_dtype_size(item->stored);
        if (json_object_get(root, item->name) != NULL || strcmp(item->name, "__metadata__") == 0)
            DUET_FAIL(DUET_ARG, "tensor name '%s' is reserved or given twice", item->name);
        if (json_object_set_new(root, item->name, describe(item, at, at + bytes)) != 0)
            DUET_FAIL(DUET_ARG, "tensor name '%s' is not valid UTF-8", item->name);
        at += bytes;
    }
    *out = json_dumps(root, JSON_COMPACT);
    if (*out == NULL) DUET_FAIL(DUET_NO_MEMORY, "out of memory in jansson");
    if (strlen(*out) > MAX_HEADER - 8)
        DUET_FAIL(DUET_ARG, "the header would have %zu bytes; the limit is %d", strlen(*out),
                  MAX_HEADER);
done:
    json_decref(root);
    return status;
}

static void put_item(duet_writer *writer, const duet_store_item *item) {
    enum { CHUNK = 4096 };
    const int64_t count = duet_shape_count(&item->shape);
    const int64_t from = (int64_t)duet_dtype_size(item->dtype),
                  to = (int64_t)duet_dtype_size(item->stored);
    if (item->dtype == item->stored) {
        if (count > 0) duet_writer_put(writer, item->data, count * to);
        return;
    }
    _Alignas(64) uint8_t part[CHUNK * 8];
    for (int64_t i = 0; i < count; i += CHUNK) {
        const int64_t n = count - i < CHUNK ? count - i : CHUNK;
        duet_convert(part, item->stored, (const uint8_t *)item->data + i * from, item->dtype, n);
        duet_writer_put(writer, part, n * to);
    }
}

static duet_status store_write(const char *path, const duet_store_item *items, int64_t count,
                               const duet_store_pair *pairs, int64_t pair_count) {
    duet_status status = DUET_OK;
    const duet_store_item **sorted = NULL;
    char *header = NULL;
    duet_writer *writer = NULL;
    DUET_DO(duet_alloc(&sorted, count, sizeof *sorted));
    for (int64_t i = 0; i < count; i++) sorted[i] = &items[i];
    qsort(sorted, (size_t)count, sizeof *sorted, by_type_and_name);
    DUET_DO(make_header(&header, sorted, count, pairs, pair_count));
    const uint64_t length = strlen(header), padded = (length + 7) / 8 * 8;
    DUET_DO(duet_writer_open(&writer, path));
    duet_writer_put(writer, &padded, HEADER_AT);
    duet_writer_put(writer, header, (int64_t)length);
    duet_writer_put(writer, "        ", (int64_t)(padded - length));
    for (int64_t i = 0; i < count; i++) put_item(writer, sorted[i]);
    status = duet_writer_commit(writer);
done:
    duet_release_foreign(header); /* jansson's */
    duet_release(sorted);
    return status;
}

const duet_store_member duet_store_safetensors = {
    .info = {.name = "safetensors", .help = "safetensors", .params = DUET_TABLE_EMPTY},
    .detect = detect,
    .open = store_open,
    .close = store_close,
    .read = store_read,
    .data = store_data,
    .write = store_write,
};
