/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_cub.c: Caltech-UCSD Birds-200-2011 (Wah et al. 2011): CUB_200_2011.tgz
 * unpacked, images/ beside its lists (id_lists.h). Splits train and test; classes are named as
 * their folders, "001.Black_footed_Albatross". */
#include "data/dataset/id_lists.h"

static int cub_detect(const char *path) {
    return duet_id_lists_there(path) && !duet_listed_has(path, "hierarchy.txt") ? 90 : 0;
}

static duet_status cub_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                            const void *options) {
    return duet_id_lists_open(ctx, dataset, path, ((const duet_listed_options *)options)->boxes,
                              DUET_ID_CATEGORY);
}

static const duet_param params[] = {DUET_LISTED_BOXES(duet_listed_options)};

const duet_dataset_layout duet_dataset_cub = {
    .info = {.name = "cub",
             .help = "CUB-200-2011: images/ beside images.txt, image_class_labels.txt, …",
             .params = DUET_TABLE(params, duet_listed_options)},
    .detect = cub_detect,
    .open = cub_open,
    .close = duet_listed_close,
    .read = duet_listed_read,
    .row_name = duet_listed_row_name,
    .inner = true,
};
