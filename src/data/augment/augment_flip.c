/* SPDX-License-Identifier: MIT
 * data/augment/augment_flip.c: mirrors left and right with probability p. */
#include <string.h>

#include "data/augment/augment.h"
#include "io/resize.h"

typedef struct flip_options {
    double p;
} flip_options;

static const duet_param params[] = {
    DUET_FLOAT(flip_options, p, "0.5", 0, 1, "probability of mirroring")};

static void flip_apply(const void *options, duet_rng rng, uint8_t *pixels, uint8_t *scratch,
                       int64_t size, int channels) {
    const flip_options *flip = options;
    if (duet_rng_uniform(rng, 0) >= flip->p) return;
    memcpy(scratch, pixels, (size_t)(size * size * channels));
    duet_pixels_mirror(pixels, scratch, 1, size, channels);
}

const duet_augment duet_augment_flip = {
    .info = {.name = "flip",
             .help = "mirror left and right",
             .params = DUET_TABLE(params, flip_options)},
    .apply = flip_apply,
};
