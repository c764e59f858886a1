/* SPDX-License-Identifier: MIT
 * report/section_eval.c: how far the drawn images are from real ones: the newest `duet eval` of the
 * run at a glance, on the scale from other real images to random bytes where it was measured, and
 * all of them in a table. */
#include "report/section.h"
#include "report/svg.h"

#include <math.h>
#include <string.h>

enum { MOST_ROWS = 50 };

static const char *fixed(duet_report *report, double value) {
    if (!isfinite(value)) return "–";
    return duet_quantity_fixed(report->arena, value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

/* Bars of logarithms: from half of the least distance to the largest one. */
static void write_bar(duet_report *report, duet_str *out, const char *name, const char *style,
                      double value, double least, double most) {
    const double from = least / 2;
    if (!(value > 0) || !(most > from)) return;
    duet_str_format(out, "<tr%s><td>%s</td><td class=\"wide\">",
                    strcmp(style, "model") == 0 ? " class=\"first\"" : "", name);
    duet_svg_bar(out, style, log(fmax(value, from) / from), log(most / from), NAN);
    duet_str_format(out, "</td><td class=\"n\">%s</td></tr>", fixed(report, value));
}

static void write_scale(duet_report *report, const json_t *result, duet_str *out) {
    const json_t *bounds = duet_report_get(result, "bounds");
    const json_t *real = duet_report_get(bounds, "real"), *noise = duet_report_get(bounds, "noise");
    const double own = duet_report_number(result, "fid"), most = duet_report_number(noise, "fid"),
                 floor = duet_report_number(real, "fid"), top1 = duet_report_number(real, "top1");
    if (!(own > 0) || !(most > 0)) return;
    const double least = floor > 0 ? fmin(floor, own) : own;
    duet_str_add(out, "<table class=\"plain tall\"><tbody>");
    write_bar(report, out, "images of this model", "model", own, least, fmax(most, own));
    write_bar(report, out, "other real images", "random", floor, least, fmax(most, own));
    write_bar(report, out, "random bytes", "pixels", most, least, fmax(most, own));
    duet_str_add(out,
                 "</tbody></table>\n<p class=\"note\">Fréchet distance to the training images, "
                 "less is better; bars are logarithmic. ");
    if (floor > 0)
        duet_str_format(out,
                        "%s real images of the split %s, which the model never saw, are what could "
                        "be reached",
                        duet_quantity_count(report->arena, duet_report_number(real, "rows")),
                        duet_report_value(report, duet_report_get(real, "split")));
    if (floor > 0 && isfinite(top1))
        duet_str_format(out, "; the reader, a classifier, recognises %s %% of them",
                        duet_quantity_fixed(report->arena, top1, 1));
    duet_str_add(out, floor > 0 ? ".</p>\n" : "</p>\n");
}

static const char *reader_of(duet_report *report, const json_t *result) {
    const json_t *reader = duet_report_get(result, "reader");
    const char *file = duet_report_text(reader, "file");
    const char *name = file != NULL ? strrchr(file, '/') : NULL;
    if (file == NULL) return "raw pixels";
    return duet_report_escape(report, name != NULL ? name + 1 : file);
}

static void write_number(duet_report *report, duet_str *out, const json_t *result, const char *key,
                         int decimals) {
    const double value = duet_report_number(result, key);
    duet_str_format(out, "<td class=\"n\">%s</td>",
                    isfinite(value) ? duet_quantity_fixed(report->arena, value, decimals) : "–");
}

static void write_row(duet_report *report, const duet_report_step *step, duet_str *out) {
    const json_t *r = step->result;
    const double images = duet_report_number(duet_report_get(r, "samples"), "rows");
    duet_str_format(out,
                    "<tr><td>%s</td><td><code>%s</code></td><td class=\"n\">%s</td><td>%s</td>"
                    "<td class=\"n\">%s</td>",
                    duet_report_escape(report, step->folder),
                    duet_report_value(report, duet_report_get(r, "sampler")),
                    duet_quantity_count(report->arena, images), reader_of(report, r),
                    fixed(report, duet_report_number(r, "fid")));
    write_number(report, out, r, "kid", 4);
    write_number(report, out, r, "precision", 3);
    write_number(report, out, r, "recall", 3);
    write_number(report, out, r, "damaged", 1);
    duet_str_add(out, "</tr>");
}

/* The pairs of the newest step that has them. */
static void write_copies(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    for (int64_t i = 0; i < steps->count; i++) {
        const duet_report_step *step = &steps->item[i];
        duet_html_picture picture = {0};
        if (!duet_report_picture(report, &picture, step->folder,
                                 duet_report_text(step->result, "copies_picture"), NULL))
            continue;
        duet_str_add(out, "<h3>Likest to training images</h3>\n<figure>");
        duet_html_picture_add(out, &picture, NULL, "Drawn images above training images", 1088);
        duet_str_format(
            out,
            "<figcaption>Above, the drawn images of %s that lie nearest to a training "
            "image, by the distance of that image to its own neighbour; below each, the "
            "training image. Pairs that agree to the detail are copies.</figcaption>"
            "</figure>\n",
            duet_report_escape(report, step->folder));
        duet_html_picture_free(&picture);
        return;
    }
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    if (steps->damaged != NULL && steps->count > 0)
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", steps->damaged);
    if (steps->count == 0) return;
    write_scale(report, steps->item[0].result, out);
    duet_str_add(out, "<div class=\"scroll\"><table><thead><tr><th>step</th><th>sampler</th><th "
                      "class=\"n\">images</th><th>features of</th><th class=\"n\">Fréchet "
                      "distance</th><th class=\"n\">kernel distance</th><th class=\"n\">precision"
                      "</th><th class=\"n\">recall</th><th class=\"n\">damaged, %</th></tr></thead>"
                      "<tbody>");
    for (int64_t i = 0; i < steps->count && i < MOST_ROWS; i++)
        write_row(report, &steps->item[i], out);
    duet_str_add(out, "</tbody></table></div>\n<p class=\"note\">Distances of the same features, "
                      "the same number of images and the same real images compare with each other, "
                      "and with nothing else.</p>\n");
    write_copies(report, steps, out);
}

const duet_section duet_section_eval = {
    .info = {.name = "eval",
             .help = "how far the drawn images are from real ones",
             .params = DUET_TABLE_EMPTY},
    .id = "distance",
    .title = "Distance to real images",
    .command = "eval",
    .write = write,
};
