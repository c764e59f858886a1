/* SPDX-License-Identifier: MIT
 * Data sets in single files, by every layout that reads one. */
#include <stdio.h>

#include <duet/data.h>

#include "fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const layouts[] = {"zip", "npz", "webdataset", "tar_shards", "idx", "cifar_bin"};
    const duet_preprocess how = {.size = 8, .channels = 3};
    uint8_t pixels[8 * 8 * 3];
    const char *const path = fuzz_file(data, size);
    for (int i = 0; i < DUET_COUNT(layouts); i++) {
        char spec[128];
        duet_dataset *set = NULL;
        snprintf(spec, sizeof spec, "%s:%s", layouts[i], path);
        if (duet_dataset_open(NULL, &set, spec) != DUET_OK) continue;
        for (int split = 0; split < DUET_SPLIT_COUNT; split++)
            if (duet_dataset_describe(set)->count[split] > 0) (void)!duet_dataset_read(set, (duet_split)split, 0, &how, pixels);
        duet_dataset_close(set);
    }
    return 0;
}
