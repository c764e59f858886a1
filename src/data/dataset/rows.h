/* SPDX-License-Identifier: MIT
 * data/dataset/rows.h: rows of data sets whose images are named SPLIT/CLASS/FILE, CLASS/FILE,
 * SPLIT/FILE or FILE, on disk or in an archive. A class's index is the rank of its name in byte
 * order over all splits; the rows of a split are sorted by class, then by name. A common folder
 * around everything is skipped. A set with a single class is unlabelled. The names of splits are
 * those of data/split.h; names of classes are compared in the Unicode normal form NFC. */
#ifndef DUET_DATA_ROWS_H
#define DUET_DATA_ROWS_H

#include "data/dataset/dataset.h"

typedef struct duet_row_file {
    const char *name; /* '/' between folders; in the data set's arena */
    const char *own;  /* as found: without the prefix of a label that is a number */
    int64_t item;     /* the layout's own number of the file */
} duet_row_file;

typedef struct duet_rows {
    duet_row_file *file; /* in the order in which they were added */
    int64_t count, capacity;
    const char **folder; /* names that end in '/' */
    int64_t folder_count, folder_capacity;
    int64_t *order[DUET_SPLIT_COUNT]; /* row of the split -> file */
} duet_rows;

DUET_NODISCARD duet_status duet_rows_add(duet_rows *rows, duet_arena *arena, const char *name,
                                         int64_t item);
/* Adds a folder, which is counted where it contains nothing. */
DUET_NODISCARD duet_status duet_rows_folder(duet_rows *rows, duet_arena *arena, const char *name);
/* Finds splits and classes; fills count, labels, class names and labelled of the data set.
 * DUET_FORMAT where there is no image. */
DUET_NODISCARD duet_status duet_rows_finish(duet_context *ctx, duet_rows *rows,
                                            duet_dataset *dataset);
/* The name SPLIT/CLASS/name for an image whose label is a number. */
DUET_NODISCARD duet_status duet_rows_number(const char **out, duet_arena *arena, duet_split split,
                                            int64_t label, const char *name);
/* Names the classes, where all of them are such numbers: names[number], if there is a name for each
 * of them and no two are the same; else by their numbers. */
DUET_NODISCARD duet_status duet_rows_rename_numbers(duet_dataset *dataset, const char *const *names,
                                                    int64_t count);
/* Takes readable class names from a text file in `folder`, if it fits: classes.txt or words.txt
 * with "CLASS<TAB>words" lines, or batches.meta.txt with one name a line for classes "0".."K-1".
 * Otherwise the names of the folders are kept. */
DUET_NODISCARD duet_status duet_rows_rename_classes(duet_dataset *dataset, const char *folder);
const duet_row_file *duet_rows_at(const duet_rows *rows, duet_split split, int64_t index);
void duet_rows_free(duet_rows *rows);

#endif
