/* SPDX-License-Identifier: MIT
 * report/section_transfer.c: models beside each other on several data sets, of the newest
 * `duet transfer` of the run: a table a data set, with bars. */
#include "report/section.h"
#include "report/svg.h"

#include <math.h>
#include <string.h>

static const char *text_of(duet_report *report, const json_t *row, const char *key) {
    const char *const text = duet_report_text(row, key);
    return text != NULL ? duet_report_escape(report, text) : "";
}

static bool same_set(const json_t *a, const json_t *b) {
    const char *const x = duet_report_text(a, "data"), *const y = duet_report_text(b, "data");
    return x != NULL && y != NULL && strcmp(x, y) == 0 &&
           duet_report_number(a, "train_rows") == duet_report_number(b, "train_rows") &&
           duet_report_number(a, "classes") == duet_report_number(b, "classes");
}

/* "5/10/4 + 5/7/7" */
static void write_setting(duet_report *report, duet_str *out, const json_t *row) {
    const json_t *const list = json_object_get(row, "settings");
    const size_t count = json_array_size(list) > 0 ? json_array_size(list) : 1;
    for (size_t i = 0; i < count; i++) {
        const json_t *const one = json_array_size(list) > 0 ? json_array_get(list, i) : row;
        duet_str_format(out, "%s%s/%s/%s", i > 0 ? " + " : "",
                        duet_report_t(report, duet_report_number(one, "t")),
                        duet_quantity_plain(report->arena, duet_report_number(one, "tap")),
                        duet_quantity_plain(report->arena, duet_report_number(one, "pool")));
    }
}

static void write_row(duet_report *report, duet_str *out, const json_t *row) {
    const char *const reader = duet_report_text(row, "reader");
    const bool pixels = reader != NULL && strcmp(reader, "pixels") == 0,
               random = reader != NULL && strcmp(reader, "random") == 0;
    const double top1 = duet_report_number(row, "top1"),
                 deviation = duet_report_number(row, "top1_std");
    duet_str_format(out, "<tr><td>%s%s</td><td><code>%s</code></td><td class=\"wide\">",
                    pixels   ? "raw pixels"
                    : random ? "random weights of "
                             : "",
                    pixels ? "" : text_of(report, row, "model"), text_of(report, row, "head"));
    duet_svg_bar(out, pixels ? "pixels" : random ? "random" : "model", top1, 100, NAN);
    duet_str_format(out, "</td><td class=\"n\">%s", duet_quantity_fixed(report->arena, top1, 2));
    if (deviation > 0)
        duet_str_format(out, " ± %s", duet_quantity_fixed(report->arena, deviation, 2));
    duet_str_format(out, " %%</td><td class=\"n\">%s %%</td><td class=\"n\">",
                    duet_quantity_fixed(report->arena, duet_report_number(row, "mean_class"), 2));
    if (!pixels) write_setting(report, out, row);
    duet_str_add(out, "</td></tr>");
}

static void write_head(duet_report *report, duet_str *out, const json_t *row) {
    const double classes = duet_report_number(row, "classes");
    duet_str_format(out,
                    "<h3>%s</h3>\n<p class=\"note\">%s classes (chance %s&#8239;%%), trained on %s "
                    "images, tested on %s.</p>\n<div class=\"scroll\"><table><thead><tr><th>read "
                    "from</th><th>head</th><th></th><th class=\"n\">accuracy</th><th "
                    "class=\"n\">by class</th><th class=\"n\">t/tap/pool</th></tr></thead><tbody>",
                    text_of(report, row, "data"), duet_quantity_count(report->arena, classes),
                    duet_quantity_fixed(report->arena, 100.0 / classes, 1),
                    duet_quantity_count(report->arena, duet_report_number(row, "train_rows")),
                    duet_quantity_count(report->arena, duet_report_number(row, "test_rows")));
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    if (steps->damaged != NULL)
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", steps->damaged);
    if (steps->count == 0) return;
    const json_t *const rows = duet_report_get(steps->item[0].result, "rows");
    duet_str_add(
        out, "<p class=\"note\">Each setting was searched on the training images, of models and "
             "random weights alike; each head was tested once. ± is the deviation over draws of "
             "the noise of the test.</p>\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *const row = json_array_get(rows, i);
        const bool first = i == 0 || !same_set(row, json_array_get(rows, i - 1));
        if (first && i > 0) duet_str_add(out, "</tbody></table></div>\n");
        if (first) write_head(report, out, row);
        write_row(report, out, row);
    }
    if (json_array_size(rows) > 0) duet_str_add(out, "</tbody></table></div>\n");
}

const duet_section duet_section_transfer = {
    .info = {.name = "transfer", .help = "models on several data sets", .params = DUET_TABLE_EMPTY},
    .id = "transfer",
    .title = "On other data",
    .command = "transfer",
    .write = write,
};
