/* SPDX-License-Identifier: MIT
 * data/dataset/wnids.h: classes that are WordNet ids, "n01440764", as ImageNet names its folders.
 */
#ifndef DUET_DATA_WNIDS_H
#define DUET_DATA_WNIDS_H

#include "data/dataset/dataset.h"
#include "data/dataset/lines.h"

typedef struct duet_wnids {
    const char **id; /* in an arena, sorted by bytes: the index is the label */
    int64_t count, capacity;
} duet_wnids;

/* Whether the text begins with one: 'n' and eight digits, and then no further letter or digit. */
bool duet_wnid_is(const char *text);
/* Adds the folders of `folder` that are named so; where it does not exist, none. */
DUET_NODISCARD duet_status duet_wnids_add_folders(duet_wnids *wnids, duet_arena *arena,
                                                  const char *folder);
/* Adds the one that `text` begins with. */
DUET_NODISCARD duet_status duet_wnids_add(duet_wnids *wnids, duet_arena *arena, const char *text);
/* Sorts them and drops the double ones. */
void duet_wnids_sort(duet_wnids *wnids);
/* The label of the one that `text` begins with; -1 = unknown. */
int32_t duet_wnids_find(const duet_wnids *wnids, const char *text);
/* Readable names: the words that `words` (WNID words, words; may be NULL) says up to the first
 * comma where these differ from all others; else all words; and "words (WNID)" where these do not
 * differ, or the id. */
DUET_NODISCARD duet_status duet_wnids_name(const char ***out, const duet_wnids *wnids,
                                           duet_arena *arena, const duet_lines *words);
void duet_wnids_free(duet_wnids *wnids);

#endif
