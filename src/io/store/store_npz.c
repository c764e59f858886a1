/* SPDX-License-Identifier: MIT
 * npz: a zip archive of .npy arrays (npy.h), each a tensor named as its member without ".npy"; over
 * libzip. Reads stored and deflated members in either element order; a member's CRC is checked when
 * its tensor is read. Refused: other members, Python objects, sizes that disagree with the header,
 * and what archive.h refuses. Written uncompressed, with headers padded to 64 bytes, in the order
 * given; metadata as the archive's comment, a JSON object, which numpy ignores. Reading is for one
 * thread at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "io/archive.h"
#include "io/store/npy.h"
#include "io/store/pairs.h"

#define SUFFIX       ".npy"
#define LOCAL_HEADER 30   /* bytes of a zip member's header before its name */
#define CHUNK        4096 /* elements converted at a time */
#define MOST_COMMENT 65535

typedef struct member {
    duet_npy npy;
    duet_archive_member at;
    int64_t data_at; /* of the elements, in the unpacked member */
} member;

typedef struct state {
    zip_t *zip;
    member *members; /* one per entry; in the store's arena */
} state;

/* A zip whose first member is an array as far as the head shows its name; or an empty one. */
static bool detect(const uint8_t *head, size_t size, int64_t file_size) {
    (void)file_size;
    if (size >= 4 && memcmp(head, "PK\5\6", 4) == 0) return true;
    if (size < LOCAL_HEADER || memcmp(head, "PK\3\4", 4) != 0) return false;
    const size_t length = (size_t)(head[26] | head[27] << 8), suffix = sizeof SUFFIX - 1;
    if (LOCAL_HEADER + length > size)
        return memmem(head + LOCAL_HEADER, size - LOCAL_HEADER, "data.pkl", 8) == NULL;
    return length > suffix && memcmp(head + LOCAL_HEADER + length - suffix, SUFFIX, suffix) == 0;
}

static duet_status check_name(const char *name) {
    if (duet_ends_with(name, SUFFIX) && strlen(name) > sizeof SUFFIX - 1) return DUET_OK;
    return duet_fail(DUET_FORMAT, "archive member '%s' is not a numpy array", name);
}

static duet_status read_header(member *m, zip_t *zip, const char *name) {
    duet_status status = DUET_OK;
    zip_file_t *file = NULL;
    char *text = NULL;
    uint8_t prefix[DUET_NPY_PREFIX];
    int64_t text_at, text_size;
    DUET_DO(duet_archive_begin(&file, zip, &m->at));
    DUET_DO(duet_archive_read(file, prefix, sizeof prefix, name));
    DUET_DO(duet_npy_prefix(&text_at, &text_size, prefix, name));
    const int64_t early =
        DUET_NPY_PREFIX - text_at; /* bytes of the text that the prefix already holds */
    if (text_size < early) DUET_FAIL(DUET_FORMAT, "the header of array '%s' is damaged", name);
    DUET_DO(duet_alloc(&text, text_size, 1));
    memcpy(text, prefix + text_at, (size_t)early);
    DUET_DO(duet_archive_read(file, text + early, text_size - early, name));
    DUET_DO(duet_npy_parse(&m->npy, text, text_size, name));
    m->data_at = text_at + text_size;
    const int64_t need = duet_shape_count(&m->npy.shape) * (int64_t)duet_dtype_size(m->npy.dtype);
    if (m->at.size - m->data_at != need)
        DUET_FAIL(DUET_FORMAT, "array '%s' has %lld bytes, but its shape needs %lld", name,
                  (long long)(m->at.size - m->data_at), (long long)need);
done:
    duet_release(text);
    if (file != NULL) zip_fclose(file);
    return status;
}

