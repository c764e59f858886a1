/* SPDX-License-Identifier: MIT
 * data/augment/augment_erase.c: random erasing (Zhong et al. 2020): with probability p a rectangle
 * of a random part of the area and of a random ratio of its sides is covered, each of its values by
 * a random byte, as the authors found best. For networks that classify; a model that draws would
 * draw the rectangles. */
#include <math.h>

#include "data/augment/augment.h"

typedef struct erase_options {
    double p, least, most, ratio;
} erase_options;

static const duet_param params[] = {
    DUET_FLOAT(erase_options, p, "0.5", 0, 1, "probability of erasing"),
    DUET_FLOAT(erase_options, least, "0.02", 1e-6, 1, "least part of the area"),
    DUET_FLOAT(erase_options, most, "0.4", 1e-6, 1, "most part of the area"),
    DUET_FLOAT(erase_options, ratio, "3.3333", 1, 100, "most ratio of its sides"),
};

enum { DRAW_BYTES = 8 /* draws in front of those of the bytes */ };

static int64_t side_of(double length, int64_t size) {
    const int64_t side = (int64_t)(length + 0.5);
    return side < 1 ? 1 : side > size ? size : side;
}

static void erase_apply(const void *options, duet_rng rng, uint8_t *pixels, uint8_t *scratch,
                        int64_t size, int channels) {
    const erase_options *o = options;
    double u[5];
    (void)scratch;
    for (int k = 0; k < 5; k++) u[k] = duet_rng_uniform(rng, (uint64_t)k);
    if (!(u[0] < o->p)) return;
    const double most = fmax(o->least, o->most),
                 area = (o->least + u[1] * (most - o->least)) * (double)(size * size),
                 ratio = exp((2.0 * u[2] - 1.0) * log(o->ratio));
    const int64_t height = side_of(sqrt(area * ratio), size),
                  width = side_of(sqrt(area / ratio), size),
                  top = (int64_t)(u[3] * (double)(size - height + 1)),
                  left = (int64_t)(u[4] * (double)(size - width + 1));
    uint64_t draw = DRAW_BYTES;
    for (int64_t y = top; y < top + height; y++)
        for (int64_t i = (y * size + left) * channels; i < (y * size + left + width) * channels;
             i++)
            pixels[i] = (uint8_t)(256.0 * duet_rng_uniform(rng, draw++));
}

const duet_augment duet_augment_erase = {
    .info = {.name = "erase",
             .help = "cover a random rectangle by random bytes, for classifying",
             .params = DUET_TABLE(params, erase_options)},
    .apply = erase_apply,
};
