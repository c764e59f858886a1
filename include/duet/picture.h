/* SPDX-License-Identifier: MIT
 * duet/picture.h: what a picture file says about itself, without decoding it: size, channels, and
 * the texts that programs put into it. */
#ifndef DUET_PICTURE_H
#define DUET_PICTURE_H

#include <duet/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct duet_picture_text {
    const char *key;   /* "parameters", "Comment"; of EXIF "UserComment", "Software", … */
    const char *value; /* UTF-8; may hold line breaks and other control characters */
} duet_picture_text;

/* A PNG, JPEG or GIF. Texts of more than a mebibyte, after decompression, and those after 64 texts
 * or 4 MiB are not read, but counted. */
typedef struct duet_picture {
    const char *format; /* "png", "jpeg", "gif" */
    int64_t width, height;
    int channels;   /* of the file: 1 grey, 2 with transparency, 3 colour, 4 with transparency, CMYK
                     */
    int bits;       /* of a channel */
    bool palette;   /* pixels are numbers of a palette; channels are its colours' */
    int64_t frames; /* of an animation; else 1 */
    const duet_picture_text *texts;
    int64_t text_count, texts_left_out; /* left out: too large, too many, damaged */
} duet_picture;

/* DUET_FORMAT where the file is no such picture or is damaged before its pixels. */
DUET_NODISCARD duet_status duet_picture_open(duet_picture **out, const char *path);
void duet_picture_close(duet_picture *picture); /* NULL is accepted */

#ifdef __cplusplus
}
#endif
#endif
