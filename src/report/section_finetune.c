/* SPDX-License-Identifier: MIT
 * report/section_finetune.c: what `duet finetune` found on test images at its end, and, where the
 * run was probed too, the frozen features beside it. */
#include "report/section.h"

#include <math.h>

/* The head that was trained with the network, and heads on features of the network as it is now. */
static void write_bars(duet_report *report, duet_str *out, const json_t *result) {
    const duet_report_steps *const probes = duet_report_steps_of(report, "probe");
    const json_t *const probe = probes->count > 0 ? probes->item[0].result : NULL;
    duet_str_add(out, "<table class=\"plain tall\"><tbody>");
    duet_report_bar(report, out, "head and network, trained together", "model",
                    duet_report_number(result, "top1"), 2);
    duet_report_bar(report, out, "another head on its features now", "random",
                    duet_report_number(probe, "top1"), 2);
    duet_report_bar(report, out, "raw pixels", "pixels",
                    duet_report_number(duet_report_reader_row(probe, "pixels"), "top1"), 2);
    duet_str_add(out, "</tbody></table>\n");
}

static void write_facts(duet_report *report, duet_str *out, const json_t *result) {
    const char *const setting = duet_report_setting(report, result);
    const double share = duet_report_number(result, "share"),
                 top5 = duet_report_number(result, "top5"),
                 mean = duet_report_number(result, "mean_class");
    duet_str_add(out, "<dl class=\"facts\">");
    duet_report_fact(out, "Head", duet_report_value(report, duet_report_get(result, "head")));
    duet_report_fact(out, "Reads", *setting != '\0' ? setting + 4 : "–");
    duet_report_fact(out, "Begun with", duet_report_value(report, duet_report_get(result, "from")));
    if (isfinite(mean))
        duet_report_fact(out, "Mean over classes, %", duet_quantity_fixed(report->arena, mean, 2));
    if (isfinite(top5) && top5 < 100)
        duet_report_fact(out, "Among the first five, %",
                         duet_quantity_fixed(report->arena, top5, 2));
    if (isfinite(share))
        duet_report_fact(out, "Weight of the denoising", duet_quantity_plain(report->arena, share));
    duet_str_add(out, "</dl>\n");
    if (share == 0)
        duet_str_add(out, "<p class=\"note\">Nothing asked the network to go on denoising: where "
                          "it was not frozen, it may draw worse than before.</p>\n");
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    if (steps->damaged != NULL)
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", steps->damaged);
    if (steps->count == 0) return;
    const json_t *const result = steps->item[0].result;
    duet_str_format(out,
                    "<p class=\"note\">A head on features of the network was trained with it, on "
                    "labelled images of %s; tested on %s images of the split %s.</p>\n",
                    duet_report_value(report, duet_report_get(result, "data")),
                    duet_quantity_count(report->arena, duet_report_number(result, "test_rows")),
                    duet_report_value(report, duet_report_get(result, "split")));
    write_bars(report, out, result);
    write_facts(report, out, result);
}

const duet_section duet_section_finetune = {
    .info = {.name = "finetune",
             .help = "test accuracy of a head that was trained with the network",
             .params = DUET_TABLE_EMPTY},
    .id = "finetune",
    .title = "Fine-tuned",
    .command = "finetune",
    .write = write,
};
