/* SPDX-License-Identifier: MIT
 * report/section_training.c: the curve of loss.csv: raw, smoothed by a moving mean, and the
 * same for the columns of the task, which stand behind the loss (of denoising: the quarters of the
 * schedule), on a log axis. Long curves are averaged down to MOST points. */
#include "report/section.h"
#include "report/svg.h"

#include <math.h>
#include <string.h>

enum { MOST = 500, PARTS = 4, NAME = 32 };
/* Columns that are read: those of these names, and PARTS of the task. */
enum { IMAGES, LOSS, SPEED, TOP1, PART, NAMES = PART + PARTS, SERIES = 2 + PARTS };
static const char *const column_name[PART] = {"images", "loss", "images_per_second", "top1"};
enum { FIELDS = 32 }; /* most columns of a file */

typedef struct curve {
    double *column[NAMES]; /* [count], NaN where a field is empty or no number */
    int64_t count;
    char part[PARTS][NAME]; /* names of the task's columns; "" behind the last */
} curve;

/* Fields of one line into value[NAMES] by the header's order[]; false when the line has no loss. */
static bool read_line(double *value, const char *line, size_t length, const int *order,
                      int fields) {
    char field[64];
    for (int i = 0; i < NAMES; i++) value[i] = NAN;
    for (int k = 0; k < fields; k++) {
        const char *comma = memchr(line, ',', length);
        const size_t size = comma != NULL ? (size_t)(comma - line) : length;
        if (size < sizeof field && order[k] >= 0) {
            double number = 0;
            memcpy(field, line, size);
            field[size] = 0;
            if (duet_parse_f64(&number, field) && isfinite(number)) value[order[k]] = number;
        }
        if (comma == NULL) break;
        line = comma + 1;
        length -= size + 1;
    }
    return isfinite(value[LOSS]) || isfinite(value[IMAGES]);
}

/* What column `index` is called, given the one before it; -1 = it is not read. */
static int place_of(curve *out, const char *name, bool behind_loss, int *parts) {
    for (int i = 0; i < PART; i++)
        if (strcmp(column_name[i], name) == 0) return i;
    if (!behind_loss || *parts == PARTS) return -1;
    duet_copy_text(out->part[*parts], NAME, name);
    return PART + (*parts)++;
}

/* order[k]: what column k of the file is. Returns their number; 0 = there is no loss. */
static int read_header(curve *out, int *order, const char *line, size_t length) {
    int fields = 0, parts = 0;
    bool loss = false, behind = false; /* between the loss and the norm of the gradient */
    while (fields < FIELDS) {
        const char *comma = memchr(line, ',', length);
        const size_t size = comma != NULL ? (size_t)(comma - line) : length;
        char name[NAME] = "";
        memcpy(name, line, size < NAME ? size : NAME - 1);
        behind = behind && strcmp(name, "grad_norm") != 0;
        order[fields] = place_of(out, name, behind, &parts);
        if (order[fields] == LOSS) loss = behind = true;
        fields++;
        if (comma == NULL) break;
        line = comma + 1;
        length -= size + 1;
    }
    return loss ? fields : 0;
}

static size_t line_length(const char *text, const char *end) {
    const char *stop = memchr(text, '\n', (size_t)(end - text));
    size_t size = (size_t)((stop != NULL ? stop : end) - text);
    if (size > 0 && text[size - 1] == '\r') size--;
    return size;
}

static const char *next_line(const char *text, const char *end) {
    const char *stop = memchr(text, '\n', (size_t)(end - text));
    return stop != NULL ? stop + 1 : end;
}

/* False when there is no header with a loss, no line, or no memory. */
static bool read_curve(duet_report *report, curve *out, const duet_bytes *file) {
    const char *text = (const char *)file->data, *end = text + file->size;
    int order[FIELDS];
    double value[NAMES];
    int64_t lines = 0;
    if (file->size == 0) return false;
    const int fields = read_header(out, order, text, line_length(text, end));
    if (fields == 0) return false;
    for (const char *line = next_line(text, end); line < end; line = next_line(line, end)) lines++;
    for (int i = 0; i < NAMES; i++) {
        out->column[i] = duet_arena_alloc(report->arena, lines, sizeof(double));
        if (out->column[i] == NULL) return false;
    }
    for (const char *line = next_line(text, end); line < end; line = next_line(line, end)) {
        if (!read_line(value, line, line_length(line, end), order, fields)) continue;
        for (int i = 0; i < NAMES; i++) out->column[i][out->count] = value[i];
        out->count++;
    }
    return out->count > 0;
}

