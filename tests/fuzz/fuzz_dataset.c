/* SPDX-License-Identifier: MIT
 * Data sets in single files, by every layout that reads one; and as each of the files of CIFAR for
 * Python. */
#include <stdio.h>

#include <duet/data.h>

#include "fuzz/target.h"

static const char *const names[] = {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                                    "data_batch_5", "test_batch",   "batches.meta"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const layouts[] = {"zip", "npz",       "webdataset", "tar_shards",
                                          "idx", "cifar_bin", "csv",        "cifar_py"};
    const duet_preprocess how = {.size = 8, .channels = 3};
    uint8_t pixels[8 * 8 * 3];
    const char *const path = fuzz_file(data, size);
    const char *const folder = fuzz_folder(path, names, DUET_COUNT(names));
    for (int i = 0; i < DUET_COUNT(layouts); i++) {
        char spec[128];
        duet_dataset *set = NULL;
        snprintf(spec, sizeof spec, "%s:%s", layouts[i],
                 i == DUET_COUNT(layouts) - 1 ? folder : path);
        if (duet_dataset_open(NULL, &set, spec) != DUET_OK) continue;
        for (int split = 0; split < DUET_SPLIT_COUNT; split++)
            if (duet_dataset_describe(set)->count[split] > 0)
                (void)!duet_dataset_read(set, (duet_split)split, 0, &how, pixels);
        duet_dataset_close(set);
    }
    return 0;
}
