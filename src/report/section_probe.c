/* SPDX-License-Identifier: MIT
 * report/section_probe.c: test accuracy against random weights and pixels, with few labels, how
 * honest the probabilities are (labels.c), accuracy per class, what is
 * confused with what, and the nearest neighbours. Matrices of more than MATRIX_CLASSES classes
 * become a list of the worst confusions. */
#include "report/labels.h"
#include "report/section.h"
#include "report/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MATRIX_CLASSES = 25, MOST_CLASSES = 20000, BARS = 30, WORST = 20, FEW = 5 };

typedef struct probe {
    duet_report *report;
    const duet_report_steps *steps;
    const json_t *result, *confusion;
    int64_t classes;
} probe;

typedef struct ranked {
    double value, count;
    int64_t row, column;
} ranked;

static const char *class_name(probe *p, int64_t k) {
    const char *name =
        json_string_value(json_array_get(duet_report_get(p->result, "class_names"), (size_t)k));
    const char *text =
        name != NULL ? name : duet_arena_format(p->report->arena, "class %lld", (long long)k);
    return text != NULL ? text : "";
}

static double cell(const probe *p, int64_t row, int64_t column) {
    return duet_report_item(json_array_get(p->confusion, (size_t)row), column);
}

static double row_sum(const probe *p, int64_t row) {
    double sum = 0;
    for (int64_t c = 0; c < p->classes; c++) {
        const double value = cell(p, row, c);
        if (value > 0 && isfinite(value)) sum += value;
    }
    return sum;
}

/* Percent right of class k: per_class, else from the matrix. */
static double class_accuracy(const probe *p, int64_t k) {
    const double value = duet_report_item(duet_report_get(p->result, "per_class"), k);
    const double sum = isfinite(value) || p->confusion == NULL ? 0 : row_sum(p, k);
    return isfinite(value) ? value : sum > 0 ? 100 * cell(p, k, k) / sum : NAN;
}

/* The cell of t, tap or pool; "5 + 10" where several settings are joined. */
static void write_part(probe *p, duet_str *out, const json_t *row, const char *key) {
    const json_t *list = json_object_get(row, "settings");
    const size_t count = json_array_size(list);
    const bool level = strcmp(key, "t") == 0;
    duet_str_add(out, "<td class=\"n\">");
    for (size_t i = 0; i < (count > 0 ? count : 1); i++) {
        const double value = duet_report_number(count > 0 ? json_array_get(list, i) : row, key);
        duet_str_format(out, "%s%s", i > 0 ? " + " : "",
                        level ? duet_report_t(p->report, value)
                              : duet_quantity_plain(p->report->arena, value));
    }
    duet_str_add(out, "</td>");
}

static void write_reader(probe *p, duet_str *out, const json_t *row, double base) {
    duet_arena *arena = p->report->arena;
    const char *reader = duet_report_text(row, "reader");
    const bool model = reader != NULL && strcmp(reader, "model") == 0,
               pixels = reader != NULL && strcmp(reader, "pixels") == 0;
    const double top1 = duet_report_number(row, "top1");
    duet_str_format(out, "<tr%s><td>%s</td>", model ? " class=\"first\"" : "",
                    duet_report_reader_name(p->report, reader));
    static const char *const key[] = {"t", "tap", "pool"};
    for (int i = 0; i < 3; i++) {
        write_part(p, out, pixels ? NULL : row, key[i]);
    }
    duet_str_format(out,
                    "<td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td "
                    "class=\"n\">%s</td><td class=\"n\">%s</td></tr>",
                    duet_quantity_count(arena, duet_report_number(row, "dim")),
                    duet_quantity_plain(arena, duet_report_get(row, "chosen") != NULL
                                                   ? NAN
                                                   : duet_report_number(row, "strength")),
                    duet_quantity_fixed(arena, duet_report_number(row, "val_top1"), 2),
                    duet_quantity_fixed(arena, top1, 2),
                    model ? "" : duet_quantity_signed(arena, top1 - base, 2));
}

