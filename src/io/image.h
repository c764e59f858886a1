/* SPDX-License-Identifier: MIT
 * io/image.h: 8-bit images, interleaved HWC. The family `image` holds the file formats; a file is
 * detected from its content. All formats are treated alike: grey+alpha and RGBA are composited over
 * white, palettes are expanded, 16-bit samples keep their high byte, and the image is turned as its
 * EXIF orientation says. */
#ifndef DUET_IO_IMAGE_H
#define DUET_IO_IMAGE_H

#include <duet/base.h>
#include <duet/registry.h>

#include "base/file.h"

enum { DUET_IMAGE_ALPHA = -1 }; /* channels of what is read: how opaque, as grey; 255 = fully */
enum { DUET_IMAGE_LOST_COLOUR = 1, DUET_IMAGE_LOST_ALPHA = 2 };

typedef struct duet_image {
    int64_t width, height;
    int channels; /* 1 or 3 */
    uint8_t *pixels;
    unsigned lost; /* what the file had and the result lacks: colour, transparency */
} duet_image;

/* channels: 1 or 3 converts, or DUET_IMAGE_ALPHA (grey = Pillow's L: (19595 R + 38470 G + 7471 B +
 * 32768) >> 16), 0 keeps what the file has. `name` stands in messages. Refuses more than 178
 * million pixels and sides over 65,500 before allocating. */
DUET_NODISCARD duet_status duet_image_decode(duet_image *out, const uint8_t *bytes, int64_t size,
                                             int channels, const char *name);
DUET_NODISCARD duet_status duet_image_read(duet_image *out, const char *path, int channels);
DUET_NODISCARD duet_status duet_image_new(duet_image *out, int64_t width, int64_t height,
                                          int channels);
/* The pixels with `channels` (1 or 3) instead: grey three times, or Pillow's L; what is lost is in
 * the result. */
DUET_NODISCARD duet_status duet_image_recolour(duet_image *out, const duet_image *in, int channels);
/* Cuts the image to a rectangle, of which what lies outside of the image is cut off too. DUET_SHAPE
 * where nothing is left. */
DUET_NODISCARD duet_status duet_image_cut(duet_image *image, int64_t x, int64_t y, int64_t width,
                                          int64_t height);
void duet_image_free(duet_image *image);
bool duet_image_known(
    const uint8_t *bytes,
    int64_t size); /* Whether some format would decode it, by its signature alone. */
bool duet_image_name_known(const char *name); /* .png .jpg .jpeg … (any case) */

/* PNG with optional text chunks (pairs key, value; may be NULL). */
typedef struct duet_image_text {
    const char *key, *value;
} duet_image_text;
DUET_NODISCARD duet_status duet_image_encode_png(duet_bytes *out, const duet_image *image,
                                                 const duet_image_text *texts, int count);
DUET_NODISCARD duet_status duet_image_write_png(const char *path, const duet_image *image,
                                                const duet_image_text *texts, int count);

/* A file format: a member of the family. */
typedef struct duet_image_format {
    duet_entry info;
    bool (*detect)(const uint8_t *bytes, int64_t size);
    duet_status (*decode)(duet_image *out, const uint8_t *bytes, int64_t size, int channels,
                          const char *name);
    const char *extensions; /* "jpg|jpeg" */
} duet_image_format;
DUET_FAMILY_OF(image, duet_image_format);

#endif
