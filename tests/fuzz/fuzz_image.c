/* SPDX-License-Identifier: MIT
 * Images of every format. */
#include "fuzz/target.h"
#include "io/image.h"

enum {
    /* of a header that is believed: larger ones take time and find nothing */
    MOST_PIXELS = 1 << 22
};

/* Width and height of a PNG or a PNM stand at a fixed place; others are small enough, or refuse. */
static int is_large(const uint8_t *data, size_t size) {
    if (size < 24 || data[0] != 0x89) return 0;
    const uint64_t width =
        (uint64_t)data[16] << 24 | (uint64_t)data[17] << 16 | (uint64_t)data[18] << 8 | data[19];
    const uint64_t height =
        (uint64_t)data[20] << 24 | (uint64_t)data[21] << 16 | (uint64_t)data[22] << 8 | data[23];
    return width * height > MOST_PIXELS && width < 65536 && height < 65536;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    duet_image image = {0};
    if (is_large(data, size)) return 0;
    if (duet_image_decode(&image, data, (int64_t)size, 3, "fuzz") == DUET_OK)
        duet_image_free(&image);
    return 0;
}
