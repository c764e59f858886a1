/* SPDX-License-Identifier: MIT
 * io/exif.h: the orientation of an image for display: the EXIF tag Orientation in JPEG (APP1), PNG
 * (eXIf) and WebP (EXIF). */
#ifndef DUET_IO_EXIF_H
#define DUET_IO_EXIF_H

#include "io/image.h"

/* The orientation of an image file, 1 (as stored) to 8; 1 where the tag is missing or invalid.
 * Never reads past `size`, whatever the bytes are. */
int duet_exif_orientation(const uint8_t *bytes, int64_t size);
/* Rotates and mirrors the pixels as the orientation demands. */
DUET_NODISCARD duet_status duet_exif_turn(duet_image *image, int orientation);

#endif
