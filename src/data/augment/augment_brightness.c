/* SPDX-License-Identifier: MIT
 * data/augment/augment_brightness.c: all pixels times one number, uniform in 1 - by to 1 + by. */
#include "data/augment/augment.h"

typedef struct brightness_options {
    double by;
} brightness_options;

static const duet_param params[] = {
    DUET_FLOAT(brightness_options, by, "0.3", 0, 1, "most change, of 1")};

static void brightness_apply(const void *options, duet_rng rng, uint8_t *pixels, uint8_t *scratch,
                             int64_t size, int channels) {
    const brightness_options *o = options;
    const double gain = 1.0 + o->by * (2.0 * duet_rng_uniform(rng, 0) - 1.0);
    (void)scratch;
    for (int64_t i = 0; i < size * size * channels; i++) {
        const double value = gain * pixels[i] + 0.5;
        pixels[i] = value < 255.0 ? (uint8_t)value : 255;
    }
}

const duet_augment duet_augment_brightness = {
    .info = {.name = "brightness",
             .help = "brighter or darker as a whole",
             .params = DUET_TABLE(params, brightness_options)},
    .apply = brightness_apply,
};
