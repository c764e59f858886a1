/* SPDX-License-Identifier: MIT
 * data/bad_images.h: adding rows to a record of images that cannot be read. */
#ifndef DUET_DATA_BAD_IMAGES_H
#define DUET_DATA_BAD_IMAGES_H

#include <duet/data.h>

/* Adds a row with the thread's error message, unless it is already in the record. */
DUET_NODISCARD duet_status duet_bad_images_add(duet_bad_images *bad, duet_split split,
                                               int64_t index);
/* After a failure to read a row: adds the row and returns OK where the image is at fault and there
 * is a record; otherwise returns `status`. */
DUET_NODISCARD duet_status duet_bad_images_take(duet_bad_images *bad, duet_split split,
                                                int64_t index, duet_status status);
/* The rows of `in` that are not in the record. */
DUET_NODISCARD duet_status duet_bad_images_without(duet_view *out, duet_bad_images *bad,
                                                   const duet_view *in);

#endif
