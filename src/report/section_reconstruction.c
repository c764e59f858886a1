/* SPDX-License-Identifier: MIT
 * report/section_reconstruction.c: reconstruction.png: images above what their codes give. */
#include "report/section.h"

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    (void)steps;
    char path[DUET_PATH_SIZE];
    duet_html_picture picture = {0};
    const char *why = NULL;
    if (duet_path_join(path, report->run, "reconstruction.png") != DUET_OK ||
        !duet_path_exists(path))
        return;
    if (!duet_report_picture(report, &picture, NULL, "reconstruction.png", &why)) {
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", why);
        return;
    }
    duet_str_add(out, "<figure><div class=\"scroll\">");
    duet_html_picture_add(out, &picture, NULL, "Images above their reconstructions", 1088);
    duet_str_add(out, "</div><figcaption>Above real images, below what the decoder makes of their "
                      "codes: what is missing there, the code does not hold.</figcaption></figure>"
                      "\n");
    duet_html_picture_free(&picture);
}

const duet_section duet_section_reconstruction = {
    .info = {.name = "reconstruction",
             .help = "images above what their codes give",
             .params = DUET_TABLE_EMPTY},
    .id = "reconstruction",
    .title = "Reconstruction",
    .write = write,
};
