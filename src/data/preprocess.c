/* SPDX-License-Identifier: MIT
 * data/preprocess.c: from an image of any size to size x size x channels bytes, and from bytes to
 * [-1,1] and back. The fit is guided-diffusion's centre crop, torchvision's evaluation of ImageNet
 * (io/resize.h), or padding by the border's pixels: with w <= size the image's column 0 stands at
 * floor((size - w) / 2), rows alike, and y[i] = x[clamp(i - offset, 0, w - 1)]. */
#include "data/preprocess.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "data/dataset/dataset.h"
#include "io/resize.h"

/* ---- resizing without rounding ---- */

static duet_status clean(float *out, const duet_image *in, int64_t size) {
    const int64_t have = in->width * in->height * in->channels, count = size * size * in->channels;
    float *values = NULL;
    DUET_TRY(duet_alloc(&values, have, sizeof *values));
    for (int64_t i = 0; i < have; i++) values[i] = (float)in->pixels[i];
    const duet_status status = duet_resize_f32(out, values, in->height, in->width, in->channels,
                                               size, size, DUET_FILTER_BICUBIC);
    for (int64_t i = 0; i < count && status == DUET_OK; i++)
        out[i] = out[i] < 0.0F ? 0.0F : out[i] > 255.0F ? 255.0F : out[i];
    duet_release(values);
    return status;
}

static duet_status torch(float *out, const duet_image *in, int64_t size) {
    return duet_image_bilinear(out, in, size, size, DUET_BILINEAR_TORCH);
}

static duet_status tensorflow(float *out, const duet_image *in, int64_t size) {
    return duet_image_bilinear(out, in, size, size, DUET_BILINEAR_TF1);
}

static const struct {
    const char *name;
    duet_status (*run)(float *out, const duet_image *in, int64_t size);
    double middle; /* x = (v - middle) / middle */
} resizes[] = {{"torch", torch, 127.5}, {"tensorflow", tensorflow, 128}, {"clean", clean, 128}};

static int resize_of(const duet_preprocess *how) {
    for (int i = 0; i < DUET_COUNT(resizes); i++)
        if (strncmp(how->resize, resizes[i].name, sizeof how->resize) == 0) return i;
    return -1;
}

duet_status duet_preprocess_resize(float *out, const duet_image *in, const duet_preprocess *how) {
    const int which = resize_of(how);
    if (which < 0) return duet_fail(DUET_ARG, "unknown resize '%.15s'", how->resize);
    return resizes[which].run(out, in, how->size);
}

bool duet_preprocess_colours(const duet_preprocess *how, float gain[3], float offset[3]) {
    const int which = resize_of(how);
    const bool told = how->std[0] > 0 && how->std[1] > 0 && how->std[2] > 0;
    if (!told && (which < 0 || resizes[which].middle == 127.5)) return false;
    for (int c = 0; c < 3; c++) {
        gain[c] = (float)(1.0 / (told ? 255.0 * how->std[c] : resizes[which].middle));
        offset[c] = told ? (float)(-how->mean[c] / how->std[c]) : -1.0F;
    }
    return true;
}

/* ---- checks ---- */

duet_status duet_preprocess_check(const duet_preprocess *how) {
    if (how->size < 1 || how->size > DUET_PREPROCESS_MOST) {
        return duet_fail(DUET_ARG, "image size %lld is outside 1..%d", (long long)how->size,
                         DUET_PREPROCESS_MOST);
    }
    if (how->channels != 1 && how->channels != 3) {
        return duet_fail(DUET_ARG, "%d channels; images have 1 (grey) or 3 (colour)",
                         how->channels);
    }
    if (how->resize[0] != '\0' && resize_of(how) < 0)
        return duet_fail(DUET_ARG,
                         "unknown resize '%.15s'; ways are torch, tensorflow and clean, or none",
                         how->resize);
    const char *const fits[] = {"", "auto", "center_crop", "pad", "imagenet", "imagenet_cubic"};
    for (int i = 0; i < DUET_COUNT(fits); i++) {
        if (strncmp(how->fit, fits[i], sizeof how->fit) == 0) return DUET_OK;
    }
    return duet_fail(DUET_ARG,
                     "unknown fit '%.15s'; fits are auto, center_crop, pad, imagenet and "
                     "imagenet_cubic",
                     how->fit);
}

int64_t duet_preprocess_bytes(const duet_preprocess *how) {
    return how->size * how->size * how->channels;
}

static bool is_imagenet(const duet_preprocess *how) {
    return strncmp(how->fit, "imagenet", strlen("imagenet")) == 0;
}

static bool wants_padding(const duet_preprocess *how, int64_t height, int64_t width) {
    const int64_t size = how->size;
    if (how->resize[0] != '\0') return false;
    if (height > size || width > size || (height == size && width == size)) return false;
    if (strcmp(how->fit, "pad") == 0) return true;
    return strcmp(how->fit, "center_crop") != 0 && !is_imagenet(how) && 5 * height > 4 * size &&
           5 * width > 4 * size;
}

/* Small images have no border to spare: they are enlarged as a whole. */
static bool wants_imagenet(const duet_preprocess *how, int64_t height, int64_t width) {
    const int64_t side = height < width ? height : width;
    return is_imagenet(how) && 7 * side >= 8 * how->size;
}

static int64_t clamp(int64_t v, int64_t most) {
    return v < 0 ? 0 : v > most ? most : v;
}

