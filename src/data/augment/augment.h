/* SPDX-License-Identifier: MIT
 * data/augment/augment.h: what a member of the family `augment` implements: change one preprocessed u8 image in place;
 * a pure function of (options, rng). */
#ifndef DUET_DATA_AUGMENT_H
#define DUET_DATA_AUGMENT_H

#include <duet/data.h>

#include "base/rng.h"

typedef struct duet_augment {
    duet_entry info;
    /* pixels, scratch: size*size*channels bytes */
    void (*apply)(const void *options, duet_rng rng, uint8_t *pixels, uint8_t *scratch, int64_t size, int channels);
} duet_augment;

#endif