static void write_readers(probe *p, duet_str *out) {
    const json_t *rows = duet_report_get(p->result, "rows");
    const double base = duet_report_number(duet_report_reader_row(p->result, "model"), "top1");
    if (json_array_size(rows) == 0) return;
    duet_str_add(out,
                 "<div class=\"scroll\"><table><thead><tr><th>the head reads</th><th "
                 "class=\"n\">t</th><th class=\"n\">tap</th>"
                 "<th class=\"n\">pool</th><th class=\"n\">features</th><th "
                 "class=\"n\">strength</th><th class=\"n\">val %</th>"
                 "<th class=\"n\">test %</th><th class=\"n\">to model</th></tr></thead><tbody>");
    for (size_t i = 0; i < json_array_size(rows) && i < 50; i++)
        write_reader(p, out, json_array_get(rows, i), base);
    duet_str_add(out, "</tbody></table></div>\n");
}

static int by_value(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? 1 : -1;
    return x->row != y->row ? (x->row < y->row ? -1 : 1)
                            : (x->column < y->column ? -1 : x->column > y->column);
}

static void write_class_rows(probe *p, duet_str *out, const ranked *order, int64_t from, int64_t to,
                             double mean) {
    duet_str_add(out, "<table class=\"plain\"><tbody>");
    for (int64_t i = from; i < to; i++) {
        duet_str_format(out, "<tr><td class=\"value\">%s</td><td class=\"wide\">",
                        duet_report_escape(p->report, class_name(p, order[i].row)));
        duet_svg_bar(out, "model", order[i].value, 100, mean);
        duet_str_format(out, "</td><td class=\"n\">%s</td></tr>",
                        duet_quantity_fixed(p->report->arena, order[i].value, 1));
    }
    duet_str_add(out, "</tbody></table>");
}

static void write_classes(probe *p, duet_str *out) {
    const double mean = duet_report_number(p->result, "top1");
    ranked *order = duet_arena_alloc(p->report->arena, p->classes, sizeof *order);
    int64_t count = 0;
    for (int64_t k = 0; k < p->classes && order != NULL; k++) {
        const double value = class_accuracy(p, k);
        if (isfinite(value)) order[count++] = (ranked){.value = value, .row = k};
    }
    if (count == 0) return;
    qsort(order, (size_t)count, sizeof *order, by_value);
    duet_str_add(out, "<h3>Accuracy by class</h3>\n<figure>");
    if (count <= BARS) {
        duet_str_add(out, "<div class=\"columns\">");
        write_class_rows(p, out, order, 0, (count + 1) / 2, mean);
        write_class_rows(p, out, order, (count + 1) / 2, count, mean);
        duet_str_add(out, "</div>");
    } else {
        duet_str_add(out, "<div class=\"two\"><div><p><b>Easiest</b></p>");
        write_class_rows(p, out, order, 0, BARS / 2, mean);
        duet_str_add(out, "</div><div><p><b>Hardest</b></p>");
        write_class_rows(p, out, order, count - BARS / 2, count, mean);
        duet_str_format(out, "</div></div><details><summary>All %lld classes</summary>",
                        (long long)count);
        write_class_rows(p, out, order, 0, count, mean);
        duet_str_add(out, "</details>");
    }
    duet_str_add(out, "<figcaption>Test images of each class that are recognised, in percent, from "
                      "easiest to hardest; the thin mark is the "
                      "mean over all images.</figcaption></figure>\n");
}

static void draw_matrix(probe *p, duet_str *out, const double *value, const char *const *name,
                        double width) {
    const duet_svg_heat heat = {.what = "Confusion matrix in percent of each true class",
                                .rows = p->classes,
                                .columns = p->classes,
                                .value = value,
                                .row_label = name,
                                .column_label = name,
                                .row_title = "true",
                                .column_title = "recognised as",
                                .mark_row = -1,
                                .mark_column = -1,
                                .hi = 100,
                                .decimals = width < 600 || p->classes > 14 ? 0 : 1,
                                .print = true,
                                .confusion = true,
                                .most_cell = 74};
    duet_svg_heat_map(out, &heat, width);
}

