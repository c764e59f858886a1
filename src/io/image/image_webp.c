/* SPDX-License-Identifier: MIT
 * WebP through libwebp, lossy and lossless, with its defaults (fancy upsampling), as in Pillow;
 * alpha is composited over white. Animations are refused, since it is not clear which frame is
 * meant. */
#include <string.h>

#include <webp/decode.h>

#include "base/error.h"
#include "base/mem.h"
#include "io/image/pixels.h"

static bool detect(const uint8_t *bytes, int64_t size) {
    return size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

static duet_status decode(duet_image *out, const uint8_t *bytes, int64_t size, int channels,
                          const char *name) {
    WebPBitstreamFeatures about;
    uint8_t *pixels = NULL;
    if (WebPGetFeatures(bytes, (size_t)size, &about) != VP8_STATUS_OK)
        return duet_fail(DUET_FORMAT, "image '%s': damaged or cut-off WebP", name);
    if (about.has_animation)
        return duet_fail(DUET_UNSUPPORTED, "image '%s' is an animated WebP; save one of its frames",
                         name);
    DUET_TRY(duet_image_check(about.width, about.height, name));
    const int samples = about.has_alpha ? 4 : 3;
    const int64_t stride = (int64_t)about.width * samples, total = stride * about.height;
    DUET_TRY(duet_alloc(&pixels, total, 1));
    const uint8_t *const done =
        samples == 4 ? WebPDecodeRGBAInto(bytes, (size_t)size, pixels, (size_t)total, (int)stride)
                     : WebPDecodeRGBInto(bytes, (size_t)size, pixels, (size_t)total, (int)stride);
    duet_status status = DUET_OK;
    if (done == NULL)
        status = duet_fail(DUET_FORMAT, "image '%s': damaged or cut-off WebP", name);
    else
        status = duet_image_from_pixels(out, pixels, about.width, about.height, samples, channels);
    duet_release(pixels);
    return status;
}

const duet_image_format duet_image_webp = {
    .info = {.name = "webp",
             .help = "WebP, lossy and lossless, no animations",
             .params = DUET_TABLE_EMPTY},
    .detect = detect,
    .decode = decode,
    .extensions = "webp",
};
