/* SPDX-License-Identifier: MIT
 * model/closest.c: see closest.h. Names are compared without their numbers, and from the end, since
 * files add prefixes. */
#include "model/closest.h"

#include <stdio.h>
#include <string.h>

#include "model/arch/arch.h"

enum { MOST_NAMES = 2000, MOST_SHOWN = 3, PATTERN = 160 };

/* Writes "blocks.11.norm1.weight" as "blocks.#.norm#.weight"; of a long name only the end. */
static void pattern_of(char out[PATTERN], const char *name) {
    const size_t length = strlen(name);
    size_t n = 0;
    for (const char *at = length < PATTERN ? name : name + length - PATTERN + 1; *at; at++) {
        const bool digit = *at >= '0' && *at <= '9';
        if (digit && n > 0 && out[n - 1] == '#') continue;
        out[n++] = digit ? '#' : *at;
    }
    out[n] = '\0';
}

static bool ends_with_pattern(const char *pattern, const char *end) {
    const size_t length = strlen(pattern), n = strlen(end);
    return length >= n && strcmp(pattern + length - n, end) == 0 &&
           (length == n || pattern[length - n - 1] == '.');
}

/* Whether the model has a tensor of such a name. Ends without a dot ("weight") are ignored, since
 * they would match anything. */
static bool has_like(const duet_model *model, const char *name) {
    char have[PATTERN], want[PATTERN];
    pattern_of(have, name);
    for (int64_t i = 0; i < model->slots->count; i++) {
        pattern_of(want, model->slots->list[i].name);
        if (strchr(want, '.') != NULL && ends_with_pattern(have, want)) return true;
    }
    return false;
}

static int64_t names_of(const duet_store *store) {
    const int64_t count = duet_store_count(store);
    return count < MOST_NAMES ? count : MOST_NAMES;
}

static int64_t count_like(const duet_model *model, const duet_store *store) {
    int64_t found = 0;
    for (int64_t i = 0; i < names_of(store); i++)
        found += has_like(model, duet_store_at(store, i)->name);
    return found;
}

static void describe(char *out, size_t size, const duet_model *model, const duet_store *store,
                     int64_t found) {
    int shown = 0;
    int n = snprintf(out, size, "the closest is '%s', which has %lld of %lld such names%s",
                     model->card.arch, (long long)found, (long long)names_of(store),
                     found < names_of(store) ? ", but no " : "");
    for (int64_t i = 0; i < names_of(store) && shown < MOST_SHOWN && n > 0 && (size_t)n < size;
         i++) {
        const char *const name = duet_store_at(store, i)->name;
        if (has_like(model, name)) continue;
        n += snprintf(out + n, size - (size_t)n, "%s'%.60s'", shown++ ? ", " : "", name);
    }
}

void duet_closest(char *out, size_t size, const duet_store *store) {
    int64_t most = names_of(store) / 10;
    out[0] = '\0';
    for (int i = 0; i < duet_family_arch.count; i++) {
        duet_model *model = NULL;
        /* with its usual options */
        if (duet_model_describe(&model, duet_family_arch.entries[i]->name) != DUET_OK) continue;
        const int64_t found = count_like(model, store);
        if (found > most) {
            most = found;
            describe(out, size, model, store, found);
        }
        duet_model_close(model);
    }
}
