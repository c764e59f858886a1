/* SPDX-License-Identifier: MIT
 * data/dataset/packed.h: what sets in archives share: the files of the images, compressed as they
 * are, kept in memory and decoded on demand; an archive takes about its own size in memory. */
#ifndef DUET_DATA_PACKED_H
#define DUET_DATA_PACKED_H

#include "base/file.h"
#include "data/dataset/rows.h"

typedef struct duet_packed {
    duet_rows rows;
    duet_bytes *member; /* by item */
    int64_t count, capacity;
    struct duet_packed_link *link; /* names that stand for other members */
    int64_t link_count, link_capacity;
    /* of classes that are numbers, where the archive has them; in the data set's arena */
    const char *const *class_names;
    int64_t class_count;
    const char *class_list; /* shards: the text that they stand in */
} duet_packed;

/* Makes dataset->state. */
DUET_NODISCARD duet_status duet_packed_new(duet_dataset *dataset);
/* Takes the bytes over. `name` as rows.h wants it; hash: does the name stand in the data set's
 * hash? */
DUET_NODISCARD duet_status duet_packed_add(duet_dataset *dataset, const char *name,
                                           duet_bytes *bytes);
/* The same for an image whose label is a number: of the class `label`. */
DUET_NODISCARD duet_status duet_packed_add_labelled(duet_dataset *dataset, duet_split split,
                                                    int64_t label, const char *name,
                                                    duet_bytes *bytes);
/* Splits, classes, rows. Classes that duet_packed_add_labelled made are named by class_names, else
 * by their numbers. */
DUET_NODISCARD duet_status duet_packed_finish(duet_context *ctx, duet_dataset *dataset);
/* Takes the bytes over where they are an image of the set, and counts what is left out. */
DUET_NODISCARD duet_status duet_packed_offer(duet_dataset *dataset, const char *name,
                                             duet_bytes *bytes);
/* A link to another member: from the link's own folder when relative (symbolic ones), or from the
 * archive's top (hard ones). duet_packed_finish follows it, and counts it where it leads nowhere.
 */
DUET_NODISCARD duet_status duet_packed_link(duet_dataset *dataset, const char *name,
                                            const char *target, bool relative);
/* The same for a link that has a label itself, a number. */
DUET_NODISCARD duet_status duet_packed_link_labelled(duet_dataset *dataset, duet_split split,
                                                     int64_t label, const char *name,
                                                     const char *target, bool relative);

/* For the member of the family. */
void duet_packed_close(duet_dataset *dataset);
duet_status duet_packed_read(const duet_dataset *dataset, duet_split split, int64_t index,
                             int channels, duet_image *out);
void duet_packed_row_name(const duet_dataset *dataset, duet_split split, int64_t index, char *out,
                          size_t size);

#endif
