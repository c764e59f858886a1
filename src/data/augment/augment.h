/* SPDX-License-Identifier: MIT
 * data/augment/augment.h: what a member of the family `augment` implements: change one preprocessed
 * u8 image in place; a pure function of (options, rng). */
#ifndef DUET_DATA_AUGMENT_H
#define DUET_DATA_AUGMENT_H

#include <duet/data.h>

#include "base/rng.h"

typedef struct duet_augment {
    duet_entry info;
    /* pixels, scratch: size*size*channels bytes */
    void (*apply)(const void *options, duet_rng rng, uint8_t *pixels, uint8_t *scratch,
                  int64_t size, int channels);
    /* Numbers that tell a network what was done, zeros where nothing was; 0 = it is not told. */
    int conditions;
    void (*condition)(const void *options, duet_rng rng, int64_t size, float *out);
} duet_augment;
DUET_FAMILY_OF(augment, duet_augment);

/* A chain "flip+crop:pad=2", parsed once. Member k of the chain draws from its own stream
 * ("augment0", "augment1", …) at index `position`, so a row's augmentation depends on (seed,
 * position) alone. */
#define DUET_AUGMENT_MOST 8
typedef struct duet_augment_chain {
    int count;
    const duet_augment *member[DUET_AUGMENT_MOST];
    union {
        max_align_t align;
        uint8_t bytes[512];
    } options[DUET_AUGMENT_MOST];
} duet_augment_chain;

DUET_NODISCARD duet_status duet_augment_chain_parse(duet_augment_chain *out, const char *spec);
void duet_augment_chain_apply(const duet_augment_chain *chain, uint64_t seed, uint64_t position,
                              uint8_t *pixels, uint8_t *scratch, int64_t size, int channels);
/* Of all members, side by side; and what they are for a row. */
int duet_augment_chain_conditions(const duet_augment_chain *chain);
void duet_augment_chain_tell(const duet_augment_chain *chain, uint64_t seed, uint64_t position,
                             int64_t size, float *out);

#endif
