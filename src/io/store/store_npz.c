/* SPDX-License-Identifier: MIT
 * npz: a zip archive of .npy arrays (npy.h), each a tensor named as its member without ".npy"; over libzip.
 * Reads stored and deflated members in either element order; a member's CRC is checked when its tensor is read. Refused:
 * other members, encryption, other compressions, Python objects, sizes that disagree with the header, and bombs: a
 * deflated member may not be over 16 GiB nor unpack to more than DEFLATE can hold (1032 times its size).
 * Written uncompressed, with headers padded to 64 bytes, in the order given. Reading is for one thread at a time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zip.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "base/system.h"
#include "io/store/npy.h"
#include "io/store/store.h"

#define SUFFIX ".npy"
#define MAX_DEFLATED ((uint64_t)16 << 30)
#define MAX_RATIO 1032u
#define LOCAL_HEADER 30 /* bytes of a zip member's header before its name */
#define CHUNK 4096      /* elements converted at a time */

typedef struct member {
    duet_npy npy;
    uint64_t index;  /* in the archive */
    int64_t data_at; /* of the elements, in the unpacked member */
} member;

typedef struct state {
    zip_t *zip;
    member *members; /* one per entry; in the store's arena */
} state;

/* A zip whose first member is an array as far as the head shows its name; or an empty one. */
static bool detect(const uint8_t *head, size_t size, int64_t file_size)
{
    (void)file_size;
    if (size >= 4 && memcmp(head, "PK\5\6", 4) == 0) return true;
    if (size < LOCAL_HEADER || memcmp(head, "PK\3\4", 4) != 0) return false;
    const size_t length = (size_t)(head[26] | head[27] << 8), suffix = sizeof SUFFIX - 1;
    if (LOCAL_HEADER + length > size) return memmem(head + LOCAL_HEADER, size - LOCAL_HEADER, "data.pkl", 8) == NULL;
    return length > suffix && memcmp(head + LOCAL_HEADER + length - suffix, SUFFIX, suffix) == 0;
}

static duet_status check_member(const zip_stat_t *stat, const char *name)
{
    const uint64_t need = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if ((stat->valid & need) != need) return duet_fail(DUET_FORMAT, "the archive does not describe member '%s'", name);
    if (duet_ends_with(name, "data.pkl"))
        return duet_fail(DUET_UNSUPPORTED, "it is a PyTorch .pt file: not supported by this version");
    if (!duet_ends_with(name, SUFFIX) || strlen(name) <= sizeof SUFFIX - 1)
        return duet_fail(DUET_FORMAT, "archive member '%s' is not a numpy array", name);
    if (stat->encryption_method != ZIP_EM_NONE) return duet_fail(DUET_UNSUPPORTED, "archive member '%s' is encrypted", name);
    if (stat->comp_method != ZIP_CM_STORE && stat->comp_method != ZIP_CM_DEFLATE)
        return duet_fail(DUET_UNSUPPORTED, "archive member '%s' has compression method %d; save it with DEFLATE", name,
                         (int)stat->comp_method);
    if (stat->comp_method == ZIP_CM_STORE && stat->size != stat->comp_size)
        return duet_fail(DUET_FORMAT, "stored archive member '%s' has two sizes, %llu and %llu", name, (unsigned long long)stat->size,
                         (unsigned long long)stat->comp_size);
    if (stat->comp_method == ZIP_CM_DEFLATE && stat->size > MAX_DEFLATED)
        return duet_fail(DUET_NO_MEMORY, "compressed archive member '%s' has %llu bytes; the limit is %llu", name,
                         (unsigned long long)stat->size, (unsigned long long)MAX_DEFLATED);
    if (stat->comp_method == ZIP_CM_DEFLATE && stat->size / MAX_RATIO > stat->comp_size)
        return duet_fail(DUET_FORMAT, "archive member '%s' claims %llu bytes from %llu, more than its compression allows", name,
                         (unsigned long long)stat->size, (unsigned long long)stat->comp_size);
    return DUET_OK;
}

