/* SPDX-License-Identifier: MIT
 * model/foreign_names.c: see foreign_names.h. */
#include "model/foreign_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

#define SHADOW "shadow_params."

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

duet_status duet_foreign_unwrap(duet_store *store) {
    char name[1024];
    int64_t first = -1, count = 0;
    for (int64_t i = 0; i < store->count; i++) {
        if (unwrapped(name, sizeof name, store->entries[i].name)) {
            store->entries[i].name = duet_arena_text(store->arena, name);
            DUET_TRY(duet_arena_status(store->arena));
        }
        const char *const list = strstr(store->entries[i].name, SHADOW);
        if (list == NULL || list[strlen(SHADOW)] < '0' || list[strlen(SHADOW)] > '9') continue;
        if (first < 0) first = i;
        count += first + count == i;
    }
    return count > 0 && count <= MOST_LISTED ? name_list(store, first, count) : DUET_OK;
}
