/* SPDX-License-Identifier: MIT
 * report/svg.c: the parts all charts share, and the line chart. A chart is drawn at 1:1 pixels for
 * a given width and scales through its viewBox; the page holds a wide and a narrow one, so that
 * text stays legible on phones. */
#include "report/svg.h"

#include "base/str.h"
#include "report/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TICKS = 16, MAX_LABELS = 8 };

typedef struct axis {
    double lo, hi;   /* data */
    double from, to; /* pixels */
    bool log;
} axis;

static double on_axis(const axis *a, double value) {
    const double lo = a->log ? log10(a->lo) : a->lo, hi = a->log ? log10(a->hi) : a->hi;
    const double place = ((a->log ? log10(value) : value) - lo) / (hi - lo);
    return a->from + place * (a->to - a->from);
}

static int linear_ticks(double *out, int most, double lo, double hi) {
    const double raw = (hi - lo) / (most > 6 ? 6 : most), power = pow(10, floor(log10(raw)));
    const double part = raw / power;
    const double step = (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10) * power;
    int count = 0;
    for (double k = ceil(lo / step - 1e-9); count < most && k * step <= hi + step * 1e-9; k++)
        out[count++] = k == 0 ? 0 : k * step; /* not -0 */
    return count;
}

int duet_svg_ticks(double *out, int most, double lo, double hi, bool log) {
    if (most < 1 || !isfinite(lo) || !isfinite(hi) || hi <= lo || !isfinite(hi - lo)) return 0;
    if (!log || lo <= 0) return linear_ticks(out, most, lo, hi);
    static const double all[] = {1, 2, 5};
    const double decades = log10(hi / lo);
    const int per_decade = decades > 3 || 3 * decades + 1 > most ? 1 : 3;
    const double stride = decades > most ? ceil(decades / most) : 1;
    int count = 0;
    for (double k = floor(log10(lo)); k <= ceil(log10(hi)) && count < most; k += stride) {
        for (int i = 0; i < per_decade && count < most; i++) {
            const double value = all[i] * pow(10, k);
            if (value >= lo * (1 - 1e-9) && value <= hi * (1 + 1e-9)) out[count++] = value;
        }
    }
    return count >= 2 ? count : linear_ticks(out, most, lo, hi);
}

void duet_svg_tick_text(char *out, size_t size, double value) {
    const double a = fabs(value);
    if (a >= 999.5e6)
        duet_format(out, size, "%.3gG", value / 1e9);
    else if (a >= 999.5e3)
        duet_format(out, size, "%.3gM", value / 1e6);
    else if (a >= 9999)
        duet_format(out, size, "%.3gk", value / 1e3);
    else
        duet_format(out, size, "%.4g", value);
}

static bool drawable(const duet_svg_lines *chart, const duet_svg_series *s, int64_t i) {
    return isfinite(s->x[i]) && isfinite(s->y[i]) && (!chart->log_x || s->x[i] > 0) &&
           (!chart->log_y || s->y[i] > 0);
}

static double spread_of(const duet_svg_series *s, int64_t i) {
    return s->spread != NULL && s->spread[i] > 0 && isfinite(s->spread[i]) ? s->spread[i] : 0;
}

static bool find_range(const duet_svg_lines *chart, axis *x, axis *y) {
    x->lo = y->lo = INFINITY;
    x->hi = y->hi = -INFINITY;
    for (int k = 0; k < chart->count; k++) {
        const duet_svg_series *s = &chart->series[k];
        for (int64_t i = 0; i < s->count; i++) {
            if (!drawable(chart, s, i)) continue;
            const double half = spread_of(s, i);
            x->lo = fmin(x->lo, s->x[i]);
            x->hi = fmax(x->hi, s->x[i]);
            y->lo = fmin(y->lo, y->log ? s->y[i] : s->y[i] - half);
            y->hi = fmax(y->hi, s->y[i] + half);
        }
    }
    if (!(x->lo <= x->hi)) return false;
    for (int k = 0; k < 2; k++) {
        axis *a = k == 0 ? x : y;
        const double spread = a->log ? log10(a->hi / a->lo) : a->hi - a->lo;
        const double pad = k == 0 && spread > 0 ? 0
                           : spread > 0         ? 0.04 * spread
                           : a->log             ? 0.1
                                                : fmax(fabs(a->hi) * 0.05, 1e-12);
        a->lo = a->log ? a->lo * pow(10, -pad) : a->lo - pad;
        a->hi = a->log ? a->hi * pow(10, pad) : a->hi + pad;
    }
    return isfinite(x->hi - x->lo) && isfinite(y->hi - y->lo) && (!y->log || y->lo > 0) &&
           (!x->log || x->lo > 0);
}

