/* SPDX-License-Identifier: MIT
 * report/labels.c: see labels.h. */
#include "report/labels.h"

#include <math.h>
#include <string.h>

#include "report/svg.h"

enum { MOST_READERS = 8, MOST_POINTS = 64, BINS = 100 };

/* ---- accuracy over the number of labels ---- */

typedef struct curve {
    const char *reader;
    double shots[MOST_POINTS], top1[MOST_POINTS], spread[MOST_POINTS], draws[MOST_POINTS];
    int64_t count;
} curve;

/* The rows of "few", by reader; returns how many readers there are. */
static int read_curves(const json_t *few, curve curves[MOST_READERS]) {
    int count = 0;
    for (size_t i = 0; i < json_array_size(few); i++) {
        const json_t *row = json_array_get(few, i);
        const char *reader = duet_report_text(row, "reader");
        int k = 0;
        if (reader == NULL) continue;
        while (k < count && strcmp(curves[k].reader, reader) != 0) k++;
        if (k == MOST_READERS) continue;
        if (k == count) curves[count++] = (curve){.reader = reader};
        curve *c = &curves[k];
        if (c->count == MOST_POINTS) continue;
        c->shots[c->count] = duet_report_number(row, "shots");
        c->top1[c->count] = duet_report_number(row, "top1");
        c->spread[c->count] = duet_report_number(row, "top1_std");
        c->draws[c->count++] = duet_report_number(row, "draws");
    }
    return count;
}

static const char *style_of(const char *reader) {
    return strcmp(reader, "model") == 0    ? "model"
           : strcmp(reader, "random") == 0 ? "random"
                                           : "pixels";
}

/* Names without HTML: charts escape them. */
static const char *plain_name(const char *reader) {
    return strcmp(reader, "model") == 0    ? "this model"
           : strcmp(reader, "random") == 0 ? "random weights"
           : strcmp(reader, "pixels") == 0 ? "raw pixels"
                                           : reader;
}

/* A line and its name, of a legend. */
static void write_key(duet_str *out, const char *style, const char *name) {
    duet_str_format(out,
                    "<span><svg viewBox=\"0 0 20 8\"><path class=\"line %s\" d=\"M0 4H20\"/></svg>",
                    style);
    duet_html_text(out, name);
    duet_str_add(out, "</span>");
}

static void draw_curves(duet_str *out, const curve *curves, int count) {
    duet_svg_series series[MOST_READERS];
    for (int k = 0; k < count; k++)
        series[k] = (duet_svg_series){.name = plain_name(curves[k].reader),
                                      .style = style_of(curves[k].reader),
                                      .x = curves[k].shots,
                                      .y = curves[k].top1,
                                      .spread = curves[k].spread,
                                      .count = curves[k].count,
                                      .label = true};
    const duet_svg_lines chart = {.what = "Test accuracy over the number of labels of each class",
                                  .x_title = "labels of each class",
                                  .y_title = "test accuracy (%)",
                                  .series = series,
                                  .count = count,
                                  .log_x = true};
    duet_str_add(out, "<div class=\"wide-only\">");
    duet_svg_line_chart(out, &chart, 1088, 340);
    duet_str_add(out, "</div><div class=\"narrow\">");
    duet_svg_line_chart(out, &chart, 380, 300);
    duet_str_add(out, "<div class=\"legend\">");
    for (int k = 0; k < count; k++) write_key(out, series[k].style, series[k].name);
    duet_str_add(out, "</div></div>");
}

static int64_t find_shots(const curve *c, double shots) {
    for (int64_t i = 0; i < c->count; i++)
        if (c->shots[i] == shots) return i;
    return -1;
}