static int by_name(const void *a, const void *b) {
    const duet_store_entry *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static duet_status refuse_duplicates(const duet_store *store) {
    duet_status status = DUET_OK;
    const duet_store_entry **sorted = NULL;
    DUET_DO(duet_alloc(&sorted, store->count, sizeof *sorted));
    for (int64_t i = 0; i < store->count; i++) sorted[i] = &store->entries[i];
    qsort(sorted, (size_t)store->count, sizeof *sorted, by_name);
    for (int64_t i = 1; i < store->count; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            DUET_FAIL(DUET_FORMAT, "the archive has array '%s' twice", sorted[i]->name);
done:
    duet_release(sorted);
    return status;
}

/* A comment that is not such an object counts as none. */
static duet_status read_comment(duet_store *store, zip_t *zip) {
    int size = 0;
    const char *const text = zip_get_archive_comment(zip, &size, ZIP_FL_ENC_RAW);
    if (text == NULL || size < 2 || text[0] != '{') return DUET_OK;
    json_t *const root = json_loadb(text, (size_t)size, JSON_REJECT_DUPLICATES, NULL);
    const duet_status status = json_is_object(root) ? duet_pairs_read(store, root) : DUET_OK;
    json_decref(root);
    return status;
}

static duet_status make_comment(char **out, const duet_store_pair *pairs, int64_t count) {
    json_t *root = NULL;
    if (count == 0) return DUET_OK;
    DUET_TRY(duet_pairs_json(&root, pairs, count));
    *out = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (*out == NULL) return duet_fail(DUET_NO_MEMORY, "out of memory in jansson");
    return strlen(*out) <= MOST_COMMENT
               ? DUET_OK
               : duet_fail(DUET_ARG,
                           "its metadata has %zu bytes, and an npz takes %d; write .safetensors "
                           "or .pt instead",
                           strlen(*out), MOST_COMMENT);
}

static duet_status store_open(duet_store *store, const char *path) {
    state *s = duet_arena_alloc(store->arena, 1, sizeof *s);
    DUET_TRY(duet_arena_status(store->arena));
    DUET_TRY(duet_archive_open(&s->zip, path));
    store->state = s;
    const int64_t count = zip_get_num_entries(s->zip, 0);
    store->entries = duet_arena_alloc(store->arena, count, sizeof *store->entries);
    s->members = duet_arena_alloc(store->arena, count, sizeof *s->members);
    DUET_TRY(duet_arena_status(store->arena));
    for (int64_t i = 0; i < count; i++) {
        DUET_TRY(duet_archive_at(&s->members[i].at, s->zip, i));
        DUET_TRY(check_name(s->members[i].at.name));
        char *name = duet_arena_text(store->arena, s->members[i].at.name);
        DUET_TRY(duet_arena_status(store->arena));
        name[strlen(name) - (sizeof SUFFIX - 1)] = '\0';
        DUET_TRY(read_header(&s->members[i], s->zip, name));
        store->entries[i] = (duet_store_entry){
            .name = name, .dtype = s->members[i].npy.dtype, .shape = s->members[i].npy.shape};
        store->count = i + 1;
    }
    DUET_TRY(read_comment(store, s->zip));
    return refuse_duplicates(store);
}

static void store_close(duet_store *store) {
    state *s = store->state;
    if (s != NULL && s->zip != NULL) zip_discard(s->zip);
    store->state = NULL;
}

/* Reads the elements in file order and converts them. libzip checks the CRC when it reads past the
 * end. */
static duet_status read_elements(zip_file_t *file, const duet_store_entry *e, duet_dtype dtype,
                                 uint8_t *dst) {
    const int64_t count = duet_shape_count(&e->shape);
    const int64_t from = (int64_t)duet_dtype_size(e->dtype), to = (int64_t)duet_dtype_size(dtype);
    uint8_t part[CHUNK * 8];
    if (dtype == e->dtype) {
        DUET_TRY(duet_archive_read(file, dst, count * from, e->name));
    } else {
        for (int64_t i = 0; i < count; i += CHUNK) {
            const int64_t n = count - i < CHUNK ? count - i : CHUNK;
            DUET_TRY(duet_archive_read(file, part, n * from, e->name));
            duet_convert(dst + i * to, dtype, part, e->dtype, n);
        }
    }
    return duet_archive_end(file, e->name);
}

static duet_status store_read(const duet_store *store, int64_t index, duet_dtype dtype, void *dst) {
    duet_status status = DUET_OK;
    const state *s = store->state;
    const member *m = &s->members[index];
    const duet_store_entry *e = &store->entries[index];
    zip_file_t *file = NULL;
    uint8_t *skipped = NULL, *columns = NULL;
    DUET_DO(duet_archive_begin(&file, s->zip, &m->at));
    DUET_DO(duet_alloc(&skipped, m->data_at, 1));
    DUET_DO(duet_archive_read(file, skipped, m->data_at, e->name));
    if (m->npy.fortran && e->shape.rank > 1) {
        DUET_DO(duet_alloc(&columns, duet_shape_count(&e->shape), duet_dtype_size(dtype)));
        DUET_DO(read_elements(file, e, dtype, columns));
        duet_npy_to_rows(dst, columns, &e->shape, duet_dtype_size(dtype));
    } else {
        DUET_DO(read_elements(file, e, dtype, dst));
    }
done:
    duet_release(columns);
    duet_release(skipped);
    if (file != NULL) zip_fclose(file);
    return status;
}

static duet_status store_write(const char *path, const duet_store_item *items, int64_t count,
                               const duet_store_pair *pairs, int64_t pair_count) {
    duet_status status = DUET_OK;
    duet_arena *arena = NULL;
    char *comment = NULL;
    if (count == 0) return duet_fail(DUET_ARG, "an npz file needs at least one tensor");
    DUET_DO(make_comment(&comment, pairs, pair_count));
    DUET_DO(duet_arena_new(&arena));
    duet_archive_part *const parts = duet_arena_alloc(arena, count, sizeof *parts);
    for (int64_t i = 0; parts != NULL && i < count; i++) {
        uint8_t *const header = duet_arena_alloc(arena, DUET_NPY_HEADER_MAX, 1);
        parts[i] = (duet_archive_part){.name = duet_arena_format(arena, "%s" SUFFIX, items[i].name),
                                       .head = header,
                                       .item = &items[i]};
        DUET_DO(duet_arena_status(arena));
        DUET_DO(duet_npy_write(header, &parts[i].head_size, &items[i]));
    }
    DUET_DO(duet_arena_status(arena));
    DUET_DO(duet_archive_write(path, parts, count, comment));
done:
    duet_release_foreign(comment); /* jansson's */
    duet_arena_free(arena);
    return status;
}

const duet_store_member duet_store_npz = {
    .info = {.name = "npz", .help = "numpy archive of arrays", .params = DUET_TABLE_EMPTY},
    .detect = detect,
    .open = store_open,
    .close = store_close,
    .read = store_read,
    .write = store_write,
};
