/* SPDX-License-Identifier: MIT
 * figure/matrix.c: see matrix.h. Cells have whole pixels for their sides where there is room. A
 * small matrix is made of boxes, which say what they are where the pointer rests, and print their
 * values where these fit; of a large one each pair of groups is an image of a pixel a cell. */
#include "figure/matrix.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "figure/colours.h"

enum { MOST_BOXES = 3000, SCALE_STEPS = 64 };
static const double GAP = 4, MOST_CELL = 36, PRINTED = 30, LABEL = 11, SCALE = 72;

typedef struct drawing {
    const duet_matrix *m;
    duet_figure *figure;
    double left, top, cell;
} drawing;

static bool begins_group(const duet_matrix_side *side, int64_t i) {
    return i > 0 && side->group != NULL && strcmp(side->group[i], side->group[i - 1]) != 0;
}

static int64_t group_end(const duet_matrix_side *side, int64_t from) {
    int64_t end = from + 1;
    while (end < side->count && !begins_group(side, end)) end++;
    return end;
}

/* Where item i of a side begins, from the side's own beginning. */
static double place(const duet_matrix_side *side, double cell, int64_t i) {
    double at = 0;
    for (int64_t k = 1; k <= i; k++)
        at += cell + (k < side->count && begins_group(side, k) ? GAP : 0);
    return at;
}

static double longest(const duet_matrix_side *side) {
    double most = 0;
    for (int64_t i = 0; i < side->count; i++)
        most = fmax(most, duet_figure_text_width(side->label[i], LABEL, false));
    return most;
}

/* Every step-th label, so that they do not touch. */
static int64_t label_step(double cell, double size) {
    static const int64_t steps[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};
    for (int i = 0; i < 10; i++)
        if (cell * (double)steps[i] >= size) return steps[i];
    return steps[9];
}

/* Whether item i of its group, which begins at `first`, gets its label: every step-th, unless the
 * first of the next group would touch it. */
static bool labelled(const duet_matrix_side *side, int64_t first, int64_t i, double cell,
                     double size) {
    const int64_t step = label_step(cell, size), end = group_end(side, first);
    return (i - first) % step == 0 &&
           (i == first || end == side->count || (double)(end - i) * cell + GAP >= size);
}

/* ---- cells ---- */

static duet_colour colour_of(const duet_matrix *m, double value) {
    int rgb[3];
    if (!isfinite(value)) return 0xeceef0;
    duet_viridis(rgb, m->hi > m->lo ? (value - m->lo) / (m->hi - m->lo) : 1);
    return (duet_colour)(rgb[0] << 16 | rgb[1] << 8 | rgb[2]);
}

static duet_colour ink_on(duet_colour colour) {
    uint32_t light = 299 * (colour >> 16 & 255) + 587 * (colour >> 8 & 255) + 114 * (colour & 255);
    return light > 140000 ? 0x10151a : 0xffffff;
}

static void name_of(char *out, size_t size, const duet_matrix_side *side, int64_t i) {
    duet_format(out, size, "%s%s%s", side->group != NULL ? side->group[i] : "",
                side->group != NULL && side->group[i][0] != '\0' ? ", " : "", side->label[i]);
}

static void draw_box(const drawing *d, int64_t r, int64_t c) {
    const duet_matrix *m = d->m;
    const double value = m->value[r * m->columns.count + c], cell = d->cell,
                 x = d->left + place(&m->columns, cell, c), y = d->top + place(&m->rows, cell, r);
    const duet_colour colour = colour_of(m, value);
    char number[32] = "–", row[160], column[160], tip[400];
    if (isfinite(value)) duet_format(number, sizeof number, "%.2f", value);
    name_of(row, sizeof row, &m->rows, r);
    name_of(column, sizeof column, &m->columns, c);
    duet_format(tip, sizeof tip, "%s – %s: %s", row, column, number);
    duet_figure_box(d->figure, x, y, cell - 1, cell - 1, (duet_pen){.colour = colour, .round = 1});
    duet_figure_tip(d->figure, tip);
    if (cell >= PRINTED)
        duet_figure_text(
            d->figure, x + cell / 2 - 0.5, y + cell / 2 + 3.5, number,
            (duet_words){.size = 10.5, .colour = ink_on(colour), .anchor = DUET_MIDDLE});
}

