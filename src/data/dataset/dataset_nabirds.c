/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_nabirds.c: NABirds (Van Horn et al. 2015): images/ beside its lists
 * (id_lists.h). Of the 1,011 classes of its hierarchy 555 have images: the visual categories, by
 * species and, where it differs, plumage. Splits train and test. */
#include <string.h>

#include "data/dataset/id_lists.h"

typedef struct nabirds_options {
    char label[DUET_TEXT_SIZE];
    bool boxes;
} nabirds_options;

static const duet_param params[] = {
    DUET_TEXT(nabirds_options, label, "category", "category|species|group",
              "what is a class: a species in one plumage (555), a species (404), an upper group "
              "(22)"),
    DUET_LISTED_BOXES(nabirds_options),
};

static int nabirds_detect(const char *path) {
    return duet_id_lists_there(path) && duet_listed_has(path, "hierarchy.txt") ? 90 : 0;
}

static duet_status nabirds_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                                const void *options) {
    const nabirds_options *const o = options;
    return duet_id_lists_open(ctx, dataset, path, o->boxes,
                              strcmp(o->label, "species") == 0 ? DUET_ID_SPECIES
                              : strcmp(o->label, "group") == 0 ? DUET_ID_GROUP
                                                               : DUET_ID_CATEGORY);
}

const duet_dataset_layout duet_dataset_nabirds = {
    .info = {.name = "nabirds",
             .help = "NABirds: images/ beside images.txt, hierarchy.txt, …",
             .params = DUET_TABLE(params, nabirds_options)},
    .detect = nabirds_detect,
    .open = nabirds_open,
    .close = duet_listed_close,
    .read = duet_listed_read,
    .row_name = duet_listed_row_name,
    .inner = true,
};