static void write_matrix(probe *p, duet_str *out) {
    double *value = duet_arena_alloc(p->report->arena, p->classes * p->classes, sizeof *value);
    const char **name = duet_arena_alloc(p->report->arena, p->classes, sizeof *name);
    if (value == NULL || name == NULL) return;
    for (int64_t r = 0; r < p->classes; r++) {
        const double sum = row_sum(p, r);
        name[r] = class_name(p, r);
        for (int64_t c = 0; c < p->classes; c++) {
            const double count = cell(p, r, c);
            value[r * p->classes + c] = sum > 0 && isfinite(count) ? 100 * count / sum : NAN;
        }
    }
    duet_str_add(out, "<h3>What is taken for what</h3>\n<figure>");
    if (p->classes <= 12) {
        duet_str_add(out, "<div class=\"wide-only\">");
        draw_matrix(p, out, value, name, 960);
        duet_str_add(out, "</div><div class=\"narrow scroll\">");
        draw_matrix(p, out, value, name, 372);
        duet_str_add(out, "</div>");
    } else {
        duet_str_add(out, "<div class=\"scroll\"><div style=\"min-width:52rem\">");
        draw_matrix(p, out, value, name, 1088);
        duet_str_add(out, "</div></div>");
    }
    duet_str_add(out, "<figcaption>Each row is one true class and adds up to 100&#8239;%; blue on "
                      "the diagonal is right, orange is a mistake, "
                      "empty cells round to zero.</figcaption></figure>\n");
}

/* Keeps the `most` strongest confusions of the matrix in list, sorted; returns how many. */
static int64_t find_worst(const probe *p, ranked *list, int64_t most) {
    int64_t count = 0;
    for (int64_t r = 0; r < p->classes; r++) {
        const double sum = row_sum(p, r);
        for (int64_t c = 0; c < p->classes && sum > 0; c++) {
            const double wrong = cell(p, r, c);
            const ranked entry = {
                .value = 100 * wrong / sum, .count = wrong, .row = r, .column = c};
            if (r == c || !(wrong > 0) || !isfinite(wrong)) continue;
            if (count == most && by_value(&entry, &list[most - 1]) > 0) continue;
            int64_t at = count < most ? count++ : most - 1;
            for (; at > 0 && by_value(&list[at - 1], &entry) > 0; at--) list[at] = list[at - 1];
            list[at] = entry;
        }
    }
    return count;
}

static void write_worst(probe *p, duet_str *out, int64_t most) {
    ranked worst[WORST];
    const int64_t count = find_worst(p, worst, most);
    duet_arena *arena = p->report->arena;
    if (count == 0) return;
    duet_str_format(
        out,
        "<h3>The %s mistakes</h3>\n<div class=\"scroll\"><table><thead><tr><th>true "
        "class</th><th>taken for</th>"
        "<th class=\"n\">images</th><th class=\"n\">of that class</th></tr></thead><tbody>",
        most > FEW ? "20 most frequent" : "most frequent");
    for (int64_t i = 0; i < count; i++) {
        duet_str_format(out,
                        "<tr><td class=\"value\">%s</td><td class=\"value\">%s</td><td "
                        "class=\"n\">%s</td><td class=\"n\">%s %%</td></tr>",
                        duet_report_escape(p->report, class_name(p, worst[i].row)),
                        duet_report_escape(p->report, class_name(p, worst[i].column)),
                        duet_quantity_count(arena, worst[i].count),
                        duet_quantity_fixed(arena, worst[i].value, 1));
    }
    duet_str_add(out, "</tbody></table></div>\n");
}

static void write_neighbours(probe *p, duet_str *out) {
    const char *file = duet_report_text(p->result, "neighbours"), *why = "";
    duet_html_picture picture = {0};
    const double k = duet_report_number(p->result, "neighbours_k");
    if (file == NULL) return;
    duet_str_add(out, "<h3>Nearest neighbours</h3>\n");
    if (!p->report->has_neighbours) {
        if (!duet_report_picture(p->report, &picture, p->steps->item[0].folder, file, &why)) {
            duet_str_format(out, "<p class=\"missing\">%s</p>\n", why);
        }
        duet_html_picture_free(&picture);
        return;
    }
    duet_str_add(out, "<figure>");
    duet_html_picture_again(out, &p->report->neighbours, "newest-neighbours",
                            "Test images and their nearest training images", 760);
    duet_str_format(out,
                    "<figcaption>Each row starts with a test image; the %s pictures after it are "
                    "the training images whose features are "
                    "nearest to its own. Rows of one kind show that the model has sorted the "
                    "images without having seen a "
                    "label.</figcaption></figure>\n",
                    isfinite(k) ? duet_quantity_plain(p->report->arena, k) : "other");
}

