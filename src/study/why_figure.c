/* SPDX-License-Identifier: MIT
 * study/why_figure.c: see why_figure.h. Beside each image stands its map: the image in pale grey,
 * orange where covering it makes the prediction weaker, blue where it makes it stronger. */
#include "study/why_figure.h"

#include <math.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "figure/tint.h"

enum { ACROSS = 3, SCALE_STEPS = 64 };
static const double SIDE = 176, GAP = 6, EDGE = 20, TOP = 62, HEAD = 46, APART = 34;
#define LEAST 0.02 /* fall that has the full colour */

typedef struct drawing {
    duet_figure *figure;
    const duet_preprocess *how;
} drawing;

static double most_of(const duet_why_image *image, int64_t values) {
    double most = LEAST;
    for (int64_t i = 0; i < values; i++) most = fmax(most, fabs(image->fall[i]));
    return most;
}

static duet_status draw_map(const drawing *d, const duet_why_image *image, double x, double y,
                            double most) {
    const int64_t size = d->how->size;
    uint8_t *pixels = NULL;
    DUET_TRY(duet_alloc(&pixels, size * size * 3, 1));
    for (int64_t i = 0; i < size * size; i++)
        duet_tint(pixels + 3 * i, duet_pale(image->pixels + i * d->how->channels, d->how->channels),
                  image->fall[i] / most);
    const duet_figure_pixels map = {.pixels = pixels, .rows = size, .columns = size, .channels = 3};
    duet_figure_image(d->figure, x, y, SIDE, SIDE, &map);
    duet_release(pixels);
    return DUET_OK;
}

static duet_status draw_image(const drawing *d, const duet_why_image *image, double x, double y) {
    const int64_t size = d->how->size;
    const duet_figure_pixels own = {
        .pixels = image->pixels, .rows = size, .columns = size, .channels = d->how->channels};
    const double most = most_of(image, size * size);
    char text[160];
    duet_format(text, sizeof text, "%s %.1f %%", image->name, 100 * image->chance);
    duet_figure_text(d->figure, x, y - 24, text,
                     (duet_words){.size = 14, .colour = DUET_INK, .bold = true});
    duet_format(text, sizeof text, "full colour: %.*f points", most < 0.1 ? 1 : 0, 100 * most);
    duet_figure_text(d->figure, x, y - 8, text, (duet_words){.size = 11, .colour = DUET_SOFT});
    duet_figure_image(d->figure, x, y, SIDE, SIDE, &own);
    return draw_map(d, image, x + SIDE + GAP, y, most);
}

static void draw_scale(const drawing *d, double x, double y) {
    uint8_t pixels[SCALE_STEPS * 3];
    const duet_figure_pixels image = {
        .pixels = pixels, .rows = 1, .columns = SCALE_STEPS, .channels = 3, .smooth = true};
    for (int i = 0; i < SCALE_STEPS; i++)
        duet_tint(pixels + 3 * i, 235, 2 * (i + 0.5) / SCALE_STEPS - 1);
    duet_figure_text(d->figure, x, y + 9, "stronger",
                     (duet_words){.size = 11, .colour = DUET_SOFT});
    duet_figure_image(d->figure, x + 54, y, 110, 11, &image);
    duet_figure_text(d->figure, x + 172, y + 9, "weaker where it is covered",
                     (duet_words){.size = 11, .colour = DUET_SOFT});
}

duet_status duet_why_figure(duet_figure **out, const duet_why_image *image, int64_t count,
                            const duet_preprocess *how) {
    static const char title[] = "What the prediction looks at";
    const int64_t across = count < ACROSS ? count : ACROSS, rows = (count - 1) / across + 1;
    const double block = 2 * SIDE + GAP;
    drawing d = {.how = how};
    duet_status status = DUET_OK;
    DUET_DO(duet_figure_new(&d.figure, 2 * EDGE + (double)across * (block + APART) - APART,
                            TOP + (double)rows * (HEAD + SIDE + APART) - APART + EDGE, title));
    duet_figure_text(d.figure, EDGE, 28, title,
                     (duet_words){.size = 15, .colour = DUET_INK, .bold = true});
    draw_scale(&d, EDGE, 40);
    for (int64_t i = 0; i < count; i++) {
        const int64_t row = i / across, column = i % across;
        DUET_DO(draw_image(&d, &image[i], EDGE + (double)column * (block + APART),
                           TOP + HEAD + (double)row * (HEAD + SIDE + APART)));
    }
    *out = d.figure;
    d.figure = NULL;
done:
    duet_figure_free(d.figure);
    return status;
}
