/* SPDX-License-Identifier: MIT
 * report/section_samples.c: generated images beside real ones, and every sampling step with how it
 * was made. */
#include "report/section.h"

#include <math.h>

enum { MOST_GRIDS = 4 };

/* "6 %"; "–" where it was not counted. */
static const char *damaged_percent(duet_report *report, const json_t *result) {
    const json_t *damage = duet_report_get(result, "damaged");
    const double count = duet_report_number(damage, "count"), of = duet_report_number(damage, "of");
    if (!(of > 0) || isnan(count)) return "–";
    return duet_arena_format(report->arena, "%s %%",
                             duet_quantity_plain(report->arena, round(1000 * count / of) / 10));
}

/* The newest step at a glance. */
static void write_newest(duet_report *report, const json_t *result, duet_str *out) {
    const double count = duet_report_number(result, "count"),
                 seconds = duet_report_number(result, "seconds");
    duet_str_add(out, "<dl class=\"facts\">");
    duet_report_fact(out, "Sampler", duet_report_value(report, duet_report_get(result, "sampler")));
    duet_report_fact(out, "Images", duet_quantity_count(report->arena, count));
    duet_report_fact(out, "Seed", duet_report_value(report, duet_report_get(result, "seed")));
    duet_report_fact(out, "Time", duet_quantity_seconds(report->arena, seconds));
    duet_report_fact(out, "Damaged", damaged_percent(report, result));
    duet_str_add(out, "</dl>\n");
}

/* "12 of 200 images are damaged: 8 are too rough, 4 too flat", where it was counted. */
static void write_damage(duet_report *report, const json_t *result, duet_str *out) {
    const json_t *damage = duet_report_get(result, "damaged");
    const double count = duet_report_number(damage, "count"), of = duet_report_number(damage, "of"),
                 rough = duet_report_number(damage, "rough"),
                 flat = duet_report_number(damage, "flat"),
                 real = duet_report_number(damage, "real");
    if (!(of > 0)) return;
    duet_str_format(
        out,
        "<p class=\"note\">%s of %s images are damaged: %s too rough, %s too flat. An image counts "
        "as damaged where the mean step between its neighbouring pixels lies outside the limits of "
        "all but 0.2 %% of %s real images.</p>\n",
        duet_quantity_count(report->arena, count), duet_quantity_count(report->arena, of),
        duet_quantity_count(report->arena, rough), duet_quantity_count(report->arena, flat),
        duet_quantity_count(report->arena, real));
}

/* The strip of the newest step that has one, with what its two ends are. */
static void write_walk(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    for (int64_t i = 0; i < steps->count; i++) {
        const duet_report_step *step = &steps->item[i];
        duet_html_picture picture = {0};
        const char *const file = duet_report_text(step->result, "walk");
        if (file == NULL || !duet_report_picture(report, &picture, step->folder, file, NULL))
            continue;
        duet_str_format(out,
                        "<h3>From noise</h3>\n<figure><div class=\"scroll\"><div class=\"strip\" "
                        "style=\"max-width:%lldpx\"><div class=\"ends\"><span>noise</span><i></i>"
                        "<span>image</span></div>",
                        (long long)duet_html_picture_width(&picture, 1088));
        duet_html_picture_add(out, &picture, NULL, "Images on their way from noise", 1088);
        duet_str_format(
            out,
            "</div></div><figcaption>The first images of %s, each in two lines, after steps that "
            "are spread evenly over the sampling. Above is x<sub>t</sub>, from which noise is "
            "taken away bit by bit; below is x̂₀, what the model takes the image to be at that "
            "moment: first what all images have in common, then shape, then texture."
            "</figcaption></figure>\n",
            duet_report_escape(report, step->folder));
        duet_html_picture_free(&picture);
        return;
    }
}

