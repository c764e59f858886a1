/* SPDX-License-Identifier: MIT
 * diffusion/save.c: images to a grid, an npz in guided-diffusion's layout, a zip in EDM's, or a
 * folder of PNGs. */
#include <stdio.h>
#include <string.h>

#include <duet/sample.h>
#include <duet/store.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/image_zip.h"
#include "report/grid.h"

static duet_status save_grid(const uint8_t *pixels, int64_t count, int64_t size, int channels,
                             int64_t columns, const char *path, const duet_image_text *text) {
    duet_image sheet = {0};
    const int64_t scale = size <= 64 ? 2 : 1;
    DUET_TRY(duet_grid(&sheet, pixels, count, size, size, channels, columns, 2, scale));
    const duet_status status =
        duet_image_write_png(path, &sheet, text, text->value != NULL ? 1 : 0);
    duet_image_free(&sheet);
    return status;
}

static duet_status save_npz(const uint8_t *pixels, int64_t count, int64_t size, int channels,
                            const char *path) {
    uint8_t *rgb = NULL; /* [count,size,size,3] */
    const int64_t total = count * size * size;
    DUET_TRY(duet_alloc(&rgb, total * 3, 1));
    for (int64_t i = 0; i < total; i++)
        for (int c = 0; c < 3; c++) rgb[i * 3 + c] = pixels[i * channels + (channels == 3 ? c : 0)];
    const duet_store_item item = {.name = "arr_0",
                                  .dtype = DUET_U8,
                                  .stored = DUET_U8,
                                  .shape = {.rank = 4, .dim = {count, size, size, 3}},
                                  .data = rgb};
    const duet_status status = duet_store_write(path, "npz", &item, 1, NULL, 0);
    duet_release(rgb);
    return status;
}

static duet_status save_folder(const uint8_t *pixels, int64_t count, int64_t size, int channels,
                               const char *path, const duet_image_text *text) {
    DUET_TRY(duet_folder_make(path));
    for (int64_t i = 0; i < count; i++) {
        char name[32], file[DUET_PATH_SIZE];
        snprintf(name, sizeof name, "%06lld.png", (long long)i);
        DUET_TRY(duet_path_join(file, path, name));
        duet_image image = {0};
        DUET_TRY(duet_image_new(&image, size, size, channels));
        memcpy(image.pixels, pixels + i * size * size * channels, (size_t)(size * size * channels));
        const duet_status status =
            duet_image_write_png(file, &image, text, text->value != NULL ? 1 : 0);
        duet_image_free(&image);
        DUET_TRY(status);
    }
    return DUET_OK;
}

/* As EDM takes data sets, without labels. */
static duet_status save_zip(const uint8_t *pixels, int64_t count, int64_t size, int channels,
                            const char *path, const duet_image_text *text) {
    duet_status status = DUET_OK;
    duet_bytes *png = NULL;
    duet_image image = {0};
    const int64_t bytes = size * size * channels;
    DUET_DO(duet_alloc(&png, count + 1, sizeof *png));
    DUET_DO(duet_image_new(&image, size, size, channels));
    for (int64_t i = 0; i < count; i++) {
        memcpy(image.pixels, pixels + i * bytes, (size_t)bytes);
        DUET_DO(duet_image_encode_png(&png[i], &image, text, text->value ? 1 : 0));
    }
    DUET_DO(duet_image_zip_write(path, png, NULL, count));
done:
    for (int64_t i = 0; png != NULL && i < count; i++) duet_bytes_free(&png[i]);
    duet_release(png);
    duet_image_free(&image);
    return status;
}

duet_status duet_images_save(const uint8_t *pixels, int64_t count, int64_t size, int channels,
                             int64_t columns, const char *path, const char *note) {
    const duet_image_text text = {.key = "parameters", .value = note};
    const char *base = duet_path_base(path);
    if (duet_ends_with(path, ".png"))
        return save_grid(pixels, count, size, channels, columns, path, &text);
    if (duet_ends_with(path, ".npz")) return save_npz(pixels, count, size, channels, path);
    if (duet_ends_with(path, ".zip")) return save_zip(pixels, count, size, channels, path, &text);
    if (*base == '\0' || strchr(base, '.') == NULL || duet_path_is_folder(path))
        return save_folder(pixels, count, size, channels, path, &text);
    return duet_fail(DUET_ARG, "cannot tell what '%s' should be; end it in .png, .npz, .zip or '/'",
                     path);
}