static void draw_axes(duet_str *out, const duet_svg_lines *chart, const axis *x, const axis *y) {
    double tick[MAX_TICKS];
    char text[32];
    int count = duet_svg_ticks(tick, MAX_TICKS, y->lo, y->hi, y->log);
    for (int i = 0; i < count; i++) {
        const double at = on_axis(y, tick[i]);
        duet_svg_tick_text(text, sizeof text, tick[i]);
        duet_str_format(out,
                        "<path class=\"rule\" d=\"M%.1f %.1fH%.1f\"/><text x=\"%.1f\" y=\"%.1f\" "
                        "text-anchor=\"end\">%s</text>",
                        x->from, at, x->to, x->from - 8, at + 4, text);
    }
    count = duet_svg_ticks(tick, x->to - x->from < 500 ? 5 : 10, x->lo, x->hi, x->log);
    for (int i = 0; i < count; i++) {
        duet_svg_tick_text(text, sizeof text, tick[i]);
        duet_str_format(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>",
                        on_axis(x, tick[i]), y->from + 20, text);
    }
    duet_str_format(out,
                    "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/><text class=\"axis-title\" "
                    "x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
                    x->from, y->from, x->to, x->to, y->from + 40);
    duet_html_text(out, chart->x_title);
    duet_str_add(out, "</text><text class=\"axis-title\" x=\"0\" y=\"12\">");
    duet_html_text(out, chart->y_title);
    duet_str_add(out, "</text>");
}

/* The band around the points from the first one that can be drawn to the next that cannot. */
static void draw_band(duet_str *out, const duet_svg_lines *chart, const duet_svg_series *s,
                      const axis *x, const axis *y) {
    int64_t first = 0, end = 0;
    while (first < s->count && !drawable(chart, s, first)) first++;
    for (end = first; end < s->count && drawable(chart, s, end);) end++;
    if (s->spread == NULL || end - first < 2 || chart->log_y) return;
    duet_str_format(out, "<path class=\"band %s\" d=\"", s->style);
    for (int64_t i = first; i < end; i++)
        duet_str_format(out, "%s%.1f %.1f", i == first ? "M" : "L", on_axis(x, s->x[i]),
                        on_axis(y, s->y[i] + spread_of(s, i)));
    for (int64_t i = end - 1; i >= first; i--)
        duet_str_format(out, "L%.1f %.1f", on_axis(x, s->x[i]),
                        on_axis(y, s->y[i] - spread_of(s, i)));
    duet_str_add(out, "Z\"/>");
}

/* Returns the pixel height of the last point, NaN when nothing was drawn. */
static double draw_series(duet_str *out, const duet_svg_lines *chart, const duet_svg_series *s,
                          const axis *x, const axis *y) {
    double last = NAN;
    int64_t in_line = 0;
    duet_str_format(out, "<path class=\"line %s\" d=\"", s->style);
    for (int64_t i = 0; i < s->count; i++) {
        if (!drawable(chart, s, i)) {
            in_line = 0;
            continue;
        }
        const bool alone = in_line == 0 && (i + 1 == s->count || !drawable(chart, s, i + 1));
        last = on_axis(y, s->y[i]);
        duet_str_format(out, "%s%.1f %.1f%s", in_line++ == 0 ? "M" : "L", on_axis(x, s->x[i]), last,
                        alone ? "h.1" : "");
    }
    duet_str_add(out, "\"/>");
    return last;
}

