/* SPDX-License-Identifier: MIT
 * run/grid.c: a sheet of equal images. Sheet width = columns*(width*scale) + (columns+1)*gap,
 * height likewise with rows = ceil(count/columns); a sheet with fewer images than columns is only
 * as wide as they are. */
#include "run/grid.h"

#include "base/error.h"

#include <string.h>

/* n*cell + (n+1)*gap, or -1 where that is more than an image may be. */
static int64_t extent(int64_t n, int64_t cell, int64_t gap) {
    const int64_t most = 65500;
    if (cell > most || gap > most || n > most) return -1;
    const int64_t size = n * cell + (n + 1) * gap;
    return size <= most ? size : -1;
}

static void place(duet_image *sheet, const uint8_t *pixels, int64_t x, int64_t y, int64_t height,
                  int64_t width, int64_t scale) {
    const int64_t channels = sheet->channels, stride = sheet->width * channels;
    for (int64_t row = 0; row < height * scale; row++) {
        const uint8_t *in = pixels + (row / scale) * width * channels;
        uint8_t *out = sheet->pixels + (y + row) * stride + x * channels;
        for (int64_t column = 0; column < width * scale; column++) {
            memcpy(out + column * channels, in + (column / scale) * channels, (size_t)channels);
        }
    }
}

duet_status duet_grid(duet_image *out, const uint8_t *pixels, int64_t count, int64_t height,
                      int64_t width, int channels, int64_t columns, int64_t gap, int64_t scale) {
    if (channels != 1 && channels != 3)
        return duet_fail(DUET_ARG, "a grid needs 1 or 3 channels, not %d", channels);
    if (count < 1 || height < 1 || width < 1) {
        return duet_fail(DUET_ARG, "nothing to lay out: %lld images of %lld x %lld",
                         (long long)count, (long long)height, (long long)width);
    }
    if (columns < 1 || gap < 0 || scale < 1) {
        return duet_fail(DUET_ARG, "a grid of %lld columns, gap %lld, scale %lld is not possible",
                         (long long)columns, (long long)gap, (long long)scale);
    }
    const int64_t across = columns < count ? columns : count;
    const int64_t rows = (count - 1) / across + 1;
    int64_t cell_width = 0, cell_height = 0;
    const bool over = __builtin_mul_overflow(width, scale, &cell_width) ||
                      __builtin_mul_overflow(height, scale, &cell_height);
    const int64_t sheet_width = over ? -1 : extent(across, cell_width, gap),
                  sheet_height = over ? -1 : extent(rows, cell_height, gap);
    if (sheet_width < 0 || sheet_height < 0) {
        return duet_fail(
            DUET_ARG,
            "a grid of %lld images of %lld x %lld at scale %lld is larger than an image may be",
            (long long)count, (long long)height, (long long)width, (long long)scale);
    }
    duet_image sheet = {0};
    DUET_TRY(duet_image_new(&sheet, sheet_width, sheet_height, channels));
    memset(sheet.pixels, 255, (size_t)(sheet_width * sheet_height * channels));
    for (int64_t i = 0; i < count; i++) {
        const int64_t x = gap + (i % across) * (cell_width + gap),
                      y = gap + (i / across) * (cell_height + gap);
        place(&sheet, pixels + i * height * width * channels, x, y, height, width, scale);
    }
    *out = sheet;
    return DUET_OK;
}