/* A line a number of labels, a column a reader. */
static void write_curves(duet_report *report, duet_str *out, const curve *curves, int count) {
    duet_arena *arena = report->arena;
    duet_str_add(out, "<details><summary>The numbers</summary><div class=\"scroll\"><table><thead>"
                      "<tr><th class=\"n\">labels of each class</th><th class=\"n\">draws</th>");
    for (int k = 0; k < count; k++)
        duet_str_format(out, "<th class=\"n\">%s</th>",
                        duet_report_reader_name(report, curves[k].reader));
    duet_str_add(out, "</tr></thead><tbody>");
    for (int64_t i = 0; i < curves[0].count; i++) {
        duet_str_format(out, "<tr><td class=\"n\">%s</td><td class=\"n\">%s</td>",
                        duet_quantity_count(arena, curves[0].shots[i]),
                        duet_quantity_plain(arena, curves[0].draws[i]));
        for (int k = 0; k < count; k++) {
            const int64_t at = find_shots(&curves[k], curves[0].shots[i]);
            duet_str_format(out, "<td class=\"n\">%s",
                            duet_quantity_fixed(arena, at >= 0 ? curves[k].top1[at] : NAN, 2));
            if (at >= 0 && isfinite(curves[k].spread[at]))
                duet_str_format(out, " ± %s", duet_quantity_fixed(arena, curves[k].spread[at], 2));
            duet_str_add(out, "</td>");
        }
        duet_str_add(out, "</tr>");
    }
    duet_str_add(out, "</tbody></table></div></details>\n");
}

void duet_report_few(duet_report *report, const json_t *result, duet_str *out) {
    curve curves[MOST_READERS];
    const int count = read_curves(duet_report_get(result, "few"), curves);
    const double tests = duet_report_number(result, "few_test_rows");
    const char *head = duet_report_value(report, duet_report_get(result, "few_head"));
    if (count == 0) return;
    duet_str_add(out, "<h3>With few labels</h3>\n<figure>");
    draw_curves(out, curves, count);
    duet_str_format(out,
                    "<figcaption>Small heads (%s, strength chosen by leaving one label out) on so "
                    "many labels of each class, the same for all lines, tested on %s images. Lines "
                    "are means over draws of the labels, bands one standard deviation to both "
                    "sides.</figcaption></figure>\n",
                    head, duet_quantity_count(report->arena, tests));
    write_curves(report, out, curves, count);
}

enum { LINE_SHOTS = 10 };

void duet_report_few_line(duet_report *report, const json_t *result, duet_str *out) {
    const json_t *few = duet_report_get(result, "few");
    int said = 0;
    for (size_t i = 0; i < json_array_size(few); i++) {
        const json_t *row = json_array_get(few, i);
        const double top1 = duet_report_number(row, "top1");
        if (duet_report_number(row, "shots") != LINE_SHOTS || !isfinite(top1)) continue;
        if (said == 0) duet_str_format(out, " With %d labels of each class", LINE_SHOTS);
        duet_str_format(out, "%s %s&#8239;%%",
                        said == 0   ? ""
                        : said == 1 ? ", against"
                                    : " and",
                        duet_quantity_fixed(report->arena, top1, 1));
        said++;
    }
    if (said > 0) duet_str_add(out, ".");
}

/* ---- calibration ---- */

typedef struct reliability {
    double confidence[BINS], accuracy[BINS];
    int64_t count;
} reliability;

/* Bins with fewer than 10 rows say little. */
static void read_bins(const json_t *bins, reliability *out) {
    out->count = 0;
    for (size_t i = 0; i < json_array_size(bins) && i < BINS; i++) {
        const json_t *bin = json_array_get(bins, i);
        if (!(duet_report_number(bin, "rows") >= 10)) continue;
        out->confidence[out->count] = 100 * duet_report_number(bin, "confidence");
        out->accuracy[out->count++] = 100 * duet_report_number(bin, "accuracy");
    }
}

static void draw_reliability(const json_t *c, duet_str *out, double width) {
    static const double ends[] = {0, 100};
    reliability before, after;
    read_bins(duet_report_get(c, "reliability_before"), &before);
    read_bins(duet_report_get(c, "reliability"), &after);
    const duet_svg_series series[] = {
        {.name = "", .style = "ideal", .x = ends, .y = ends, .count = 2},
        {.name = "before",
         .style = "random",
         .x = before.confidence,
         .y = before.accuracy,
         .count = before.count,
         .label = true},
        {.name = "calibrated",
         .style = "model",
         .x = after.confidence,
         .y = after.accuracy,
         .count = after.count,
         .label = true}};
    const duet_svg_lines chart = {.what = "Accuracy over confidence, before and after calibration",
                                  .x_title = "confidence (%)",
                                  .y_title = "accuracy (%)",
                                  .series = series,
                                  .count = 3};
    duet_svg_line_chart(out, &chart, width, 300);
}

