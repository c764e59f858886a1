/* SPDX-License-Identifier: MIT
 * Data sets in single files, by every layout that reads one; and as each of the files of sets that
 * have several: CIFAR for Python, STL-10, text lists. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <duet/data.h>

#include "fuzz/target.h"

static char folder[] = "/tmp/duet-fuzz-XXXXXX";
static const char *const names[] = {"data_batch_1",
                                    "data_batch_2",
                                    "data_batch_3",
                                    "data_batch_4",
                                    "data_batch_5",
                                    "test_batch",
                                    "batches.meta",
                                    "train_X.bin",
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
                                    "LOC_val_solution.csv",
                                    "words.txt"};

static const char *inside(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void clean(void) {
    for (int i = 0; i < DUET_COUNT(names); i++) (void)remove(inside(names[i]));
    (void)remove(folder);
}

/* The folder's files are one. */
static void make_folder(const char *path) {
    static char first[128];
    if (mkdtemp(folder) == NULL) abort();
    atexit(clean);
    if (symlink(path, inside(names[0])) != 0) abort();
    snprintf(first, sizeof first, "%s", names[0]);
    for (int i = 1; i < DUET_COUNT(names); i++)
        if (symlink(first, inside(names[i])) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const files[] = {"zip", "npz",       "webdataset", "tar_shards",
                                        "idx", "cifar_bin", "csv"},
                             *const folders[] = {"cifar_py",
                                                 "stl10",
                                                 "cub:boxes=true",
                                                 "nabirds:label=species",
                                                 "aircraft:boxes=true",
                                                 "imagenet"};
    static bool ready;
    const duet_preprocess how = {.size = 8, .channels = 3};
    uint8_t pixels[8 * 8 * 3];
    const char *const path = fuzz_file(data, size);
    if (!ready) make_folder(path);
    ready = true;
    for (int i = 0; i < DUET_COUNT(files) + DUET_COUNT(folders); i++) {
        const bool single = i < DUET_COUNT(files);
        char spec[128];
        duet_dataset *set = NULL;
        snprintf(spec, sizeof spec, "%s:%s", single ? files[i] : folders[i - DUET_COUNT(files)],
                 single ? path : folder);
        if (duet_dataset_open(NULL, &set, spec) != DUET_OK) continue;
        for (int split = 0; split < DUET_SPLIT_COUNT; split++)
            if (duet_dataset_describe(set)->count[split] > 0)
                (void)!duet_dataset_read(set, (duet_split)split, 0, &how, pixels);
        duet_dataset_close(set);
    }
    return 0;
}
