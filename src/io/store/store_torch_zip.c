/* SPDX-License-Identifier: MIT
 * torch_zip: what torch.save writes since PyTorch 1.6: a zip archive with members NAME/data.pkl,
 * the object, NAME/data/KEY, the storages, and NAME/version; newer ones also NAME/byteorder.
 * Metadata are members NAME/extra/KEY, PyTorch's place for further files, which torch.load ignores.
 * Nothing of the object is ever called (pickle.h). Source: torch/serialization.py. Reading is for
 * one thread at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/archive.h"
#include "io/store/pairs.h"
#include "io/store/torch.h"

#define LOCAL_HEADER 30         /* bytes of a zip member's header before its name */
#define MOST_PICKLE  (64 << 20) /* bytes */
#define MOST_EXTRA   (16 << 20) /* bytes */
#define OBJECT       "/data.pkl"
#define EXTRA        "/extra/"

typedef struct state {
    zip_t *zip;
    const char *root;             /* NAME */
    duet_torch_tensor *tensors;   /* one per entry; in the store's arena */
    duet_archive_member *members; /* storages, one per entry */
} state;

/* A zip whose first member is the object, as far as the head shows its name. */
static bool detect(const uint8_t *head, size_t size, int64_t file_size) {
    (void)file_size;
    if (size < LOCAL_HEADER || memcmp(head, "PK\3\4", 4) != 0) return false;
    return memmem(head + LOCAL_HEADER, size - LOCAL_HEADER, "data.pkl", 8) != NULL;
}

static duet_status find_root(state *s, duet_store *store, duet_archive_member *object) {
    const int64_t count = zip_get_num_entries(s->zip, 0);
    for (int64_t i = 0; i < count; i++) {
        duet_archive_member m;
        DUET_TRY(duet_archive_at(&m, s->zip, i));
        const size_t length = strlen(m.name), suffix = sizeof OBJECT - 1;
        if (length <= suffix || strcmp(m.name + length - suffix, OBJECT) != 0) continue;
        s->root = duet_arena_format(store->arena, "%.*s", (int)(length - suffix), m.name);
        *object = m;
        return duet_arena_status(store->arena);
    }
    return duet_fail(DUET_FORMAT, "the archive has no member 'data.pkl'");
}

/* DUET_NOT_FOUND where the archive has no member of that name. */
static duet_status find_member(const state *s, duet_archive_member *out, const char *folder,
                               const char *name) {
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s%s%s", s->root, folder, name);
    if (length < 0 || length >= (int)sizeof path)
        return duet_fail(DUET_FORMAT, "a member's name of over 4095 bytes");
    const zip_int64_t index = zip_name_locate(s->zip, path, 0);
    if (index < 0) return duet_fail(DUET_NOT_FOUND, "the archive has no member '%s'", path);
    return duet_archive_at(out, s->zip, index);
}

static duet_status check_byte_order(const state *s) {
    duet_archive_member m;
    char *text = NULL;
    const duet_status found = find_member(s, &m, "/", "byteorder");
    if (found == DUET_NOT_FOUND) duet_error_clear(); /* older files have none */
    if (found != DUET_OK) return found == DUET_NOT_FOUND ? DUET_OK : found;
    if (m.size > 16) return duet_fail(DUET_FORMAT, "'%s' is no byte order", m.name);
    DUET_TRY(duet_archive_load(&text, s->zip, &m));
    const bool little = strcmp(text, "little") == 0;
    duet_release(text);
    return little ? DUET_OK : duet_fail(DUET_UNSUPPORTED, "its numbers are big-endian");
}

static duet_status read_object(duet_store *store, state *s, const duet_archive_member *object) {
    duet_status status = DUET_OK;
    duet_arena *arena = NULL;
    const duet_pickle_node *root = NULL;
    char *bytes = NULL;
    int64_t used = 0;
    if (object->size > MOST_PICKLE)
        return duet_fail(DUET_FORMAT, "'%s' has %lld bytes; the limit is %d", object->name,
                         (long long)object->size, MOST_PICKLE);
    DUET_DO(duet_arena_new(&arena));
    DUET_DO(duet_archive_load(&bytes, s->zip, object));
    DUET_DO(duet_pickle_parse(&root, &used, arena, bytes, object->size, 0, duet_torch_globals,
                              duet_torch_global_count));
    DUET_DO(duet_torch_collect(store, &s->tensors, root));
    for (int64_t i = 0; i < store->count; i++) { /* keys live as long as the nodes of the pickle */
        s->tensors[i].key = duet_arena_text(store->arena, s->tensors[i].key);
        DUET_DO(duet_arena_status(store->arena));
    }
done:
    duet_release(bytes);
    duet_arena_free(arena);
    return status;
}

