/* SPDX-License-Identifier: MIT
 * report/section_settings.c: every parameter of the training, the data, the network, the machine,
 * and where time went. */
#include "report/section.h"

#include <math.h>
#include <string.h>

static void open_table(duet_str *out, const char *title) {
    duet_str_format(out, "<div><h3>%s</h3>\n<table><tbody>", title);
}

static void close_table(duet_str *out) {
    duet_str_add(out, "</tbody></table></div>\n");
}

static void add_row(duet_str *out, const char *name, const char *value) {
    if (strcmp(value, "–") != 0)
        duet_str_format(out, "<tr><td>%s</td><td class=\"n value\">%s</td></tr>", name, value);
}

static void write_settings(duet_report *report, duet_str *out) {
    json_t *settings = (json_t *)(uintptr_t)duet_report_get(report->info, "settings");
    const char *key = NULL;
    json_t *value = NULL;
    if (json_object_size(settings) == 0) return;
    const size_t half = (json_object_size(settings) + 1) / 2;
    size_t row = 0;
    duet_str_format(out, "<h3>%s</h3>\n<div class=\"two\"><table><tbody>",
                    duet_report_trained(report) ? "Training" : "Options");
    json_object_foreach(settings, key, value) {
        const bool empty = json_is_string(value) && json_string_length(value) == 0;
        if (row++ == half) duet_str_add(out, "</tbody></table><table><tbody>");
        duet_str_format(out, "<tr><td><code>%s</code></td><td class=\"n value\">%s</td></tr>",
                        duet_report_escape(report, key),
                        empty ? "–" : duet_report_value(report, value));
    }
    duet_str_add(out, "</tbody></table></div>\n");
}

static void write_data(duet_report *report, duet_str *out) {
    const json_t *data = duet_report_get(report->info, "data");
    duet_arena *arena = report->arena;
    const double height = duet_report_number(data, "height"),
                 width = duet_report_number(data, "width");
    const double channels = duet_report_number(data, "channels");
    if (!json_is_object(data)) return;
    open_table(out, "Data");
    add_row(out, "name", duet_report_value(report, duet_report_get(data, "name")));
    add_row(out, "layout", duet_report_value(report, duet_report_get(data, "layout")));
    if (isfinite(height) && isfinite(width)) {
        const char *size = duet_arena_format(arena, "%.6g × %.6g%s", height, width,
                                             channels == 1   ? ", grey"
                                             : channels == 3 ? ", colour"
                                                             : "");
        add_row(out, "images", size != NULL ? size : "–");
    }
    add_row(out, "classes", duet_quantity_count(arena, duet_report_number(data, "classes")));
    static const char *const part[] = {"train", "val", "test"};
    for (int i = 0; i < 3; i++) {
        const double rows = duet_report_number(data, part[i]);
        if (rows > 0) add_row(out, part[i], duet_quantity_count(arena, rows));
    }
    close_table(out);
}

static void write_model(duet_report *report, duet_str *out) {
    const json_t *model = duet_report_get(report->info, "model");
    duet_arena *arena = report->arena;
    const double size = duet_report_number(model, "size"),
                 channels = duet_report_number(model, "channels");
    if (!json_is_object(model)) return;
    open_table(out, "Network");
    add_row(out, "architecture", duet_report_value(report, duet_report_get(model, "arch")));
    add_row(out, "parameters", duet_quantity_short(arena, duet_report_number(model, "parameters")));
    add_row(out, "multiply-adds an image",
            duet_quantity_short(arena, duet_report_number(model, "macs")));
    add_row(out, "taps", duet_quantity_count(arena, duet_report_number(model, "taps")));
    if (isfinite(size)) {
        const char *text = isfinite(channels) ? duet_arena_format(arena, "%.6g × %.6g × %.6g", size,
                                                                  size, channels)
                                              : duet_arena_format(arena, "%.6g × %.6g", size, size);
        add_row(out, "input", text != NULL ? text : "–");
    }
    close_table(out);
}

static void write_machine(duet_report *report, duet_str *out) {
    const json_t *machine = duet_report_get(report->info, "machine");
    const double memory = duet_report_number(report->info, "peak_memory");
    if (!json_is_object(machine) && !isfinite(memory)) return;
    open_table(out, "Machine");
    add_row(out, "processor", duet_report_value(report, duet_report_get(machine, "cpu")));
    add_row(out, "threads", duet_report_value(report, duet_report_get(machine, "threads")));
    add_row(out, "instructions", duet_report_value(report, duet_report_get(machine, "isa")));
    add_row(out, "peak memory", duet_quantity_bytes(report->arena, memory));
    close_table(out);
}

/* "of which features 60 s, heads 35 s" */
static const char *parts(duet_report *report, const json_t *timings) {
    duet_str str = {0};
    json_t *object = (json_t *)(uintptr_t)timings, *value = NULL;
    const char *key = NULL;
    json_object_foreach(object, key, value) {
        if (!json_is_number(value)) continue;
        duet_str_format(&str, "%s%s %s", str.size > 0 ? ", " : "", duet_report_escape(report, key),
                        duet_quantity_seconds(report->arena, json_number_value(value)));
    }
    const char *text = str.text != NULL ? duet_arena_text(report->arena, str.text) : NULL;
    duet_str_free(&str);
    return text != NULL ? text : "";
}

static void time_row(duet_report *report, duet_str *out, const char *name, double seconds,
                     const json_t *timings) {
    const char *detail = parts(report, timings);
    if (!isfinite(seconds) && *detail == 0) return;
    duet_str_format(out, "<tr><td>%s%s%s</td><td class=\"n\">%s</td></tr>",
                    duet_report_escape(report, name), *detail != 0 ? ": " : "", detail,
                    duet_quantity_seconds(report->arena, seconds));
}

static void write_times(duet_report *report, duet_str *out) {
    duet_str rows = {0};
    time_row(report, &rows, "train", duet_report_number(report->info, "seconds"), NULL);
    for (int64_t i = 0; i < report->kind_count; i++) {
        const duet_report_steps *const steps = &report->kinds[i];
        for (int64_t k = 0; k < steps->count && k < 8; k++) {
            const json_t *result = steps->item[k].result;
            time_row(report, &rows, steps->item[k].folder, duet_report_number(result, "seconds"),
                     duet_report_get(result, "timings"));
        }
    }
    if (rows.size > 0) {
        open_table(out, "Time");
        duet_str_add(out, rows.text);
        close_table(out);
    }
    out->failed = out->failed || rows.failed;
    duet_str_free(&rows);
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    (void)steps;
    duet_str tables = {0};
    write_data(report, &tables);
    write_model(report, &tables);
    write_machine(report, &tables);
    write_times(report, &tables);
    if (tables.size > 0) {
        duet_str_add(out, "<div class=\"two\">\n");
        duet_str_add(out, tables.text);
        duet_str_add(out, "</div>\n");
    }
    out->failed = out->failed || tables.failed;
    duet_str_free(&tables);
    write_settings(report, out);
}

const duet_section duet_section_settings = {
    .info = {.name = "settings",
             .help = "every parameter, the data, the network, the machine, where time went",
             .params = DUET_TABLE_EMPTY},
    .id = "settings",
    .title = "Settings",
    .write = write,
};
