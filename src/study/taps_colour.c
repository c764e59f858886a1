/* SPDX-License-Identifier: MIT
 * study/taps_colour.c: see taps_colour.h. */
#include "study/taps_colour.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/principal.h"
#include "figure/tint.h"
#include "io/resize.h"

enum { COMPONENTS = 3 };

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct range {
    double low, middle,
        high; /* the median; all but the outermost hundredths lie between the others */
} range;

/* Of value k of each row of x. */
static duet_status find_range(range *out, const double *x, int64_t rows, int64_t stride,
                              int64_t k) {
    double *sorted = NULL;
    DUET_TRY(duet_alloc(&sorted, rows, sizeof *sorted));
    for (int64_t i = 0; i < rows; i++) sorted[i] = x[i * stride + k];
    qsort(sorted, (size_t)rows, sizeof *sorted, ascending);
    *out = (range){sorted[rows / 100], sorted[rows / 2], sorted[rows - 1 - rows / 100]};
    duet_release(sorted);
    return DUET_OK;
}

static uint8_t as_byte(double value, double low, double high) {
    const double v = high > low ? (value - low) / (high - low) : 0.5;
    return (uint8_t)(255 * fmin(fmax(v, 0), 1) + 0.5);
}

/* The pixels of all levels, one level after the other, as rows of the channels. */
static duet_status gather(const duet_taps_maps *maps, float **out, int64_t *rows) {
    const int64_t values = maps->images * maps->side * maps->side * maps->channels;
    DUET_TRY(duet_alloc(out, maps->levels * values, sizeof **out));
    for (int64_t l = 0; l < maps->levels; l++)
        memcpy(*out + l * values, maps->level[l], (size_t)values * sizeof **out);
    *rows = maps->levels * values / maps->channels;
    return DUET_OK;
}

duet_status duet_taps_colour(duet_taps_column *out, const duet_taps_maps *maps) {
    duet_status status = DUET_OK;
    float *x = NULL;
    int64_t rows = 0;
    duet_principal found = {.total = 0};
    *out = (duet_taps_column){.tap = maps->tap, .channel = -1, .side = maps->side};
    DUET_DO(gather(maps, &x, &rows));
    DUET_DO(duet_principal_of(&found, x, rows, maps->channels, COMPONENTS));
    DUET_DO(duet_alloc(&out->pixels, rows * 3, 1));
    for (int k = 0; k < COMPONENTS; k++) {
        range r;
        out->variance[k] = found.total > 0 ? 100 * found.variance[k] / found.total : 0;
        DUET_DO(find_range(&r, found.scores, rows, COMPONENTS, k));
        for (int64_t i = 0; i < rows; i++)
            out->pixels[i * 3 + k] = as_byte(found.scores[i * COMPONENTS + k], r.low, r.high);
    }
done:
    duet_release(x);
    duet_principal_free(&found);
    return status;
}

/* ---- channels ---- */

typedef struct channel {
    int64_t at;
    double variance;
} channel;

/* The larger variance first; of equal ones the lower channel. */
static int by_variance(const void *a, const void *b) {
    const channel *const x = a, *const y = b;
    if (x->variance != y->variance) return x->variance < y->variance ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Channels by their variance over images, levels and places; its sum. */
static double rank(channel *out, const float *x, int64_t rows, int64_t channels) {
    double total = 0;
    for (int64_t c = 0; c < channels; c++) {
        double mean = 0, squares = 0;
        for (int64_t i = 0; i < rows; i++) mean += (double)x[i * channels + c] / (double)rows;
        for (int64_t i = 0; i < rows; i++) squares += pow((double)x[i * channels + c] - mean, 2);
        out[c] = (channel){c, squares / (double)rows};
        total += out[c].variance;
    }
    qsort(out, (size_t)channels, sizeof *out, by_variance);
    return total;
}

/* One map [side, side] of bytes over its image: 127.5 has no colour. */
static duet_status lay_over(uint8_t *out, uint8_t *map, int64_t side, const uint8_t *image,
                            const duet_preprocess *how) {
    const int64_t size = how->size;
    const duet_image small = {.width = side, .height = side, .channels = 1, .pixels = map};
    float *large = NULL;
    DUET_TRY(duet_alloc(&large, size * size, sizeof *large));
    const duet_status status = duet_image_bilinear(large, &small, size, size, DUET_BILINEAR_TORCH);
    for (int64_t i = 0; status == DUET_OK && i < size * size; i++)
        duet_tint(out + 3 * i, duet_pale(image + i * how->channels, how->channels),
                  (double)large[i] / 127.5 - 1);
    duet_release(large);
    return status;
}

static duet_status tint_channel(const duet_taps_sheet *sheet, duet_taps_column *out,
                                const duet_taps_maps *maps, const float *x, int64_t rows) {
    duet_status status = DUET_OK;
    const int64_t places = maps->side * maps->side, size = sheet->how->size * sheet->how->size;
    range r;
    double *values = NULL;
    uint8_t *map = NULL;
    DUET_DO(duet_alloc(&values, rows, sizeof *values));
    DUET_DO(duet_alloc(&map, places, 1));
    DUET_DO(duet_alloc(&out->pixels, rows / places * size * 3, 1));
    for (int64_t i = 0; i < rows; i++) values[i] = (double)x[i * maps->channels + out->channel];
    DUET_DO(find_range(&r, values, rows, 1, 0));
    const double most = fmax(r.high - r.middle, r.middle - r.low);
    out->low = r.low;
    out->high = r.high;
    for (int64_t i = 0; i < rows / places; i++) {
        for (int64_t k = 0; k < places; k++)
            map[k] = as_byte(values[i * places + k], r.middle - most, r.middle + most);
        DUET_DO(lay_over(out->pixels + i * size * 3, map, maps->side,
                         sheet->pixels + i % maps->images * size * sheet->how->channels,
                         sheet->how));
    }
done:
    duet_release(values);
    duet_release(map);
    return status;
}

duet_status duet_taps_channels(duet_taps_sheet *sheet, const duet_taps_maps *maps, int64_t count) {
    duet_status status = DUET_OK;
    float *x = NULL;
    channel *order = NULL;
    int64_t rows = 0;
    DUET_DO(gather(maps, &x, &rows));
    DUET_DO(duet_alloc(&order, maps->channels, sizeof *order));
    if (count > maps->channels) count = maps->channels;
    DUET_DO(duet_alloc(&sheet->column, count, sizeof *sheet->column));
    const double total = rank(order, x, rows, maps->channels);
    for (int64_t i = 0; i < count; i++) {
        duet_taps_column *const column = &sheet->column[sheet->columns++];
        *column =
            (duet_taps_column){.tap = maps->tap, .channel = order[i].at, .side = sheet->how->size};
        column->variance[0] = total > 0 ? 100 * order[i].variance / total : 0;
        DUET_DO(tint_channel(sheet, column, maps, x, rows));
    }
done:
    duet_release(x);
    duet_release(order);
    return status;
}