static duet_status find_storages(duet_store *store, state *s) {
    s->members = duet_arena_alloc(store->arena, store->count + 1, sizeof *s->members);
    DUET_TRY(duet_arena_status(store->arena));
    for (int64_t i = 0; i < store->count; i++) {
        const duet_torch_tensor *const t = &s->tensors[i];
        const int64_t need = t->elements * (int64_t)duet_dtype_size(store->entries[i].dtype);
        DUET_TRY(find_member(s, &s->members[i], "/data/", t->key));
        if (s->members[i].size != need)
            return duet_fail(
                DUET_FORMAT,
                "tensor '%s' has a storage of %lld bytes, but its description needs %lld",
                store->entries[i].name, (long long)s->members[i].size, (long long)need);
    }
    return DUET_OK;
}

static duet_status read_extra(duet_store *store, const state *s) {
    const int64_t count = zip_get_num_entries(s->zip, 0);
    const size_t root = strlen(s->root), folder = sizeof EXTRA - 1;
    for (int64_t i = 0; i < count; i++) {
        duet_archive_member m;
        char *text = NULL;
        DUET_TRY(duet_archive_at(&m, s->zip, i));
        if (strncmp(m.name, s->root, root) != 0 || strncmp(m.name + root, EXTRA, folder) != 0 ||
            m.size > MOST_EXTRA)
            continue;
        DUET_TRY(duet_archive_load(&text, s->zip, &m));
        const duet_status status = duet_pairs_add(store, m.name + root + folder, text);
        duet_release(text);
        if (status != DUET_OK) return status;
    }
    return DUET_OK;
}

static duet_status store_open(duet_store *store, const char *path) {
    duet_archive_member object;
    state *const s = duet_arena_alloc(store->arena, 1, sizeof *s);
    DUET_TRY(duet_arena_status(store->arena));
    DUET_TRY(duet_archive_open(&s->zip, path));
    store->state = s;
    DUET_TRY(find_root(s, store, &object));
    DUET_TRY(check_byte_order(s));
    DUET_TRY(read_object(store, s, &object));
    DUET_TRY(read_extra(store, s));
    return find_storages(store, s);
}

static void store_close(duet_store *store) {
    state *const s = store->state;
    if (s != NULL && s->zip != NULL) zip_discard(s->zip);
    store->state = NULL;
}

/* Skips to the view: by seeking in stored members, by reading in others. */
static duet_status skip(zip_file_t *file, const duet_archive_member *m, int64_t bytes) {
    uint8_t part[4096];
    if (bytes == 0 || (m->stored && zip_fseek(file, bytes, SEEK_SET) == 0)) return DUET_OK;
    for (int64_t left = bytes; left > 0;) {
        const int64_t step = left < (int64_t)sizeof part ? left : (int64_t)sizeof part;
        DUET_TRY(duet_archive_read(file, part, step, m->name));
        left -= step;
    }
    return DUET_OK;
}

static duet_status store_read(const duet_store *store, int64_t index, duet_dtype dtype, void *dst) {
    duet_status status = DUET_OK;
    const state *const s = store->state;
    const duet_store_entry *const entry = &store->entries[index];
    const duet_torch_tensor *const t = &s->tensors[index];
    const int64_t size = (int64_t)duet_dtype_size(entry->dtype);
    zip_file_t *file = NULL;
    uint8_t *view = NULL;
    DUET_DO(duet_archive_begin(&file, s->zip, &s->members[index]));
    DUET_DO(skip(file, &s->members[index], t->offset * size));
    DUET_DO(duet_alloc(&view, t->extent * size, 1));
    DUET_DO(duet_archive_read(file, view, t->extent * size, entry->name));
    if (t->offset == 0 && t->extent == t->elements) DUET_DO(duet_archive_end(file, entry->name));
    duet_torch_gather(dst, dtype, view, entry, t);
done:
    duet_release(view);
    if (file != NULL) zip_fclose(file);
    return status;
}

/* ---- writing: a dict of dense tensors, each with its own storage ---- */

static const char *const storage_names[DUET_DTYPE_COUNT] = {
    [DUET_F32] = "FloatStorage",     [DUET_F64] = "DoubleStorage", [DUET_F16] = "HalfStorage",
    [DUET_BF16] = "BFloat16Storage", [DUET_I64] = "LongStorage",   [DUET_I32] = "IntStorage",
    [DUET_I8] = "CharStorage",       [DUET_U8] = "ByteStorage",    [DUET_BOOL] = "BoolStorage"};