/* The cells [r0,r1) x [c0,c1) as an image. */
static duet_status draw_block(const drawing *d, int64_t r0, int64_t r1, int64_t c0, int64_t c1) {
    const duet_matrix *m = d->m;
    duet_figure_pixels image = {.rows = r1 - r0, .columns = c1 - c0, .channels = 3};
    uint8_t *pixels = NULL;
    DUET_TRY(duet_alloc(&pixels, image.rows * image.columns * 3, 1));
    for (int64_t r = r0; r < r1; r++)
        for (int64_t c = c0; c < c1; c++)
            duet_figure_rgb(pixels + ((r - r0) * image.columns + c - c0) * 3,
                            colour_of(m, m->value[r * m->columns.count + c]));
    image.pixels = pixels;
    duet_figure_image(d->figure, d->left + place(&m->columns, d->cell, c0),
                      d->top + place(&m->rows, d->cell, r0), d->cell * (double)image.columns,
                      d->cell * (double)image.rows, &image);
    duet_release(pixels);
    return DUET_OK;
}

static duet_status draw_cells(const drawing *d) {
    const duet_matrix *m = d->m;
    if (m->rows.count * m->columns.count <= MOST_BOXES && d->cell >= 4) {
        for (int64_t r = 0; r < m->rows.count; r++)
            for (int64_t c = 0; c < m->columns.count; c++) draw_box(d, r, c);
        return DUET_OK;
    }
    for (int64_t r = 0; r < m->rows.count; r = group_end(&m->rows, r))
        for (int64_t c = 0; c < m->columns.count; c = group_end(&m->columns, c))
            DUET_TRY(draw_block(d, r, group_end(&m->rows, r), c, group_end(&m->columns, c)));
    return DUET_OK;
}

/* ---- sides ---- */

/* Over the numbers of the rows; a long one stands beside them, turned. */
static bool short_title(const duet_matrix_side *rows) {
    return duet_figure_text_width(rows->title, LABEL, false) < 40;
}

static void draw_rows(const drawing *d) {
    const duet_matrix_side *side = &d->m->rows;
    const double width = longest(side), x = d->left - 7;
    for (int64_t i = 0, first = 0; i < side->count; i++) {
        if (begins_group(side, i)) first = i;
        if (labelled(side, first, i, d->cell, 13))
            duet_figure_text(d->figure, x, d->top + place(side, d->cell, i) + d->cell / 2 + 3.5,
                             side->label[i],
                             (duet_words){.size = LABEL, .colour = DUET_SOFT, .anchor = DUET_END});
    }
    const double high = place(side, d->cell, side->count - 1) + d->cell;
    const duet_words title = {.size = LABEL, .colour = DUET_FAINT, .anchor = DUET_END};
    if (short_title(side))
        duet_figure_text(d->figure, x, d->top - 9, side->title, title);
    else
        duet_figure_text(
            d->figure, 20, d->top + high / 2, side->title,
            (duet_words){.size = LABEL, .colour = DUET_FAINT, .anchor = DUET_MIDDLE, .turn = -90});
    for (int64_t i = 0; side->group != NULL && i < side->count; i = group_end(side, i)) {
        const double from = d->top + place(side, d->cell, i),
                     to = from + d->cell * (double)(group_end(side, i) - i);
        const double at = x - width - 8;
        duet_figure_line(d->figure, at, from + 2, at, to - 3, (duet_pen){.colour = DUET_FAINT});
        duet_figure_text(d->figure, at - 7, (from + to) / 2, side->group[i],
                         (duet_words){.colour = DUET_INK, .anchor = DUET_MIDDLE, .turn = -90});
    }
}

