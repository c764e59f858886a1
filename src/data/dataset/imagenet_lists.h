/* SPDX-License-Identifier: MIT
 * data/dataset/imagenet_lists.h: the lists of ImageNet-1k: the classes of its validation images and
 * the words for its WordNet ids (dataset_imagenet.c says which). They are looked for in the folder
 * that was given and in that of train/ and val/. */
#ifndef DUET_DATA_IMAGENET_LISTS_H
#define DUET_DATA_IMAGENET_LISTS_H

#include "data/dataset/wnids.h"

typedef enum duet_imagenet_kind {
    DUET_IMAGENET_SOLUTION, /* LOC_val_solution.csv */
    DUET_IMAGENET_SYNSETS,  /* imagenet_2012_validation_synset_labels.txt */
    DUET_IMAGENET_NUMBERS,  /* ILSVRC2012_validation_ground_truth.txt */
    DUET_IMAGENET_LABELS    /* val.txt */
} duet_imagenet_kind;

typedef struct duet_imagenet_list {
    char folder[DUET_PATH_SIZE];
    const char *name;
    duet_imagenet_kind kind;
} duet_imagenet_list;
bool duet_imagenet_find_list(duet_imagenet_list *out, const char *path, const char *base);

typedef struct duet_imagenet_val {
    const char *list;  /* its name */
    const char **name; /* [count] file names; in the arena */
    const char **wnid; /* [count]; NULL where the list has labels instead */
    int32_t *label;    /* [count] */
    int64_t count;     /* 0 = there is no list */
} duet_imagenet_val;
DUET_NODISCARD duet_status duet_imagenet_read_val(duet_imagenet_val *out, duet_arena *arena,
                                                  const char *path, const char *base);
void duet_imagenet_val_free(duet_imagenet_val *val);
/* LOC_synset_mapping.txt, synset_words.txt, words.txt or classes.txt: "WNID words"; left empty
 * where there is none. */
DUET_NODISCARD duet_status duet_imagenet_read_words(duet_lines *out, const char *path,
                                                    const char *base);

#endif