/* Means of equal stretches, in place; a stretch without numbers stays NaN. */
static void thin(curve *c) {
    const int64_t stride = (c->count - 1) / MOST + 1;
    const int64_t count = (c->count - 1) / stride + 1;
    for (int i = 0; i < NAMES; i++) {
        for (int64_t k = 0; k < count; k++) {
            double sum = 0;
            int64_t found = 0;
            for (int64_t j = k * stride; j < (k + 1) * stride && j < c->count; j++) {
                if (isnan(c->column[i][j])) continue;
                sum += c->column[i][j];
                found++;
            }
            c->column[i][k] = found > 0 ? sum / (double)found : NAN;
        }
    }
    c->count = count;
}

/* Geometric means over 2*half+1 points, which is straight where the log curve is. The window is
 * symmetric where the curve is steep, at its start, so that it does not lag there; at the end it
 * only looks back. */
static double *smooth(duet_report *report, const double *raw, int64_t count) {
    double *out = duet_arena_alloc(report->arena, count, sizeof *out);
    for (int64_t i = 0; i < count && out != NULL; i++) {
        const int64_t most = count / 50 + 1, half = i < most ? i : most;
        double sum = 0;
        int64_t found = 0;
        for (int64_t k = i - half; k <= i + half && k < count; k++) {
            if (!(raw[k] > 0)) continue;
            sum += log(raw[k]);
            found++;
        }
        out[i] = raw[i] > 0 ? exp(sum / (double)found) : NAN;
    }
    return out;
}

static const char *const series_style[SERIES] = {"raw", "main", "q0", "q1", "q2", "q3"};

/* For a reader: quarters of the schedule by words, other columns by their names. */
static const char *part_name(duet_report *report, const char *column) {
    static const char *const quarter[] = {"t in 1st quarter", "t in 2nd quarter",
                                          "t in 3rd quarter", "t in 4th quarter"};
    if (strlen(column) == 7 && duet_starts_with(column, "loss_q") && column[6] >= '0' &&
        column[6] <= '3')
        return quarter[column[6] - '0'];
    char *name = duet_arena_text(report->arena, column);
    for (char *c = name; c != NULL && *c != '\0'; c++)
        if (*c == '_') *c = ' ';
    return name != NULL ? duet_report_escape(report, name) : "";
}

/* Raw, parts, and over them the smoothed loss. Returns their number. */
static int make_series(duet_report *report, const curve *c, duet_svg_series series[SERIES],
                       const char *name[SERIES]) {
    int parts = 0, count = 0;
    while (parts < PARTS && c->part[parts][0] != '\0') parts++;
    name[0] = "raw";
    name[1] = "loss, smoothed";
    for (int k = 0; k < parts; k++) name[2 + k] = part_name(report, c->part[k]);
    for (int k = 0; k < 2 + parts; k++) {
        const int s = k == 0 ? 0 : k <= parts ? k + 1 : 1;
        const double *raw = c->column[s < 2 ? LOSS : PART + s - 2],
                     *y = s == 0 ? raw : smooth(report, raw, c->count);
        if (y == NULL) return 0;
        series[count++] = (duet_svg_series){.name = name[s],
                                            .style = series_style[s],
                                            .x = c->column[IMAGES],
                                            .y = y,
                                            .count = c->count,
                                            .label = s > 0};
    }
    return count;
}

