/* SPDX-License-Identifier: MIT
 * report/heat.c: heat maps for svg.h: accuracy over (t, tap) in viridis, and confusion matrices
 * where the diagonal and the mistakes have a colour each. Column labels turn by 45 degrees when
 * they do not fit over their cells. */
#include "report/svg.h"

#include "base/str.h"
#include "figure/colours.h"
#include "report/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double GAP = 10;        /* of split_row and split_column */
static const double CHARACTER = 7.2; /* generous width of a character of the 12-pixel font */

typedef struct layout {
    double left, top, cell_width, cell_height, width, height;
    bool turned;
} layout;

static int64_t characters(const char *text) {
    int64_t count = 0;
    for (; *text != 0; text++) count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

static double longest(const char *const *label, int64_t count, int64_t most) {
    int64_t size = 1;
    for (int64_t i = 0; i < count; i++) {
        const int64_t n = characters(label[i]);
        if (n > size) size = n;
    }
    return CHARACTER * (double)(size < most ? size : most);
}

static void short_label(duet_str *out, const char *label, int64_t most) {
    char text[256];
    size_t size = 0;
    const bool cut = characters(label) > most;
    for (int64_t seen = 0; *label != 0 && size < sizeof text - 8; label++) {
        seen += ((unsigned char)*label & 0xC0) != 0x80;
        if (cut && seen == most) break;
        text[size++] = *label;
    }
    text[size] = 0;
    duet_html_text(out, text);
    if (cut) duet_str_add(out, "…");
}

static layout plan(const duet_svg_heat *h, double width) {
    layout l = {0};
    const double rows = (double)h->rows, columns = (double)h->columns;
    const int64_t most = width < 600 ? 11 : 18;
    l.left = longest(h->row_label, h->rows, most) + 12;
    if (h->row_title != NULL)
        l.left = fmax(l.left, CHARACTER * (double)characters(h->row_title) + 10);
    l.cell_width =
        fmin((width - l.left - (h->split_column > 0 ? GAP : 0) - 2) / columns, h->most_cell);
    l.cell_width = fmax(l.cell_width, 10);
    l.cell_height =
        fmax(fmin(l.cell_width, h->print ? (h->rows > 24 ? 24 : 32) : 22), h->print ? 22 : 10);
    const double label = longest(h->column_label, h->columns, most);
    l.turned = label > l.cell_width - 2;
    l.top = (h->column_title != NULL ? 22 : 4) + (l.turned ? label * 0.72 + 12 : 20);
    l.width = l.left + columns * l.cell_width + (h->split_column > 0 ? GAP : 0) + 2 +
              (l.turned ? label * 0.5 : 0);
    l.height = l.top + rows * l.cell_height + (h->split_row > 0 ? GAP : 0) +
               (h->column_group != NULL ? 30 : 4);
    return l;
}

static double column_at(const duet_svg_heat *h, const layout *l, int64_t c) {
    return l->left + (double)c * l->cell_width +
           (h->split_column > 0 && c >= h->split_column ? GAP : 0);
}

static double row_at(const duet_svg_heat *h, const layout *l, int64_t r) {
    return l->top + (double)r * l->cell_height + (h->split_row > 0 && r >= h->split_row ? GAP : 0);
}

static void draw_labels(duet_str *out, const duet_svg_heat *h, const layout *l, int64_t most) {
    for (int64_t r = 0; r < h->rows; r++) {
        duet_str_format(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\"%s>", l->left - 8,
                        row_at(h, l, r) + l->cell_height / 2 + 4,
                        r == h->mark_row ? " class=\"strong\"" : "");
        short_label(out, h->row_label[r], most);
        duet_str_add(out, "</text>");
    }
    for (int64_t c = 0; c < h->columns; c++) {
        const double x = column_at(h, l, c) + l->cell_width / 2, y = l->top - 8;
        const char *strong = c == h->mark_column ? " class=\"strong\"" : "";
        if (l->turned)
            duet_str_format(out, "<text transform=\"translate(%.1f %.1f)rotate(-45)\"%s>", x + 2, y,
                            strong);
        else
            duet_str_format(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\"%s>", x, y,
                            strong);
        short_label(out, h->column_label[c], most);
        duet_str_add(out, "</text>");
    }
    if (h->row_title != NULL) {
        duet_str_format(out,
                        "<text class=\"axis-title\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
                        l->left - 8, l->top - 8);
        duet_html_text(out, h->row_title);
        duet_str_add(out, "</text>");
    }
    if (h->column_title != NULL) {
        duet_str_format(out, "<text class=\"axis-title\" x=\"%.1f\" y=\"12\">", l->left);
        duet_html_text(out, h->column_title);
        duet_str_add(out, "</text>");
    }
}

static void draw_groups(duet_str *out, const duet_svg_heat *h, const layout *l) {
    const double y = row_at(h, l, h->rows - 1) + l->cell_height + 8;
    for (int64_t c = 0, end; c < h->columns; c = end) {
        for (end = c + 1; end < h->columns && strcmp(h->column_group[c], h->column_group[end]) == 0;
             end++) {
        }
        if (h->column_group[c][0] == 0) continue;
        const double from = column_at(h, l, c) + 3,
                     to = column_at(h, l, end - 1) + l->cell_width - 3;
        duet_str_format(out, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/>", from, y, to);
        if (to - from < CHARACTER * (double)characters(h->column_group[c]) - 6) continue;
        duet_str_format(out,
                        "<text class=\"axis-title\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                        (from + to) / 2, y + 16);
        duet_html_text(out, h->column_group[c]);
        duet_str_add(out, "</text>");
    }
}

/* Fills the cell and returns the class of its text. */
static const char *paint(duet_str *out, const duet_svg_heat *h, const layout *l, int64_t r,
                         int64_t c, double value) {
    duet_str_format(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\" ",
                    column_at(h, l, c) + 1, row_at(h, l, r) + 1, l->cell_width - 2,
                    l->cell_height - 2);
    if (!isfinite(value)) {
        duet_str_add(out, "class=\"track\"");
        return "on-low";
    }
    if (h->confusion) {
        const double part = sqrt(fmin(fmax(h->hi > 0 ? value / h->hi : 0, 0), 1));
        const double strength = r == c ? part : fmin(part * 1.6, 1);
        duet_str_format(out, "class=\"%s\" fill-opacity=\"%.3f\"", r == c ? "model" : "wrong",
                        0.03 + 0.9 * strength);
        return strength > 0.62 ? "on-high" : "on-low";
    }
    int rgb[3];
    duet_viridis(rgb, h->hi > h->lo ? (value - h->lo) / (h->hi - h->lo) : 1);
    duet_str_format(out, "fill=\"#%02x%02x%02x\"", (unsigned)rgb[0], (unsigned)rgb[1],
                    (unsigned)rgb[2]);
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] > 128 ? "on-bright" : "on-dark";
}

static void draw_cell(duet_str *out, const duet_svg_heat *h, const layout *l, int64_t r,
                      int64_t c) {
    const double value = h->value[r * h->columns + c];
    const double font = l->cell_width >= 42 ? 12.5 : l->cell_width >= 32 ? 11 : 9.5;
    char text[64];
    const char *style = paint(out, h, l, r, c, value);
    duet_format(text, sizeof text, "%.*f", h->decimals, value);
    if (h->print && isfinite(value)) {
        duet_str_add(out, "/>");
        if (l->cell_width < 0.58 * font * (double)strlen(text) ||
            (h->confusion && text[strspn(text, "-0.")] == '\0'))
            return;
        duet_str_format(out,
                        "<text class=\"cell %s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" "
                        "style=\"font-size:%.1fpx\">%s</text>",
                        style, column_at(h, l, c) + l->cell_width / 2,
                        row_at(h, l, r) + l->cell_height / 2 + font * 0.35, font, text);
        return;
    }
    duet_str_add(out, "><title>");
    duet_html_text(out, h->row_label[r]);
    duet_str_add(out, ", ");
    duet_html_text(out, h->column_label[c]);
    duet_str_format(out, ": %s</title></rect>", isfinite(value) ? text : "–");
}

void duet_svg_heat_map(duet_str *out, const duet_svg_heat *h, double width) {
    if (h->rows < 1 || h->columns < 1) return;
    const layout l = plan(h, width);
    duet_str_format(out,
                    "<svg class=\"chart heat\" viewBox=\"0 0 %.0f %.0f\" "
                    "style=\"max-width:%.0fpx\" role=\"img\" aria-label=\"",
                    l.width, l.height, width < 600 && h->print ? l.width * 1.35 : l.width);
    duet_html_text(out, h->what);
    duet_str_add(out, "\">");
    draw_labels(out, h, &l, width < 600 ? 11 : 18);
    for (int64_t r = 0; r < h->rows; r++) {
        for (int64_t c = 0; c < h->columns; c++) draw_cell(out, h, &l, r, c);
    }
    if (h->column_group != NULL) draw_groups(out, h, &l);
    if (h->mark_row >= 0 && h->mark_column >= 0) {
        duet_str_format(out,
                        "<rect class=\"winner\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                        "height=\"%.1f\" rx=\"3\"/>",
                        column_at(h, &l, h->mark_column) - 0.5, row_at(h, &l, h->mark_row) - 0.5,
                        l.cell_width + 1, l.cell_height + 1);
    }
    duet_str_add(out, "</svg>");
}
