/* SPDX-License-Identifier: MIT
 * data/augment/augment_resized_crop.c: a random part of the image, enlarged to its size (Szegedy et
 * al. 2015; torchvision's RandomResizedCrop): its area is `least` to 1 of the image's, the
 * logarithm of its ratio of sides uniform within that of `ratio`. Bilinear between pixel centres.
 */
#include <math.h>
#include <string.h>

#include "data/augment/augment.h"

typedef struct resized_crop_options {
    double least, ratio;
} resized_crop_options;

static const duet_param params[] = {
    DUET_FLOAT(resized_crop_options, least, "0.6", 0.01, 1, "least area of the part"),
    DUET_FLOAT(resized_crop_options, ratio, "1.3333", 1, 4, "most ratio of its sides"),
};

/* The two pixels that a place lies between, and the weight of the second one. */
typedef struct between {
    int64_t low, high;
    double weight;
} between;

static between place(double at, int64_t size) {
    at = at < 0 ? 0 : at > (double)(size - 1) ? (double)(size - 1) : at;
    const int64_t low = (int64_t)at;
    return (between){low, low + 1 < size ? low + 1 : low, at - (double)low};
}

static void resized_crop_apply(const void *options, duet_rng rng, uint8_t *pixels, uint8_t *scratch,
                               int64_t size, int channels) {
    const resized_crop_options *o = options;
    const double s = (double)size, area = o->least + (1.0 - o->least) * duet_rng_uniform(rng, 0),
                 ratio = exp((2.0 * duet_rng_uniform(rng, 1) - 1.0) * log(o->ratio));
    double w = s * sqrt(area * ratio), h = s * sqrt(area / ratio);
    w = w < s ? w : s;
    h = h < s ? h : s;
    const double left = duet_rng_uniform(rng, 2) * (s - w),
                 top = duet_rng_uniform(rng, 3) * (s - h);
    memcpy(scratch, pixels, (size_t)(size * size * channels));
    for (int64_t y = 0; y < size; y++) {
        const between row = place(top + ((double)y + 0.5) * h / s - 0.5, size);
        for (int64_t x = 0; x < size; x++) {
            const between col = place(left + ((double)x + 0.5) * w / s - 0.5, size);
            for (int c = 0; c < channels; c++) {
                const uint8_t *const p = scratch + c;
                const double a = p[(row.low * size + col.low) * channels],
                             b = p[(row.low * size + col.high) * channels],
                             d = p[(row.high * size + col.low) * channels],
                             e = p[(row.high * size + col.high) * channels];
                const double upper = a + (b - a) * col.weight, lower = d + (e - d) * col.weight;
                pixels[(y * size + x) * channels + c] =
                    (uint8_t)(upper + (lower - upper) * row.weight + 0.5);
            }
        }
    }
}

const duet_augment duet_augment_resized_crop = {
    .info = {.name = "resized_crop",
             .help = "a random part of the image, enlarged to its size",
             .params = DUET_TABLE(params, resized_crop_options)},
    .apply = resized_crop_apply,
};
