/* SPDX-License-Identifier: MIT
 * report/section_compare.c: learners beside each other, of the newest comparison of the run: a
 * table, accuracy against distance, both over training, and what each one draws. */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "report/section.h"
#include "report/svg.h"

enum { MOST_ROWS = 160, MOST_NAMES = 16, SHOWN = 266 };

/* The rows of one name, in the order of their seeds. */
typedef struct contestant {
    const char *name;
    const json_t *row[MOST_NAMES];
    int count;
    double top1[MOST_NAMES], fid[MOST_NAMES]; /* of the first head, percent */
} contestant;

typedef struct contest {
    contestant list[MOST_NAMES];
    int count;
} contest;

static const json_t *head_of(const json_t *row, size_t h) {
    return json_array_get(duet_report_get(row, "heads"), h);
}

static void gather(contest *c, const json_t *rows) {
    for (size_t i = 0; i < json_array_size(rows) && i < MOST_ROWS; i++) {
        const json_t *const row = json_array_get(rows, i);
        const char *const name = duet_report_text(row, "name");
        int k = 0;
        while (name != NULL && k < c->count && strcmp(c->list[k].name, name) != 0) k++;
        if (name == NULL || k == MOST_NAMES) continue;
        if (k == c->count) c->list[c->count++] = (contestant){.name = name};
        contestant *const one = &c->list[k];
        if (one->count == MOST_NAMES) continue;
        one->top1[one->count] = duet_report_number(head_of(row, 0), "top1");
        one->fid[one->count] = duet_report_number(row, "fid");
        one->row[one->count++] = row;
    }
}

static const char *style_of(const char *name) {
    static const char *const styles[][2] = {{"diffusion", "model"}, {"bigbigan", "q1"},
                                            {"patchvae", "q2"},     {"vae", "q3"},
                                            {"random", "random"},   {"pixels", "pixels"}};
    for (int i = 0; i < DUET_COUNT(styles); i++)
        if (strcmp(styles[i][0], name) == 0) return styles[i][1];
    return "q0";
}

/* ---- the table ---- */

/* Mean and deviation over the seeds of what `get` gives of a row. */
static void write_mean(duet_report *report, duet_str *out, const contestant *c,
                       double (*get)(const json_t *row, size_t which), size_t which, int decimals) {
    double sum = 0, squares = 0;
    int n = 0;
    for (int i = 0; i < c->count; i++) {
        const double value = get(c->row[i], which);
        if (!isfinite(value)) continue;
        sum += value;
        squares += value * value;
        n++;
    }
    duet_str_add(out, "<td class=\"n\">");
    if (n == 0) duet_str_add(out, "–");
    if (n > 0) duet_str_add(out, duet_quantity_fixed(report->arena, sum / n, decimals));
    if (n > 1)
        duet_str_format(out, " ± %s",
                        duet_quantity_fixed(report->arena,
                                            sqrt(fmax(0.0, (squares - sum * sum / n) / (n - 1))),
                                            decimals));
    duet_str_add(out, "</td>");
}

static double head_top1(const json_t *row, size_t h) {
    return duet_report_number(head_of(row, h), "top1");
}

/* Numbers of a row, in the order of the columns. */
static const struct column {
    const char *key, *title;
    int decimals;
    bool rate; /* 0 = it was not measured */
} columns[] = {{"few", "10 labels", 2, false},
               {"random", "random weights", 2, false},
               {"own", "own", 2, false},
               {"fid", "distance", 3, false},
               {"precision", "precision", 3, false},
               {"recall", "recall", 3, false},
               {"damaged", "damaged", 1, false},
               {"classes_seen", "classes", 1, false},
               {"train_images_per_second", "trains/s", 0, true},
               {"read_images_per_second", "reads/s", 0, true}};

static double number_of(const json_t *row, size_t k) {
    const double value = duet_report_number(row, columns[k].key);
    return columns[k].rate && value <= 0 ? NAN : value;
}

