/* SPDX-License-Identifier: MIT
 * model/low_res.c: see low_res.h. With f = size / small, pixel i of the enlarged image lies at (i +
 * 1/2) / f - 1/2 of the small one; beyond its outermost centres the border pixel is used. */
#include "model/low_res.h"

#include <math.h>

static float mean_at(const uint8_t *pixels, int64_t size, int64_t channels, int64_t f, int64_t row,
                     int64_t column, int64_t c) {
    int64_t sum = 0;
    for (int64_t y = row * f; y < (row + 1) * f; y++)
        for (int64_t x = column * f; x < (column + 1) * f; x++)
            sum += pixels[(y * size + x) * channels + c];
    return (float)sum / (float)(f * f) / 127.5f - 1.0f;
}

typedef struct between {
    int64_t low, high;
    float part; /* weight of `high` */
} between;

static between place(int64_t i, int64_t f, int64_t small) {
    const float at = fmaxf(((float)i + 0.5f) / (float)f - 0.5f, 0.0f);
    const int64_t low = (int64_t)at;
    return (between){.low = low, .high = low + 1 < small ? low + 1 : low, .part = at - (float)low};
}

void duet_low_res(float *out, const uint8_t *pixels, int64_t size, int64_t channels,
                  int64_t small) {
    const int64_t f = size / small;
    for (int64_t y = 0; y < size; y++) {
        const between v = place(y, f, small);
        for (int64_t x = 0; x < size; x++) {
            const between h = place(x, f, small);
            for (int64_t c = 0; c < channels; c++) {
                const float a = mean_at(pixels, size, channels, f, v.low, h.low, c),
                            b = mean_at(pixels, size, channels, f, v.low, h.high, c);
                const float d = mean_at(pixels, size, channels, f, v.high, h.low, c),
                            e = mean_at(pixels, size, channels, f, v.high, h.high, c);
                const float top = a + h.part * (b - a), bottom = d + h.part * (e - d);
                out[(y * size + x) * channels + c] = top + v.part * (bottom - top);
            }
        }
    }
}

void duet_low_res_enlarge(float *out, const float *image, int64_t size, int64_t channels,
                          int64_t small) {
    const int64_t f = size / small;
    for (int64_t y = 0; y < size; y++) {
        const between v = place(y, f, small);
        const float *const upper = image + v.low * small * channels, *const lower =
                                                                         image +
                                                                         v.high * small * channels;
        for (int64_t x = 0; x < size; x++) {
            const between h = place(x, f, small);
            for (int64_t c = 0; c < channels; c++) {
                const float a = upper[h.low * channels + c], b = upper[h.high * channels + c],
                            d = lower[h.low * channels + c], e = lower[h.high * channels + c];
                const float top = a + h.part * (b - a), bottom = d + h.part * (e - d);
                out[(y * size + x) * channels + c] = top + v.part * (bottom - top);
            }
        }
    }
}
