/* SPDX-License-Identifier: MIT
 * feature/reader/images.c: see images.h. Colours come first (grey three times, or Pillow's L), then
 * the size. */
#include "feature/reader/images.h"

#include "base/error.h"
#include "data/preprocess.h"
#include "io/image/pixels.h"

bool duet_images_fit(const duet_preprocess *from, const duet_preprocess *to) {
    return from->size == to->size && from->channels == to->channels;
}

static duet_status recolour(duet_image *out, const uint8_t *pixels, const duet_preprocess *from,
                            const duet_preprocess *to) {
    return duet_image_from_pixels(out, pixels, from->size, from->size, from->channels,
                                  to->channels);
}

duet_status duet_images_to_bytes(uint8_t *out, const uint8_t *pixels, const duet_preprocess *from,
                                 const duet_preprocess *to) {
    duet_image image = {0};
    DUET_TRY(recolour(&image, pixels, from, to));
    const duet_status status = duet_preprocess_fit(out, &image, to);
    duet_image_free(&image);
    return status;
}

duet_status duet_images_to_values(float *out, const uint8_t *pixels, const duet_preprocess *from,
                                  const duet_preprocess *to) {
    duet_image image = {0};
    DUET_TRY(recolour(&image, pixels, from, to));
    const duet_status status = duet_preprocess_resize(out, &image, to);
    duet_image_free(&image);
    return status;
}
