/* SPDX-License-Identifier: MIT
 * Binary PGM (P5) and PPM (P6): "P6 width height maxval" in decimal, separated by white space and
 * #-comments, one white space, then rows of 1-byte samples, or 2-byte big-endian ones when maxval >
 * 255. Values are scaled to 0..255, rounded. Source: netpbm's pgm(5) and ppm(5). Anything after the
 * first image is ignored. */
#include <math.h>

#include "base/error.h"
#include "base/mem.h"
#include "io/image/pixels.h"

static bool is_space(uint8_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool detect(const uint8_t *bytes, int64_t size) {
    return size > 2 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6') &&
           (is_space(bytes[2]) || bytes[2] == '#');
}

/* Reads the next number of the header from *at; false when there is none or it is over 2^30. */
static bool header_number(const uint8_t *bytes, int64_t size, int64_t *at, int64_t *out) {
    while (*at < size && (is_space(bytes[*at]) || bytes[*at] == '#')) {
        if (bytes[*at] == '#')
            while (*at < size && bytes[*at] != '\n' && bytes[*at] != '\r') ++*at;
        else
            ++*at;
    }
    int64_t value = 0;
    const int64_t start = *at;
    while (*at < size && bytes[*at] >= '0' && bytes[*at] <= '9' && value < (1 << 30))
        value = 10 * value + (bytes[(*at)++] - '0');
    *out = value;
    return *at > start && *at < size && value < (1 << 30);
}

static duet_status decode(duet_image *out, const uint8_t *bytes, int64_t size, int channels,
                          const char *name) {
    const int samples = bytes[1] == '5' ? 1 : 3;
    int64_t at = 2, width, height, maxval;
    if (!header_number(bytes, size, &at, &width) || !header_number(bytes, size, &at, &height) ||
        !header_number(bytes, size, &at, &maxval) || !is_space(bytes[at]))
        return duet_fail(DUET_FORMAT, "image '%s': the PPM header is damaged or cut off", name);
    at++;
    if (maxval < 1 || maxval > 65535)
        return duet_fail(DUET_FORMAT, "image '%s': PPM maximum %lld is not in 1..65535", name,
                         (long long)maxval);
    DUET_TRY(duet_image_check(width, height, name));
    const int width_bytes = maxval > 255 ? 2 : 1;
    const int64_t count = width * height * samples;
    if (size - at < count * width_bytes)
        return duet_fail(DUET_FORMAT, "image '%s' is cut off: %lld bytes of pixels, %lld expected",
                         name, (long long)(size - at), (long long)(count * width_bytes));
    if (maxval == 255)
        return duet_image_from_pixels(out, bytes + at, width, height, samples, channels);
    duet_status status = DUET_OK;
    uint8_t *pixels = NULL;
    DUET_DO(duet_alloc(&pixels, count, 1));
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *s = bytes + at + i * width_bytes;
        const int64_t value = width_bytes == 2 ? s[0] * 256 + s[1] : s[0];
        /* Pillow's arithmetic, ties to even; a sample over the maximum is clipped. */
        const double scaled = rint((double)value / (double)maxval * 255.0);
        pixels[i] = (uint8_t)(scaled > 255.0 ? 255.0 : scaled);
    }
    DUET_DO(duet_image_from_pixels(out, pixels, width, height, samples, channels));
done:
    duet_release(pixels);
    return status;
}

const duet_image_format duet_image_ppm = {
    .info = {.name = "ppm", .help = "binary PGM and PPM", .params = DUET_TABLE_EMPTY},
    .detect = detect,
    .decode = decode,
    .extensions = "ppm|pgm|pnm",
};
