/* SPDX-License-Identifier: MIT
 * report/svg.h: small charts as inline SVG. Colours come from CSS classes of the page (html.c), so
 * that the same chart serves light, dark and print; only heat cells carry their own colour. All
 * text is escaped here. */
#ifndef DUET_REPORT_SVG_H
#define DUET_REPORT_SVG_H

#include "base/str.h"

/* At most `most` round values inside [lo, hi]: steps of 1, 2, 5 x 10^k, or on a log axis 1, 2, 5 x
 * 10^k themselves (only powers of ten when there are more than three decades). Returns how many. */
int duet_svg_ticks(double *out, int most, double lo, double hi, bool log);
/* Tick label: 0.02, 5, 20k, 1.5M. */
void duet_svg_tick_text(char *out, size_t size, double value);

typedef struct duet_svg_series {
    const char *name;
    const char *style;   /* CSS class of the line */
    const double *x, *y; /* [count]; NaN breaks the line, and so does y <= 0 on a log axis */
    int64_t count;
    bool label;           /* name at the end of the line, where the chart has room for it */
    const double *spread; /* [count], or NULL: a band of this half width; NaN where there is none */
} duet_svg_series;

typedef struct duet_svg_lines {
    const char *what; /* one line for screen readers */
    const char *x_title, *y_title;
    const duet_svg_series *series;
    int count;
    bool log_x, log_y;
} duet_svg_lines;

/* width x height in pixels; narrow charts have no room for labels at the line ends. False (nothing
 * written) when no series has a finite point. */
bool duet_svg_line_chart(duet_str *out, const duet_svg_lines *chart, double width, double height);

/* The same as points: a dot for each, the name of a series beside its first one. */
bool duet_svg_scatter(duet_str *out, const duet_svg_lines *chart, double width, double height);

typedef struct duet_svg_heat {
    const char *what;
    int64_t rows, columns;
    const double *value; /* [rows][columns]; NaN = nothing there */
    const char *const *row_label, *const *column_label;
    const char *const *column_group; /* [columns] or NULL: equal neighbours share a bracket below */
    const char *row_title, *column_title;
    int64_t split_row, split_column; /* a gap stands before this row or column; 0 = none */
    int64_t mark_row, mark_column;   /* the framed cell; -1 = none */
    double lo, hi;                   /* ends of the colour scale */
    int decimals;
    bool print; /* values in the cells, where they fit */
    /* diagonal in the accent colour, the rest in the warm one, strength by square root of
     * value/hi */
    bool confusion;
    double most_cell; /* widest cell in pixels */
} duet_svg_heat;

void duet_svg_heat_map(duet_str *out, const duet_svg_heat *heat, double width);

/* One horizontal bar that fills its table cell: value of 0..hi, a thin mark at `mark` (NaN = none).
 */
void duet_svg_bar(duet_str *out, const char *style, double value, double hi, double mark);

#endif
