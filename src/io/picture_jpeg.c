/* SPDX-License-Identifier: MIT
 * io/picture_jpeg.c: the segments of a JPEG before its pixels: FF kind.1 length.2 data, numbers
 * big-endian. SOF (C0 … CF but C4, C8, CC): bits.1 height.2 width.2 channels.1; COM (FE): a text;
 * APP1 (E1) with "Exif": texts of EXIF (CIPA DC-008), in directories of entries tag.2 type.2
 * count.4 value.4, the value being an offset where it has more than 4 bytes. */
#include <string.h>

#include "base/error.h"
#include "io/picture.h"

enum { DESCRIPTION = 0x010E, SOFTWARE = 0x0131, EXIF_DIRECTORY = 0x8769, USER_COMMENT = 0x9286 };
enum { ASCII = 2, UNDEFINED = 7, ENTRY = 12, CODE = 8 };

typedef struct tiff {
    const uint8_t *data;
    int64_t size;
    bool little;
} tiff;

static uint32_t number(const tiff *t, int64_t at, int bytes) {
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint32_t)t->data[at + i] << (8 * (t->little ? i : bytes - 1 - i));
    return value;
}

/* UserComment begins with the name of its code in 8 bytes. */
static void take_comment(duet_picture_reader *r, const uint8_t *at, int64_t size) {
    if (size < CODE) return;
    if (memcmp(at, "UNICODE", 8) == 0)
        duet_picture_keep_utf16(r, "UserComment", at + CODE, size - CODE);
    else
        duet_picture_keep(r, "UserComment", at + CODE, size - CODE);
}

/* Takes texts; returns the place of the directory of EXIF, 0 = there is none. */
static int64_t take_directory(duet_picture_reader *r, const tiff *t, int64_t at) {
    int64_t inner = 0;
    const int64_t count = at + 2 <= t->size ? number(t, at, 2) : 0;
    for (int64_t i = 0; i < count && at + 2 + ENTRY * (i + 1) <= t->size; i++) {
        const int64_t entry = at + 2 + ENTRY * i, size = number(t, entry + 4, 4);
        const uint32_t tag = number(t, entry, 2), type = number(t, entry + 2, 2);
        const int64_t place = size > 4 ? number(t, entry + 8, 4) : entry + 8;
        if (tag == EXIF_DIRECTORY) inner = number(t, entry + 8, 4);
        if (place > t->size || size > t->size - place) continue;
        if (tag == DESCRIPTION && type == ASCII)
            duet_picture_keep(r, "ImageDescription", t->data + place, size);
        if (tag == SOFTWARE && type == ASCII)
            duet_picture_keep(r, "Software", t->data + place, size);
        if (tag == USER_COMMENT && type == UNDEFINED) take_comment(r, t->data + place, size);
    }
    return inner;
}

void duet_picture_exif(duet_picture_reader *reader, const uint8_t *exif, int64_t size) {
    if (size < 8 || (memcmp(exif, "II*\0", 4) != 0 && memcmp(exif, "MM\0*", 4) != 0)) return;
    const tiff t = {.data = exif, .size = size, .little = exif[0] == 'I'};
    const int64_t inner = take_directory(reader, &t, number(&t, 4, 4));
    if (inner > 0) (void)take_directory(reader, &t, inner);
}

static bool is_frame(int kind) {
    return kind >= 0xC0 && kind <= 0xCF && kind != 0xC4 && kind != 0xC8 && kind != 0xCC;
}

static void take_segment(duet_picture_reader *r, int kind, const tiff *data) {
    if (kind == 0xFE) duet_picture_keep(r, "Comment", data->data, data->size);
    if (kind == 0xE1 && data->size > 6 && memcmp(data->data, "Exif\0\0", 6) == 0)
        duet_picture_exif(r, data->data + 6, data->size - 6);
    if (!is_frame(kind) || data->size < 6) return;
    r->is.bits = (int)number(data, 0, 1);
    r->is.height = number(data, 1, 2);
    r->is.width = number(data, 3, 2);
    r->is.channels = (int)number(data, 5, 1);
}

duet_status duet_picture_jpeg(duet_picture_reader *reader, const duet_bytes *file) {
    reader->is.format = "jpeg";
    for (int64_t at = 2; at + 4 <= file->size && file->data[at] == 0xFF;) {
        const int kind = file->data[at + 1];
        if (kind == 0xFF) { /* fill */
            at++;
            continue;
        }
        const tiff length = {.data = file->data + at + 2, .size = 2};
        const int64_t size = number(&length, 0, 2);
        if (kind == 0xDA || size < 2 || at + 2 + size > file->size) break;
        const tiff data = {.data = file->data + at + 4, .size = size - 2};
        take_segment(reader, kind, &data);
        at += 2 + size;
    }
    return reader->is.width > 0 && reader->is.height > 0
               ? DUET_OK
               : duet_fail(DUET_FORMAT, "it does not say its size");
}
