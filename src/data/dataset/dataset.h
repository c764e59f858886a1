/* SPDX-License-Identifier: MIT
 * data/dataset/dataset.h: what a member of the family `dataset` implements: it detects whether a
 * path has its layout, lists the rows, and reads the image of a row. Pixels are decoded on demand;
 * small raw sets stay in memory. */
#ifndef DUET_DATA_DATASET_H
#define DUET_DATA_DATASET_H

#include <duet/data.h>

#include "base/mem.h"
#include "io/image.h"

struct duet_dataset {
    const struct duet_dataset_layout *layout;
    duet_dataset_info info;
    duet_arena *arena;                 /* holds names, class names, labels */
    int32_t *labels[DUET_SPLIT_COUNT]; /* per row; NULL = unlabelled */
    void *state;                       /* state of the layout */
    struct duet_notes *notes;          /* the source of info.left_out and info.noticed (notes.c) */
    /* rows of lists whose file is missing, and the first of their names */
    int64_t missing[DUET_SPLIT_COUNT];
    const char *missing_example[DUET_SPLIT_COUNT][DUET_OFFICIAL_EXAMPLES];
};

/* The confidence for a folder of which nothing is known but that it contains folders. */
#define DUET_SURE_OF_FOLDERS 40

typedef struct duet_dataset_layout {
    duet_entry info;
    /* Confidence that the path has this layout, 0 (not at all) to 100 (certain), from names and a
     * few bytes only. NULL for layouts without a path. */
    int (*detect)(const char *path);
    /* Fills info (name, path, hash and arena are made already), labels, state. `options`: filled
     * from the spec. */
    duet_status (*open)(duet_context *ctx, duet_dataset *dataset, const char *path,
                        const void *options);
    void (*close)(duet_dataset *dataset); /* frees state, also after a failed open */
    /* Thread-safe. channels as in duet_image_decode. */
    duet_status (*read)(const duet_dataset *dataset, duet_split split, int64_t index, int channels,
                        duet_image *out);
    void (*row_name)(const duet_dataset *dataset, duet_split split, int64_t index, char *out,
                     size_t size); /* optional */
    bool of_set; /* what follows its name is the spec of another set, which open() gets as path */
    bool inner;  /* also found one or two folders below the path, as in torchvision's roots */
} duet_dataset_layout;
DUET_FAMILY_OF(dataset, duet_dataset_layout);

/* Nothing is left out silently: counts one more of `reason`, a plural ("links that lead nowhere"),
 * with its name and what to do about it ("" = nothing). When the set is opened, each reason is
 * logged once; quiet: it is expected, and listed only. */
void duet_dataset_left_out(duet_dataset *dataset, bool quiet, const char *reason,
                           const char *example, const char *advice);
/* The same for a decision about the set, `count` times. */
void duet_dataset_noticed(duet_dataset *dataset, bool quiet, int64_t count, const char *reason,
                          const char *example, const char *advice);
/* Counts a row of a list whose file is missing, which is left out. */
void duet_dataset_missing(duet_dataset *dataset, duet_split split, const char *name,
                          const char *advice);
/* The number left out, without the quiet ones; `text` says what they are ("3 .bmp images, …"). */
int64_t duet_dataset_lost(char *text, size_t size, const duet_dataset *dataset);
/* Logs all of it and puts the lists into info. */
void duet_dataset_tell(duet_context *ctx, duet_dataset *dataset);
void duet_dataset_free_notes(duet_dataset *dataset);

/* Records faults in the labels that affect training or testing: classes of one split only, classes
 * without an image, rows without a class. */
DUET_NODISCARD duet_status duet_dataset_check_labels(duet_dataset *dataset);

/* The number of sets of layouts with `inner` in the folders of `path`; the layout and folder of the
 * first, and in `names` all of them for a message. */
typedef struct duet_roots {
    const duet_dataset_layout *layout;
    char folder[DUET_PATH_SIZE], names[400];
    int count;
    bool first_is_near; /* one folder below */
} duet_roots;
void duet_dataset_roots(duet_roots *out, const duet_dataset_layout *const *layouts, int count,
                        const char *path);
/* Fails with the reason why `path`, which exists, is not a data set. */
duet_status duet_dataset_refuse(const char *path);

/* For layouts that hold raw pixels: a new image with the HWC pixels in 1 or 3 channels (want = 0
 * keeps `have`). */
DUET_NODISCARD duet_status duet_dataset_pixels(duet_image *out, const uint8_t *pixels,
                                               int64_t height, int64_t width, int have, int want);
/* The same from colour planes [3,H,W]. */
DUET_NODISCARD duet_status duet_dataset_planes(duet_image *out, const uint8_t *planes,
                                               int64_t height, int64_t width, int want);
/* Sets class_count and class_names (copied as UTF-8); names = NULL gives "0", "1", …. */
DUET_NODISCARD duet_status duet_dataset_name_classes(duet_dataset *dataset,
                                                     const char *const *names, int count);
/* For sets that are made, not read: keeps a copy of the options as `state` (to be released on
 * closing) and as the hash; image i of a split has label i mod classes. */
DUET_NODISCARD duet_status duet_dataset_make(duet_dataset *dataset, const void *options,
                                             size_t size, const int64_t count[DUET_SPLIT_COUNT],
                                             const char *const *names, int classes);

#endif
