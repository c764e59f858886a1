/* SPDX-License-Identifier: MIT
 * figure/figure_draw.c: a figure in pixels. Edges are smoothed by coverage: of a shape with the
 * signed distance d of a pixel's centre from its edge (inside negative), 1/2 - d, cut to 0 … 1. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "figure/items.h"
#include "figure/letters.h"

static const double pi = 3.14159265358979323846;

typedef struct canvas {
    duet_image image; /* three channels */
    double scale;
} canvas;

/* The window of pixels within [x0,x1] x [y0,y1]. */
typedef struct window {
    int64_t left, top, right, bottom;
} window;

static window window_of(const canvas *c, double x0, double y0, double x1, double y1) {
    const double width = (double)c->image.width, height = (double)c->image.height;
    return (window){.left = (int64_t)fmin(fmax(floor(x0) - 1, 0), width),
                    .top = (int64_t)fmin(fmax(floor(y0) - 1, 0), height),
                    .right = (int64_t)fmin(fmax(ceil(x1) + 1, 0), width),
                    .bottom = (int64_t)fmin(fmax(ceil(y1) + 1, 0), height)};
}

static void blend(canvas *c, int64_t x, int64_t y, const uint8_t rgb[3], double part) {
    uint8_t *const to = c->image.pixels + (y * c->image.width + x) * 3;
    for (int k = 0; k < 3; k++) to[k] = (uint8_t)(to[k] + (rgb[k] - to[k]) * part + 0.5);
}

static void cover(canvas *c, int64_t x, int64_t y, const duet_pen *pen, double distance) {
    uint8_t rgb[3];
    const double part = fmin(fmax(0.5 - distance, 0), 1) * (pen->alpha > 0 ? pen->alpha : 1);
    if (part <= 0) return;
    duet_figure_rgb(rgb, pen->colour);
    blend(c, x, y, rgb, part);
}

/* A line of this width inside the edge, where one is asked for. */
static double hollow(double distance, double line) {
    return line > 0 ? fmax(distance, -(distance + line)) : distance;
}

static double length(double x, double y) {
    return sqrt(x * x + y * y);
}

/* ---- shapes ---- */

static void draw_box(canvas *c, const duet_item *i) {
    const double s = c->scale, w = i->width * s / 2, h = i->height * s / 2, x = i->x * s + w,
                 y = i->y * s + h, round = fmin(i->pen.round * s, fmin(w, h));
    const window in = window_of(c, x - w, y - h, x + w, y + h);
    for (int64_t row = in.top; row < in.bottom; row++)
        for (int64_t column = in.left; column < in.right; column++) {
            const double dx = fabs((double)column + 0.5 - x) - w + round,
                         dy = fabs((double)row + 0.5 - y) - h + round;
            const double outside = length(fmax(dx, 0), fmax(dy, 0));
            cover(c, column, row, &i->pen,
                  hollow(outside + fmin(fmax(dx, dy), 0) - round, i->pen.line * s));
        }
}

static void draw_dot(canvas *c, const duet_item *i) {
    const double s = c->scale, x = i->x * s, y = i->y * s, r = i->width * s;
    const window in = window_of(c, x - r, y - r, x + r, y + r);
    for (int64_t row = in.top; row < in.bottom; row++)
        for (int64_t column = in.left; column < in.right; column++)
            cover(c, column, row, &i->pen,
                  hollow(length((double)column + 0.5 - x, (double)row + 0.5 - y) - r,
                         i->pen.line * s));
}

static double from_segment(double x, double y, const double a[2], const double b[2]) {
    const double dx = b[0] - a[0], dy = b[1] - a[1], size = dx * dx + dy * dy;
    const double place = size > 0 ? ((x - a[0]) * dx + (y - a[1]) * dy) / size : 0,
                 t = fmin(fmax(place, 0), 1);
    return length(x - a[0] - t * dx, y - a[1] - t * dy);
}