static void write_cells(duet_report *report, duet_str *out, const contestant *c) {
    const json_t *const row = c->row[0];
    const double images = duet_report_number(row, "images"),
                 parameters = duet_report_number(row, "parameters"),
                 memory = duet_report_number(row, "memory");
    for (size_t h = 0; h < json_array_size(duet_report_get(row, "heads")); h++)
        write_mean(report, out, c, head_top1, h, 2);
    for (size_t k = 0; k < DUET_COUNT(columns); k++)
        write_mean(report, out, c, number_of, k, columns[k].decimals);
    duet_str_format(out,
                    "<td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n",
                    images > 0 ? duet_quantity_short(report->arena, images) : "–",
                    parameters > 0 ? duet_quantity_short(report->arena, parameters) : "–",
                    memory > 0 ? duet_quantity_bytes(report->arena, memory) : "–");
}

static void write_table(duet_report *report, duet_str *out, const contest *c) {
    const json_t *const heads = duet_report_get(c->list[0].row[0], "heads");
    duet_str_add(out, "<div class=\"scroll\"><table><thead><tr><th></th>");
    for (size_t h = 0; h < json_array_size(heads); h++) {
        const char *const name = duet_report_text(json_array_get(heads, h), "head");
        duet_str_format(out, "<th class=\"n\">%s</th>",
                        name != NULL ? duet_report_escape(report, name) : "");
    }
    for (size_t k = 0; k < DUET_COUNT(columns); k++)
        duet_str_format(out, "<th class=\"n\">%s</th>", columns[k].title);
    duet_str_add(out, "<th class=\"n\">images</th><th class=\"n\">weights</th><th class=\"n\">"
                      "memory</th></tr></thead><tbody>\n");
    for (int k = 0; k < c->count; k++) {
        duet_str_format(out, "<tr%s><td>%s</td>", k == 0 ? " class=\"first\"" : "",
                        duet_report_escape(report, c->list[k].name));
        write_cells(report, out, &c->list[k]);
    }
    duet_str_add(out, "</tbody></table></div>\n");
}

/* ---- pictures ---- */

static void write_scatter(duet_str *out, const contest *c) {
    duet_svg_series series[MOST_NAMES];
    int count = 0;
    for (int k = 0; k < c->count; k++) {
        const contestant *const one = &c->list[k];
        if (!isfinite(one->fid[0])) continue;
        series[count++] = (duet_svg_series){.name = one->name,
                                            .style = style_of(one->name),
                                            .x = one->fid,
                                            .y = one->top1,
                                            .count = one->count};
    }
    const duet_svg_lines chart = {.what = "Accuracy against the distance of drawn images",
                                  .x_title = "distance of drawn images to real ones",
                                  .y_title = "linear head (%)",
                                  .series = series,
                                  .count = count,
                                  .log_x = true};
    if (count < 2) return;
    duet_str_add(out, "<h3>One learner, two jobs</h3>\n<figure>");
    duet_svg_scatter(out, &chart, 760, 360);
    duet_str_add(out, "<figcaption>Up is better recognition, left is better drawing: a unified "
                      "learner stands in the upper left corner.</figcaption></figure>\n");
}

