/* SPDX-License-Identifier: MIT
 * report/section_map.c: images as points where their features are, of `duet map`. */
#include <math.h>

#include "report/look_picture.h"

/* "trustworthiness 0.98, divergence (KL) 0.67 nats" */
static void write_values(duet_report *report, const json_t *result, duet_str *out) {
    const json_t *values = duet_report_get(result, "values");
    const double trust = duet_report_number(result, "trust");
    if (isfinite(trust))
        duet_str_format(out, ": trustworthiness %s (1: all neighbours here are neighbours there)",
                        duet_quantity_fixed(report->arena, trust, 3));
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *v = json_array_get(values, i);
        duet_str_format(out, ", %s %s %s", duet_report_value(report, duet_report_get(v, "title")),
                        duet_quantity_plain(report->arena, duet_report_number(v, "value")),
                        duet_report_value(report, duet_report_get(v, "unit")));
    }
    duet_str_add(out, ".");
}

static void caption(duet_report *report, const json_t *result, duet_str *out) {
    const char *reader = duet_report_text(result, "reader");
    duet_str_format(out,
                    "%s images of the split %s, near each other where their features of %s%s are "
                    "alike; frames and dots have the colour of the class. %s",
                    duet_quantity_count(report->arena, duet_report_number(result, "rows")),
                    duet_report_value(report, duet_report_get(result, "split")),
                    duet_report_reader_name(report, reader),
                    duet_report_setting(report, duet_report_get(result, "setting")),
                    duet_report_value(report, duet_report_get(result, "method_title")));
    write_values(report, result, out);
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    duet_report_look(report, steps, "Images as points in the plane of their features", caption,
                     out);
}

const duet_section duet_section_map = {
    .info = {.name = "map",
             .help = "images as points where their features are",
             .params = DUET_TABLE_EMPTY},
    .id = "map",
    .title = "Images in features",
    .command = "map",
    .write = write,
};
