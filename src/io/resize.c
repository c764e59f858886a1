/* SPDX-License-Identifier: MIT
 * Separable resampling of 8-bit images with the arithmetic of Pillow's ImagingResample, bit for
 * bit. For output x: centre = (x + 0.5) * scale, window = centre +- support * max(scale, 1),
 * weights = filter normalised to sum 1 in double, then rounded to 22-bit fixed point; one pass
 * writes 8 bits, horizontal first. Source: Pillow's documentation of the filters, and the behaviour
 * of version 9.4, from which the expected values of the tests come. */
#include "io/resize.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define PRECISION (32 - 8 - 2) /* 8 bits of the pixel, 2 of headroom for filters that overshoot */

static double filter_box(double x) {
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double filter_bilinear(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic with a = -0.5. */
static double filter_bicubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double sinc(double x) {
    if (x == 0.0) return 1.0;
    x = x * 3.14159265358979323846;
    return sin(x) / x;
}

static double filter_lanczos(double x) {
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

static const struct {
    double (*at)(double x);
    double support;
} filters[] = {
    [DUET_FILTER_BOX] = {filter_box, 0.5},
    [DUET_FILTER_BILINEAR] = {filter_bilinear, 1.0},
    [DUET_FILTER_BICUBIC] = {filter_bicubic, 2.0},
    [DUET_FILTER_LANCZOS] = {filter_lanczos, 3.0},
};

/* The taps of one axis: output i = sum over j < count[i] of weight[i * stride + j] * input[first[i]
 * + j]. */
typedef struct taps {
    int32_t *first, *count, *weight;
    int64_t stride;
} taps;

static void taps_free(taps *t) {
    duet_release(t->first);
    duet_release(t->count);
    duet_release(t->weight);
    *t = (taps){0};
}

/* The weights of output i, which sum to 1; returns their number. weight: [2 ceil(support) + 1]. */
static int64_t weigh(double *weight, int64_t *out_first, int64_t i, int64_t in, double scale,
                     double support, duet_filter filter) {
    const double stretch = scale < 1.0 ? 1.0 : scale;
    const double centre = ((double)i + 0.5) * scale;
    const double inverse = 1.0 / stretch;
    int64_t first = (int64_t)(centre - support + 0.5);
    if (first < 0) first = 0;
    int64_t end = (int64_t)(centre + support + 0.5);
    if (end > in) end = in;
    double sum = 0.0;
    for (int64_t j = 0; j < end - first; j++) {
        weight[j] = filters[filter].at(((double)(j + first) - centre + 0.5) * inverse);
        sum += weight[j];
    }
    for (int64_t j = 0; j < end - first && sum != 0.0; j++) weight[j] /= sum;
    *out_first = first;
    return end - first;
}

static double scaled_support(double scale, duet_filter filter) {
    return filters[filter].support * (scale < 1.0 ? 1.0 : scale);
}

static duet_status taps_make(taps *t, int64_t in, int64_t out, duet_filter filter) {
    duet_status status = DUET_OK;
    double *work = NULL;
    const double scale = (double)in / (double)out, support = scaled_support(scale, filter);
    t->stride = (int64_t)ceil(support) * 2 + 1;
    DUET_DO(duet_alloc(&t->first, out, sizeof(int32_t)));
    DUET_DO(duet_alloc(&t->count, out, sizeof(int32_t)));
    DUET_DO(duet_alloc(&t->weight, out * t->stride, sizeof(int32_t)));
    DUET_DO(duet_alloc(&work, t->stride, sizeof(double)));
    for (int64_t i = 0; i < out; i++) {
        int64_t first = 0;
        const int64_t count = weigh(work, &first, i, in, scale, support, filter);
        for (int64_t j = 0; j < count; j++) /* half away from zero, by truncation towards zero */
            t->weight[i * t->stride + j] =
                (int32_t)((work[j] < 0 ? -0.5 : 0.5) + work[j] * (1 << PRECISION));
        t->first[i] = (int32_t)first;
        t->count[i] = (int32_t)count;
    }
done:
    duet_release(work);
    return status;
}

static inline uint8_t clip8(int32_t sum) {
    const int32_t v = sum >> PRECISION;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void resize_rows(duet_image *out, const duet_image *in, const taps *t) {
    for (int64_t y = 0; y < out->height; y++) {
        const uint8_t *src = in->pixels + y * in->width * in->channels;
        uint8_t *dst = out->pixels + y * out->width * out->channels;
        for (int64_t x = 0; x < out->width; x++) {
            const int32_t *k = t->weight + x * t->stride;
            const uint8_t *s = src + (int64_t)t->first[x] * in->channels;
            if (in->channels == 3) {
                int32_t r = 1 << (PRECISION - 1), g = r, b = r;
                for (int32_t j = 0; j < t->count[x]; j++, s += 3) {
                    r += s[0] * k[j];
                    g += s[1] * k[j];
                    b += s[2] * k[j];
                }
                dst[3 * x] = clip8(r);
                dst[3 * x + 1] = clip8(g);
                dst[3 * x + 2] = clip8(b);
            } else {
                int32_t v = 1 << (PRECISION - 1);
                for (int32_t j = 0; j < t->count[x]; j++) v += s[j] * k[j];
                dst[x] = clip8(v);
            }
        }
    }
}

/* `sum` has room for one row: whole rows are added at a time, so that the inner loop is contiguous.
 */
static void resize_columns(duet_image *out, const duet_image *in, const taps *t, int32_t *sum) {
    const int64_t n = in->width * in->channels;
    for (int64_t y = 0; y < out->height; y++) {
        for (int64_t i = 0; i < n; i++) sum[i] = 1 << (PRECISION - 1);
        for (int32_t j = 0; j < t->count[y]; j++) {
            const uint8_t *src = in->pixels + (t->first[y] + j) * n;
            const int32_t k = t->weight[y * t->stride + j];
            for (int64_t i = 0; i < n; i++) sum[i] += src[i] * k;
        }
        uint8_t *dst = out->pixels + y * n;
        for (int64_t i = 0; i < n; i++) dst[i] = clip8(sum[i]);
    }
}

static duet_status horizontal(duet_image *out, const duet_image *in, int64_t width,
                              duet_filter filter) {
    duet_status status = DUET_OK;
    taps t = {0};
    DUET_DO(taps_make(&t, in->width, width, filter));
    DUET_DO(duet_image_new(out, width, in->height, in->channels));
    resize_rows(out, in, &t);
done:
    taps_free(&t);
    return status;
}

static duet_status vertical(duet_image *out, const duet_image *in, int64_t height,
                            duet_filter filter) {
    duet_status status = DUET_OK;
    taps t = {0};
    int32_t *sum = NULL;
    DUET_DO(taps_make(&t, in->height, height, filter));
    DUET_DO(duet_alloc(&sum, in->width * in->channels, sizeof(int32_t)));
    DUET_DO(duet_image_new(out, in->width, height, in->channels));
    resize_columns(out, in, &t, sum);
done:
    duet_release(sum);
    taps_free(&t);
    return status;
}

duet_status duet_image_resize(duet_image *out, const duet_image *in, int64_t width, int64_t height,
                              duet_filter filter) {
    if ((unsigned)filter > DUET_FILTER_LANCZOS)
        return duet_fail(DUET_ARG, "unknown resize filter %d", (int)filter);
    if (width < 1 || height < 1)
        return duet_fail(DUET_ARG, "cannot resize to %lld x %lld pixels", (long long)width,
                         (long long)height);
    /* A pass that keeps its size is skipped, as in Pillow: filters of width > 1 would not change
     * the pixels anyway. */
    if (width == in->width && height == in->height)
        return duet_image_crop(out, in, 0, 0, width, height);
    if (width == in->width) return vertical(out, in, height, filter);
    if (height == in->height) return horizontal(out, in, width, filter);
    duet_image wide = {0};
    DUET_TRY(horizontal(&wide, in, width, filter));
    const duet_status status = vertical(out, &wide, height, filter);
    duet_image_free(&wide);
    return status;
}

/* One axis of Pillow's mode F: out[o][i][u] = sum over j of weight[j] in[o][first + j][u], in
 * double, stored as f32, for o < outer, u < unit. */
static duet_status resize_axis(float *out, const float *in, int64_t outer, int64_t from, int64_t to,
                               int64_t unit, duet_filter filter) {
    double *weight = NULL;
    const double scale = (double)from / (double)to, support = scaled_support(scale, filter);
    DUET_TRY(duet_alloc(&weight, 2 * (int64_t)ceil(support) + 1, sizeof *weight));
    for (int64_t i = 0; i < to; i++) {
        int64_t first = 0;
        const int64_t count = weigh(weight, &first, i, from, scale, support, filter);
        for (int64_t o = 0; o < outer; o++) {
            const float *const src = in + (o * from + first) * unit;
            float *const dst = out + (o * to + i) * unit;
            for (int64_t u = 0; u < unit; u++) {
                double sum = 0.0;
                for (int64_t j = 0; j < count; j++) sum += (double)src[j * unit + u] * weight[j];
                dst[u] = (float)sum;
            }
        }
    }
    duet_release(weight);
    return DUET_OK;
}

duet_status duet_resize_f32(float *out, const float *in, int64_t height, int64_t width,
                            int64_t channels, int64_t to_height, int64_t to_width,
                            duet_filter filter) {
    duet_status status = DUET_OK;
    float *wide = NULL;
    if (height < 1 || width < 1 || to_height < 1 || to_width < 1)
        return duet_fail(DUET_ARG, "cannot resize %lld x %lld to %lld x %lld pixels",
                         (long long)width, (long long)height, (long long)to_width,
                         (long long)to_height);
    DUET_DO(duet_alloc(&wide, height * to_width * channels, sizeof *wide));
    if (width == to_width)
        memcpy(wide, in, (size_t)(height * width * channels) * sizeof *wide);
    else
        DUET_DO(resize_axis(wide, in, height, width, to_width, channels, filter));
    if (height == to_height)
        memcpy(out, wide, (size_t)(height * to_width * channels) * sizeof *out);
    else
        DUET_DO(resize_axis(out, wide, 1, height, to_height, to_width * channels, filter));
done:
    duet_release(wide);
    return status;
}

duet_status duet_image_crop(duet_image *out, const duet_image *in, int64_t x, int64_t y,
                            int64_t width, int64_t height) {
    if (x < 0 || y < 0 || width < 1 || height < 1 || width > in->width || height > in->height ||
        x > in->width - width || y > in->height - height)
        return duet_fail(
            DUET_ARG, "crop window %lld x %lld at (%lld, %lld) is not inside the %lld x %lld image",
            (long long)width, (long long)height, (long long)x, (long long)y, (long long)in->width,
            (long long)in->height);
    duet_image part;
    DUET_TRY(duet_image_new(&part, width, height, in->channels));
    for (int64_t row = 0; row < height; row++)
        memcpy(part.pixels + row * width * in->channels,
               in->pixels + ((y + row) * in->width + x) * in->channels,
               (size_t)(width * in->channels));
    *out = part;
    return DUET_OK;
}

static int64_t short_side(const duet_image *image) {
    return image->width < image->height ? image->width : image->height;
}

duet_status duet_image_center_crop(duet_image *out, const duet_image *in, int64_t size) {
    if (size < 1) return duet_fail(DUET_ARG, "cannot crop to %lld pixels", (long long)size);
    duet_status status = DUET_OK;
    duet_image at = *in, next = {0}; /* `at` borrows `in` until the first resize */
    bool owned = false;
    while (short_side(&at) / 2 >= size) {
        DUET_DO(duet_image_resize(&next, &at, at.width / 2, at.height / 2, DUET_FILTER_BOX));
        if (owned) duet_image_free(&at);
        at = next;
        owned = true;
    }
    const double scale = (double)size / (double)short_side(&at);
    DUET_DO(duet_image_resize(&next, &at, (int64_t)rint((double)at.width * scale),
                              (int64_t)rint((double)at.height * scale), DUET_FILTER_BICUBIC));
    if (owned) duet_image_free(&at);
    at = next;
    owned = true;
    DUET_DO(duet_image_crop(out, &at, (at.width - size) / 2, (at.height - size) / 2, size, size));
done:
    if (owned) duet_image_free(&at);
    return status;
}

duet_status duet_image_imagenet_crop(duet_image *out, const duet_image *in, int64_t size,
                                     duet_filter filter) {
    duet_status status = DUET_OK;
    duet_image resized = {0};
    if (size < 1) return duet_fail(DUET_ARG, "cannot crop to %lld pixels", (long long)size);
    const int64_t target = size * 8 / 7, side = short_side(in);
    DUET_DO(duet_image_resize(&resized, in, target * in->width / side, target * in->height / side,
                              filter));
    DUET_DO(duet_image_crop(out, &resized, (int64_t)rint((double)(resized.width - size) / 2.0),
                            (int64_t)rint((double)(resized.height - size) / 2.0), size, size));
done:
    duet_image_free(&resized);
    return status;
}

void duet_pixels_mirror(uint8_t *out, const uint8_t *in, int64_t images, int64_t size,
                        int channels) {
    for (int64_t line = 0; line < images * size; line++)
        for (int64_t x = 0; x < size; x++)
            memcpy(out + (line * size + x) * channels, in + (line * size + size - 1 - x) * channels,
                   (size_t)channels);
}
