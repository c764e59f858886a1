/* SPDX-License-Identifier: MIT
 * Tar archives, plain and compressed. */
#include "fuzz/target.h"
#include "io/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    duet_tar *tar = NULL;
    const char *name = "";
    if (!duet_tar_detect(data, (int64_t)size) ||
        duet_tar_open(&tar, fuzz_file(data, size)) != DUET_OK)
        return 0;
    for (int i = 0; i < 100 && name != NULL; i++) {
        duet_bytes bytes = {0};
        if (duet_tar_next(tar, &name, &bytes, 1 << 20) != DUET_OK) break;
        duet_bytes_free(&bytes);
    }
    duet_tar_close(tar);
    return 0;
}
