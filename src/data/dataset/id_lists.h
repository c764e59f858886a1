/* SPDX-License-Identifier: MIT
 * data/dataset/id_lists.h: the lists of CUB-200-2011 and of NABirds, which share their form: a line
 * begins with the id of an image (a number, or a UUID).
 *   images.txt ID PATH-BELOW-IMAGES        image_class_labels.txt ID CLASS
 *   train_test_split.txt ID 1-IS-TRAIN     bounding_boxes.txt ID X Y WIDTH HEIGHT
 *   classes.txt CLASS NAME                 hierarchy.txt CLASS PARENT (NABirds)
 * Classes that have images become 0, 1, … in the order of their numbers. */
#ifndef DUET_DATA_ID_LISTS_H
#define DUET_DATA_ID_LISTS_H

#include "data/dataset/listed.h"

/* What is a class: what image_class_labels.txt says; the species, without the plumage that the
 * name has in parentheses; the uppermost group below the root. */
typedef enum duet_id_level { DUET_ID_CATEGORY, DUET_ID_SPECIES, DUET_ID_GROUP } duet_id_level;

/* The sets of the form share these files. */
bool duet_id_lists_there(const char *folder);
DUET_NODISCARD duet_status duet_id_lists_open(duet_context *ctx, duet_dataset *dataset,
                                              const char *folder, bool boxes, duet_id_level level);

#endif