static void draw_columns(const drawing *d) {
    const duet_matrix_side *side = &d->m->columns;
    const double width = longest(side), y = d->top - 8;
    const bool turned = width > 26;
    for (int64_t i = 0, first = 0; i < side->count; i++) {
        if (begins_group(side, i)) first = i;
        if (labelled(side, first, i, d->cell, turned ? 13 : width + 2))
            duet_figure_text(d->figure,
                             d->left + place(side, d->cell, i) + d->cell / 2 + (turned ? 4 : 0), y,
                             side->label[i],
                             (duet_words){.size = LABEL,
                                          .colour = DUET_SOFT,
                                          .anchor = turned ? DUET_START : DUET_MIDDLE,
                                          .turn = turned ? -90 : 0});
    }
    const double up = y - (turned ? width : LABEL) - 6;
    for (int64_t i = 0; side->group != NULL && i < side->count; i = group_end(side, i)) {
        const double from = d->left + place(side, d->cell, i),
                     to = from + d->cell * (double)(group_end(side, i) - i);
        duet_figure_line(d->figure, from + 2, up, to - 3, up, (duet_pen){.colour = DUET_FAINT});
        duet_figure_text(d->figure, (from + to) / 2, up - 7, side->group[i],
                         (duet_words){.colour = DUET_INK, .anchor = DUET_MIDDLE});
    }
    duet_figure_text(d->figure, d->left, up - (side->group != NULL ? 27 : 6), side->title,
                     (duet_words){.size = LABEL, .colour = DUET_FAINT});
}

/* A round step that gives at most seven numbers. */
static double scale_step(double range) {
    static const double steps[] = {0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5, 10, 20, 25, 50};
    for (int i = 0; i < 13; i++)
        if (range / steps[i] < 6.5) return steps[i];
    return range;
}

static void draw_scale(const drawing *d, double x, double height) {
    const duet_matrix *m = d->m;
    const double range = m->hi - m->lo, step = scale_step(range);
    uint8_t pixels[SCALE_STEPS * 3];
    const duet_figure_pixels image = {
        .pixels = pixels, .rows = SCALE_STEPS, .columns = 1, .channels = 3, .smooth = true};
    for (int i = 0; i < SCALE_STEPS; i++)
        duet_figure_rgb(pixels + 3 * i, colour_of(m, m->hi - range * (i + 0.5) / SCALE_STEPS));
    duet_figure_image(d->figure, x, d->top, 12, height, &image);
    for (double k = ceil(m->lo / step - 1e-9); k * step <= m->hi + 1e-9; k++) {
        char text[32];
        const double up = range > 0 ? (k * step - m->lo) / range : 0;
        duet_format(text, sizeof text, "%.4g", k * step);
        duet_figure_text(d->figure, x + 19, d->top + height * (1 - up) + 8 * up, text,
                         (duet_words){.size = LABEL, .colour = DUET_SOFT});
    }
}

static double side_length(const duet_matrix_side *side, double cell) {
    return side->count > 0 ? place(side, cell, side->count - 1) + cell : 0;
}

static void plan(drawing *d) {
    const duet_matrix *m = d->m;
    const bool turned = longest(&m->columns) > 26;
    d->left = longest(&m->rows) + 16 + (m->rows.group != NULL ? 32 : 0);
    d->left += short_title(&m->rows) ? 12 : 28;
    d->top = (m->columns.title[0] != '\0' ? 54 : 36) + (turned ? longest(&m->columns) : LABEL) +
             (m->columns.group != NULL ? 36 : 12);
    const double room =
        m->width - d->left - SCALE - side_length(&m->columns, 0); /* gaps between groups */
    d->cell = fmin(room / (double)m->columns.count, MOST_CELL);
    if (d->cell >= 3) d->cell = floor(d->cell);
    d->cell = fmax(d->cell, 1);
}

duet_status duet_matrix_figure(duet_figure **out, const duet_matrix *matrix) {
    duet_status status = DUET_OK;
    drawing d = {.m = matrix};
    if (matrix->rows.count < 1 || matrix->columns.count < 1)
        return duet_fail(DUET_ARG, "there is nothing to draw");
    plan(&d);
    const double width = side_length(&matrix->columns, d.cell),
                 height = side_length(&matrix->rows, d.cell),
                 title = duet_figure_text_width(matrix->title, 14, true);
    DUET_TRY(duet_figure_new(&d.figure, fmax(d.left + width + SCALE, title + 24),
                             d.top + height + 14, matrix->note));
    duet_figure_text(d.figure, 12, 26, matrix->title,
                     (duet_words){.size = 14, .colour = DUET_INK, .bold = true});
    draw_rows(&d);
    draw_columns(&d);
    draw_scale(&d, d.left + width + 20, fmin(height, 260));
    DUET_DO(draw_cells(&d));
    *out = d.figure;
    d.figure = NULL;
done:
    duet_figure_free(d.figure);
    return status;
}
