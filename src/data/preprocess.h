/* SPDX-License-Identifier: MIT
 * data/preprocess.h: the check of preprocessing options, once, before many images are read with
 * them; and the steps from an image to what a network gets. */
#ifndef DUET_DATA_PREPROCESS_H
#define DUET_DATA_PREPROCESS_H

#include <duet/data.h>

#include "io/image.h"

#define DUET_PREPROCESS_MOST 4096 /* largest size */

DUET_NODISCARD duet_status duet_preprocess_check(const duet_preprocess *how);
/* An image of the channels of `how` to its size, as bytes. */
DUET_NODISCARD duet_status duet_preprocess_fit(uint8_t *out, const duet_image *in,
                                               const duet_preprocess *how);
/* The same by how->resize, as values 0..255 that are not rounded; any number of channels. */
DUET_NODISCARD duet_status duet_preprocess_resize(float *out, const duet_image *in,
                                                  const duet_preprocess *how);
/* What a network gets of values 0..255: v gain + offset by channel, or v/127.5 - 1 (false). */
bool duet_preprocess_colours(const duet_preprocess *how, float gain[3], float offset[3]);
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