static void pad(uint8_t *out, const duet_image *in, int64_t size) {
    const int64_t top = (size - in->height) / 2, left = (size - in->width) / 2, c = in->channels;
    for (int64_t y = 0; y < size; y++) {
        const uint8_t *row = in->pixels + clamp(y - top, in->height - 1) * in->width * c;
        for (int64_t x = 0; x < size; x++) {
            memcpy(out + (y * size + x) * c, row + clamp(x - left, in->width - 1) * c, (size_t)c);
        }
    }
}

/* The values of duet_preprocess_resize, rounded. */
static duet_status squeeze(uint8_t *out, const duet_image *in, const duet_preprocess *how) {
    const int64_t count = how->size * how->size * in->channels;
    float *values = NULL;
    DUET_TRY(duet_alloc(&values, count, sizeof *values));
    const duet_status status = duet_preprocess_resize(values, in, how);
    for (int64_t i = 0; i < count && status == DUET_OK; i++) out[i] = (uint8_t)(values[i] + 0.5F);
    duet_release(values);
    return status;
}

duet_status duet_preprocess_fit(uint8_t *out, const duet_image *in, const duet_preprocess *how) {
    if (wants_padding(how, in->height, in->width)) {
        pad(out, in, how->size);
        return DUET_OK;
    }
    if (in->height == how->size && in->width == how->size) {
        memcpy(out, in->pixels, (size_t)duet_preprocess_bytes(how));
        return DUET_OK;
    }
    if (how->resize[0] != '\0') return squeeze(out, in, how);
    duet_image cropped = {0};
    DUET_TRY(wants_imagenet(how, in->height, in->width)
                 ? duet_image_imagenet_crop(&cropped, in, how->size,
                                            strcmp(how->fit, "imagenet_cubic") == 0
                                                ? DUET_FILTER_BICUBIC
                                                : DUET_FILTER_BILINEAR)
                 : duet_image_center_crop(&cropped, in, how->size));
    memcpy(out, cropped.pixels, (size_t)duet_preprocess_bytes(how));
    duet_image_free(&cropped);
    return DUET_OK;
}

/* Marks a failure that concerns this image only. */
static duet_status about_the_image(duet_status status) {
    const bool is = status == DUET_FORMAT || status == DUET_IO || status == DUET_NOT_FOUND ||
                    status == DUET_UNSUPPORTED || status == DUET_SHAPE;
    return is ? duet_because(DUET_CAUSE_BAD_IMAGE, status) : status;
}

duet_status duet_dataset_read_as_is(const duet_dataset *dataset, duet_split split, int64_t index,
                                    int channels, duet_image *out) {
    const duet_status status =
        about_the_image(dataset->layout->read(dataset, split, index, channels, out));
    if (status != DUET_OK && dataset->info.name[0] != '\0')
        duet_error_frame("data set '%s'", dataset->info.name);
    return status;
}

duet_status duet_dataset_read(const duet_dataset *dataset, duet_split split, int64_t index,
                              const duet_preprocess *how, uint8_t *out) {
    unsigned lost = 0;
    return duet_dataset_read_all(dataset, split, index, how, out, &lost);
}

duet_status duet_dataset_read_all(const duet_dataset *dataset, duet_split split, int64_t index,
                                  const duet_preprocess *how, uint8_t *out, unsigned *lost) {
    duet_status status = DUET_OK;
    duet_image image = {0};
    DUET_TRY(duet_preprocess_check(how));
    if ((int)split < 0 || split >= DUET_SPLIT_COUNT || index < 0 ||
        index >= dataset->info.count[split]) {
        return duet_fail(DUET_ARG, "data set '%s' has no row %lld in split %s", dataset->info.name,
                         (long long)index, duet_split_name(split));
    }
    DUET_DO(duet_dataset_read_as_is(dataset, split, index, how->channels, &image));
    DUET_CONTEXT(about_the_image(duet_preprocess_fit(out, &image, how)), "data set '%s'",
                 dataset->info.name);
    *lost = image.lost;
done:
    duet_image_free(&image);
    return status;
}

duet_status duet_image_load(const char *path, const duet_preprocess *how, uint8_t *out) {
    duet_status status = DUET_OK;
    duet_image image = {0};
    DUET_DO(duet_preprocess_check(how));
    DUET_DO(duet_image_read(&image, path, how->channels));
    DUET_CONTEXT(duet_preprocess_fit(out, &image, how), "cannot fit '%s'", path);
done:
    duet_image_free(&image);
    return status;
}

duet_status duet_image_measure(const char *path, duet_image_size *out) {
    duet_image image = {0};
    DUET_TRY(duet_image_read(&image, path, 0));
    *out = (duet_image_size){.width = image.width,
                             .height = image.height,
                             .channels = image.channels,
                             .transparent = (image.lost & DUET_IMAGE_LOST_ALPHA) != 0};
    duet_image_free(&image);
    return DUET_OK;
}

void duet_pixels_to_float(float *out, const uint8_t *in, int64_t count) {
    for (int64_t i = 0; i < count; i++) out[i] = (float)in[i] / 127.5f - 1.0f;
}

void duet_float_to_pixels(uint8_t *out, const float *in, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const float v = (in[i] + 1.0f) * 127.5f + 0.5f;
        out[i] = v > 0.0f ? (uint8_t)(v < 255.0f ? v : 255.0f) : 0; /* NaN gives 0 */
    }
}
