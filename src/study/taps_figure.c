/* SPDX-License-Identifier: MIT
 * study/taps_figure.c: see taps_figure.h. Rows are the levels of an image, one image after the
 * other; columns the image, what the network gets of it, and the taps or channels. */
#include "study/taps_figure.h"

#include <math.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"

static const double LEFT = 62, TOP = 96, GAP = 3, APART = 14, EDGE = 18;

typedef struct drawing {
    const duet_taps_sheet *s;
    duet_figure *figure;
    double cell, lead; /* side of a cell; of the columns before the taps */
} drawing;

static double row_at(const drawing *d, int64_t image, int64_t level) {
    const double levels = (double)d->s->times->count;
    return TOP + (double)image * (levels * (d->cell + GAP) + APART) +
           (double)level * (d->cell + GAP);
}

static double column_at(const drawing *d, int64_t tap) {
    return LEFT + d->lead + (double)tap * (d->cell + GAP);
}

static void head(const drawing *d, double x, const char *first, const char *second) {
    duet_figure_text(d->figure, x + d->cell / 2, TOP - 25, first,
                     (duet_words){.size = 12, .colour = DUET_INK, .anchor = DUET_MIDDLE});
    double size = 10;
    while (size > 7 && duet_figure_text_width(second, size, false) > d->cell) size -= 0.5;
    duet_figure_text(d->figure, x + d->cell / 2, TOP - 10, second,
                     (duet_words){.size = size, .colour = DUET_FAINT, .anchor = DUET_MIDDLE});
}

static void draw_heads(const drawing *d) {
    head(d, LEFT, "image", "");
    if (d->s->inputs != NULL) head(d, LEFT + d->cell + GAP, "input", "with noise");
    for (int64_t a = 0; a < d->s->columns; a++) {
        const duet_taps_column *column = &d->s->column[a];
        const duet_tap_row *tap = column->tap;
        char first[32], second[48];
        duet_format(first, sizeof first, column->channel < 0 ? "tap %d" : "channel %d",
                    column->channel < 0 ? tap->block : (int)column->channel);
        if (column->channel < 0)
            duet_format(second, sizeof second, "%lld × %lld", (long long)tap->height,
                        (long long)tap->width);
        else
            duet_format(second, sizeof second, "%.2g to %.2g", column->low, column->high);
        head(d, column_at(d, a), first, second);
    }
}

/* The class, or the name of the row without its folders. */
static void name_image(const drawing *d, int64_t i, char *out, size_t size) {
    const duet_dataset_info *info = duet_dataset_describe(d->s->dataset);
    const int32_t label = duet_dataset_label(d->s->dataset, d->s->split, d->s->index[i]);
    char row[DUET_PATH_SIZE];
    duet_dataset_row_name(d->s->dataset, d->s->split, d->s->index[i], row, sizeof row);
    (void)duet_copy_text(
        out, size, label >= 0 && info->labelled ? info->class_names[label] : duet_path_base(row));
}

/* Left of the rows: the image's name, turned, and the level of each. */
static void draw_names(const drawing *d, int64_t i) {
    const int levels = d->s->times->count;
    const double top = row_at(d, i, 0), bottom = row_at(d, i, levels - 1) + d->cell;
    char name[64];
    name_image(d, i, name, sizeof name);
    double size = 12.5;
    while (size > 8 && duet_figure_text_width(name, size, false) > bottom - top + APART)
        size -= 0.5;
    duet_figure_text(
        d->figure, 20, (top + bottom) / 2, name,
        (duet_words){.size = size, .colour = DUET_INK, .anchor = DUET_MIDDLE, .turn = -90});
    for (int l = 0; l < levels; l++) {
        char level[32] = "clean";
        if (d->s->times->v[l] >= 0)
            duet_format(level, sizeof level, "t %lld", (long long)d->s->times->v[l]);
        duet_figure_text(d->figure, LEFT - 8, row_at(d, i, l) + d->cell / 2 + 4, level,
                         (duet_words){.size = 11, .colour = DUET_SOFT, .anchor = DUET_END});
    }
}

static void draw_image(const drawing *d, double x, double y, const uint8_t *pixels) {
    const duet_figure_pixels image = {.pixels = pixels,
                                      .rows = d->s->how->size,
                                      .columns = d->s->how->size,
                                      .channels = d->s->how->channels};
    duet_figure_image(d->figure, x, y, d->cell, d->cell, &image);
}

static void draw_rows(const drawing *d, int64_t i) {
    const duet_preprocess *how = d->s->how;
    const int64_t bytes = how->size * how->size * how->channels;
    draw_image(d, LEFT, row_at(d, i, 0), d->s->pixels + i * bytes);
    for (int64_t l = 0; l < d->s->times->count; l++) {
        const double y = row_at(d, i, l);
        const int64_t at = l * d->s->images + i;
        if (d->s->inputs != NULL) draw_image(d, LEFT + d->cell + GAP, y, d->s->inputs + at * bytes);
        for (int64_t a = 0; a < d->s->columns; a++) {
            const duet_taps_column *tap = &d->s->column[a];
            const duet_figure_pixels map = {.pixels = tap->pixels + at * tap->side * tap->side * 3,
                                            .rows = tap->side,
                                            .columns = tap->side,
                                            .channels = 3,
                                            .smooth = true};
            duet_figure_image(d->figure, column_at(d, a), y, d->cell, d->cell, &map);
            duet_figure_tip(d->figure, tap->tap->name);
        }
    }
}

/* What the colours are. */
static void say_colours(const duet_taps_sheet *sheet, char *out, size_t size) {
    const duet_taps_column *first = &sheet->column[0];
    if (first->channel < 0)
        (void)duet_copy_text(
            out, size,
            "the first three principal components of the channels as red, green and blue");
    else
        duet_format(out, size,
                    "%lld of the %lld channels of tap %d (%s, %lld × %lld), those that vary most: "
                    "orange above a channel's median, blue below",
                    (long long)sheet->columns, (long long)first->tap->channels, first->tap->block,
                    first->tap->name, (long long)first->tap->height, (long long)first->tap->width);
}

duet_status duet_taps_figure(duet_figure **out, const duet_taps_sheet *sheet) {
    drawing d = {.s = sheet};
    char title[400], colours[400];
    const double columns = (double)sheet->columns + (sheet->inputs != NULL ? 2 : 1);
    d.cell = floor(fmin(fmax(1100 / columns, 56), 92));
    d.lead = (sheet->inputs != NULL ? 2 : 1) * (d.cell + GAP) + APART - GAP;
    duet_format(title, sizeof title, "What the %s of %s see",
                sheet->column[0].channel < 0 ? "taps" : "channels", sheet->model);
    say_colours(sheet, colours, sizeof colours);
    const double words =
        fmax(duet_figure_text_width(title, 15, true), duet_figure_text_width(colours, 12, false));
    const double width = fmax(column_at(&d, sheet->columns) - GAP + EDGE, words + 2 * EDGE);
    DUET_TRY(duet_figure_new(&d.figure, width, row_at(&d, sheet->images, 0) - APART + EDGE, title));
    duet_figure_text(d.figure, EDGE, 28, title,
                     (duet_words){.size = 15, .colour = DUET_INK, .bold = true});
    duet_figure_text(d.figure, EDGE, 48, colours, (duet_words){.size = 12, .colour = DUET_SOFT});
    draw_heads(&d);
    for (int64_t i = 0; i < sheet->images; i++) {
        draw_names(&d, i);
        draw_rows(&d, i);
    }
    *out = d.figure;
    return DUET_OK;
}
