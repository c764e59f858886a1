/* SPDX-License-Identifier: MIT
 * data/dataset/label_list.h: EDM's and StyleGAN's dataset.json,
 *   {"labels": [["00000/img00000000.png", 6], …], "classes": ["cat", …]}   (null: unlabelled)
 * with names relative to its own folder. "classes" names the classes 0, 1, …; duet writes it where
 * it knows names, others do not read it. Source: github.com/NVlabs/edm, README and
 * training/dataset.py (the format). */
#ifndef DUET_DATA_LABEL_LIST_H
#define DUET_DATA_LABEL_LIST_H

#include <jansson.h>

#include "data/dataset/dataset.h"

typedef struct duet_label_list {
    json_t *root;
    struct duet_label *at; /* sorted by name */
    int64_t count;         /* 0 = unlabelled */
    const char *folder;    /* "a/b/", or "" */
    /* of the classes, in the data set's arena; 0 = they have none */
    const char **class_names;
    int64_t class_count;
} duet_label_list;

/* name: the path of the dataset.json among the files. */
DUET_NODISCARD duet_status duet_label_list_parse(duet_label_list *out, duet_dataset *dataset,
                                                 const char *text, const char *name);
/* The label of a file; DUET_FORMAT where it has none. */
DUET_NODISCARD duet_status duet_label_list_find(int64_t *label, duet_label_list *list,
                                                const char *name);
/* Counts the labels for which there is no file. */
void duet_label_list_finish(const duet_label_list *list, duet_dataset *dataset);
void duet_label_list_free(duet_label_list *list);

#endif
