/* SPDX-License-Identifier: MIT
 * model/foreign_names.c: see foreign_names.h. */
#include "model/foreign_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

#define SHADOW "shadow_params."
#define EMA    "_ema."

enum { MOST_LISTED = 2048 }; /* longer lists would take long to compare */

/* The name without wrappers' words; false where it has none. */
static bool unwrapped(char *out, size_t size, const char *name) {
    static const char *const words[] = {"_orig_mod.", "_fsdp_wrapped_module.",
                                        "_checkpoint_wrapped_module.", "_forward_module."};
    size_t n = 0;
    bool changed = false, start = true;
    while (*name != '\0' && n + 1 < size) {
        bool word = false;
        for (int i = 0; i < DUET_COUNT(words) && start && !word; i++) {
            word = duet_starts_with(name, words[i]);
            if (word) name += strlen(words[i]);
        }
        changed |= word;
        if (word) continue;
        start = *name == '.';
        out[n++] = *name++;
    }
    out[n] = '\0';
    return changed && *name == '\0';
}

/* The name of a transformer's block without the number of its chunk: DINOv2's trainings name block
 * n blocks.CHUNK.n. False where it has none. */
static bool unchunked(char *out, size_t size, const char *name) {
    static const char *const parts[] = {"norm1.", "attn.", "ls1.", "norm2.", "mlp.", "ls2."};
    const char *at = strstr(name, "blocks.");
    int chunk = 0, rest = 0;
    if (at == NULL || (at > name && at[-1] != '.')) return false;
    at += strlen("blocks.");
    if (sscanf(at, "%*d.%n%*d.%n", &chunk, &rest) < 0 || chunk == 0 || rest == 0) return false;
    for (int i = 0; i < DUET_COUNT(parts); i++)
        if (duet_starts_with(at + rest, parts[i]))
            return snprintf(out, size, "%.*s%s", (int)(at - name), name, at + chunk) < (int)size;
    return false;
}

/* Tensors that PyTorch's parameters() does not give. */
static bool is_buffer(const char *name) {
    static const char *const ends[] = {".num_batches_tracked", ".running_mean", ".running_var"};
    for (int i = 0; i < DUET_COUNT(ends); i++)
        if (duet_ends_with(name, ends[i])) return true;
    return false;
}

/* Is entry `at` the first of `count` parameters in a row, of the shapes of those from `list` on? */
static bool matches(const duet_store *store, int64_t at, int64_t list, int64_t count,
                    int64_t *which) {
    int64_t n = 0;
    for (int64_t i = at; i < store->count && n < count; i++) {
        const duet_store_entry *const entry = &store->entries[i];
        if (is_buffer(entry->name)) continue;
        if (strstr(entry->name, SHADOW) != NULL ||
            !duet_shape_equal(&entry->shape, &store->entries[list + n].shape))
            return false;
        which[n++] = i;
    }
    return n == count;
}

/* Bytes that all those names begin with, to behind a point. */
static size_t common_prefix(const duet_store *store, const int64_t *which, int64_t count) {
    const char *const first = store->entries[which[0]].name;
    size_t length = strlen(first);
    for (int64_t i = 1; i < count; i++) {
        const char *const name = store->entries[which[i]].name;
        size_t n = 0;
        while (n < length && name[n] == first[n]) n++;
        length = n;
    }
    while (length > 0 && first[length - 1] != '.') length--;
    return length;
}

static duet_status name_list(duet_store *store, int64_t list, int64_t count) {
    duet_status status = DUET_OK;
    int64_t *which = NULL;
    bool found = false;
    DUET_DO(duet_alloc(&which, count, sizeof *which));
    for (int64_t at = 0; at < store->count && !found; at++)
        found = (at < list || at >= list + count) && !is_buffer(store->entries[at].name) &&
                matches(store, at, list, count, which);
    if (!found || count < 2) goto done;
    const size_t prefix = common_prefix(store, which, count);
    for (int64_t i = 0; i < count; i++) {
        duet_store_entry *const entry = &store->entries[list + i];
        const int before = (int)(strstr(entry->name, SHADOW) - entry->name) + (int)strlen(SHADOW);
        entry->name = duet_arena_format(store->arena, "%.*s%s", before, entry->name,
                                        store->entries[which[i]].name + prefix);
        DUET_DO(duet_arena_status(store->arena));
    }
done:
    duet_release(which);
    return status;
}

/* ---- averaged weights whose names have no dots ---- */

