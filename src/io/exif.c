/* SPDX-License-Identifier: MIT
 * io/exif.c: finds the EXIF block of a file by walking its segments, and in its first directory the
 * tag 0x0112. Source: JEITA CP-3451 (Exif 2.3), section 4.6; the orientations are those of TIFF
 * 6.0, page 36. */
#include "io/exif.h"

#include <string.h>

#include "base/error.h"

#define ORIENTATION 0x0112
#define SHORT_TYPE  3

typedef struct span {
    const uint8_t *data;
    int64_t size;
} span;

static uint32_t big(const uint8_t *at, int bytes) {
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++) value = value << 8 | at[i];
    return value;
}

static uint32_t little(const uint8_t *at, int bytes) {
    uint32_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) value = value << 8 | at[i];
    return value;
}

/* Segments come before the scan; each begins with FF, its kind, and a length of two bytes that
 * includes these two. */
static span in_jpeg(span file) {
    for (int64_t at = 2;
         at + 4 <= file.size && file.data[at] == 0xFF && file.data[at + 1] != 0xDA;) {
        const int64_t length = big(file.data + at + 2, 2);
        if (length < 2 || at + 2 + length > file.size) break;
        if (file.data[at + 1] == 0xE1 && length > 8 &&
            memcmp(file.data + at + 4, "Exif\0\0", 6) == 0)
            return (span){file.data + at + 10, length - 8};
        at += 2 + length;
    }
    return (span){0};
}

/* Chunks: length, name, data, checksum. */
static span in_png(span file) {
    for (int64_t at = 8; at + 12 <= file.size;) {
        const int64_t length = big(file.data + at, 4);
        if (length > file.size - at - 12 || memcmp(file.data + at + 4, "IEND", 4) == 0) break;
        if (memcmp(file.data + at + 4, "eXIf", 4) == 0) return (span){file.data + at + 8, length};
        at += 12 + length;
    }
    return (span){0};
}

/* Chunks: name, length, data, and a byte where the length is odd. Some writers put "Exif\0\0"
 * before the block, as in JPEG. */
static span in_webp(span file) {
    for (int64_t at = 12; at + 8 <= file.size;) {
        const int64_t length = little(file.data + at + 4, 4);
        if (length > file.size - at - 8) break;
        const uint8_t *const data = file.data + at + 8;
        const int64_t skip = length >= 6 && memcmp(data, "Exif\0\0", 6) == 0 ? 6 : 0;
        if (memcmp(file.data + at, "EXIF", 4) == 0) return (span){data + skip, length - skip};
        at += 8 + length + length % 2;
    }
    return (span){0};
}

/* A TIFF header, then a directory: a count, and entries of a tag, a type, a count and a value. */
static int in_exif(span exif) {
    if (exif.size < 8 || (memcmp(exif.data, "II*\0", 4) != 0 && memcmp(exif.data, "MM\0*", 4) != 0))
        return 1;
    uint32_t (*const number)(const uint8_t *, int) = exif.data[0] == 'I' ? little : big;
    const int64_t first = number(exif.data + 4, 4);
    if (first > exif.size - 2) return 1;
    const int64_t count = number(exif.data + first, 2);
    for (int64_t i = 0; i < count && first + 2 + 12 * (i + 1) <= exif.size; i++) {
        const uint8_t *const entry = exif.data + first + 2 + 12 * i;
        if (number(entry, 2) != ORIENTATION) continue;
        const uint32_t value = number(entry + 8, 2);
        return number(entry + 2, 2) == SHORT_TYPE && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

int duet_exif_orientation(const uint8_t *bytes, int64_t size) {
    const span file = {bytes, size};
    if (size >= 4 && bytes[0] == 0xFF && bytes[1] == 0xD8) return in_exif(in_jpeg(file));
    if (size >= 12 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0) return in_exif(in_png(file));
    if (size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0)
        return in_exif(in_webp(file));
    return 1;
}

/* The stored picture's rows run (1) down, columns right; (2) down, left; (3) up, left; (4) up,
 * right; (5) right, columns down; (6) left, down; (7) left, up; (8) right, up. */
duet_status duet_exif_turn(duet_image *image, int orientation) {
    const bool swapped = orientation >= 5, rows_back = orientation == 3 || orientation == 4 ||
                                                       orientation == 6 || orientation == 7;
    const bool columns_back =
        orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const int64_t W = image->width, H = image->height, c = image->channels, width = swapped ? H : W;
    duet_image turned = {0};
    if (orientation <= 1 || orientation > 8) return DUET_OK;
    DUET_TRY(duet_image_new(&turned, width, swapped ? W : H, image->channels));
    for (int64_t i = 0; i < H; i++) {
        for (int64_t j = 0; j < W; j++) {
            const int64_t row = rows_back ? H - 1 - i : i, column = columns_back ? W - 1 - j : j;
            memcpy(turned.pixels + (swapped ? column * width + row : row * width + column) * c,
                   image->pixels + (i * W + j) * c, (size_t)c);
        }
    }
    turned.lost = image->lost;
    duet_image_free(image);
    *image = turned;
    return DUET_OK;
}
