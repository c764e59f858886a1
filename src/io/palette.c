/* SPDX-License-Identifier: MIT
 * io/palette.c: see palette.h. Pixels are counted in bins of 6 bits a channel. The box of bins with
 * the largest count times squared width is cut at the median of its widest channel, until there are
 * 256; a box's colour is the mean of its pixels. */
#include "io/palette.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

enum { BITS = 6, SIDE = 1 << BITS, BINS = 1 << (3 * BITS) };

typedef struct bin {
    int64_t count, sum[3];
} bin;

typedef struct box {
    int64_t from, to; /* range of the list of bins */
    int64_t count;
    int axis, width; /* its widest channel */
} box;

typedef struct cutter {
    bin *bins;     /* [BINS] */
    int32_t *list; /* the bins that have pixels */
    int64_t listed;
    box boxes[DUET_PALETTE_MOST];
    int box_count;
} cutter;

static void rgb_of(uint8_t out[3], const uint8_t *pixel, int channels) {
    for (int c = 0; c < 3; c++) out[c] = pixel[channels == 3 ? c : 0];
}

static int32_t bin_of(const uint8_t rgb[3]) {
    return (rgb[0] >> 2) << 12 | (rgb[1] >> 2) << 6 | rgb[2] >> 2;
}

static int along(int32_t which, int axis) {
    return which >> (BITS * (2 - axis)) & (SIDE - 1);
}

static int by_colour(const void *a, const void *b) {
    return memcmp(a, b, 3);
}

static int find(const duet_palette *palette, const uint8_t rgb[3]) {
    const uint8_t(*const at)[3] =
        bsearch(rgb, palette->colour, (size_t)palette->count, sizeof palette->colour[0], by_colour);
    return at != NULL ? (int)(at - palette->colour) : -1;
}

/* The colours themselves, in order; false where they are more than 256. */
static bool take_all(duet_palette *palette, const uint8_t *pixels, int64_t count, int channels) {
    uint8_t rgb[3];
    for (int64_t i = 0; i < count; i++) {
        rgb_of(rgb, pixels + i * channels, channels);
        if (find(palette, rgb) >= 0) continue;
        if (palette->count == DUET_PALETTE_MOST) return false;
        memcpy(palette->colour[palette->count++], rgb, 3);
        qsort(palette->colour, (size_t)palette->count, sizeof palette->colour[0], by_colour);
    }
    return true;
}

static void count_bins(cutter *c, const uint8_t *pixels, int64_t count, int channels) {
    uint8_t rgb[3];
    for (int64_t i = 0; i < count; i++) {
        rgb_of(rgb, pixels + i * channels, channels);
        bin *const b = &c->bins[bin_of(rgb)];
        b->count++;
        for (int k = 0; k < 3; k++) b->sum[k] += rgb[k];
    }
    for (int32_t i = 0; i < BINS; i++)
        if (c->bins[i].count > 0) c->list[c->listed++] = i;
}

static box measure(const cutter *c, int64_t from, int64_t to) {
    box out = {.from = from, .to = to};
    for (int64_t i = from; i < to; i++) out.count += c->bins[c->list[i]].count;
    for (int axis = 0; axis < 3; axis++) {
        int low = SIDE, high = 0;
        for (int64_t i = from; i < to; i++) {
            const int at = along(c->list[i], axis);
            low = at < low ? at : low;
            high = at > high ? at : high;
        }
        if (high - low > out.width || axis == 0) out.axis = axis;
        if (high - low > out.width) out.width = high - low;
    }
    return out;
}

/* The last place on the box's axis that stays on its lower side. */
static int median(const cutter *c, const box *b) {
    int64_t count[SIDE] = {0}, below = 0;
    int low = SIDE, high = 0;
    for (int64_t i = b->from; i < b->to; i++) {
        const int at = along(c->list[i], b->axis);
        count[at] += c->bins[c->list[i]].count;
        low = at < low ? at : low;
        high = at > high ? at : high;
    }
    for (int at = low; at < high; at++) {
        below += count[at];
        if (2 * below >= b->count) return at;
    }
    return high - 1;
}

static void cut(cutter *c, int number) {
    const box b = c->boxes[number];
    const int middle = median(c, &b);
    int64_t to = b.from;
    for (int64_t i = b.from; i < b.to; i++) {
        const int32_t which = c->list[i];
        if (along(which, b.axis) > middle) continue;
        c->list[i] = c->list[to];
        c->list[to++] = which;
    }
    c->boxes[number] = measure(c, b.from, to);
    c->boxes[c->box_count++] = measure(c, to, b.to);
}

static void cut_all(cutter *c) {
    c->boxes[c->box_count++] = measure(c, 0, c->listed);
    while (c->box_count < DUET_PALETTE_MOST) {
        int best = -1;
        int64_t most = 0;
        for (int i = 0; i < c->box_count; i++) {
            const box *const b = &c->boxes[i];
            const int64_t worth = b->count * b->width * b->width;
            if (worth > most) best = i;
            if (worth > most) most = worth;
        }
        if (best < 0) return; /* all are single bins */
        cut(c, best);
    }
}

static void name_boxes(const cutter *c, duet_palette *out) {
    out->count = c->box_count;
    for (int i = 0; i < c->box_count; i++) {
        const box *const b = &c->boxes[i];
        int64_t sum[3] = {0};
        for (int64_t k = b->from; k < b->to; k++) {
            out->places[c->list[k]] = (uint8_t)i;
            for (int x = 0; x < 3; x++) sum[x] += c->bins[c->list[k]].sum[x];
        }
        for (int x = 0; x < 3; x++)
            out->colour[i][x] = (uint8_t)((2 * sum[x] + b->count) / (2 * b->count));
    }
}

duet_status duet_palette_make(duet_palette *out, const uint8_t *pixels, int64_t count,
                              int channels) {
    duet_status status = DUET_OK;
    cutter *c = NULL;
    *out = (duet_palette){0};
    if (count < 1) return duet_fail(DUET_ARG, "no pixels to choose colours for");
    if (take_all(out, pixels, count, channels)) return DUET_OK;
    DUET_DO(duet_alloc(&c, 1, sizeof *c));
    DUET_DO(duet_alloc(&c->bins, BINS, sizeof *c->bins));
    DUET_DO(duet_alloc(&c->list, BINS, sizeof *c->list));
    DUET_DO(duet_alloc(&out->places, BINS, 1));
    count_bins(c, pixels, count, channels);
    cut_all(c);
    name_boxes(c, out);
done:
    if (c != NULL) duet_release(c->bins);
    if (c != NULL) duet_release(c->list);
    duet_release(c);
    return status;
}

void duet_palette_free(duet_palette *palette) {
    duet_release(palette->places);
    *palette = (duet_palette){0};
}

void duet_palette_apply(const duet_palette *palette, const uint8_t *pixels, int64_t count,
                        int channels, uint8_t *out) {
    uint8_t rgb[3];
    for (int64_t i = 0; i < count; i++) {
        rgb_of(rgb, pixels + i * channels, channels);
        out[i] =
            palette->places != NULL ? palette->places[bin_of(rgb)] : (uint8_t)find(palette, rgb);
    }
}