/* Exactly `count` bytes. */
static duet_status read_exact(zip_file_t *file, void *dst, int64_t count, const char *name)
{
    for (int64_t got = 0; got < count;) {
        const zip_int64_t n = zip_fread(file, (uint8_t *)dst + got, (zip_uint64_t)(count - got));
        if (n < 0)
            return duet_fail(DUET_FORMAT, "array '%s' is damaged: %s", name, zip_error_strerror(zip_file_get_error(file)));
        if (n == 0) return duet_fail(DUET_FORMAT, "array '%s' is cut off", name);
        got += n;
    }
    return DUET_OK;
}

static duet_status open_member(zip_file_t **out, zip_t *zip, uint64_t index, const char *name)
{
    *out = zip_fopen_index(zip, index, 0);
    return *out ? DUET_OK : duet_fail(DUET_FORMAT, "cannot read array '%s': %s", name, zip_strerror(zip));
}

static duet_status read_header(member *m, zip_t *zip, const char *name, int64_t size)
{
    duet_status status = DUET_OK;
    zip_file_t *file = NULL;
    char *text = NULL;
    uint8_t prefix[DUET_NPY_PREFIX];
    int64_t text_at, text_size;
    DUET_DO(open_member(&file, zip, m->index, name));
    DUET_DO(read_exact(file, prefix, sizeof prefix, name));
    DUET_DO(duet_npy_prefix(&text_at, &text_size, prefix, name));
    const int64_t early = DUET_NPY_PREFIX - text_at; /* bytes of text that came with the prefix */
    if (text_size < early) DUET_FAIL(DUET_FORMAT, "the header of array '%s' is damaged", name);
    DUET_DO(duet_alloc(&text, text_size, 1));
    memcpy(text, prefix + text_at, (size_t)early);
    DUET_DO(read_exact(file, text + early, text_size - early, name));
    DUET_DO(duet_npy_parse(&m->npy, text, text_size, name));
    m->data_at = text_at + text_size;
    const int64_t need = duet_shape_count(&m->npy.shape) * (int64_t)duet_dtype_size(m->npy.dtype);
    if (size - m->data_at != need)
        DUET_FAIL(DUET_FORMAT, "array '%s' has %lld bytes, but its shape needs %lld", name, (long long)(size - m->data_at),
                  (long long)need);
done:
    duet_release(text);
    if (file) zip_fclose(file);
    return status;
}

