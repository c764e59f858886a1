/* SPDX-License-Identifier: MIT
 * data/dataset/dataset.h: what a member of the family `dataset` implements: find out whether a path
 * is its layout, list the rows, hand out one row's image. Pixels are decoded on demand; small raw
 * sets stay in memory. */
#ifndef DUET_DATA_DATASET_H
#define DUET_DATA_DATASET_H

#include <duet/data.h>

#include "base/mem.h"
#include "io/image.h"

struct duet_dataset {
    const struct duet_dataset_layout *layout;
    duet_dataset_info info;
    duet_arena *arena;                 /* names, class names, labels live here */
    int32_t *labels[DUET_SPLIT_COUNT]; /* per row; NULL = unlabelled */
    void *state;                       /* the layout's own */
};

typedef struct duet_dataset_layout {
    duet_entry info;
    /* How sure: 0 = not mine … 100 = certain. Cheap: looks at names and a few bytes. NULL for sets
     * without a path. */
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
} duet_dataset_layout;

/* For layouts that hold raw pixels: a new image with the HWC pixels in 1 or 3 channels (want = 0
 * keeps `have`). */
DUET_NODISCARD duet_status duet_dataset_pixels(duet_image *out, const uint8_t *pixels,
                                               int64_t height, int64_t width, int have, int want);
/* The same of colour planes [3,H,W]. */
DUET_NODISCARD duet_status duet_dataset_planes(duet_image *out, const uint8_t *planes,
                                               int64_t height, int64_t width, int want);
/* Sets class_count and class_names (copied); names = NULL gives "0", "1", …. */
DUET_NODISCARD duet_status duet_dataset_name_classes(duet_dataset *dataset,
                                                     const char *const *names, int count);

#endif