static void write_earlier(probe *p, duet_str *out) {
    const duet_report_steps *const steps = p->steps;
    if (steps->count < 2) return;
    duet_str_add(out,
                 "<h3>Earlier measurements</h3>\n<div "
                 "class=\"scroll\"><table><thead><tr><th>step</th><th>head</th><th>setting</th>"
                 "<th class=\"n\">test %</th></tr></thead><tbody>");
    for (int64_t i = 1; i < steps->count && i < 50; i++) {
        const json_t *r = steps->item[i].result;
        const char *setting = duet_report_setting(p->report, duet_report_get(r, "setting"));
        duet_str_format(out, "<tr><td>%s</td><td>%s</td><td>%s</td><td class=\"n\">%s</td></tr>",
                        duet_report_escape(p->report, steps->item[i].folder),
                        duet_report_value(p->report, duet_report_get(r, "head")),
                        *setting != 0 ? setting + 4 : "–",
                        duet_quantity_fixed(p->report->arena, duet_report_number(r, "top1"), 2));
    }
    duet_str_add(out, "</tbody></table></div>\n");
}

static void write_lead(probe *p, duet_str *out) {
    const double train = duet_report_number(p->result, "train_rows"),
                 test = duet_report_number(p->result, "test_rows");
    const char *from = duet_report_text(p->result, "setting_from");
    duet_str_format(out, "<p class=\"note\">A %s head",
                    duet_report_text(p->result, "head") != NULL
                        ? duet_report_value(p->report, duet_report_get(p->result, "head"))
                        : "small");
    if (isfinite(train))
        duet_str_format(out, ", fitted on %s labelled images",
                        duet_quantity_count(p->report->arena, train));
    if (isfinite(test))
        duet_str_format(out, " and tested on %s others",
                        duet_quantity_count(p->report->arena, test));
    duet_str_format(out, ", reads the model%s",
                    duet_report_setting(p->report, duet_report_get(p->result, "setting")));
    if (from != NULL && strcmp(from, "sweep") == 0)
        duet_str_add(out, ", the setting the sweep chose without looking at a test image");
    duet_report_budget(p->report, p->result, out);
    const json_t *left_out = duet_report_get(p->result, "left_out");
    const double lost = duet_report_number(left_out, "train") +
                        duet_report_number(left_out, "val") + duet_report_number(left_out, "test");
    if (isfinite(lost) && lost > 0)
        duet_str_format(out, "; images that cannot be read are left out of every row: %s",
                        duet_quantity_count(p->report->arena, lost));
    duet_str_add(out, ".</p>\n");
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    probe p = {.report = report, .steps = steps};
    if (steps->damaged != NULL)
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", steps->damaged);
    if (steps->count == 0) return;
    p.result = steps->item[0].result;
    p.confusion = duet_report_get(p.result, "confusion");
    if (!json_is_array(p.confusion) || json_array_size(p.confusion) == 0) p.confusion = NULL;
    const size_t matrix = json_array_size(p.confusion),
                 list = json_array_size(duet_report_get(p.result, "per_class"));
    const size_t classes = matrix > list ? matrix : list;
    p.classes = classes < MOST_CLASSES ? (int64_t)classes : MOST_CLASSES;
    write_lead(&p, out);
    write_readers(&p, out);
    duet_report_few(report, p.result, out);
    duet_report_calibration(report, p.result, out);
    write_classes(&p, out);
    if (p.confusion != NULL && p.classes <= MATRIX_CLASSES) write_matrix(&p, out);
    if (p.confusion != NULL) write_worst(&p, out, p.classes <= MATRIX_CLASSES ? FEW : WORST);
    write_neighbours(&p, out);
    write_earlier(&p, out);
}

const duet_section duet_section_probe = {
    .info = {.name = "probe",
             .help = "test accuracy, classes, confusions, nearest neighbours",
             .params = DUET_TABLE_EMPTY},
    .id = "recognition",
    .title = "Recognition",
    .command = "probe",
    .write = write,
};
