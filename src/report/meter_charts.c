/* SPDX-License-Identifier: MIT
 * report/meter_charts.c: what was measured while a model was trained, meters.csv: a chart of
 * accuracies and one of distances over the images seen. Columns without a number are left out. */
#include <math.h>
#include <string.h>

#include "report/section.h"
#include "report/svg.h"

enum { COLUMNS = 16, NAME = 32 };

typedef struct meters {
    char name[COLUMNS][NAME]; /* "images" is the first */
    double *value[COLUMNS];   /* [count]; NaN = not measured */
    int columns;
    int64_t count;
} meters;

/* The field at *at, of which `end` is the end of the line; moves behind it. */
static void take_field(char out[NAME], const char **at, const char *end) {
    const char *const comma = memchr(*at, ',', (size_t)(end - *at));
    const size_t size = (size_t)((comma != NULL ? comma : end) - *at);
    memcpy(out, *at, size < NAME ? size : NAME - 1);
    out[size < NAME ? size : NAME - 1] = '\0';
    *at = comma != NULL ? comma + 1 : NULL;
}

static const char *end_of_line(const char *text, const char *end) {
    const char *const stop = memchr(text, '\n', (size_t)(end - text));
    return stop != NULL ? stop : end;
}

static bool make_room(duet_report *report, meters *m, const char *text, const char *end) {
    int64_t lines = 0;
    for (const char *c = text; c < end; c++) lines += *c == '\n';
    for (int k = 0; k < m->columns; k++) {
        m->value[k] = duet_arena_alloc(report->arena, lines + 1, sizeof(double));
        if (m->value[k] == NULL) return false;
    }
    return true;
}

static bool read_meters(duet_report *report, meters *m, const duet_bytes *file) {
    const char *text = (const char *)file->data, *const end = text + file->size;
    if (file->size == 0) return false;
    const char *stop = end_of_line(text, end);
    for (const char *at = text; at != NULL && m->columns < COLUMNS; m->columns++)
        take_field(m->name[m->columns], &at, stop);
    if (strcmp(m->name[0], "images") != 0 || !make_room(report, m, text, end)) return false;
    while (stop < end && stop + 1 < end) {
        const char *at = stop + 1;
        stop = end_of_line(at, end);
        for (int k = 0; k < m->columns; k++) {
            char field[NAME] = "";
            double number = NAN;
            if (at != NULL) take_field(field, &at, stop);
            if (!duet_parse_f64(&number, field)) number = NAN;
            m->value[k][m->count] = number;
        }
        m->count += isfinite(m->value[0][m->count]) ? 1 : 0;
    }
    return m->count > 0;
}

static bool has_numbers(const meters *m, int column) {
    for (int64_t i = 0; i < m->count; i++)
        if (isfinite(m->value[column][i])) return true;
    return false;
}

static const char *title_of(const char *column) {
    static const char *const titles[][2] = {{"own_top1", "its own classifier"},
                                            {"probe_top1", "linear head"},
                                            {"frechet_judge", "judge"},
                                            {"frechet_random", "random network"},
                                            {"copies", "copies"},
                                            {"gap", "gap"}};
    for (int i = 0; i < DUET_COUNT(titles); i++)
        if (strcmp(titles[i][0], column) == 0) return titles[i][1];
    return NULL;
}

/* All columns with numbers that begin or end with `kind`. */
static void write_chart(duet_str *out, const meters *m, const char *kind, const char *what,
                        const char *y_title, const char *caption) {
    static const char *const style[] = {"main", "q1", "q2"};
    duet_svg_series series[DUET_COUNT(style)];
    int count = 0;
    for (int k = 0; k < m->columns && count < DUET_COUNT(style); k++) {
        if (strstr(m->name[k], kind) == NULL || title_of(m->name[k]) == NULL || !has_numbers(m, k))
            continue;
        series[count] = (duet_svg_series){.name = title_of(m->name[k]),
                                          .style = style[count],
                                          .x = m->value[0],
                                          .y = m->value[k],
                                          .count = m->count,
                                          .label = true};
        count++;
    }
    if (count == 0) return;
    const duet_svg_lines chart = {.what = what,
                                  .x_title = "images seen",
                                  .y_title = y_title,
                                  .series = series,
                                  .count = count};
    duet_str_add(out, "<figure><div class=\"wide-only\">");
    duet_svg_line_chart(out, &chart, 1088, 260);
    duet_str_add(out, "</div><div class=\"narrow\">");
    duet_svg_line_chart(out, &chart, 380, 260);
    duet_str_format(out, "</div><figcaption>%s</figcaption></figure>\n", caption);
}

int64_t duet_report_meter(duet_report *report, const char *folder, const char *kind, double **x,
                          double **y) {
    char inside[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    duet_bytes file = {0};
    meters m = {.columns = 0};
    int64_t count = 0;
    if (duet_path_join(inside, report->run, folder) != DUET_OK ||
        duet_path_join(path, inside, "meters.csv") != DUET_OK || !duet_path_exists(path))
        return 0;
    if (duet_file_read(&file, path) == DUET_OK && read_meters(report, &m, &file))
        for (int k = 1; k < m.columns && count == 0; k++)
            if (strstr(m.name[k], kind) != NULL && has_numbers(&m, k)) {
                *x = m.value[0];
                *y = m.value[k];
                count = m.count;
            }
    duet_bytes_free(&file);
    return count;
}

void duet_report_meters(duet_report *report, duet_str *out) {
    char path[DUET_PATH_SIZE];
    duet_bytes file = {0};
    meters m = {.columns = 0};
    if (duet_path_join(path, report->run, "meters.csv") != DUET_OK || !duet_path_exists(path))
        return;
    if (duet_file_read(&file, path) == DUET_OK && read_meters(report, &m, &file)) {
        write_chart(out, &m, "top1", "Accuracy while training over images seen", "top-1 (%)",
                    "Accuracy of the averaged weights on a small part of the data, measured while "
                    "training: it compares moments of this training, not models.");
        write_chart(out, &m, "frechet", "Frechet distance while training over images seen",
                    "Fréchet distance",
                    "Distance between a few drawn images and real ones on the features of a "
                    "network, measured while training; lower is better. With so few images it is "
                    "too large by a constant, and is no FID.");
        write_chart(out, &m, "copies", "Copies of training images among drawn ones", "copies (%)",
                    "Drawn images that lie nearer to one training image than new images do; 1 % is "
                    "chance.");
        write_chart(out, &m, "gap", "Excess of the error on held-out images", "gap",
                    "How much larger the error of denoising is on held-out images than on training "
                    "images, as a part of the latter: it grows where the model memorises.");
    } else {
        duet_str_add(out, "<p class=\"missing\">meters.csv holds no measurement.</p>\n");
    }
    duet_bytes_free(&file);
}