static void draw_line(canvas *c, const duet_item *i) {
    const double s = c->scale, half = i->pen.line * s / 2, a[2] = {i->x * s, i->y * s},
                 b[2] = {i->width * s, i->height * s};
    const window in = window_of(c, fmin(a[0], b[0]) - half, fmin(a[1], b[1]) - half,
                                fmax(a[0], b[0]) + half, fmax(a[1], b[1]) + half);
    for (int64_t row = in.top; row < in.bottom; row++)
        for (int64_t column = in.left; column < in.right; column++)
            cover(c, column, row, &i->pen,
                  from_segment((double)column + 0.5, (double)row + 0.5, a, b) - half);
}

/* ---- letters ---- */

typedef struct setting_of_type {
    double x, y, unit, right[2], up[2]; /* of the base line's beginning; directions */
    double half;                        /* of a stroke's width */
} setting_of_type;

static void place(const setting_of_type *t, double out[2], double x, double y) {
    out[0] = t->x + t->unit * (x * t->right[0] + y * t->up[0]);
    out[1] = t->y + t->unit * (x * t->right[1] + y * t->up[1]);
}

/* Strokes without a length are dots, a little larger than others are wide. */
static double from_letter(const duet_letter *letter, double (*at)[2], double x, double y,
                          double half) {
    double nearest = 1e9;
    for (int s = 0; s < letter->strokes; s++)
        for (int k = letter->from[s]; k + 1 < letter->from[s] + letter->count[s]; k++) {
            const bool dot = at[k][0] == at[k + 1][0] && at[k][1] == at[k + 1][1];
            /* comparisons: gcc 12 for aarch64 does not compile such loops with fmin and fmax */
            const double here = from_segment(x, y, at[k], at[k + 1]) - half * (dot ? 1.4 : 1);
            if (here < nearest) nearest = here;
        }
    return nearest;
}

static void draw_letter(canvas *c, const duet_item *i, const setting_of_type *t,
                        const duet_letter *letter, double from) {
    double at[DUET_LETTER_POINTS][2], low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9};
    for (int s = 0; s < letter->strokes; s++)
        for (int k = letter->from[s]; k < letter->from[s] + letter->count[s]; k++) {
            place(t, at[k], from + letter->x[k], letter->y[k]);
            for (int a = 0; a < 2; a++) {
                if (at[k][a] - 1.4 * t->half < low[a]) low[a] = at[k][a] - 1.4 * t->half;
                if (at[k][a] + 1.4 * t->half > high[a]) high[a] = at[k][a] + 1.4 * t->half;
            }
        }
    if (letter->strokes == 0) return;
    const window in = window_of(c, low[0], low[1], high[0], high[1]);
    for (int64_t row = in.top; row < in.bottom; row++)
        for (int64_t column = in.left; column < in.right; column++)
            cover(c, column, row, &i->pen,
                  from_letter(letter, at, (double)column + 0.5, (double)row + 0.5, t->half));
}

static void draw_text(canvas *c, const duet_item *i) {
    const double unit = i->words.size * c->scale / DUET_LETTERS_EM,
                 angle = i->words.turn * pi / 180, width = duet_letters_width(i->text);
    const setting_of_type t = {.x = i->x * c->scale,
                               .y = i->y * c->scale,
                               .unit = unit,
                               .right = {cos(angle), sin(angle)},
                               .up = {sin(angle), -cos(angle)},
                               .half = fmax(duet_letters_stroke(i->words.bold) * unit, 1) / 2};
    double from = i->words.anchor == DUET_START ? 0
                  : i->words.anchor == DUET_END ? -width
                                                : -width / 2;
    duet_letter letter;
    from += 2; /* half of the space between letters */
    for (const char *at = i->text;;) {
        const int bytes = duet_letter_next(&letter, at);
        if (bytes == 0) return;
        draw_letter(c, i, &t, &letter, from);
        from += letter.advance;
        at += bytes;
    }
}

/* ---- images ---- */

static double value_at(const duet_figure_pixels *p, double x, double y, int channel) {
    const int64_t column = (int64_t)fmin(fmax(x, 0), (double)p->columns - 1),
                  row = (int64_t)fmin(fmax(y, 0), (double)p->rows - 1);
    return p->pixels[(row * p->columns + column) * p->channels + (p->channels == 3 ? channel : 0)];
}