/* Labels at the line ends, pushed apart to 15 pixels from the top down. */
static void draw_labels(duet_str *out, const duet_svg_lines *chart, const double *end, double x,
                        double bottom) {
    int order[MAX_LABELS], count = 0;
    for (int k = 0; k < chart->count && count < MAX_LABELS; k++) {
        if (!chart->series[k].label || isnan(end[k])) continue;
        int at = count++;
        for (; at > 0 && end[order[at - 1]] > end[k]; at--) order[at] = order[at - 1];
        order[at] = k;
    }
    double place[MAX_LABELS];
    for (int i = 0; i < count; i++)
        place[i] = fmax(end[order[i]] + 4, i > 0 ? place[i - 1] + 15 : 0);
    for (int i = count - 1; i >= 0; i--)
        place[i] = fmin(place[i], i + 1 < count ? place[i + 1] - 15 : bottom);
    for (int i = 0; i < count; i++) {
        const duet_svg_series *s = &chart->series[order[i]];
        duet_str_format(out, "<text class=\"end %s\" x=\"%.1f\" y=\"%.1f\">", s->style, x,
                        place[i]);
        duet_html_text(out, s->name);
        duet_str_add(out, "</text>");
    }
}

bool duet_svg_line_chart(duet_str *out, const duet_svg_lines *chart, double width, double height) {
    const bool narrow = width < 600;
    double end[MAX_LABELS];
    axis x = {.from = 48, .to = narrow ? width - 8 : width - 128, .log = chart->log_x};
    axis y = {.from = height - 46, .to = 26, .log = chart->log_y};
    if (chart->count > MAX_LABELS || !find_range(chart, &x, &y)) return false;
    duet_str_format(out,
                    "<svg class=\"chart\" viewBox=\"0 0 %.0f %.0f\" style=\"max-width:%.0fpx\" "
                    "role=\"img\" aria-label=\"",
                    width, height, narrow ? width * 1.5 : width);
    duet_html_text(out, chart->what);
    duet_str_add(out, "\">");
    draw_axes(out, chart, &x, &y);
    for (int k = 0; k < chart->count; k++) draw_band(out, chart, &chart->series[k], &x, &y);
    for (int k = 0; k < chart->count; k++)
        end[k] = draw_series(out, chart, &chart->series[k], &x, &y);
    if (!narrow) draw_labels(out, chart, end, x.to + 10, y.from);
    duet_str_add(out, "</svg>");
    return true;
}

/* Names stand to the right of their point, or to the left where that is the edge. */
static void draw_points(duet_str *out, const duet_svg_lines *chart, const duet_svg_series *s,
                        const axis *x, const axis *y) {
    bool named = false;
    for (int64_t i = 0; i < s->count; i++) {
        if (!drawable(chart, s, i)) continue;
        const double at = on_axis(x, s->x[i]), high = on_axis(y, s->y[i]);
        const bool left = at > x->to - 110;
        duet_str_format(out, "<circle class=\"point %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>",
                        s->style, at, high);
        if (named) continue;
        named = true;
        duet_str_format(out, "<text class=\"end %s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
                        s->style, at + (left ? -9 : 9), high + 4, left ? "end" : "start");
        duet_html_text(out, s->name);
        duet_str_add(out, "</text>");
    }
}

bool duet_svg_scatter(duet_str *out, const duet_svg_lines *chart, double width, double height) {
    axis x = {.from = 48, .to = width - 16, .log = chart->log_x};
    axis y = {.from = height - 46, .to = 26, .log = chart->log_y};
    if (!find_range(chart, &x, &y)) return false;
    duet_str_format(out,
                    "<svg class=\"chart\" viewBox=\"0 0 %.0f %.0f\" style=\"max-width:%.0fpx\" "
                    "role=\"img\" aria-label=\"",
                    width, height, width < 600 ? width * 1.5 : width);
    duet_html_text(out, chart->what);
    duet_str_add(out, "\">");
    draw_axes(out, chart, &x, &y);
    for (int k = 0; k < chart->count; k++) draw_points(out, chart, &chart->series[k], &x, &y);
    duet_str_add(out, "</svg>");
    return true;
}

void duet_svg_bar(duet_str *out, const char *style, double value, double hi, double mark) {
    const double scale = hi > 0 && isfinite(hi) ? 100 / hi : 1;
    const double at = value > 0 ? fmin(value * scale, 100) : 0; /* NaN gives 0 */
    duet_str_format(out,
                    "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
                    "aria-hidden=\"true\">"
                    "<rect class=\"track\" width=\"100\" height=\"10\"/><rect class=\"%s\" "
                    "width=\"%.2f\" height=\"10\"/>",
                    style, at);
    if (mark >= 0 && mark * scale <= 100) {
        duet_str_format(out, "<rect class=\"mark\" x=\"%.2f\" width=\".3\" height=\"10\"/>",
                        mark * scale);
    }
    duet_str_add(out, "</svg>");
}
