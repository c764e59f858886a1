/* SPDX-License-Identifier: MIT
 * report/section_cka.c: how alike the layers are, of the newest `duet cka` of the run. */
#include "report/section.h"

#include <math.h>

#include "base/error.h"
#include "report/cka_figure.h"

static void write_caption(duet_report *report, const json_t *result, duet_str *out) {
    const json_t *models = duet_report_get(result, "models");
    duet_str_format(out,
                    "<figcaption>Linear CKA of %s images%s: each cell compares a tap with a tap, "
                    "pooled to at most %s × %s. 1 is the same up to rotation and scale, 0 is "
                    "unrelated. ",
                    duet_quantity_count(report->arena, duet_report_number(result, "rows")),
                    json_array_size(models) == 2 ? ", the same for both models" : "",
                    duet_report_value(report, duet_report_get(result, "pool")),
                    duet_report_value(report, duet_report_get(result, "pool")));
    duet_str_add(out, json_array_size(models) == 2
                          ? "Where a bright band lies, the models have found the same."
                          : "Bright squares on the diagonal are stages of the network; a bright "
                            "line across it are decoder blocks that resemble their encoder "
                            "blocks.");
    duet_str_add(out, "</figcaption>");
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    duet_figure *figure = NULL;
    duet_str drawing = {0};
    if (steps->damaged != NULL)
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", steps->damaged);
    if (steps->count == 0) return;
    const json_t *result = steps->item[0].result;
    duet_status status = duet_cka_figure(&figure, result, 1040);
    if (status == DUET_OK) status = duet_figure_svg(figure, true, &drawing);
    if (status == DUET_OK) {
        duet_str_add(out, "<figure><div class=\"scroll\">");
        duet_str_add(out, drawing.text);
        duet_str_add(out, "</div>");
        write_caption(report, result, out);
        duet_str_add(out, "</figure>\n");
    } else {
        duet_str_format(out, "<p class=\"missing\">%s: %s.</p>\n",
                        duet_report_escape(report, steps->item[0].folder),
                        duet_report_escape(report, duet_error_message()));
    }
    duet_str_free(&drawing);
    duet_figure_free(figure);
}

const duet_section duet_section_cka = {
    .info = {.name = "cka", .help = "how alike the layers are", .params = DUET_TABLE_EMPTY},
    .id = "cka",
    .title = "Layers beside layers",
    .command = "cka",
    .write = write,
};