static int by_name(const void *a, const void *b)
{
    const duet_store_entry *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static duet_status refuse_duplicates(const duet_store *store)
{
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

static duet_status store_open(duet_store *store, const char *path)
{
    state *s = duet_arena_alloc(store->arena, 1, sizeof *s);
    DUET_TRY(duet_arena_status(store->arena));
    int code = 0;
    s->zip = zip_open(path, ZIP_RDONLY, &code);
    if (!s->zip) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        const duet_status status = duet_fail(DUET_FORMAT, "damaged or cut-off zip archive: %s", zip_error_strerror(&error));
        zip_error_fini(&error);
        return status;
    }
    store->state = s;
    const int64_t count = zip_get_num_entries(s->zip, 0);
    store->entries = duet_arena_alloc(store->arena, count, sizeof *store->entries);
    s->members = duet_arena_alloc(store->arena, count, sizeof *s->members);
    DUET_TRY(duet_arena_status(store->arena));
    for (int64_t i = 0; i < count; i++) {
        zip_stat_t stat;
        if (zip_stat_index(s->zip, (zip_uint64_t)i, 0, &stat) != 0 || !stat.name)
            return duet_fail(DUET_FORMAT, "the archive is damaged: %s", zip_strerror(s->zip));
        DUET_TRY(check_member(&stat, stat.name));
        char *name = duet_arena_text(store->arena, stat.name);
        DUET_TRY(duet_arena_status(store->arena));
        name[strlen(name) - (sizeof SUFFIX - 1)] = '\0';
        s->members[i].index = (uint64_t)i;
        DUET_TRY(read_header(&s->members[i], s->zip, name, (int64_t)stat.size));
        store->entries[i] = (duet_store_entry){.name = name, .dtype = s->members[i].npy.dtype, .shape = s->members[i].npy.shape};
        store->count = i + 1;
    }
    return refuse_duplicates(store);
}

static void store_close(duet_store *store)
{
    state *s = store->state;
    if (s && s->zip) zip_discard(s->zip);
    store->state = NULL;
}

/* Elements in file order, converted. Reading past the end makes libzip check the CRC. */
static duet_status read_elements(zip_file_t *file, const duet_store_entry *e, duet_dtype dtype, uint8_t *dst)
{
    const int64_t count = duet_shape_count(&e->shape);
    const int64_t from = (int64_t)duet_dtype_size(e->dtype), to = (int64_t)duet_dtype_size(dtype);
    uint8_t part[CHUNK * 8];
    if (dtype == e->dtype) {
        DUET_TRY(read_exact(file, dst, count * from, e->name));
    } else {
        for (int64_t i = 0; i < count; i += CHUNK) {
            const int64_t n = count - i < CHUNK ? count - i : CHUNK;
            DUET_TRY(read_exact(file, part, n * from, e->name));
            duet_convert(dst + i * to, dtype, part, e->dtype, n);
        }
    }
    if (zip_fread(file, part, 1) == 0) return DUET_OK;
    return duet_fail(DUET_FORMAT, "array '%s' is damaged: %s", e->name, zip_error_strerror(zip_file_get_error(file)));
}

/* dst (row-major) from src (column-major). */
static void to_row_major(uint8_t *dst, const uint8_t *src, const duet_shape *shape, size_t size)
{
    int64_t at[DUET_MAX_RANK] = {0}, stride[DUET_MAX_RANK], from = 0;
    for (int i = 0; i < shape->rank; i++) stride[i] = i ? stride[i - 1] * shape->dim[i - 1] : 1;
    const int64_t count = duet_shape_count(shape);
    for (int64_t i = 0; i < count; i++, dst += size) {
        memcpy(dst, src + from * (int64_t)size, size);
        for (int k = shape->rank - 1; k >= 0; k--) {
            from += stride[k];
            if (++at[k] < shape->dim[k]) break;
            from -= stride[k] * shape->dim[k];
            at[k] = 0;
        }
    }
}

static duet_status store_read(const duet_store *store, int64_t index, duet_dtype dtype, void *dst)
{
    duet_status status = DUET_OK;
    const state *s = store->state;
    const member *m = &s->members[index];
    const duet_store_entry *e = &store->entries[index];
    zip_file_t *file = NULL;
    uint8_t *skipped = NULL, *columns = NULL;
    DUET_DO(open_member(&file, s->zip, m->index, e->name));
    DUET_DO(duet_alloc(&skipped, m->data_at, 1));
    DUET_DO(read_exact(file, skipped, m->data_at, e->name));
    if (m->npy.fortran && e->shape.rank > 1) {
        DUET_DO(duet_alloc(&columns, duet_shape_count(&e->shape), duet_dtype_size(dtype)));
        DUET_DO(read_elements(file, e, dtype, columns));
        to_row_major(dst, columns, &e->shape, duet_dtype_size(dtype));
    } else {
        DUET_DO(read_elements(file, e, dtype, dst));
    }
done:
    duet_release(columns);
    duet_release(skipped);
    if (file) zip_fclose(file);
    return status;
}

/* What libzip reads a new member from: the header, then the elements, converted a part at a time. */
typedef struct source {
    const duet_store_item *item;
    char *name; /* with the suffix */
    uint8_t header[DUET_NPY_HEADER_MAX];
    int64_t header_size;
    int64_t next;              /* element to convert */
    const uint8_t *at;         /* bytes ready to be given */
    int64_t left;              /* how many */
    uint8_t part[4096];        /* small: there is one for every tensor */
} source;

static void refill(source *s)
{
    const duet_store_item *item = s->item;
    const int64_t to = (int64_t)duet_dtype_size(item->stored), room = (int64_t)sizeof s->part / to;
    const int64_t rest = duet_shape_count(&item->shape) - s->next;
    const int64_t n = rest < room ? rest : room;
    const uint8_t *from = n > 0 ? (const uint8_t *)item->data + s->next * (int64_t)duet_dtype_size(item->dtype) : NULL;
    if (n > 0) duet_convert(s->part, item->stored, from, item->dtype, n);
    s->next += n;
    s->at = s->part;
    s->left = n * to;
}

static zip_int64_t on_source(void *user, void *data, zip_uint64_t size, zip_source_cmd_t command)
{
    source *s = user;
    switch (command) {
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
                                              ZIP_SOURCE_FREE, -1);
    case ZIP_SOURCE_OPEN:
        s->next = 0;
        s->at = s->header;
        s->left = s->header_size;
        return 0;
    case ZIP_SOURCE_READ: {
        if (s->left == 0) refill(s);
        const int64_t n = s->left < (int64_t)size ? s->left : (int64_t)size;
        memcpy(data, s->at, (size_t)n);
        s->at += n;
        s->left -= n;
        return n;
    }
    case ZIP_SOURCE_STAT: {
        zip_stat_t *stat = data;
        zip_stat_init(stat);
        const int64_t bytes = duet_shape_count(&s->item->shape) * (int64_t)duet_dtype_size(s->item->stored);
        stat->size = (zip_uint64_t)(s->header_size + bytes);
        stat->valid = ZIP_STAT_SIZE;
        return sizeof *stat;
    }
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
        return 0; /* the memory is an arena's, freed after the archive */
    default:
        return -1;
    }
}

