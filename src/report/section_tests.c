/* SPDX-License-Identifier: MIT
 * report/section_tests.c: the books of the run, tests.jsonl: how often images of a test split were
 * looked at, by what. The more looks, the less the best of their figures is worth. */
#include <math.h>
#include <string.h>

#include "report/section.h"

enum { MOST_LOOKS = 1000, SHOWN = 50 };

typedef struct books {
    json_t *look[MOST_LOOKS]; /* oldest first */
    int count;
    int64_t more, damaged; /* lines: not read for want of room; that are no objects */
} books;

static void take_line(books *b, const char *text, size_t size) {
    if (size == 0) return;
    if (b->count == MOST_LOOKS) {
        b->more++;
        return;
    }
    json_t *const look = json_loadb(text, size, 0, NULL);
    if (json_is_object(look)) {
        b->look[b->count++] = look;
        return;
    }
    json_decref(look);
    b->damaged++;
}

static void take_lines(books *b, const duet_bytes *file) {
    const char *at = (const char *)file->data, *const end = at + file->size;
    while (at < end) {
        const char *const stop = memchr(at, '\n', (size_t)(end - at));
        const size_t size = (size_t)((stop != NULL ? stop : end) - at);
        take_line(b, at, size);
        at += size + 1;
    }
}

static bool same_set(const json_t *a, const json_t *b) {
    const char *const x = duet_report_text(a, "data"), *const y = duet_report_text(b, "data");
    const char *const s = duet_report_text(a, "split"), *const t = duet_report_text(b, "split");
    return x != NULL && y != NULL && s != NULL && t != NULL && strcmp(x, y) == 0 &&
           strcmp(s, t) == 0 && duet_report_number(a, "rows") == duet_report_number(b, "rows");
}

static const char *looks_text(duet_report *report, int64_t looks) {
    char text[48];
    if (looks == 1) return "once";
    duet_format(text, sizeof text, "%s times", duet_quantity_count(report->arena, (double)looks));
    return duet_html_escape(report->arena, text);
}

/* "fashion-mnist, split test: 3 looks, 27 heads". A data set is told of at its first look. */
static void write_totals(duet_report *report, duet_str *out, const books *b) {
    duet_str_add(out, "<ul>");
    for (int i = 0; i < b->count; i++) {
        int64_t looks = 0;
        double heads = 0;
        bool known = false;
        for (int k = 0; k < b->count; k++) {
            if (!same_set(b->look[i], b->look[k])) continue;
            known |= k < i;
            looks++;
            const double more = duet_report_number(b->look[k], "heads");
            heads += isfinite(more) ? more : 0;
        }
        if (known || looks == 0) continue;
        duet_str_format(out, "<li>%s, split %s (%s images): looked at %s, by %s heads in all</li>",
                        duet_report_escape(report, duet_report_text(b->look[i], "data")),
                        duet_report_escape(report, duet_report_text(b->look[i], "split")),
                        duet_quantity_count(report->arena, duet_report_number(b->look[i], "rows")),
                        looks_text(report, looks), duet_quantity_count(report->arena, heads));
    }
    duet_str_add(out, "</ul>\n");
}

static void write_look(duet_report *report, duet_str *out, const json_t *look) {
    const char *const setting = duet_report_setting(report, look);
    const char *const step = duet_report_text(look, "step"), *const reader =
                                                                 duet_report_text(look, "reader");
    duet_str_format(
        out,
        "<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td class=\"n\">%s</td>"
        "<td class=\"n\">%s</td></tr>",
        duet_report_value(report, duet_report_get(look, "date")),
        step != NULL ? duet_report_escape(report, step)
                     : duet_report_value(report, duet_report_get(look, "command")),
        duet_report_value(report, duet_report_get(look, "data")),
        duet_report_value(report, duet_report_get(look, "head")),
        *setting != '\0' ? setting + 4
        : reader != NULL ? duet_report_reader_name(report, reader)
                         : "–",
        duet_quantity_count(report->arena, duet_report_number(look, "heads")),
        duet_quantity_fixed(report->arena, duet_report_number(look, "top1"), 2));
}

static void write_looks(duet_report *report, duet_str *out, const books *b) {
    duet_str_add(out, "<div class=\"scroll\"><table><thead><tr><th>when</th><th>by</th>"
                      "<th>data</th><th>head</th><th>setting</th><th class=\"n\">heads</th>"
                      "<th class=\"n\">test %</th></tr></thead><tbody>");
    for (int i = b->count - 1; i >= 0 && i >= b->count - SHOWN; i--)
        write_look(report, out, b->look[i]);
    duet_str_add(out, "</tbody></table></div>\n");
    if (b->count > SHOWN || b->more > 0)
        duet_str_format(out, "<p class=\"note\">The newest %d; tests.jsonl has them all.</p>\n",
                        SHOWN);
    if (b->damaged > 0)
        duet_str_format(out, "<p class=\"missing\">%s lines of tests.jsonl are damaged.</p>\n",
                        duet_quantity_count(report->arena, (double)b->damaged));
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    (void)steps;
    char path[DUET_PATH_SIZE];
    duet_bytes file = {0};
    if (!duet_path_in(path, report->run, "tests.jsonl") || duet_file_read(&file, path) != DUET_OK)
        return;
    books *const b = duet_arena_alloc(report->arena, 1, sizeof *b);
    if (b != NULL) take_lines(b, &file);
    if (b != NULL && (b->count > 0 || b->damaged > 0)) {
        duet_str_add(out,
                     "<p class=\"note\">Each figure of test images stands here, with the heads "
                     "(and draws of noise and labels) that were tested for it. Whoever looks often "
                     "and keeps the best figure has chosen by the test: settings should be chosen "
                     "on training images, as a sweep does.</p>\n");
        write_totals(report, out, b);
        write_looks(report, out, b);
    }
    for (int i = 0; b != NULL && i < b->count; i++) json_decref(b->look[i]);
    duet_bytes_free(&file);
}

const duet_section duet_section_tests = {
    .info = {.name = "tests",
             .help = "how often test images were looked at",
             .params = DUET_TABLE_EMPTY},
    .id = "tests",
    .title = "Looks at test images",
    .write = write,
};