static void write_sets(duet_report *report, const json_t *c, duet_str *out) {
    const json_t *sets = duet_report_get(c, "sets");
    duet_arena *arena = report->arena;
    if (json_array_size(sets) == 0) return;
    duet_str_add(out, "<table><thead><tr><th class=\"n\">asked</th><th class=\"n\">covered</th><th "
                      "class=\"n\">classes of a set</th></tr></thead><tbody>");
    for (size_t i = 0; i < json_array_size(sets) && i < MOST_POINTS; i++) {
        const json_t *set = json_array_get(sets, i);
        duet_str_format(out,
                        "<tr><td class=\"n\">%s&#8239;%%</td><td class=\"n\">%s&#8239;%%</td><td "
                        "class=\"n\">%s</td></tr>",
                        duet_quantity_plain(arena, 100 * duet_report_number(set, "level")),
                        duet_quantity_fixed(arena, duet_report_number(set, "coverage"), 2),
                        duet_quantity_fixed(arena, duet_report_number(set, "mean_size"), 2));
    }
    duet_str_add(out, "</tbody></table>\n");
}

static const char *rows_of(const char *from) {
    static const char *const texts[][2] = {
        {"apart", "training images that did nothing else"},
        {"val", "images of the split val, which did nothing else"},
        {"held", "training images that chose the head's strength, by the head before it was fitted "
                 "to them too"},
        {"folds", "training images, each by a head that was fitted without it"}};
    for (int i = 0; from != NULL && i < DUET_COUNT(texts); i++)
        if (strcmp(texts[i][0], from) == 0) return texts[i][1];
    return "images";
}

void duet_report_calibration(duet_report *report, const json_t *result, duet_str *out) {
    const json_t *c = duet_report_get(result, "calibration");
    duet_arena *arena = report->arena;
    if (!json_is_object(c)) return;
    duet_str_format(out,
                    "<h3>How far its probabilities are to be trusted</h3>\n<p class=\"note\">The "
                    "calibration error on the test images is %s&#8239;%% (before %s&#8239;%%) at "
                    "temperature %s, fitted to %s %s.</p>\n<div class=\"two\"><figure>",
                    duet_quantity_fixed(arena, 100 * duet_report_number(c, "ece"), 2),
                    duet_quantity_fixed(arena, 100 * duet_report_number(c, "ece_before"), 2),
                    duet_quantity_fixed(arena, duet_report_number(c, "temperature"), 3),
                    duet_quantity_count(arena, duet_report_number(c, "rows")),
                    rows_of(duet_report_text(c, "from")));
    duet_str_add(out, "<div class=\"wide-only\">");
    draw_reliability(c, out, 532);
    duet_str_add(out, "</div><div class=\"narrow\">");
    draw_reliability(c, out, 380);
    duet_str_add(out, "</div><div class=\"legend\">");
    write_key(out, "model", "calibrated");
    write_key(out, "random", "before");
    duet_str_add(out,
                 "</div>"
                 "<figcaption>Test images by the probability of their first class: how many of "
                 "them are right. On the thin line probabilities are what they say; bins of at "
                 "least 10 images.</figcaption></figure>\n<figure>");
    write_sets(report, c, out);
    duet_str_add(out,
                 "<figcaption>Sets of classes that hold the right one with the chance asked for: "
                 "the most probable class, and all that reach the threshold of the calibration "
                 "images (split conformal prediction). Covered: the test images whose class is "
                 "in their set. Any image: <code>duet classify RUN x.png "
                 "--conformal 0.9</code></figcaption></figure></div>\n");
}

/* ---- a budget of labels ---- */

void duet_report_budget(duet_report *report, const json_t *result, duet_str *out) {
    const json_t *labels = duet_report_get(result, "labels");
    const double shots = duet_report_number(labels, "shots"),
                 share = duet_report_number(labels, "share"),
                 draws = duet_report_number(labels, "draws");
    duet_arena *arena = report->arena;
    if (!json_is_object(labels)) return;
    if (isfinite(shots))
        duet_str_format(out, "; %s labels of each class", duet_quantity_count(arena, shots));
    else if (isfinite(share))
        duet_str_format(out, "; %s&#8239;%% of the labels",
                        duet_quantity_plain(arena, 100 * share));
    else if (duet_report_text(labels, "list") != NULL)
        duet_str_format(out, "; the labels are those of <code>%s</code>",
                        duet_report_value(report, duet_report_get(labels, "list")));
    if (draws > 1) duet_str_format(out, ", %s draws of them", duet_quantity_plain(arena, draws));
}
