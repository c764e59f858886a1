/* SPDX-License-Identifier: MIT
 * io/picture.h: what the formats of duet/picture.h share. */
#ifndef DUET_IO_PICTURE_H
#define DUET_IO_PICTURE_H

#include <duet/picture.h>

#include "base/file.h"
#include "base/mem.h"

typedef struct duet_picture_reader {
    duet_picture is;
    duet_arena *arena;
    duet_picture_text *texts;
    int64_t room, bytes; /* of texts; of all values */
} duet_picture_reader;

/* Most bytes of one text, and what a decompressor may give. */
enum { DUET_PICTURE_TEXT_MOST = 1 << 20 };

/* Keeps a text of `size` bytes: ASCII and UTF-8 as they are, other bytes as Latin-1. Counts it
 * where it is too much. */
void duet_picture_keep(duet_picture_reader *reader, const char *key, const uint8_t *value,
                       int64_t size);
/* The same for UTF-16 of either byte order, whose zeros tell which. */
void duet_picture_keep_utf16(duet_picture_reader *reader, const char *key, const uint8_t *value,
                             int64_t size);
/* The texts of EXIF: a TIFF header and directories. */
void duet_picture_exif(duet_picture_reader *reader, const uint8_t *exif, int64_t size);

/* `file` begins with the format's signature. DUET_FORMAT where there is no size. */
DUET_NODISCARD duet_status duet_picture_png(duet_picture_reader *reader, const duet_bytes *file);
DUET_NODISCARD duet_status duet_picture_jpeg(duet_picture_reader *reader, const duet_bytes *file);
DUET_NODISCARD duet_status duet_picture_gif(duet_picture_reader *reader, const duet_bytes *file);

#endif