/* Columns of meters.csv over the images seen, in parts of each row's budget. */
static void write_curve(duet_report *report, duet_str *out, const contest *c, const char *kind,
                        const char *y_title, bool log_y, const char *caption) {
    duet_svg_series series[8];
    int count = 0;
    for (int k = 0; k < c->count && count < DUET_COUNT(series); k++) {
        const json_t *const row = c->list[k].row[0];
        const char *const folder = duet_report_text(row, "folder");
        const double images = duet_report_number(row, "images");
        double *x = NULL, *y = NULL;
        if (folder == NULL || strchr(folder, '/') != NULL || folder[0] == '.' || !(images > 0))
            continue;
        const int64_t n = duet_report_meter(report, folder, kind, &x, &y);
        if (n == 0) continue;
        for (int64_t i = 0; i < n; i++) x[i] = 100.0 * x[i] / images;
        series[count++] = (duet_svg_series){.name = c->list[k].name,
                                            .style = style_of(c->list[k].name),
                                            .x = x,
                                            .y = y,
                                            .count = n,
                                            .label = true};
    }
    const duet_svg_lines chart = {.what = y_title,
                                  .x_title = "part of the training (%)",
                                  .y_title = y_title,
                                  .series = series,
                                  .count = count,
                                  .log_y = log_y};
    if (count == 0) return;
    duet_str_add(out, "<figure>");
    duet_svg_line_chart(out, &chart, 1088, 260);
    duet_str_format(out, "<figcaption>%s</figcaption></figure>\n", caption);
}

static void write_grids(duet_report *report, duet_str *out, const contest *c) {
    bool any = false;
    for (int k = 0; k < c->count; k++) {
        duet_html_picture picture = {0};
        const char *const folder = duet_report_text(c->list[k].row[0], "folder");
        if (folder == NULL || !duet_report_picture(report, &picture, folder, "samples.png", NULL))
            continue;
        if (!any) duet_str_add(out, "<h3>What they draw</h3>\n<div class=\"multiples\">");
        any = true;
        duet_str_add(out, "<figure>");
        duet_html_picture_add(out, &picture, NULL, "Grid of drawn images", SHOWN);
        duet_str_format(out,
                        "<figcaption><b>%s</b>: the first 64, none picked.</figcaption></figure>",
                        duet_report_escape(report, c->list[k].name));
        duet_html_picture_free(&picture);
    }
    if (any) duet_str_add(out, "</div>\n");
}

static void write_note(duet_report *report, duet_str *out, const json_t *result) {
    const json_t *const heads =
        duet_report_get(json_array_get(duet_report_get(result, "rows"), 0), "heads");
    const double rows = duet_report_number(result, "test_rows"),
                 low = duet_report_number(json_array_get(heads, 0), "low"),
                 high = duet_report_number(json_array_get(heads, 0), "high");
    duet_str_format(
        out,
        "<p class=\"note\">Each row was trained on as many images as it takes in %s minutes of "
        "this "
        "machine when it does nothing else. Settings were searched on training images; each head "
        "was tested once, on %s images, of which other draws would move an accuracy by ± %s "
        "points (95&#8239;%%). Distances are Fr&eacute;chet distances of %s drawn images on the "
        "features of %s; “own” is a classifier that was trained with labels.</p>\n",
        duet_quantity_plain(report->arena, duet_report_number(result, "minutes")),
        duet_quantity_count(report->arena, rows),
        duet_quantity_fixed(report->arena, (high - low) / 2, 1),
        duet_quantity_count(report->arena, duet_report_number(result, "samples")),
        duet_report_value(report, duet_report_get(result, "judge")));
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    contest c = {.count = 0};
    if (steps->damaged != NULL)
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", steps->damaged);
    if (steps->count == 0) return;
    gather(&c, duet_report_get(steps->item[0].result, "rows"));
    if (c.count == 0) return;
    write_note(report, out, steps->item[0].result);
    write_table(report, out, &c);
    write_scatter(out, &c);
    write_grids(report, out, &c);
    duet_str_add(out, "<h3>Over training</h3>\n");
    write_curve(report, out, &c, "top1", "top-1 (%)", false,
                "Accuracy on a small part of the data while training: of a linear head, or of the "
                "network's own classifier.");
    write_curve(report, out, &c, "frechet", "distance", true,
                "Distance between a few drawn images and real ones while training.");
}

const duet_section duet_section_compare = {
    .info = {.name = "compare", .help = "learners beside each other", .params = DUET_TABLE_EMPTY},
    .id = "compare",
    .title = "The comparison",
    .command = "compare",
    .write = write,
};