/* Between the centres of four pixels. */
static double smooth_at(const duet_figure_pixels *p, double x, double y, int channel) {
    const double left = floor(x - 0.5), top = floor(y - 0.5), u = x - 0.5 - left, v = y - 0.5 - top;
    return (1 - v) * ((1 - u) * value_at(p, left, top, channel) +
                      u * value_at(p, left + 1, top, channel)) +
           v * ((1 - u) * value_at(p, left, top + 1, channel) +
                u * value_at(p, left + 1, top + 1, channel));
}

/* The mean over the square of a pixel where the image is made smaller. */
static double mean_at(const duet_figure_pixels *p, double x, double y, double step_x, double step_y,
                      int channel) {
    const int across = (int)ceil(step_x), down = (int)ceil(step_y);
    double sum = 0;
    for (int k = 0; k < down; k++)
        for (int j = 0; j < across; j++)
            sum += value_at(p, x + step_x * ((j + 0.5) / across - 0.5),
                            y + step_y * ((k + 0.5) / down - 0.5), channel);
    return sum / (across * down);
}

/* The colour of an image at the middle of a pixel; x and y in its own pixels. */
static void colour_at(uint8_t rgb[3], const duet_figure_pixels *p, double x, double y,
                      double step_x, double step_y) {
    for (int k = 0; k < 3; k++) {
        const double v = step_x > 1 || step_y > 1 ? mean_at(p, x, y, step_x, step_y, k)
                         : p->smooth              ? smooth_at(p, x, y, k)
                                                  : value_at(p, x, y, k);
        rgb[k] = (uint8_t)(v + 0.5);
    }
}

static int64_t whole(double value, int64_t most) {
    return (int64_t)fmin(fmax(value, 0), (double)most);
}

static void draw_image(canvas *c, const duet_item *i) {
    const duet_figure_pixels *const p = &i->image;
    const double s = c->scale, left = floor(i->x * s + 0.5), top = floor(i->y * s + 0.5),
                 right = floor((i->x + i->width) * s + 0.5),
                 bottom = floor((i->y + i->height) * s + 0.5),
                 step_x = (double)p->columns / (right - left),
                 step_y = (double)p->rows / (bottom - top);
    const int64_t last_row = whole(bottom, c->image.height),
                  last_column = whole(right, c->image.width);
    for (int64_t row = whole(top, c->image.height); row < last_row; row++)
        for (int64_t column = whole(left, c->image.width); column < last_column; column++) {
            uint8_t rgb[3];
            colour_at(rgb, p, ((double)column + 0.5 - left) * step_x,
                      ((double)row + 0.5 - top) * step_y, step_x, step_y);
            blend(c, column, row, rgb, 1);
        }
}

static void draw_item(canvas *c, const duet_item *item) {
    switch (item->kind) {
    case DUET_ITEM_BOX:
        draw_box(c, item);
        break;
    case DUET_ITEM_LINE:
        draw_line(c, item);
        break;
    case DUET_ITEM_DOT:
        draw_dot(c, item);
        break;
    case DUET_ITEM_TEXT:
        draw_text(c, item);
        break;
    case DUET_ITEM_IMAGE:
        draw_image(c, item);
        break;
    }
}

duet_status duet_figure_draw(const duet_figure *figure, int64_t scale, duet_image *out) {
    canvas c = {.scale = (double)scale};
    if (figure->failed) return duet_fail(DUET_NO_MEMORY, "out of memory for a figure");
    DUET_TRY(duet_arena_status(figure->arena));
    DUET_TRY(duet_image_new(&c.image, (int64_t)ceil(figure->width * c.scale),
                            (int64_t)ceil(figure->height * c.scale), 3));
    memset(c.image.pixels, 255, (size_t)(c.image.width * c.image.height * 3));
    for (int64_t i = 0; i < figure->count; i++) draw_item(&c, &figure->item[i]);
    *out = c.image;
    return DUET_OK;
}