static duet_status add_item(zip_t *zip, source *s)
{
    if (zip_name_locate(zip, s->name, 0) >= 0) return duet_fail(DUET_ARG, "tensor name '%s' is given twice", s->item->name);
    zip_source_t *from = zip_source_function(zip, on_source, s);
    const zip_int64_t index = from ? zip_file_add(zip, s->name, from, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
        if (from) zip_source_free(from);
        return duet_fail(DUET_ARG, "cannot add tensor '%s': %s", s->item->name, zip_strerror(zip));
    }
    /* 1980-01-01, the earliest a zip knows: the same tensors give the same bytes. */
    if (zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(zip, (zip_uint64_t)index, 0, 1 << 5 | 1, 0) != 0)
        return duet_fail(DUET_IO, "cannot add tensor '%s': %s", s->item->name, zip_strerror(zip));
    return DUET_OK;
}

static duet_status write_archive(const char *path, const duet_store_item *items, int64_t count)
{
    duet_status status = DUET_OK;
    duet_arena *arena = NULL;
    zip_t *zip = NULL;
    int code = 0;
    DUET_DO(duet_arena_new(&arena));
    source *sources = duet_arena_alloc(arena, count, sizeof *sources);
    DUET_DO(duet_arena_status(arena));
    zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (!zip) DUET_FAIL(DUET_IO, "cannot make the archive (libzip's code %d)", code);
    for (int64_t i = 0; i < count; i++) {
        sources[i].item = &items[i];
        sources[i].name = duet_arena_format(arena, "%s" SUFFIX, items[i].name);
        DUET_DO(duet_arena_status(arena));
        DUET_DO(duet_npy_write(sources[i].header, &sources[i].header_size, &items[i]));
        DUET_DO(add_item(zip, &sources[i]));
    }
    if (zip_close(zip) != 0) DUET_FAIL(DUET_IO, "cannot finish the archive: %s", zip_strerror(zip));
    zip = NULL;
done:
    if (zip) zip_discard(zip);
    duet_arena_free(arena);
    return status;
}

static duet_status sync_path(const char *path)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return duet_fail_system(errno, "open", path);
    const int error = fsync(file) == 0 ? 0 : errno;
    close(file);
    return error ? duet_fail_system(error, "flush", path) : DUET_OK;
}

static duet_status store_write(const char *path, const duet_store_item *items, int64_t count, const duet_store_pair *pairs,
                               int64_t pair_count)
{
    (void)pairs;
    (void)pair_count;
    if (count == 0) return duet_fail(DUET_ARG, "an npz file needs at least one tensor");
    duet_status status = DUET_OK;
    char temporary[DUET_PATH_SIZE], folder[DUET_PATH_SIZE];
    const int length = snprintf(temporary, sizeof temporary, "%s.tmp.%ld", path, (long)getpid());
    if (length < 0 || length >= DUET_PATH_SIZE) return duet_fail(DUET_ARG, "path '%s' is too long", path);
    const char *base = duet_path_base(path);
    snprintf(folder, sizeof folder, "%.*s", base == path ? 1 : (int)(base - path), base == path ? "." : path);
    DUET_DO(write_archive(temporary, items, count));
    DUET_DO(sync_path(temporary));
    DUET_DO(duet_file_rename(temporary, path));
    DUET_DO(sync_path(folder));
    return DUET_OK;
done:
    unlink(temporary);
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
