/* SPDX-License-Identifier: MIT
 * The image family's dispatcher (by content), image memory and conversion, and PNG writing. Alpha
 * over white: (c * a + 255 * (255 - a)) / 255, rounded, as Pillow's paste with a mask. The EXIF
 * orientation is applied, so that the image stands as a viewer shows it (Pillow:
 * ImageOps.exif_transpose); colour profiles are not. */
#include "io/image.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/mem.h"
#include "io/exif.h"
#include "io/kind.h"
#include "io/image/pixels.h"
#include "io/image/image.def"

DUET_FAMILY(image, DUET_IMAGES, "image file formats");

static const duet_image_format *format_of(const uint8_t *bytes, int64_t size) {
    for (int i = 0; i < duet_family_image.count; i++) {
        const duet_image_format *const format = duet_image_of(duet_family_image.entries[i]);
        if (format->detect(bytes, size)) return format;
    }
    return NULL;
}

bool duet_image_known(const uint8_t *bytes, int64_t size) {
    return format_of(bytes, size) != NULL;
}

/* Whether `extension` is one of the words of "a|b|c". */
static bool listed(const char *list, const char *extension) {
    const size_t n = strlen(extension);
    for (const char *at = list; at; at = strchr(at, '|')) {
        if (*at == '|') at++;
        if (strcspn(at, "|") == n && strncasecmp(at, extension, n) == 0) return true;
    }
    return false;
}

bool duet_image_name_known(const char *name) {
    const char *dot = strrchr(name, '.');
    if (dot == NULL || !dot[1] || strchr(dot, '/') != NULL) return false;
    for (int i = 0; i < duet_family_image.count; i++)
        if (listed(duet_image_of(duet_family_image.entries[i])->extensions, dot + 1)) return true;
    return false;
}

duet_status duet_image_decode(duet_image *out, const uint8_t *bytes, int64_t size, int channels,
                              const char *name) {
    if (channels != 0 && channels != 1 && channels != 3 && channels != DUET_IMAGE_ALPHA)
        return duet_fail(DUET_ARG, "an image has 1 or 3 channels, not %d", channels);
    if (size <= 0) return duet_fail(DUET_FORMAT, "image '%s' is empty", name);
    const duet_image_format *format = format_of(bytes, size);
    if (format == NULL) {
        const char *const words = duet_kind_of_bytes(bytes, size).words;
        return duet_fail(DUET_FORMAT, "'%s' is not a JPEG, PNG, PPM or WebP image%s%s", name,
                         words != NULL ? ": it is " : "", words != NULL ? words : "");
    }
    DUET_TRY(format->decode(out, bytes, size, channels, name));
    const duet_status status = duet_exif_turn(out, duet_exif_orientation(bytes, size));
    if (status != DUET_OK) duet_image_free(out);
    return status;
}

duet_status duet_image_read(duet_image *out, const char *path, int channels) {
    duet_bytes bytes = {0};
    DUET_TRY(duet_file_read(&bytes, path));
    const duet_status status = duet_image_decode(out, bytes.data, bytes.size, channels, path);
    duet_bytes_free(&bytes);
    return status;
}

duet_status duet_image_check(int64_t width, int64_t height, const char *name) {
    if (width < 1 || height < 1)
        return duet_fail(DUET_FORMAT, "image '%s' is %lld x %lld pixels", name, (long long)width,
                         (long long)height);
    if (width > DUET_IMAGE_MAX_SIDE || height > DUET_IMAGE_MAX_SIDE ||
        width * height > DUET_IMAGE_MAX_PIXELS)
        return duet_because(
            DUET_CAUSE_BAD_IMAGE,
            duet_fail(DUET_NO_MEMORY,
                      "image '%s' is %lld x %lld pixels; the limits are %d a side and %d in all",
                      name, (long long)width, (long long)height, DUET_IMAGE_MAX_SIDE,
                      DUET_IMAGE_MAX_PIXELS));
    return DUET_OK;
}

duet_status duet_image_new(duet_image *out, int64_t width, int64_t height, int channels) {
    if (width < 1 || height < 1 || (channels != 1 && channels != 3))
        return duet_fail(DUET_ARG, "cannot make an image of %lld x %lld pixels with %d channels",
                         (long long)width, (long long)height, channels);
    DUET_TRY(duet_image_check(width, height, "new"));
    uint8_t *pixels = NULL;
    DUET_TRY(duet_alloc(&pixels, width * height * channels, 1));
    *out = (duet_image){.width = width, .height = height, .channels = channels, .pixels = pixels};
    return DUET_OK;
}

