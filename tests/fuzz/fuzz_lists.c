/* SPDX-License-Identifier: MIT
 * The lists of published data sets: the file is each of the files of each of these layouts. */
#include <stdio.h>

#include <duet/data.h>

#include "fuzz/target.h"

static const char *const names[] = {"train_X.bin",
                                    "train_y.bin",
                                    "images.txt",
                                    "image_class_labels.txt",
                                    "train_test_split.txt",
                                    "bounding_boxes.txt",
                                    "classes.txt",
                                    "hierarchy.txt",
                                    "images_variant_train.txt",
                                    "variants.txt",
                                    "images_box.txt",
                                    "val",
                                    "LOC_val_solution.csv"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const layouts[] = {"cub:boxes=true", "nabirds:label=species",
                                          "aircraft:boxes=true", "imagenet", "stl10"};
    const char *const folder = fuzz_folder(fuzz_file(data, size), names, DUET_COUNT(names));
    for (int i = 0; i < DUET_COUNT(layouts); i++) {
        char spec[128];
        duet_dataset *set = NULL;
        snprintf(spec, sizeof spec, "%s:%s", layouts[i], folder);
        if (duet_dataset_open(NULL, &set, spec) == DUET_OK) duet_dataset_close(set);
    }
    return 0;
}
