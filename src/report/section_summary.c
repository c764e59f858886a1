/* SPDX-License-Identifier: MIT
 * report/section_summary.c: the head of the page and the two results side by side: what the model
 * draws, and how well a linear head recognises images from its features, against the same network
 * untrained and the raw pixels. */
#include "report/labels.h"
#include "report/section.h"
#include "report/svg.h"

#include <math.h>
#include <string.h>

/* Why the model makes no images; NULL where it does. */
static const char *makes_none(const duet_report *report) {
    return duet_report_text(duet_report_get(report->info, "model"), "makes_no_images");
}

/* " (adm_unet, 1.19M parameters)" as far as it is known. */
static void write_network(duet_report *report, duet_str *out) {
    const json_t *model = duet_report_get(report->info, "model");
    const double parameters = duet_report_number(model, "parameters");
    if (duet_report_text(model, "arch") == NULL) return;
    duet_str_format(out, " (<code>%s</code>",
                    duet_report_value(report, duet_report_get(model, "arch")));
    if (isfinite(parameters))
        duet_str_format(out, ", %s parameters", duet_quantity_short(report->arena, parameters));
    duet_str_add(out, ")");
}

static bool is_comparison(const duet_report *report) {
    const char *const command = duet_report_text(report->info, "command");
    return command != NULL && strcmp(command, "compare") == 0;
}

static void write_comparison(duet_report *report, duet_str *out) {
    const json_t *const data = duet_report_get(report->info, "data");
    duet_str_format(out,
                    "<p class=\"lead\">Learners beside each other on %s: each was trained for the "
                    "same time on the same images, and measured by the same protocol.</p>",
                    duet_report_value(report, duet_report_get(data, "name")));
}

static void write_lead(duet_report *report, duet_str *out) {
    const json_t *data = duet_report_get(report->info, "data");
    const char *none = makes_none(report);
    const double images = duet_report_number(report->info, "images"),
                 seconds = duet_report_number(report->info, "seconds");
    const bool trained = duet_report_trained(report);
    const bool prior = duet_report_text(duet_report_get(report->info, "model"), "prior") != NULL;
    duet_str_add(out, none != NULL ? "<p class=\"lead\">A network"
                      : prior      ? "<p class=\"lead\">One model"
                                   : "<p class=\"lead\">One diffusion model");
    write_network(report, out);
    if (none != NULL) {
        duet_str_format(out,
                        ", read as diffusion models are: a small head on its inner activations "
                        "recognises images. It generates "
                        "nothing: %s.</p>",
                        duet_report_escape(report, none));
        return;
    }
    if (trained) duet_str_add(out, ", trained without labels");
    if (duet_report_text(data, "name") != NULL)
        duet_str_format(out, " on %s", duet_report_value(report, duet_report_get(data, "name")));
    if (isfinite(images))
        duet_str_format(out, " for %s images", duet_quantity_count(report->arena, images));
    if (isfinite(seconds))
        duet_str_format(out, " in %s", duet_quantity_seconds(report->arena, seconds));
    duet_str_format(
        out, "%s does two jobs: it generates images, and its inner activations recognise them.</p>",
        trained ? "," : "");
}

static void write_status(duet_report *report, duet_str *out) {
    const char *status = duet_report_text(report->info, "status");
    if (report->info_damaged != NULL)
        duet_str_format(out, "<p class=\"missing\">%s</p>", report->info_damaged);
    if (status == NULL || strcmp(status, "done") == 0) return;
    if (strcmp(status, "running") == 0)
        duet_str_add(out, "<p class=\"status\">still training when this page was made</p>");
    else
        duet_str_format(out, "<p class=\"status\">training %s</p>",
                        duet_report_escape(report, status));
}

/* A result that is missing, and the command that makes it: of a run that was trained, or of the
 * file that the run is about. */
static void write_missing(duet_report *report, duet_str *out, const duet_report_steps *steps) {
    const char *file = duet_report_text(duet_report_get(report->info, "settings"), "model");
    if (steps->damaged != NULL)
        duet_str_format(out, "<p class=\"note\">%s</p></div>\n", steps->damaged);
    else
        duet_str_format(out,
                        "<p class=\"note\">Not yet: <code>duet %s %s</code> does it.</p></div>\n",
                        steps->command, file != NULL ? duet_report_escape(report, file) : "RUN");
}

/* "Fréchet distance 12.3 (other real images 0.9, random bytes 103)", where it was measured. */
static void write_distance(duet_report *report, duet_str *out) {
    const duet_report_steps *const steps = duet_report_steps_of(report, "eval");
    if (steps->count == 0) return;
    const json_t *result = steps->item[0].result, *bounds = duet_report_get(result, "bounds");
    const double own = duet_report_number(result, "fid"),
                 floor = duet_report_number(duet_report_get(bounds, "real"), "fid"),
                 most = duet_report_number(duet_report_get(bounds, "noise"), "fid");
    if (!isfinite(own)) return;
    duet_str_format(out, "<p class=\"big\">%s<small>Fréchet distance</small></p>",
                    duet_quantity_plain(report->arena, round(own * 100) / 100));
    if (isfinite(floor) && isfinite(most))
        duet_str_format(out,
                        "<p class=\"note\">To real images. Other real images lie at %s, random "
                        "bytes at %s.</p>\n",
                        duet_quantity_plain(report->arena, round(floor * 100) / 100),
                        duet_quantity_plain(report->arena, round(most)));
}

