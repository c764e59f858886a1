/* SPDX-License-Identifier: MIT
 * report/section.c: helpers of the sections. */
#include "report/section.h"
#include "report/svg.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double duet_report_number(const json_t *object, const char *key) {
    const json_t *value = duet_report_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

double duet_report_item(const json_t *array, int64_t i) {
    const json_t *value = i >= 0 ? json_array_get(array, (size_t)i) : NULL;
    return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *duet_report_text(const json_t *object, const char *key) {
    return json_string_value(duet_report_get(object, key));
}

const json_t *duet_report_get(const json_t *object, const char *key) {
    return json_object_get(object, key);
}

const char *duet_report_escape(duet_report *report, const char *text) {
    return text != NULL ? duet_html_escape(report->arena, text) : "–";
}

const char *duet_report_value(duet_report *report, const json_t *value) {
    if (json_is_string(value)) return duet_report_escape(report, json_string_value(value));
    if (json_is_boolean(value)) return json_is_true(value) ? "yes" : "no";
    if (json_is_integer(value) && fabs(json_number_value(value)) >= 1e12) /* every digit */
        return duet_arena_format(report->arena, "%lld", (long long)json_integer_value(value));
    if (json_is_number(value)) {
        const double number = json_number_value(value);
        const bool whole = number == floor(number) && fabs(number) < 1e15;
        return whole ? duet_quantity_fixed(report->arena, number, 0)
                     : duet_quantity_plain(report->arena, number);
    }
    if (!json_is_array(value) && !json_is_object(value)) return "–";
    const size_t size = json_dumpb(value, NULL, 0, JSON_COMPACT);
    char *text = duet_arena_alloc(report->arena, (int64_t)size + 1, 1);
    if (text == NULL || json_dumpb(value, text, size, JSON_COMPACT) != size) return "–";
    return duet_report_escape(report, text);
}

/* The path of RUN/folder/file. */
static duet_status find_picture(const duet_report *report, char path[DUET_PATH_SIZE],
                                const char *folder, const char *file) {
    char inner[DUET_PATH_SIZE];
    if (file == NULL || *file == 0 || *file == '.' || strchr(file, '/') != NULL)
        return duet_fail(DUET_FORMAT, "no picture is named");
    if (folder != NULL) DUET_TRY(duet_path_join(inner, folder, file));
    DUET_TRY(duet_path_join(path, report->run, folder != NULL ? inner : file));
    if (duet_path_exists(path)) return DUET_OK;
    return duet_fail(DUET_NOT_FOUND, "'%s%s%s' is missing", folder != NULL ? folder : "",
                     folder != NULL ? "/" : "", file);
}

bool duet_report_picture(duet_report *report, duet_html_picture *out, const char *folder,
                         const char *file, const char **why) {
    char path[DUET_PATH_SIZE];
    duet_status status = find_picture(report, path, folder, file);
    if (status == DUET_OK) status = duet_html_picture_read(out, path);
    if (status != DUET_OK && why != NULL) *why = duet_report_escape(report, duet_error_message());
    return status == DUET_OK;
}

/* Width and height of an SVG that figure/ has written: 'viewBox="0 0 W H"' is near its beginning.
 */
static bool svg_size(const duet_bytes *text, int64_t size[2]) {
    static const char start[] = "<svg ", box[] = "viewBox=\"0 0 ";
    char head[200];
    if (text->size < (int64_t)sizeof head) return false;
    memcpy(head, text->data, sizeof head - 1);
    head[sizeof head - 1] = '\0';
    const char *at = duet_starts_with(head, start) ? strstr(head, box) : NULL;
    if (at == NULL) return false;
    char *after = NULL;
    size[0] = strtoll(at + sizeof box - 1, &after, 10);
    size[1] = strtoll(after, NULL, 10);
    return size[0] > 0 && size[1] > 0 && size[0] < 100000 && size[1] < 100000;
}

bool duet_report_svg(duet_report *report, duet_str *out, const char *folder, const char *file,
                     const char *alt, const char **why) {
    char path[DUET_PATH_SIZE];
    duet_bytes text = {0};
    int64_t size[2] = {0};
    duet_status status = find_picture(report, path, folder, file);
    if (status == DUET_OK) status = duet_file_read(&text, path);
    if (status == DUET_OK && !svg_size(&text, size))
        status = duet_fail(DUET_FORMAT, "no SVG picture in '%s'", path);
    if (status != DUET_OK) *why = duet_report_escape(report, duet_error_message());
    if (status == DUET_OK) {
        duet_str_format(out,
                        "<svg class=\"picture\" viewBox=\"0 0 %lld %lld\" width=\"%lld\" "
                        "height=\"%lld\" role=\"img\" aria-label=\"%s\"><image width=\"%lld\" "
                        "height=\"%lld\" href=\"data:image/svg+xml;base64,",
                        (long long)size[0], (long long)size[1], (long long)size[0],
                        (long long)size[1], alt, (long long)size[0], (long long)size[1]);
        duet_str_base64(out, text.data, text.size);
        duet_str_add(out, "\"/></svg>");
    }
    duet_bytes_free(&text);
    return status == DUET_OK;
}

const json_t *duet_report_reader_row(const json_t *result, const char *reader) {
    const json_t *rows = duet_report_get(result, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *name = duet_report_text(row, "reader");
        if (name != NULL && strcmp(name, reader) == 0) return row;
    }
    return NULL;
}

const char *duet_report_reader_name(duet_report *report, const char *reader) {
    if (reader == NULL) return "–";
    if (strcmp(reader, "model") == 0) return "this model";
    if (strcmp(reader, "random") == 0) return "random weights";
    if (strcmp(reader, "pixels") == 0) return "raw pixels";
    return duet_report_escape(report, reader);
}

static void add_setting(duet_report *report, duet_str *str, const json_t *object) {
    static const char *const key[] = {"t", "tap", "pool", "draws"}, *const before[] = {
                                                                        "t = ", "tap ", "pool ",
                                                                        "draws "};
    const int64_t start = str->size;
    for (int i = 0; i < 4; i++) {
        const double value = duet_report_number(object, key[i]);
        if (isnan(value)) continue;
        if (i == 0 && value < 0)
            duet_str_add(str, " on clean images");
        else
            duet_str_format(str, "%s%s%s", str->size > start ? ", " : " at ", before[i],
                            duet_quantity_plain(report->arena, value));
    }
    if (json_is_true(json_object_get(object, "flip"))) duet_str_add(str, ", mirrored too");
}

const char *duet_report_setting(duet_report *report, const json_t *object) {
    const json_t *list = json_object_get(object, "settings");
    duet_str str = {0};
    if (json_array_size(list) == 0) add_setting(report, &str, object);
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i > 0) duet_str_add(&str, " and");
        add_setting(report, &str, json_array_get(list, i));
    }
    const char *text = str.text != NULL ? duet_arena_text(report->arena, str.text) : "";
    duet_str_free(&str);
    return text != NULL ? text : "";
}

bool duet_report_trained(const duet_report *report) {
    const char *command = duet_report_text(report->info, "command");
    return command == NULL || strcmp(command, "train") == 0;
}

const char *duet_report_t(duet_report *report, double t) {
    return t < 0 ? "clean" : duet_quantity_plain(report->arena, t);
}

void duet_report_bar(duet_report *report, duet_str *out, const char *name, const char *style,
                     double accuracy, int decimals) {
    if (!isfinite(accuracy)) return;
    duet_str_format(out, "<tr%s><td>%s</td><td class=\"wide\">",
                    strcmp(style, "model") == 0 ? " class=\"first\"" : "", name);
    duet_svg_bar(out, style, accuracy, 100, NAN);
    duet_str_format(out, "</td><td class=\"n\">%s %%</td></tr>",
                    duet_quantity_fixed(report->arena, accuracy, decimals));
}

void duet_report_fact(duet_str *out, const char *name, const char *value) {
    if (strcmp(value, "–") != 0)
        duet_str_format(out, "<div><dt>%s</dt><dd>%s</dd></div>", name, value);
}
