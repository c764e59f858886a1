/* SPDX-License-Identifier: MIT
 * data/augment/augment.c: the family `augment` and chains of its members ("flip+crop:pad=2"). */
#include "data/augment/augment.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/augment/augment.def"

DUET_FAMILY(augment, DUET_AUGMENTS, "random changes of training images, joined by '+'");

duet_status duet_augment_chain_parse(duet_augment_chain *out, const char *spec) {
    duet_augment_chain chain = {0};
    char text[DUET_TEXT_SIZE];
    const size_t length = strlen(spec);
    if (length >= sizeof text)
        return duet_fail(DUET_ARG, "augmentation of %zu characters is too long", length);
    for (const char *at = length > 0 ? spec : NULL; at != NULL;) {
        if (chain.count == DUET_AUGMENT_MOST)
            return duet_fail(DUET_ARG, "more than %d augmentations in '%s'", DUET_AUGMENT_MOST,
                             spec);
        (void)duet_spec_take(&at, text, sizeof text);
        const duet_entry *entry = NULL;
        DUET_TRY(duet_family_parse(&duet_family_augment, &entry, &chain.options[chain.count],
                                   sizeof chain.options[0], text));
        chain.member[chain.count++] = duet_augment_of(entry);
    }
    *out = chain;
    return DUET_OK;
}

static duet_rng rng_of(int member, uint64_t seed, uint64_t position) {
    char stream[24];
    snprintf(stream, sizeof stream, "augment%d", member);
    return duet_rng_make(seed, stream, position);
}

void duet_augment_chain_apply(const duet_augment_chain *chain, uint64_t seed, uint64_t position,
                              uint8_t *pixels, uint8_t *scratch, int64_t size, int channels) {
    for (int k = 0; k < chain->count; k++)
        chain->member[k]->apply(&chain->options[k], rng_of(k, seed, position), pixels, scratch,
                                size, channels);
}

int duet_augment_chain_conditions(const duet_augment_chain *chain) {
    int count = 0;
    for (int k = 0; k < chain->count; k++) count += chain->member[k]->conditions;
    return count;
}

void duet_augment_chain_tell(const duet_augment_chain *chain, uint64_t seed, uint64_t position,
                             int64_t size, float *out) {
    for (int k = 0; k < chain->count; k++) {
        if (chain->member[k]->condition != NULL)
            chain->member[k]->condition(&chain->options[k], rng_of(k, seed, position), size, out);
        out += chain->member[k]->conditions;
    }
}
