/* SPDX-License-Identifier: MIT
 * report/section_edit.c: pictures that were edited: before, what was known, what is had without a
 * model, answers, how far they differ. */
#include "report/section.h"

#include <math.h>

enum { MOST = 6 };

/* "restoration of downsample:factor=4" */
static const char *title_of(duet_report *report, const json_t *r) {
    const char *const kind = duet_report_text(r, "kind"), *const chain =
                                                              duet_report_text(r, "operator");
    return duet_arena_format(report->arena, "%s%s%s", kind != NULL ? kind : "edit",
                             chain != NULL ? ": " : "", chain != NULL ? chain : "");
}

static const char *decibels(duet_report *report, double value) {
    return isnan(value)
               ? "–"
               : duet_arena_format(report->arena, "%s dB",
                                   duet_quantity_plain(report->arena, round(100 * value) / 100));
}

static void write_columns(duet_report *report, const json_t *r, duet_str *out) {
    const json_t *columns = duet_report_get(r, "columns");
    const int64_t count = (int64_t)json_array_size(columns);
    if (count == 0) return;
    duet_str_format(out,
                    "<div class=\"ends\" style=\"display:grid;grid-template-columns:"
                    "repeat(%lld,1fr)\">",
                    (long long)count);
    for (int64_t i = 0; i < count; i++)
        duet_str_format(out, "<span style=\"text-align:center\">%s</span>",
                        duet_report_value(report, json_array_get(columns, (size_t)i)));
    duet_str_add(out, "</div>");
}

static void write_facts(duet_report *report, const json_t *r, duet_str *out) {
    const double residual = duet_report_number(r, "residual");
    duet_str_add(out, "<dl class=\"facts\">");
    duet_report_fact(out, "Sampler", duet_report_value(report, duet_report_get(r, "sampler")));
    duet_report_fact(out, "Pictures",
                     duet_quantity_count(report->arena, duet_report_number(r, "pictures")));
    if (!isnan(residual))
        duet_report_fact(
            out, "Off what is known, at most",
            duet_arena_format(report->arena, "%s of 255",
                              duet_quantity_plain(report->arena, round(100 * residual) / 100)));
    if (!isnan(duet_report_number(r, "psnr"))) {
        duet_report_fact(out, "PSNR", decibels(report, duet_report_number(r, "psnr")));
        duet_report_fact(out, "PSNR of the answers' mean",
                         decibels(report, duet_report_number(r, "mean_psnr")));
        duet_report_fact(out, "PSNR without a model",
                         decibels(report, duet_report_number(r, "plain_psnr")));
    }
    duet_report_fact(out, "Time",
                     duet_quantity_seconds(report->arena, duet_report_number(r, "seconds")));
    duet_str_add(out, "</dl>\n");
}

static void write_step(duet_report *report, const duet_report_step *step, duet_str *out) {
    duet_html_picture picture = {0};
    const char *why = NULL;
    duet_str_format(out, "<h3>%s</h3>\n",
                    duet_report_escape(report, title_of(report, step->result)));
    write_facts(report, step->result, out);
    if (duet_report_picture(report, &picture, step->folder, duet_report_text(step->result, "strip"),
                            &why)) {
        duet_str_format(out,
                        "<figure><div class=\"scroll\"><div class=\"strip\" "
                        "style=\"max-width:%lldpx\">",
                        (long long)duet_html_picture_width(&picture, 1088));
        write_columns(report, step->result, out);
        duet_html_picture_add(out, &picture, NULL, "Pictures before and after", 1088);
        duet_str_format(out, "</div></div><figcaption>%s.</figcaption></figure>\n",
                        duet_report_escape(report, step->folder));
        duet_html_picture_free(&picture);
    } else {
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", why != NULL ? why : "no picture");
    }
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    if (steps->damaged != NULL)
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", steps->damaged);
    if (steps->count == 0) return;
    duet_str_add(
        out, "<p class=\"note\">A row is a picture. <b>Known</b> is what the model was given, grey "
             "where nothing is known; <b>plain</b> is what is had without a model: the mean of the "
             "known pixels, bicubic enlargement, or the picture as it was given. <b>Spread</b> is "
             "how far the answers differ, bright where they do: there the model had to "
             "guess.</p>\n");
    for (int64_t i = 0; i < steps->count && i < MOST; i++) write_step(report, &steps->item[i], out);
}

const duet_section duet_section_edit = {
    .info = {.name = "edit",
             .help = "edited pictures: before, what was known, answers, their spread",
             .params = DUET_TABLE_EMPTY},
    .id = "edit",
    .title = "Edited pictures",
    .command = "edit",
    .write = write,
};
