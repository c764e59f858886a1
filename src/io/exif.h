/* SPDX-License-Identifier: MIT
 * io/exif.h: how an image is to be turned for a viewer: the tag Orientation of EXIF, in JPEG
 * (APP1), PNG (eXIf) and WebP (EXIF). */
#ifndef DUET_IO_EXIF_H
#define DUET_IO_EXIF_H

#include "io/image.h"

/* 1 (as stored) to 8 of an image file; 1 where it does not say, or says nonsense. Reads within
 * `size` whatever the bytes are. */
int duet_exif_orientation(const uint8_t *bytes, int64_t size);
/* Turns and mirrors the pixels so that they stand as the orientation means. */
DUET_NODISCARD duet_status duet_exif_turn(duet_image *image, int orientation);

#endif
