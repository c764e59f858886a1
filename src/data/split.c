/* SPDX-License-Identifier: MIT
 * data/split.c: see split.h. */
#include "data/split.h"

#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/str.h"

const char *duet_split_name(duet_split split) {
    return split == DUET_TRAIN  ? "train"
           : split == DUET_VAL  ? "val"
           : split == DUET_TEST ? "test"
                                : "?";
}

bool duet_split_of_word(duet_split *out, const char *word, size_t length) {
    static const struct {
        const char *word;
        duet_split split;
    } known[] = {{"train", DUET_TRAIN}, {"training", DUET_TRAIN}, {"trn", DUET_TRAIN},
                 {"val", DUET_VAL},     {"valid", DUET_VAL},      {"validation", DUET_VAL},
                 {"dev", DUET_VAL},     {"test", DUET_TEST},      {"testing", DUET_TEST},
                 {"tst", DUET_TEST},    {"eval", DUET_TEST},      {"evaluation", DUET_TEST},
                 {"holdout", DUET_TEST}};
    for (int i = 0; i < DUET_COUNT(known); i++) {
        if (strlen(known[i].word) != length || strncasecmp(known[i].word, word, length) != 0)
            continue;
        *out = known[i].split;
        return true;
    }
    return false;
}

duet_status duet_split_parse(duet_split *out, const char *name) {
    if (duet_split_of_word(out, name, strlen(name))) return DUET_OK;
    return duet_fail(DUET_ARG, "no split '%s'; splits are train, val and test", name);
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool duet_split_in_name(duet_split *out, const char *name) {
    bool found = false;
    while (*name != '\0') {
        size_t length = 0;
        duet_split split = DUET_TRAIN;
        while (is_letter(name[length])) length++;
        if (length > 0 && duet_split_of_word(&split, name, length)) {
            *out = found && *out > split ? *out : split;
            found = true;
        }
        name += length > 0 ? length : 1;
    }
    return found;
}
