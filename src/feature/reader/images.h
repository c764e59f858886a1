/* SPDX-License-Identifier: MIT
 * feature/reader/images.h: images of any size, grey or in colour, to what a network takes; the one
 * place where that happens to bytes that a caller hands over (a loader has fitted its own). */
#ifndef DUET_FEATURE_READER_IMAGES_H
#define DUET_FEATURE_READER_IMAGES_H

#include <duet/preprocess.h>

/* Whether images of `from` are bytes that the network of `to` takes as they are. */
bool duet_images_fit(const duet_preprocess *from, const duet_preprocess *to);
/* One image of from->size and from->channels as bytes for the network. */
DUET_NODISCARD duet_status duet_images_to_bytes(uint8_t *out, const uint8_t *pixels,
                                                const duet_preprocess *from,
                                                const duet_preprocess *to);
/* The same by to->resize, as values 0..255 that are not rounded. */
DUET_NODISCARD duet_status duet_images_to_values(float *out, const uint8_t *pixels,
                                                 const duet_preprocess *from,
                                                 const duet_preprocess *to);

#endif
