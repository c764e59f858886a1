/* SPDX-License-Identifier: MIT
 * data/dataset/word_classes.c: see word_classes.h. */
#include "data/dataset/word_classes.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int by_number(const void *a, const void *b) {
    const int64_t x = strtoll(*(const char *const *)a, NULL, 10),
                  y = strtoll(*(const char *const *)b, NULL, 10);
    return x < y ? -1 : x > y ? 1 : by_bytes(a, b);
}

void duet_word_classes_make(duet_word_classes *out, const char **words, int64_t count, bool bytes) {
    bool numbers = !bytes;
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t value = 0;
        if (words[i][0] == '\0') continue;
        words[n++] = words[i];
        numbers = numbers && duet_parse_i64(&value, words[i]);
    }
    qsort(words, (size_t)n, sizeof *words, numbers ? by_number : by_bytes);
    *out = (duet_word_classes){.names = words, .numbers = numbers};
    for (int64_t i = 0; i < n; i++)
        if (out->count == 0 || strcmp(words[out->count - 1], words[i]) != 0)
            words[out->count++] = words[i];
}

int32_t duet_word_classes_find(const duet_word_classes *classes, const char *word) {
    if (word[0] == '\0' || classes->count == 0) return -1;
    const char **const found =
        bsearch(&word, classes->names, (size_t)classes->count, sizeof *classes->names,
                classes->numbers ? by_number : by_bytes);
    return found != NULL ? (int32_t)(found - classes->names) : -1;
}

void duet_word_classes_free(duet_word_classes *classes) {
    duet_release(classes->names);
    *classes = (duet_word_classes){0};
}
