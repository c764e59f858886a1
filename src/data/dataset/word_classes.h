/* SPDX-License-Identifier: MIT
 * data/dataset/word_classes.h: classes of lists that give them as words: the distinct ones, sorted
 * as numbers where all of them are, else by bytes; the index of a class is its rank. */
#ifndef DUET_DATA_WORD_CLASSES_H
#define DUET_DATA_WORD_CLASSES_H

#include <duet/base.h>

typedef struct duet_word_classes {
    const char **names; /* borrowed words */
    int64_t count;
    bool numbers;
} duet_word_classes;

/* "" is no class. words: [count]; the list is taken over, not the words. bytes: numbers are sorted
 * as words, too. */
void duet_word_classes_make(duet_word_classes *out, const char **words, int64_t count, bool bytes);
int32_t duet_word_classes_find(const duet_word_classes *classes, const char *word); /* -1: none */
void duet_word_classes_free(duet_word_classes *classes);

#endif
