/* SPDX-License-Identifier: MIT
 * data/preprocess.h: the check of preprocessing options, once, before many images are read with
 * them. */
#ifndef DUET_DATA_PREPROCESS_H
#define DUET_DATA_PREPROCESS_H

#include <duet/data.h>

#include "io/image.h"

DUET_NODISCARD duet_status duet_preprocess_check(const duet_preprocess *how);
/* The image of a row without preprocessing, with the messages of duet_dataset_read. */
DUET_NODISCARD duet_status duet_dataset_read_as_is(const duet_dataset *dataset, duet_split split,
                                                   int64_t index, int channels, duet_image *out);
/* duet_dataset_read, and what of the image was dropped (DUET_IMAGE_LOST_…). */
DUET_NODISCARD duet_status duet_dataset_read_all(const duet_dataset *dataset, duet_split split,
                                                 int64_t index, const duet_preprocess *how,
                                                 uint8_t *out, unsigned *lost);
/* Bytes of one preprocessed image. */
int64_t duet_preprocess_bytes(const duet_preprocess *how);

#endif