static void put_number(duet_str *out, int64_t value) {
    uint8_t code[10] = {0x8a, 8}; /* LONG1 of eight bytes */
    memcpy(code + 2, &value, sizeof value);
    duet_str_bytes(out, code, sizeof code);
}

static void put_text(duet_str *out, const char *text) {
    const uint32_t size = (uint32_t)strlen(text);
    duet_str_bytes(out, "X", 1); /* BINUNICODE */
    duet_str_bytes(out, &size, sizeof size);
    duet_str_bytes(out, text, size);
}

static void put_tuple(duet_str *out, const int64_t *values, int count) {
    duet_str_bytes(out, "(", 1);
    for (int i = 0; i < count; i++) put_number(out, values[i]);
    duet_str_bytes(out, "t", 1);
}

static void put_tensor(duet_str *out, const duet_store_item *item, int64_t index) {
    const int rank = item->shape.rank;
    int64_t strides[DUET_MAX_RANK], step = 1;
    char key[32];
    for (int i = rank - 1; i >= 0; step *= item->shape.dim[i--]) strides[i] = step;
    snprintf(key, sizeof key, "%lld", (long long)index);
    put_text(out, item->name);
    duet_str_add(out, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(out, "storage");
    duet_str_format(out, "ctorch\n%s\n", storage_names[item->stored]);
    put_text(out, key);
    put_text(out, "cpu");
    put_number(out, duet_shape_count(&item->shape));
    duet_str_bytes(out, "tQ", 2); /* TUPLE, BINPERSID */
    put_number(out, 0);
    put_tuple(out, item->shape.dim, rank);
    put_tuple(out, strides, rank);
    /* requires_grad, no hooks */
    duet_str_add(out, "\x89"
                      "ccollections\nOrderedDict\n)RtR");
}

/* The members: object, byte order, storages, version, metadata. */
static duet_status make_parts(duet_archive_part *parts, duet_arena *arena, const duet_str *object,
                              const duet_store_item *items, int64_t count,
                              const duet_store_pair *pairs, int64_t pair_count) {
    duet_archive_part *next = parts;
    *next++ = (duet_archive_part){
        .name = "archive/data.pkl", .head = object->text, .head_size = object->size};
    *next++ = (duet_archive_part){.name = "archive/byteorder", .head = "little", .head_size = 6};
    for (int64_t i = 0; i < count; i++)
        *next++ = (duet_archive_part){
            .name = duet_arena_format(arena, "archive/data/%lld", (long long)i), .item = &items[i]};
    *next++ = (duet_archive_part){.name = "archive/version", .head = "3\n", .head_size = 2};
    for (int64_t i = 0; i < pair_count; i++)
        *next++ = (duet_archive_part){
            .name = duet_arena_format(arena, "archive" EXTRA "%s", pairs[i].key),
            .head = pairs[i].value,
            .head_size = (int64_t)strlen(pairs[i].value)};
    return duet_arena_status(arena);
}

static duet_status store_write(const char *path, const duet_store_item *items, int64_t count,
                               const duet_store_pair *pairs, int64_t pair_count) {
    duet_status status = DUET_OK;
    duet_arena *arena = NULL;
    duet_str object = {0};
    duet_str_bytes(&object, "\x80\x02", 2);
    duet_str_add(&object, "ccollections\nOrderedDict\n)R(");
    for (int64_t i = 0; i < count; i++) put_tensor(&object, &items[i], i);
    duet_str_add(&object, "u.");
    DUET_DO(duet_str_status(&object));
    DUET_DO(duet_arena_new(&arena));
    duet_archive_part *const parts = duet_arena_alloc(arena, count + 3 + pair_count, sizeof *parts);
    DUET_DO(duet_arena_status(arena));
    DUET_DO(make_parts(parts, arena, &object, items, count, pairs, pair_count));
    DUET_DO(duet_archive_write(path, parts, count + 3 + pair_count, NULL));
done:
    duet_str_free(&object);
    duet_arena_free(arena);
    return status;
}

const duet_store_member duet_store_torch_zip = {
    .info = {.name = "torch_zip",
             .help = "PyTorch's .pt and .pth files",
             .params = DUET_TABLE_EMPTY},
    .detect = detect,
    .open = store_open,
    .close = store_close,
    .read = store_read,
    .write = store_write,
};