static void write_chart(duet_report *report, duet_str *out, const curve *c) {
    duet_svg_series series[SERIES];
    const char *name[SERIES];
    const int count = make_series(report, c, series, name);
    const duet_svg_lines chart = {.what = "Training loss over images seen, logarithmic",
                                  .x_title = "images seen",
                                  .y_title = "loss (log)",
                                  .series = series,
                                  .count = count,
                                  .log_y = true};
    if (count == 0) return;
    duet_str_add(out, "<figure><div class=\"wide-only\">");
    if (!duet_svg_line_chart(out, &chart, 1088, 380))
        duet_str_add(out, "<p class=\"missing\">loss.csv has no finite loss to draw.</p>");
    duet_str_add(out, "</div><div class=\"narrow\">");
    duet_svg_line_chart(out, &chart, 380, 320);
    duet_str_add(out, "<div class=\"legend\">");
    for (int s = 1; s < count; s++) {
        duet_str_format(out,
                        "<span><svg viewBox=\"0 0 20 8\"><path class=\"line %s\" d=\"M0 "
                        "4H20\"/></svg>%s</span>",
                        series_style[s], name[s]);
    }
    duet_str_add(out, "</div></div><figcaption>The loss falls as the model sees more images; the "
                      "thin grey line is what was measured, the "
                      "others are smoothed.");
    if (duet_starts_with(c->part[0], "loss_q"))
        duet_str_add(out, " Coloured lines split it by noise level: the first "
                          "quarter of t is little noise, the last is "
                          "nearly nothing but noise.");
    else if (count > 2)
        duet_str_add(out, " Coloured lines are what it is made of.");
    duet_str_add(out, "</figcaption></figure>\n");
}

/* Of a task that learns from labels. */
static void write_accuracy(duet_report *report, duet_str *out, const curve *c) {
    const double *const y = smooth(report, c->column[TOP1], c->count);
    const duet_svg_series series = {
        .name = "top-1", .style = "main", .x = c->column[IMAGES], .y = y, .count = c->count};
    const duet_svg_lines chart = {.what = "Accuracy on the training batches over images seen",
                                  .x_title = "images seen",
                                  .y_title = "top-1 (%)",
                                  .series = &series,
                                  .count = 1};
    duet_str wide = {0};
    if (y != NULL && duet_svg_line_chart(&wide, &chart, 1088, 260)) {
        duet_str_format(out, "<figure><div class=\"wide-only\">%s</div><div class=\"narrow\">",
                        wide.text);
        duet_svg_line_chart(out, &chart, 380, 260);
        duet_str_add(out, "</div><figcaption>Accuracy on the batches of the training, augmented "
                          "and each before its step.</figcaption></figure>\n");
    }
    duet_str_free(&wide);
}

static void write_facts(duet_report *report, duet_str *out, const curve *c) {
    double last = NAN, speed = NAN;
    duet_arena *arena = report->arena;
    for (int64_t i = 0; i < c->count; i++) {
        if (isfinite(c->column[LOSS][i])) last = c->column[LOSS][i];
        if (isfinite(c->column[SPEED][i])) speed = c->column[SPEED][i];
    }
    const double images = duet_report_number(report->info, "images"),
                 seconds = duet_report_number(report->info, "seconds");
    const double final_loss = duet_report_number(report->info, "final_loss");
    if (images > 0 && seconds > 0) speed = images / seconds;
    duet_str_add(out, "<dl class=\"facts\">");
    duet_report_fact(out, "images seen", duet_quantity_count(arena, images));
    duet_report_fact(out, "steps",
                     duet_quantity_count(arena, duet_report_number(report->info, "steps")));
    duet_report_fact(out, "time", duet_quantity_seconds(arena, seconds));
    duet_report_fact(out, "images per second", duet_quantity_short(arena, speed));
    duet_report_fact(out, "final loss",
                     duet_quantity_plain(arena, isfinite(final_loss) ? final_loss : last));
    duet_report_fact(
        out, "validation top-1",
        duet_quantity_plain(
            arena, duet_report_number(duet_report_get(report->info, "validation"), "top1")));
    duet_report_fact(out, "peak memory",
                     duet_quantity_bytes(arena, duet_report_number(report->info, "peak_memory")));
    duet_str_add(out, "</dl>\n");
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    (void)steps;
    char path[DUET_PATH_SIZE];
    duet_bytes file = {0};
    curve c = {0};
    if (duet_path_join(path, report->run, "loss.csv") != DUET_OK || !duet_path_exists(path)) return;
    if (duet_file_read(&file, path) != DUET_OK || !read_curve(report, &c, &file)) {
        duet_str_add(out, "<p class=\"missing\">loss.csv holds no training curve.</p>\n");
    } else {
        thin(&c);
        write_chart(report, out, &c);
        write_accuracy(report, out, &c);
        duet_report_meters(report, out);
        write_facts(report, out, &c);
    }
    duet_bytes_free(&file);
}

const duet_section duet_section_training = {
    .info = {.name = "training", .help = "the curve of the training", .params = DUET_TABLE_EMPTY},
    .id = "training",
    .title = "Training",
    .write = write,
};
