/* SPDX-License-Identifier: MIT
 * data/classes.c: see classes.h. Names are looked up among the sorted names of the other list, once
 * as they are and once folded. */
#include "data/classes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"

typedef struct class_name {
    const char *text;
    int32_t place;
} class_name;

static int by_text(const void *a, const void *b) {
    return strcmp(((const class_name *)a)->text, ((const class_name *)b)->text);
}

/* Lower case without blanks, '_' and '-', in one Unicode normal form. */
static const char *fold(duet_arena *arena, const char *name) {
    char *text = duet_utf8_same(arena, name), *to = text;
    for (const char *c = text; text != NULL && *c != '\0'; c++) {
        if (strchr(" \t_-", *c) != NULL) continue;
        *to++ = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    }
    if (text != NULL) *to = '\0';
    return text;
}

static bool same_as(const class_name *sorted, int count, const class_name *found, int step) {
    const class_name *beside = found + step;
    return beside >= sorted && beside < sorted + count && strcmp(beside->text, found->text) == 0;
}

/* The index of the only entry with this text; -1 where there is none, or several. */
static int32_t look_up(const class_name *sorted, int count, const char *text) {
    const class_name want = {.text = text};
    const class_name *found = bsearch(&want, sorted, (size_t)count, sizeof *sorted, by_text);
    if (found == NULL || same_as(sorted, count, found, -1) || same_as(sorted, count, found, 1))
        return -1;
    return found->place;
}

duet_status duet_classes_match(int32_t *to, const char *const *names, int count,
                               const char *const *to_names, int to_count) {
    duet_status status = DUET_OK;
    duet_arena *arena = NULL;
    class_name *sorted = NULL, *folded = NULL;
    DUET_DO(duet_arena_new(&arena));
    DUET_DO(duet_alloc(&sorted, to_count, sizeof *sorted));
    DUET_DO(duet_alloc(&folded, to_count, sizeof *folded));
    for (int k = 0; k < to_count; k++) {
        sorted[k] = (class_name){.text = to_names[k], .place = k};
        folded[k] = (class_name){.text = fold(arena, to_names[k]), .place = k};
    }
    DUET_DO(duet_arena_status(arena));
    qsort(sorted, (size_t)to_count, sizeof *sorted, by_text);
    qsort(folded, (size_t)to_count, sizeof *folded, by_text);
    for (int i = 0; i < count; i++) {
        to[i] = look_up(sorted, to_count, names[i]);
        const char *text = to[i] < 0 ? fold(arena, names[i]) : NULL;
        if (text != NULL) to[i] = look_up(folded, to_count, text);
    }
    DUET_DO(duet_arena_status(arena));
done:
    duet_release(sorted);
    duet_release(folded);
    duet_arena_free(arena);
    return status;
}

bool duet_classes_numbered(const char *const *names, int count) {
    for (int i = 0; i < count; i++) {
        int64_t number = -1;
        if (!duet_parse_i64(&number, names[i]) || number != i) return false;
    }
    return true;
}

void duet_classes_list(char *out, size_t size, const char *const *names, int count,
                       const int32_t *to, int32_t which) {
    int shown = 0;
    out[0] = '\0';
    for (int i = 0; i < count; i++) {
        char text[64];
        const size_t used = strlen(out);
        if (to != NULL && to[i] != which) continue;
        const int length =
            snprintf(text, sizeof text, "%s'%.50s'", shown++ > 0 ? ", " : "", names[i]);
        const bool fits = used + (size_t)length + sizeof ", …" <= size;
        (void)duet_copy_text(out + used, size - used, fits ? text : ", …");
        if (!fits) return;
    }
}
