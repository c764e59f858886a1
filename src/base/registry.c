/* SPDX-License-Identifier: MIT
 * base/registry.c: spec strings "name:key=value,…" of a family, and the nearest word by
 * Damerau-Levenshtein distance (optimal string alignment: insert, delete, replace, swap
 * neighbours), at most about a third of the word's length. */
#include <duet/registry.h>

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

#define WORD_SIZE 64

/* Upper and lower case, '-' and '_' are the same when guessing what was meant. */
static int fold(char c) {
    return c == '-' ? '_' : duet_lower(c);
}

static int least(int a, int b) {
    return a < b ? a : b;
}

/* Both words are shorter than WORD_SIZE. Three rows of the usual table: a swap looks two rows back.
 */
static int distance(const char *a, int a_size, const char *b, int b_size) {
    int rows[3][WORD_SIZE + 1];
    for (int j = 0; j <= b_size; j++) rows[0][j] = j;
    for (int i = 1; i <= a_size; i++) {
        int *now = rows[i % 3];
        const int *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= b_size; j++) {
            const bool same = fold(a[i - 1]) == fold(b[j - 1]);
            now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + (same ? 0 : 1));
            const bool swap = i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                              fold(a[i - 2]) == fold(b[j - 1]);
            if (swap) now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

const char *duet_nearest(const char *word, const char *const *words, int count) {
    const size_t size = strlen(word);
    if (size >= WORD_SIZE) return NULL;
    int best = ((int)size + 1) / 3 + 1; /* one more than allowed */
    const char *nearest = NULL;
    for (int i = 0; i < count; i++) {
        const size_t other = strlen(words[i]);
        if (other >= WORD_SIZE) continue;
        const int d = distance(word, (int)size, words[i], (int)other);
        if (d < best) {
            best = d;
            nearest = words[i];
        }
    }
    return nearest;
}

const char *duet_family_nearest(const duet_family *family, const char *word) {
    const char *names[256] = {0};
    const int count = family->count < DUET_COUNT(names) ? family->count : DUET_COUNT(names);
    for (int i = 0; i < count; i++) names[i] = family->entries[i]->name;
    return duet_nearest(word, names, count);
}

static duet_status unknown_member(const duet_family *family, const char *name) {
    const char *const near = duet_family_nearest(family, name);
    if (near != NULL)
        return duet_fail(DUET_ARG, "no %s '%s'; did you mean '%s'?", family->name, name, near);
    char all[512] = "none";
    for (int i = 0; i < family->count; i++) {
        const size_t used = i > 0 ? strlen(all) : 0;
        snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "",
                 family->entries[i]->name);
    }
    return duet_fail(DUET_ARG, "no %s '%s'; there are: %s", family->name, name, all);
}

/* `word` [size] is the name `name`, in which '-' and '_' are the same. */
static bool same_name(const char *word, size_t size, const char *name) {
    for (size_t i = 0; i < size; i++) {
        const char a = word[i] == '-' ? '_' : word[i], b = name[i] == '-' ? '_' : name[i];
        if (a != b) return false;
    }
    return name[size] == '\0';
}

static bool has_alias(const duet_entry *entry, const char *name) {
    const char *rest = entry->aliases != NULL ? entry->aliases : "";
    while (*rest != '\0') {
        const size_t size = strcspn(rest, " ");
        if (same_name(rest, size, name)) return true;
        rest += size + strspn(rest + size, " ");
    }
    return false;
}

const duet_entry *duet_family_find(const duet_family *family, const char *name) {
    for (int i = 0; i < family->count; i++) {
        const duet_entry *const entry = family->entries[i];
        if (same_name(entry->name, strlen(entry->name), name)) return entry;
    }
    for (int i = 0; i < family->count; i++)
        if (has_alias(family->entries[i], name)) return family->entries[i];
    return NULL;
}

static duet_status fill_options(const duet_family *family, const duet_entry *entry, void *options,
                                const char *keys) {
    char where[2 * WORD_SIZE];
    snprintf(where, sizeof where, "%s '%s'", family->name, entry->name);
    duet_params_default(&entry->params, options);
    return duet_params_parse(&entry->params, options, where, keys);
}

duet_status duet_family_parse(const duet_family *family, const duet_entry **out, void *options,
                              size_t size, const char *spec) {
    char name[WORD_SIZE];
    const size_t name_size = strcspn(spec, ":");
    if (name_size == 0)
        return duet_fail(DUET_ARG, "the name of a %s is missing in '%s'; write name:key=value",
                         family->name, spec);
    const size_t kept = name_size < sizeof name ? name_size : sizeof name - 1;
    memcpy(name, spec, kept);
    name[kept] = '\0';
    const duet_entry *entry = name_size < sizeof name ? duet_family_find(family, name) : NULL;
    if (entry == NULL) return unknown_member(family, name);
    const char *keys = spec[name_size] == ':' ? spec + name_size + 1 : "";
    const size_t needed = entry->params.options_size;
    if (options != NULL && size < needed) {
        return duet_fail(DUET_ARG, "%s '%s' needs %zu bytes of options, got %zu", family->name,
                         name, needed, size);
    }
    duet_status status = DUET_OK;
    void *scratch = NULL;
    DUET_DO(duet_alloc(&scratch, 1,
                       needed)); /* the caller's options change only when the whole spec is right */
    DUET_DO(fill_options(family, entry, scratch, keys));
    if (options != NULL && needed > 0) memcpy(options, scratch, needed);
    *out = entry;
done:
    duet_release(scratch);
    return status;
}
