/* SPDX-License-Identifier: MIT
 * io/image/pixels.h: what the image formats share: the size limits and the conversion of decoded
 * pixels. */
#ifndef DUET_IO_IMAGE_PIXELS_H
#define DUET_IO_IMAGE_PIXELS_H

#include "io/image.h"

#define DUET_IMAGE_MAX_SIDE   65500
#define DUET_IMAGE_MAX_PIXELS 178000000

/* DUET_FORMAT on empty sides, DUET_NO_MEMORY over the limits; to be called before anything is
 * allocated. */
DUET_NODISCARD duet_status duet_image_check(int64_t width, int64_t height, const char *name);
/* `pixels` holds width*height pixels of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha) bytes.
 * Alpha is composed over white, then the result has `channels` channels (0: as many colours as
 * there are). */
DUET_NODISCARD duet_status duet_image_from_pixels(duet_image *out, const uint8_t *pixels,
                                                  int64_t width, int64_t height, int samples,
                                                  int channels);

#endif
