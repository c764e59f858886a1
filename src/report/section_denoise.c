/* SPDX-License-Identifier: MIT
 * report/section_denoise.c: denoise.png with a caption over each column: x0, then (x_t, predicted
 * x0) for each t. The captions share the width equally, as the picture's columns do. */
#include "report/section.h"

#include <math.h>

enum { MOST_LEVELS = 20 };

static void write_captions(duet_report *report, duet_str *out, const json_t *levels, size_t count) {
    const int columns = (int)(2 * count + 1);
    duet_str_format(out,
                    "<div class=\"caption-row\" "
                    "style=\"grid-template-columns:repeat(%d,minmax(0,1fr))\"><b></b>",
                    columns);
    for (size_t i = 0; i < count; i++) {
        duet_str_format(out, "<b class=\"pair\" style=\"grid-column:span 2\">t = %s</b>",
                        duet_quantity_plain(report->arena, duet_report_item(levels, (int64_t)i)));
    }
    duet_str_add(out, "<span>x₀</span>");
    for (size_t i = 0; i < count; i++)
        duet_str_add(out, "<span>x<sub>t</sub></span><span>x̂₀</span>");
    duet_str_add(out, "</div>");
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    (void)steps;
    char path[DUET_PATH_SIZE];
    duet_html_picture picture = {0};
    const char *why = NULL;
    const json_t *levels = duet_report_get(report->info, "denoise_t");
    const size_t count = json_is_array(levels) ? json_array_size(levels) : 0;
    if (duet_path_join(path, report->run, "denoise.png") != DUET_OK || !duet_path_exists(path))
        return;
    if (!duet_report_picture(report, &picture, NULL, "denoise.png", &why)) {
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", why);
        return;
    }
    duet_str_format(
        out,
        "<p class=\"note\">How much of an image survives noise, and what the model makes of the "
        "rest.</p>\n"
        "<figure><div class=\"scroll\"><div class=\"strip\" style=\"max-width:%lldpx\">",
        (long long)duet_html_picture_width(&picture, 1088));
    if (count >= 1 && count <= MOST_LEVELS) write_captions(report, out, levels, count);
    duet_html_picture_add(out, &picture, NULL,
                          "Images, their noised versions and the model's reconstructions", 1088);
    duet_str_add(out, "</div></div><figcaption>Each row starts with a real image x₀. For every t, "
                      "x<sub>t</sub> is that image with noise "
                      "added and x̂₀ is what the model takes it to be in a single step: faithful "
                      "where t is small, a guess that looks "
                      "like the data where t is large.</figcaption></figure>\n");
    duet_html_picture_free(&picture);
}

const duet_section duet_section_denoise = {
    .info = {.name = "denoise",
             .help = "images, their noised versions and what the model makes of them",
             .params = DUET_TABLE_EMPTY},
    .id = "denoising",
    .title = "Denoising",
    .write = write,
};
