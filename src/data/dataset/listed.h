/* SPDX-License-Identifier: MIT
 * data/dataset/listed.h: what data sets with official lists share: rows that lists name, their
 * images on disk, read on demand. Rows keep the order of the lists. A row whose image is missing is
 * left out and counted, its class stays; images that no list names are counted. */
#ifndef DUET_DATA_DATASET_LISTED_H
#define DUET_DATA_DATASET_LISTED_H

#include "base/file.h"
#include "data/dataset/dataset.h"

typedef struct duet_listed_row {
    const char *path; /* of the image, below the root; '/' between folders */
    duet_split split;
    int32_t label;               /* -1 = none */
    int32_t x, y, width, height; /* a box in pixels; width 0 = none */
} duet_listed_row;

/* The state of the data set. */
typedef struct duet_listed {
    const char *root; /* the folder below which the images are */
    duet_listed_row *row;
    int64_t count, capacity;
    int64_t *order[DUET_SPLIT_COUNT]; /* row of the split -> row */
    bool boxes;                       /* images are cut to their boxes */
    int64_t banner;                   /* rows of pixels to cut off at the bottom */
} duet_listed;

/* Makes dataset->state. */
DUET_NODISCARD duet_status duet_listed_new(duet_dataset *dataset, const char *root);
/* Copies the row; one that leads out of the root is DUET_FORMAT. */
DUET_NODISCARD duet_status duet_listed_add(duet_dataset *dataset, const duet_listed_row *row);
/* Adds all images that lie in root/folder itself; *count (may be NULL) of them. */
DUET_NODISCARD duet_status duet_listed_add_folder(duet_dataset *dataset, const char *folder,
                                                  duet_split split, int32_t label, int64_t *count);
/* Splits, labels, names of the classes. folders: those of the images, "images Images/x"; the images
 * in them that no row names are counted. DUET_NOT_FOUND where no image is there at all. */
DUET_NODISCARD duet_status duet_listed_finish(duet_context *ctx, duet_dataset *dataset,
                                              const char *folders, const char *const *names,
                                              int classes);

/* For the member of the family. */
void duet_listed_close(duet_dataset *dataset);
duet_status duet_listed_read(const duet_dataset *dataset, duet_split split, int64_t index,
                             int channels, duet_image *out);
void duet_listed_row_name(const duet_dataset *dataset, duet_split split, int64_t index, char *out,
                          size_t size);

/* Whether there is folder/name. */
bool duet_listed_has(const char *folder, const char *name);
/* The first of the names ("devkit car_devkit/devkit .") for which folder/name/file exists,
 * which is written to `out` without the file; false where there is none. */
bool duet_listed_where(char out[DUET_PATH_SIZE], const char *folder, const char *names,
                       const char *file);
/* The option of layouts that have boxes: a field `boxes` and its row; and a struct of it alone. */
#define DUET_LISTED_BOXES(type) \
    DUET_BOOLEAN(type, boxes, "false", "images are cut to the bounding box of what they show")
typedef struct duet_listed_options {
    bool boxes;
} duet_listed_options;

#endif