duet_status duet_image_cut(duet_image *image, int64_t x, int64_t y, int64_t width, int64_t height) {
    const int64_t left = x > 0 ? x : 0, top = y > 0 ? y : 0,
                  right = x + width < image->width ? x + width : image->width,
                  bottom = y + height < image->height ? y + height : image->height;
    duet_image out = {0};
    if (right <= left || bottom <= top)
        return duet_fail(DUET_SHAPE,
                         "nothing of the image of %lld x %lld pixels lies in the rectangle of "
                         "%lld x %lld at (%lld, %lld)",
                         (long long)image->width, (long long)image->height, (long long)width,
                         (long long)height, (long long)x, (long long)y);
    DUET_TRY(duet_image_new(&out, right - left, bottom - top, image->channels));
    const size_t row = (size_t)(out.width * out.channels);
    for (int64_t r = 0; r < out.height; r++)
        memcpy(out.pixels + (size_t)r * row,
               image->pixels + ((top + r) * image->width + left) * image->channels, row);
    out.lost = image->lost;
    duet_image_free(image);
    *image = out;
    return DUET_OK;
}

void duet_image_free(duet_image *image) {
    if (image == NULL) return;
    duet_release(image->pixels);
    *image = (duet_image){0};
}

static inline uint8_t over_white(unsigned value, unsigned alpha) {
    const unsigned sum = value * alpha + 255u * (255u - alpha) + 128u;
    return (uint8_t)(((sum >> 8) + sum) >> 8); /* sum / 255, rounded; exact in this range */
}

static inline uint8_t grey_of(unsigned r, unsigned g, unsigned b) {
    return (uint8_t)((19595u * r + 38470u * g + 7471u * b + 32768u) >> 16);
}

static duet_status opacity(duet_image *out, const uint8_t *pixels, int64_t width, int64_t height,
                           int samples) {
    DUET_TRY(duet_image_new(out, width, height, 1));
    for (int64_t i = 0; i < width * height; i++)
        out->pixels[i] = samples % 2 == 0 ? pixels[(i + 1) * samples - 1] : 255;
    return DUET_OK;
}

duet_status duet_image_from_pixels(duet_image *out, const uint8_t *pixels, int64_t width,
                                   int64_t height, int samples, int channels) {
    const int colours = samples < 3 ? 1 : 3;
    duet_image image;
    if (channels == DUET_IMAGE_ALPHA) return opacity(out, pixels, width, height, samples);
    DUET_TRY(duet_image_new(&image, width, height, channels ? channels : colours));
    const int64_t count = width * height;
    const bool alpha = samples == 2 || samples == 4;
    unsigned see_through = 0, coloured = 0;
    uint8_t *dst = image.pixels;
    for (int64_t i = 0; i < count; i++, pixels += samples, dst += image.channels) {
        uint8_t c[3];
        for (int k = 0; k < 3; k++) {
            const uint8_t value = pixels[colours == 1 ? 0 : k];
            c[k] = alpha ? over_white(value, pixels[samples - 1]) : value;
        }
        if (alpha) see_through |= 255u - pixels[samples - 1];
        if (image.channels == 3) {
            memcpy(dst, c, 3);
        } else {
            dst[0] = colours == 1 ? c[0] : grey_of(c[0], c[1], c[2]);
            coloured |= (unsigned)(c[0] ^ c[1]) | (unsigned)(c[1] ^ c[2]);
        }
    }
    image.lost = (coloured != 0 ? (unsigned)DUET_IMAGE_LOST_COLOUR : 0u) |
                 (see_through != 0 ? (unsigned)DUET_IMAGE_LOST_ALPHA : 0u);
    *out = image;
    return DUET_OK;
}

duet_status duet_image_write_png(const char *path, const duet_image *image,
                                 const duet_image_text *texts, int count) {
    duet_bytes bytes = {0};
    duet_status status = duet_image_encode_png(&bytes, image, texts, count);
    if (status == DUET_OK) status = duet_file_write(path, bytes.data, bytes.size);
    duet_bytes_free(&bytes);
    return status;
}
