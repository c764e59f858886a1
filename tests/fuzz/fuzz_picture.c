/* SPDX-License-Identifier: MIT
 * What pictures say about themselves. */
#include "fuzz/target.h"

#include <duet/picture.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    duet_picture *picture = NULL;
    if (duet_picture_open(&picture, fuzz_file(data, size)) == DUET_OK) duet_picture_close(picture);
    return 0;
}
