/* SPDX-License-Identifier: MIT
 * figure/figure.h: a figure is a drawing with words: boxes, lines, dots, texts and small images at
 * places in pixels, of which an SVG or a PNG is made. What is drawn later lies above. Failures of
 * memory stick and are reported when it is made. */
#ifndef DUET_FIGURE_FIGURE_H
#define DUET_FIGURE_FIGURE_H

#include <duet/base.h>

#include "base/str.h"
#include "io/image.h"

/* A colour is 0xRRGGBB, or one of these: in a page they follow its style sheet, light or dark. */
typedef uint32_t duet_colour;
enum {
    DUET_INK = 1 << 24, /* text that matters */
    DUET_SOFT,          /* labels */
    DUET_FAINT,         /* titles of axes */
    DUET_RULE,          /* thin lines */
    DUET_PAPER,         /* the ground */
    DUET_WARM           /* what is marked */
};

void duet_figure_rgb(uint8_t rgb[3], duet_colour colour); /* by daylight */

typedef enum duet_anchor { DUET_START, DUET_MIDDLE, DUET_END } duet_anchor;

typedef struct duet_figure duet_figure;

/* width x height in pixels, rounded up. note: one line that says what it shows, for screen readers
 * and for the text of a PNG. */
DUET_NODISCARD duet_status duet_figure_new(duet_figure **out, double width, double height,
                                           const char *note);
void duet_figure_free(duet_figure *figure); /* NULL is accepted */

typedef struct duet_pen {
    duet_colour colour;
    double alpha; /* 0 = 1 */
    double line;  /* width of the line; of boxes and dots: 0 = filled */
    double round; /* radius of a box's corners */
} duet_pen;
void duet_figure_box(duet_figure *figure, double x, double y, double width, double height,
                     duet_pen pen);
void duet_figure_line(duet_figure *figure, double x0, double y0, double x1, double y1,
                      duet_pen pen);
void duet_figure_dot(duet_figure *figure, double x, double y, double radius, duet_pen pen);

typedef struct duet_words {
    double size; /* of the letters, as CSS counts it; 0 = 12 */
    duet_colour colour;
    duet_anchor anchor;
    bool bold;
    double turn; /* degrees, clockwise */
} duet_words;
/* y is that of the base line. text: UTF-8. */
void duet_figure_text(duet_figure *figure, double x, double y, const char *text, duet_words words);
/* The width of a text, nearly that of other fonts. */
double duet_figure_text_width(const char *text, double size, bool bold);

/* Pixels are copied, u8 [rows, columns, channels], at most two for each pixel of the figure;
 * smooth: between pixels where enlarged, else in squares. */
typedef struct duet_figure_pixels {
    const uint8_t *pixels;
    int64_t rows, columns;
    int channels; /* 1 or 3 */
    bool smooth;
} duet_figure_pixels;
void duet_figure_image(duet_figure *figure, double x, double y, double width, double height,
                       const duet_figure_pixels *image);
/* What an SVG says where the pointer rests on the last item. */
void duet_figure_tip(duet_figure *figure, const char *text);

/* SVG. page: as part of an HTML page, in the colours of its style sheet and without a ground; else
 * a file of its own. */
DUET_NODISCARD duet_status duet_figure_svg(const duet_figure *figure, bool page, duet_str *out);
/* The drawing in pixels, each of the figure's made scale x scale. */
DUET_NODISCARD duet_status duet_figure_draw(const duet_figure *figure, int64_t scale,
                                            duet_image *out);
/* A file: '….svg', or '….png' of twice the size. */
DUET_NODISCARD duet_status duet_figure_write(const duet_figure *figure, const char *path);

#endif
