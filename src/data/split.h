/* SPDX-License-Identifier: MIT
 * data/split.h: the words that splits go by, in folders, archives, lists, names of files and of
 * arrays: in any case, train (training, trn), val (valid, validation, dev), test (testing, tst,
 * eval, evaluation, holdout). */
#ifndef DUET_DATA_SPLIT_H
#define DUET_DATA_SPLIT_H

#include <duet/data.h>

/* Are these bytes such a word? */
bool duet_split_of_word(duet_split *out, const char *word, size_t length);
/* Is such a word among the words of a name ("imagenet-Train-000.tar")? Words are runs of letters.
 * Where several are, test goes before val, and val before train. */
bool duet_split_in_name(duet_split *out, const char *name);

#endif
