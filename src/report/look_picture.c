/* SPDX-License-Identifier: MIT
 * report/look_picture.c: see look_picture.h. */
#include "report/look_picture.h"

enum { MOST_EARLIER = 3 };

static void write_step(duet_report *report, const duet_report_step *step, const char *alt,
                       void (*caption)(duet_report *report, const json_t *result, duet_str *out),
                       duet_str *out) {
    const char *why = NULL;
    duet_str picture = {0};
    if (!duet_report_svg(report, &picture, step->folder,
                         duet_report_text(step->result, "picture_svg"), alt, &why)) {
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", why);
    } else {
        duet_str_add(out, "<figure>");
        duet_str_add(out, picture.text);
        duet_str_add(out, "<figcaption>");
        caption(report, step->result, out);
        duet_str_add(out, "</figcaption></figure>\n");
    }
    duet_str_free(&picture);
}

void duet_report_look(duet_report *report, const duet_report_steps *steps, const char *alt,
                      void (*caption)(duet_report *report, const json_t *result, duet_str *out),
                      duet_str *out) {
    if (steps->damaged != NULL)
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", steps->damaged);
    if (steps->count == 0) return;
    write_step(report, &steps->item[0], alt, caption, out);
    if (steps->count < 2) return;
    duet_str_add(out, "<details><summary>Earlier ones</summary>\n");
    for (int64_t i = 1; i < steps->count && i <= MOST_EARLIER; i++)
        write_step(report, &steps->item[i], alt, caption, out);
    duet_str_add(out, "</details>\n");
}