static void write_generates(duet_report *report, duet_str *out) {
    const char *why = NULL;
    duet_str_add(out, "<div class=\"result\"><h2>It generates</h2>");
    const duet_report_steps *const steps = duet_report_steps_of(report, "sample");
    if (steps->count == 0) {
        write_missing(report, out, steps);
        return;
    }
    write_distance(report, out);
    const duet_report_step *step = &steps->item[0];
    report->has_grid = duet_report_picture(report, &report->grid, step->folder,
                                           duet_report_text(step->result, "grid"), &why);
    if (!report->has_grid) {
        duet_str_format(out, "<p class=\"missing\">%s: %s</p></div>\n",
                        duet_report_escape(report, step->folder), why);
        return;
    }
    duet_str_add(out, "<figure>");
    duet_html_picture_add(out, &report->grid, "newest-grid", "Grid of generated images", 532);
    duet_str_format(out,
                    "<figcaption>%s images drawn from pure noise, in the order they came, none "
                    "picked.</figcaption></figure></div>\n",
                    duet_quantity_count(report->arena, duet_report_number(step->result, "count")));
}

static void write_bar(duet_report *report, duet_str *out, const char *reader, double accuracy) {
    const bool known = strcmp(reader, "model") == 0 || strcmp(reader, "random") == 0 ||
                       strcmp(reader, "pixels") == 0;
    duet_report_bar(report, out, duet_report_reader_name(report, reader), known ? reader : "pixels",
                    accuracy, 1);
}

static void write_neighbours(duet_report *report, duet_str *out) {
    const duet_report_step *step = &duet_report_steps_of(report, "probe")->item[0];
    const char *file = duet_report_text(step->result, "neighbours");
    report->has_neighbours =
        file != NULL && duet_report_picture(report, &report->neighbours, step->folder, file, NULL);
    if (!report->has_neighbours) return;
    duet_str_add(out, "<figure>");
    duet_html_picture_add(out, &report->neighbours, "newest-neighbours",
                          "Test images and their nearest training images", 532);
    duet_str_add(out, "<figcaption>Left: a test image. Beside it: the training images the model "
                      "finds most alike.</figcaption></figure>");
}

static void write_recognises(duet_report *report, duet_str *out) {
    duet_str_add(out, "<div class=\"result\"><h2>It recognises</h2>");
    const duet_report_steps *const steps = duet_report_steps_of(report, "probe");
    if (steps->count == 0) {
        write_missing(report, out, steps);
        return;
    }
    const json_t *result = steps->item[0].result, *model = duet_report_reader_row(result, "model");
    const double top1 = duet_report_number(result, "top1"),
                 spread = duet_report_number(result, "top1_std");
    const size_t seeds = json_array_size(duet_report_get(result, "noise_seeds"));
    duet_str_format(out, "<p class=\"big\">%s<small>%% of test images right</small></p>",
                    duet_quantity_fixed(report->arena, top1, 1));
    duet_str_add(out, "<table class=\"plain tall\"><tbody>");
    write_bar(report, out, "model", isfinite(top1) ? top1 : duet_report_number(model, "top1"));
    write_bar(report, out, "random",
              duet_report_number(duet_report_reader_row(result, "random"), "top1"));
    write_bar(report, out, "pixels",
              duet_report_number(duet_report_reader_row(result, "pixels"), "top1"));
    const char *head = duet_report_text(result, "head");
    duet_str_format(out,
                    "</tbody></table><p class=\"note\">A %s head on this model&#39;s activations%s",
                    head != NULL ? duet_report_escape(report, head) : "small",
                    duet_report_setting(report, duet_report_get(result, "setting")));
    if (isfinite(spread) && seeds > 1) {
        const bool drawn = duet_report_number(duet_report_get(result, "labels"), "draws") > 1;
        duet_str_format(out, " (± %s over %zu %s)", duet_quantity_fixed(report->arena, spread, 2),
                        seeds, drawn ? "draws of the labels" : "noise seeds");
    }
    duet_str_add(
        out, ", against the same head on the same network before training and on the raw pixels.");
    duet_report_few_line(report, result, out);
    duet_str_add(out, "</p>");
    write_neighbours(report, out);
    duet_str_add(out, "</div>\n");
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    (void)steps;
    const char *created = duet_report_text(report->info, "created");
    duet_str_add(out, "<header>\n<p class=\"over\">duet run</p>\n<h1>");
    duet_html_text(out, report->name);
    duet_str_add(out, "</h1>\n");
    if (is_comparison(report))
        write_comparison(report, out);
    else
        write_lead(report, out);
    write_status(report, out);
    if (created != NULL && strlen(created) >= 16) {
        char day[17];
        duet_copy_text(day, sizeof day, created);
        if (day[10] == 'T') day[10] = ' ';
        duet_str_format(out, "<p class=\"when\">started <time>%s</time> UTC</p>",
                        duet_report_escape(report, day));
    }
    duet_str_add(out, "</header>\n");
    if (is_comparison(report)) return;
    duet_str_add(out, "<section class=\"two\" id=\"results\">\n");
    if (makes_none(report) == NULL) write_generates(report, out);
    write_recognises(report, out);
    duet_str_add(out, "</section>\n");
}

const duet_section duet_section_summary = {
    .info = {.name = "summary",
             .help = "what the model draws and recognises, and the head of the page",
             .params = DUET_TABLE_EMPTY},
    .id = "summary",
    .write = write,
};