static void write_facts(duet_report *report, duet_str *out, const duet_report_step *step) {
    const json_t *r = step->result;
    const double count = duet_report_number(r, "count"), seconds = duet_report_number(r, "seconds");
    duet_str_format(out,
                    "<tr><td>%s</td><td><code>%s</code></td><td class=\"n\">%s</td><td "
                    "class=\"n\">%s</td><td class=\"n\">%s</td>"
                    "<td class=\"n\">%s</td><td class=\"n\">%s</td></tr>",
                    duet_report_escape(report, step->folder),
                    duet_report_value(report, duet_report_get(r, "sampler")),
                    duet_quantity_count(report->arena, count),
                    duet_report_value(report, duet_report_get(r, "seed")),
                    duet_quantity_seconds(report->arena, seconds),
                    count > 0 && seconds > 0
                        ? duet_quantity_plain(report->arena, round(100 * count / seconds) / 100)
                        : "–",
                    damaged_percent(report, r));
}

/* Real images lie in the run of a training only. */
static void write_real(duet_report *report, duet_str *out) {
    duet_html_picture picture = {0};
    const char *why = NULL;
    if (!duet_report_trained(report)) return;
    duet_str_add(out, "<figure>");
    if (duet_report_picture(report, &picture, NULL, "real.png", &why)) {
        duet_html_picture_add(out, &picture, NULL, "Grid of training images", 532);
        duet_str_add(out, "<figcaption><b>Real.</b> Training images, for comparison.</figcaption>");
    } else {
        duet_str_format(out, "<p class=\"missing\">%s</p>", why);
    }
    duet_str_add(out, "</figure>");
    duet_html_picture_free(&picture);
}

static void write_older(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    int64_t shown = 0;
    for (int64_t i = 1; i < steps->count && shown < MOST_GRIDS; i++) {
        const duet_report_step *step = &steps->item[i];
        duet_html_picture picture = {0};
        if (!duet_report_picture(report, &picture, step->folder,
                                 duet_report_text(step->result, "grid"), NULL))
            continue;
        if (shown++ == 0) duet_str_add(out, "<h3>Earlier samples</h3>\n<div class=\"two\">");
        duet_str_add(out, "<figure>");
        duet_html_picture_add(out, &picture, NULL, "Grid of generated images", 532);
        duet_str_format(out, "<figcaption>%s, <code>%s</code></figcaption></figure>",
                        duet_report_escape(report, step->folder),
                        duet_report_value(report, duet_report_get(step->result, "sampler")));
        duet_html_picture_free(&picture);
    }
    if (shown > 0) duet_str_add(out, "</div>\n");
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    if (steps->damaged != NULL && steps->count > 0)
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", steps->damaged);
    if (steps->count == 0 && steps->damaged == NULL) return;
    duet_str_add(out, "<p class=\"note\">Do the drawn images have the variety and the detail of "
                      "the real ones? Judge shape first, then "
                      "texture.</p>\n<div class=\"two\">");
    if (report->has_grid) {
        duet_str_add(out, "<figure>");
        duet_html_picture_again(out, &report->grid, "newest-grid", "Grid of generated images", 532);
        duet_str_format(
            out,
            "<figcaption><b>Generated.</b> %s, <code>%s</code>, model "
            "<code>%s</code>.</figcaption></figure>",
            duet_report_escape(report, steps->item[0].folder),
            duet_report_value(report, duet_report_get(steps->item[0].result, "sampler")),
            duet_report_value(report, duet_report_get(steps->item[0].result, "model")));
    }
    write_real(report, out);
    duet_str_add(out, "</div>\n");
    if (steps->count == 0) return;
    write_newest(report, steps->item[0].result, out);
    write_damage(report, steps->item[0].result, out);
    write_walk(report, steps, out);
    write_older(report, steps, out);
    duet_str_add(out, "<h3>How they were made</h3>\n<div "
                      "class=\"scroll\"><table><thead><tr><th>step</th><th>sampler</th><th "
                      "class=\"n\">images</th>"
                      "<th class=\"n\">seed</th><th class=\"n\">time</th><th "
                      "class=\"n\">images/s</th><th class=\"n\">damaged</th></tr></thead><tbody>");
    for (int64_t i = 0; i < steps->count && i < 50; i++) write_facts(report, out, &steps->item[i]);
    duet_str_add(out, "</tbody></table></div>\n");
}

const duet_section duet_section_samples = {
    .info = {.name = "samples",
             .help = "generated images beside real ones, and how they were made",
             .params = DUET_TABLE_EMPTY},
    .id = "samples",
    .title = "Samples",
    .command = "sample",
    .write = write,
};