/* Of an entry "A_ema.NAME" with a NAME without dots: the length of A; else 0. */
static size_t dotless_of(const char *name) {
    const char *const at = strstr(name, EMA);
    if (at == NULL) return 0;
    const char *const rest = at + strlen(EMA);
    const bool counts = strcmp(rest, "decay") == 0 || strcmp(rest, "num_updates") == 0;
    return strchr(rest, '.') != NULL || counts ? 0 : (size_t)(at - name);
}

typedef struct plain_name {
    const char *text; /* without dots */
    int64_t entry;
} plain_name;

static int by_text(const void *a, const void *b) {
    return strcmp(((const plain_name *)a)->text, ((const plain_name *)b)->text);
}

/* The names of the entries "A.NAME" without their dots, sorted. */
static duet_status list_plain(plain_name *out, int64_t *count, const duet_store *store,
                              const char *of, size_t length) {
    for (int64_t i = 0; i < store->count; i++) {
        const char *const name = store->entries[i].name;
        if (strncmp(name, of, length) != 0 || name[length] != '.') continue;
        char *const text = duet_arena_text(store->arena, name + length + 1), *to = text;
        for (const char *c = text; text != NULL && *c != '\0'; c++)
            if (*c != '.') *to++ = *c;
        if (to != NULL) *to = '\0';
        out[(*count)++] = (plain_name){.text = text, .entry = i};
    }
    DUET_TRY(duet_arena_status(store->arena));
    qsort(out, (size_t)*count, sizeof *out, by_text);
    return DUET_OK;
}

/* The one entry of that name and shape; -1: none, or several. */
static int64_t find_plain(const plain_name *names, int64_t count, const duet_store *store,
                          const char *text, const duet_shape *shape) {
    const plain_name wanted = {.text = text}, *const found = bsearch(&wanted, names, (size_t)count,
                                                                     sizeof *names, by_text);
    if (found == NULL || (found > names && by_text(found - 1, found) == 0) ||
        (found + 1 < names + count && by_text(found + 1, found) == 0) ||
        !duet_shape_equal(&store->entries[found->entry].shape, shape))
        return -1;
    return found->entry;
}

/* All of them get the names of the network beside them, or none: without a part they are none. */
static duet_status name_dotless(duet_store *store) {
    duet_status status = DUET_OK;
    plain_name *names = NULL;
    int64_t count = 0, *from = NULL;
    const char *first = NULL;
    size_t length = 0;
    for (int64_t i = 0; i < store->count && length == 0; i++) {
        first = store->entries[i].name;
        length = dotless_of(first);
    }
    if (length == 0) return DUET_OK;
    DUET_DO(duet_alloc(&names, store->count, sizeof *names));
    DUET_DO(duet_alloc(&from, store->count, sizeof *from));
    DUET_DO(list_plain(names, &count, store, first, length));
    for (int64_t i = 0; i < store->count; i++) {
        const duet_store_entry *const entry = &store->entries[i];
        from[i] = -1;
        if (dotless_of(entry->name) != length || strncmp(entry->name, first, length) != 0) continue;
        from[i] =
            find_plain(names, count, store, entry->name + length + strlen(EMA), &entry->shape);
        if (from[i] < 0) goto done;
    }
    for (int64_t i = 0; i < store->count; i++)
        if (from[i] >= 0)
            store->entries[i].name =
                duet_arena_format(store->arena, "%.*s" EMA "%s", (int)length, first,
                                  store->entries[from[i]].name + length + 1);
    status = duet_arena_status(store->arena);
done:
    duet_release(names);
    duet_release(from);
    return status;
}

duet_status duet_foreign_unwrap(duet_store *store) {
    char name[1024];
    int64_t first = -1, count = 0;
    for (int64_t i = 0; i < store->count; i++) {
        if (unwrapped(name, sizeof name, store->entries[i].name) ||
            unchunked(name, sizeof name, store->entries[i].name)) {
            store->entries[i].name = duet_arena_text(store->arena, name);
            DUET_TRY(duet_arena_status(store->arena));
        }
        const char *const list = strstr(store->entries[i].name, SHADOW);
        if (list == NULL || list[strlen(SHADOW)] < '0' || list[strlen(SHADOW)] > '9') continue;
        if (first < 0) first = i;
        count += first + count == i;
    }
    if (count > 0 && count <= MOST_LISTED) DUET_TRY(name_list(store, first, count));
    return name_dotless(store);
}
