/* SPDX-License-Identifier: MIT
 * data/augment/augment_crop.c: pads by reflection (the border pixel is not repeated) and cuts a
 * size x size window at a random place: y[i] = x[reflect(i + d - pad)], d uniform in 0..2 pad, for
 * rows and columns. */
#include <string.h>

#include "data/augment/augment.h"

typedef struct crop_options {
    int64_t pad;
} crop_options;

static const duet_param params[] = {
    DUET_INT(crop_options, pad, "4", 1, 512, "pixels of padding on each side")};

static int64_t reflect(int64_t i, int64_t size) {
    if (i < 0) i = -i;
    return i >= size ? 2 * (size - 1) - i : i;
}

static void crop_apply(const void *options, duet_rng rng, uint8_t *pixels, uint8_t *scratch,
                       int64_t size, int channels) {
    const crop_options *crop = options;
    /* reflection padding cannot be larger */
    const int64_t pad = crop->pad < size ? crop->pad : size - 1;
    const int64_t dy = (int64_t)duet_rng_below(rng, 0, (uint64_t)(2 * pad + 1)) - pad;
    const int64_t dx = (int64_t)duet_rng_below(rng, 1, (uint64_t)(2 * pad + 1)) - pad;
    if (dy == 0 && dx == 0) return;
    memcpy(scratch, pixels, (size_t)(size * size * channels));
    for (int64_t y = 0; y < size; y++) {
        const uint8_t *row = scratch + reflect(y + dy, size) * size * channels;
        for (int64_t x = 0; x < size; x++) {
            memcpy(pixels + (y * size + x) * channels, row + reflect(x + dx, size) * channels,
                   (size_t)channels);
        }
    }
}

const duet_augment duet_augment_crop = {
    .info = {.name = "crop",
             .help = "shift by up to `pad` pixels; gaps are filled by reflection",
             .params = DUET_TABLE(params, crop_options)},
    .apply = crop_apply,
};
