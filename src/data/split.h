/* SPDX-License-Identifier: MIT
 * data/split.h: the words for splits in the names of folders, archives, files and arrays, and in
 * lists, in upper or lower case: train (training, trn), val (valid, validation, dev), test
 * (testing, tst, eval, evaluation, holdout). */
#ifndef DUET_DATA_SPLIT_H
#define DUET_DATA_SPLIT_H

#include <duet/data.h>

/* The split of these bytes if they are such a word. */
bool duet_split_of_word(duet_split *out, const char *word, size_t length);
/* The split named by a word of a name ("imagenet-Train-000.tar"). Words are runs of letters. Where
 * there are several, test takes precedence over val, and val over train. */
bool duet_split_in_name(duet_split *out, const char *name);

#endif
