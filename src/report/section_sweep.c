/* SPDX-License-Identifier: MIT
 * report/section_sweep.c: accuracy over (t, tap): a large map for the pool that holds the best
 * setting, small ones for the other pools, all on one colour scale. The untrained network's best at
 * each tap stands apart as a reference. */
#include "report/section.h"
#include "report/svg.h"

#include <math.h>
#include <string.h>

enum { MOST_T = 64, MOST_TAPS = 128, MOST_POOLS = 16, MOST_BEST = 10 };

typedef struct sweep {
    duet_report *report;
    const json_t *result, *rows, *best;
    const json_t *mark; /* the best setting, the first of joined ones */
    const char *head;   /* of the rows that are shown; NULL = any */
    const char *key;    /* "top1", or "information" where there are no labels */
    double t[MOST_T], tap[MOST_TAPS], pool[MOST_POOLS];
    int64_t ts, taps, pools;
    const char *tap_group[MOST_TAPS]; /* "28 × 28", or "" */
    double lo, hi;                    /* of the model's rows */
    bool random;
} sweep;

static int64_t find(const double *list, int64_t count, double value) {
    for (int64_t i = 0; i < count; i++) {
        if (list[i] == value) return i;
    }
    return -1;
}

static void insert(double *list, int64_t *count, int64_t most, double value) {
    if (!isfinite(value) || *count == most || find(list, *count, value) >= 0) return;
    int64_t at = (*count)++;
    for (; at > 0 && list[at - 1] > value; at--) list[at] = list[at - 1];
    list[at] = value;
}

static bool is_reader(const json_t *row, const char *reader) {
    const char *name = duet_report_text(row, "reader");
    return name != NULL && strcmp(name, reader) == 0;
}

/* A row of the maps: of the reader, with the head that is shown. */
static bool shown(const sweep *s, const json_t *row, const char *reader) {
    const char *const head = duet_report_text(row, "head");
    return is_reader(row, reader) &&
           (s->head == NULL || head == NULL || strcmp(head, s->head) == 0);
}

/* That of the best row where the maps have it, else that of their first row. */
static void choose_head(sweep *s) {
    const char *const best = duet_report_text(duet_report_get(s->result, "best"), "head");
    for (size_t i = 0; i < json_array_size(s->rows); i++) {
        const json_t *row = json_array_get(s->rows, i);
        const char *const head = duet_report_text(row, "head");
        if (!is_reader(row, "model") || head == NULL) continue;
        if (s->head == NULL) s->head = head;
        if (best != NULL && strcmp(best, head) == 0) s->head = best;
    }
}

static bool labelled(const sweep *s) {
    return strcmp(s->key, "top1") == 0;
}

static const char *group_of(sweep *s, double tap) {
    const json_t *taps = duet_report_get(s->result, "taps");
    for (size_t i = 0; i < json_array_size(taps); i++) {
        const json_t *entry = json_array_get(taps, i);
        const double height = duet_report_number(entry, "height"),
                     width = duet_report_number(entry, "width");
        if (duet_report_number(entry, "tap") != tap || !isfinite(height) || !isfinite(width))
            continue;
        const char *text = duet_arena_format(s->report->arena, "%.6g × %.6g", height, width);
        return text != NULL ? text : "";
    }
    return "";
}

/* The axes are what the rows hold, so that they always agree with them. */
static bool load(sweep *s) {
    s->rows = duet_report_get(s->result, "rows");
    s->lo = INFINITY;
    s->hi = -INFINITY;
    choose_head(s);
    s->key = duet_report_get(duet_report_get(s->result, "auto"), "unlabelled") != NULL
                 ? "information"
                 : "top1";
    for (size_t i = 0; i < json_array_size(s->rows); i++) {
        const json_t *row = json_array_get(s->rows, i);
        const double top1 = duet_report_number(row, s->key);
        s->random = s->random || shown(s, row, "random");
        if (!shown(s, row, "model") || !isfinite(top1)) continue;
        insert(s->t, &s->ts, MOST_T, duet_report_number(row, "t"));
        insert(s->tap, &s->taps, MOST_TAPS, duet_report_number(row, "tap"));
        insert(s->pool, &s->pools, MOST_POOLS, duet_report_number(row, "pool"));
        if (top1 > s->hi) s->best = row;
        s->lo = fmin(s->lo, top1);
        s->hi = fmax(s->hi, top1);
    }
    for (int64_t i = 0; i < s->taps; i++) s->tap_group[i] = group_of(s, s->tap[i]);
    const json_t *best = duet_report_get(s->result, "best");
    if (is_reader(best, "model") && isfinite(duet_report_number(best, s->key))) s->best = best;
    const json_t *const joined = s->best != NULL ? json_object_get(s->best, "settings") : NULL;
    s->mark = json_array_size(joined) > 0 ? json_array_get(joined, 0) : s->best;
    return s->best != NULL && s->ts > 0 && s->taps > 0 && s->pools > 0;
}

/* value[t][tap] for one pool; the last row (random) is the untrained network's best at that tap
 * over all t and pools. */
static void fill(const sweep *s, double *value, double pool) {
    for (int64_t i = 0; i < (s->ts + 1) * s->taps; i++) value[i] = NAN;
    for (size_t i = 0; i < json_array_size(s->rows); i++) {
        const json_t *row = json_array_get(s->rows, i);
        const int64_t tap = find(s->tap, s->taps, duet_report_number(row, "tap")),
                      t = find(s->t, s->ts, duet_report_number(row, "t"));
        const double top1 = duet_report_number(row, s->key);
        if (tap < 0 || !isfinite(top1)) continue;
        double *random = &value[s->ts * s->taps + tap];
        if (shown(s, row, "random") && !(*random >= top1)) *random = top1;
        if (shown(s, row, "model") && t >= 0 && duet_report_number(row, "pool") == pool)
            value[t * s->taps + tap] = top1;
    }
}

static const char **labels(sweep *s, const double *list, int64_t count, bool steps,
                           const char *last) {
    const char **out = duet_arena_alloc(s->report->arena, count + 1, sizeof *out);
    for (int64_t i = 0; i < count && out != NULL; i++)
        out[i] = steps ? duet_report_t(s->report, list[i])
                       : duet_quantity_plain(s->report->arena, list[i]);
    if (out != NULL) out[count] = last;
    return out;
}

/* One map: taps across on wide pages, down on narrow ones. */
static void draw(sweep *s, duet_str *out, double pool, bool large, bool across, double width) {
    duet_arena *arena = s->report->arena;
    const bool random = large && s->random;
    const int64_t ts = s->ts + (random ? 1 : 0);
    double *value = duet_arena_alloc(arena, (s->ts + 1) * s->taps, sizeof *value);
    double *turned = duet_arena_alloc(arena, (s->ts + 1) * s->taps, sizeof *turned);
    const char **t_label = labels(s, s->t, s->ts, true, across ? "random" : "rnd"),
               **tap_label = labels(s, s->tap, s->taps, false, "");
    if (value == NULL || turned == NULL || t_label == NULL || tap_label == NULL) return;
    fill(s, value, pool);
    for (int64_t i = 0; i < ts; i++) {
        for (int64_t k = 0; k < s->taps; k++) turned[k * ts + i] = value[i * s->taps + k];
    }
    const bool winner = duet_report_number(s->mark, "pool") == pool;
    const int64_t t = winner ? find(s->t, s->ts, duet_report_number(s->mark, "t")) : -1;
    const int64_t tap = winner ? find(s->tap, s->taps, duet_report_number(s->mark, "tap")) : -1;
    const int64_t split = random ? s->ts : 0;
    const char *what = duet_arena_format(
        arena, "%s over t and tap, pool %.6g",
        labelled(s) ? "Validation accuracy in percent" : "Information in nats", pool);
    const duet_svg_heat heat = {.what = what != NULL ? what : "",
                                .rows = across ? ts : s->taps,
                                .columns = across ? s->taps : ts,
                                .value = across ? value : turned,
                                .row_label = across ? t_label : tap_label,
                                .column_label = across ? tap_label : t_label,
                                .column_group = across && large ? s->tap_group : NULL,
                                .row_title = across ? "t" : "tap",
                                .column_title = across ? "tap (input → output)" : "t",
                                .split_row = across ? split : 0,
                                .split_column = across ? 0 : split,
                                .mark_row = across ? t : tap,
                                .mark_column = across ? tap : t,
                                .lo = s->lo,
                                .hi = s->hi,
                                .decimals = 1,
                                .print = large,
                                .most_cell = large ? 62 : 30};
    duet_svg_heat_map(out, &heat, width);
}

static const char *unit(const sweep *s) {
    return labelled(s) ? "&#8239;%" : " nats";
}

/* What a cell is. */
static void write_cell(sweep *s, duet_str *out, double pool) {
    duet_report *const report = s->report;
    const char *const side = duet_quantity_plain(report->arena, pool);
    if (labelled(s))
        duet_str_format(out,
                        "Each cell is the validation accuracy, in percent, of a %s head that reads "
                        "one tap at one noise level, pooled to %s × %s",
                        s->head != NULL ? duet_report_escape(report, s->head) : "linear", side,
                        side);
    else
        duet_str_format(out,
                        "Each cell is how much the features of one tap at one noise level, pooled "
                        "to %s × %s, tell about which image they are of, whatever noise and small "
                        "changes of the image do to them",
                        side, side);
    duet_str_format(out, "; brighter is better, the orange frame is %s.",
                    duet_report_get(s->result, "auto") != NULL
                        ? "what was chosen, or the first part of it"
                        : "the best of the whole sweep");
}

static void write_caption(sweep *s, duet_str *out, double pool) {
    duet_arena *const arena = s->report->arena;
    const double pixels = duet_report_number(duet_report_reader_row(s->result, "pixels"), "top1");
    duet_str_format(out, "<figcaption><span class=\"scale\">%s%s<i></i>%s%s</span><br>",
                    duet_quantity_fixed(arena, s->lo, 1), unit(s),
                    duet_quantity_fixed(arena, s->hi, 1), unit(s));
    write_cell(s, out, pool);
    if (s->random)
        duet_str_add(out, " Set apart: the same network untrained, at its best for that tap.");
    if (isfinite(pixels))
        duet_str_format(out, " Raw pixels reach %s&#8239;%%.",
                        duet_quantity_fixed(arena, pixels, 1));
    duet_str_add(out, "</figcaption></figure>\n");
}

/* What the best one reaches, and on which rows. */
static void write_reach(sweep *s, duet_str *out) {
    duet_report *const report = s->report;
    const char *const head = duet_report_text(s->best, "head");
    const json_t *const rounds = duet_report_get(duet_report_get(s->result, "auto"), "rounds"),
                        *const last = json_array_size(rounds) > 0
                                          ? json_array_get(rounds, json_array_size(rounds) - 1)
                                          : s->result;
    const double fit = duet_report_number(last, "fit_rows"),
                 val = duet_report_number(last, "val_rows");
    duet_str_format(out, ", where a head of kind <code>%s</code> reaches <b>%s&#8239;%%</b>",
                    head != NULL ? duet_report_escape(report, head) : "linear",
                    duet_quantity_fixed(report->arena, duet_report_number(s->best, "top1"), 1));
    if (isfinite(fit) && isfinite(val))
        duet_str_format(out, " on %s held-out images after fitting on %s",
                        duet_quantity_count(report->arena, val),
                        duet_quantity_count(report->arena, fit));
    duet_str_add(out, ". No test image is used here.</p>\n");
}

static void write_lead(sweep *s, duet_str *out) {
    duet_report *report = s->report;
    const json_t *taps = duet_report_get(s->result, "taps");
    const char *name = NULL;
    for (size_t i = 0; i < json_array_size(taps); i++) {
        const json_t *entry = json_array_get(taps, i);
        if (duet_report_number(entry, "tap") == duet_report_number(s->best, "tap")) /* not joined */
            name = duet_report_text(entry, "name");
    }
    duet_str_format(out, "<p class=\"note\">The representation is best <b>%s</b>",
                    duet_report_setting(report, s->best));
    if (name != NULL) duet_str_format(out, " (<code>%s</code>)", duet_report_escape(report, name));
    if (labelled(s))
        write_reach(s, out);
    else
        duet_str_format(
            out, ", chosen from %s images of the training split without a label.</p>\n",
            duet_quantity_count(report->arena, duet_report_number(s->result, "fit_rows")));
}

/* The best rows in order, by repeated selection below the last one: (top1, index) decides. */
static void write_best(sweep *s, duet_str *out) {
    duet_arena *arena = s->report->arena;
    double bound = INFINITY;
    size_t after = 0;
    duet_str_add(out, "<details><summary>The ten best settings</summary><div "
                      "class=\"scroll\"><table><thead><tr><th class=\"n\">t</th>"
                      "<th class=\"n\">tap</th><th class=\"n\">pool</th><th "
                      "class=\"n\">features</th><th class=\"n\">strength</th>"
                      "<th class=\"n\">accuracy</th></tr></thead><tbody>");
    for (int k = 0; k < MOST_BEST; k++) {
        const json_t *pick = NULL;
        size_t at = 0;
        for (size_t i = 0; i < json_array_size(s->rows); i++) {
            const json_t *row = json_array_get(s->rows, i);
            const double top1 = duet_report_number(row, s->key);
            if (!shown(s, row, "model") || !(top1 < bound || (top1 == bound && i > after)))
                continue;
            if (pick != NULL && !(top1 > duet_report_number(pick, s->key))) continue;
            pick = row;
            at = i;
        }
        if (pick == NULL) break;
        bound = duet_report_number(pick, s->key);
        after = at;
        duet_str_format(out,
                        "<tr><td class=\"n\">%s</td><td class=\"n\">%s</td><td "
                        "class=\"n\">%s</td><td class=\"n\">%s</td><td "
                        "class=\"n\">%s</td>"
                        "<td class=\"n\">%s %%</td></tr>",
                        duet_report_t(s->report, duet_report_number(pick, "t")),
                        duet_quantity_plain(arena, duet_report_number(pick, "tap")),
                        duet_quantity_plain(arena, duet_report_number(pick, "pool")),
                        duet_quantity_count(arena, duet_report_number(pick, "dim")),
                        duet_quantity_plain(arena, duet_report_number(pick, "strength")),
                        duet_quantity_fixed(arena, bound, 2));
    }
    duet_str_add(out, "</tbody></table></div></details>\n");
}

static void write_others(sweep *s, duet_str *out, double best_pool) {
    if (s->pools < 2) return;
    duet_str_add(out,
                 "<h3>The other pools, on the same colour scale</h3>\n<div class=\"multiples\">");
    for (int64_t i = 0; i < s->pools; i++) {
        if (s->pool[i] == best_pool) continue;
        double top = -INFINITY;
        for (size_t k = 0; k < json_array_size(s->rows); k++) {
            const json_t *row = json_array_get(s->rows, k);
            const double top1 = duet_report_number(row, s->key);
            if (shown(s, row, "model") && duet_report_number(row, "pool") == s->pool[i] &&
                top1 > top)
                top = top1;
        }
        duet_str_add(out, "<figure>");
        draw(s, out, s->pool[i], false, true, 500);
        duet_str_format(out, "<figcaption>pool %s: at best %s%s</figcaption></figure>",
                        duet_quantity_plain(s->report->arena, s->pool[i]),
                        duet_quantity_fixed(s->report->arena, top, 1), unit(s));
    }
    duet_str_add(out, "</div>\n");
}

/* What a search tried in its last round, and how sure and how cheap it was. */
static void write_search(sweep *s, duet_str *out) {
    duet_arena *const arena = s->report->arena;
    const json_t *const search = duet_report_get(s->result, "auto"), *const picks = duet_report_get(
                                                                         search, "picks");
    if (json_array_size(picks) == 0) return;
    const double spent = duet_report_number(duet_report_get(search, "spent"), "passes"),
                 grid = duet_report_number(duet_report_get(search, "grid"), "passes");
    duet_str_format(
        out,
        "<p class=\"note\">Chosen by a search over three rounds, with %s images through the "
        "network "
        "(a sweep of all settings: %s). With other divisions of the same images the accuracy "
        "deviates by %s points, with other noise by %s.</p>\n<div "
        "class=\"scroll\"><table><thead><tr><th>last round</th><th>head</th><th "
        "class=\"n\">features</th><th class=\"n\">accuracy</th></tr></thead><tbody>",
        duet_quantity_count(arena, spent), duet_quantity_count(arena, grid),
        duet_quantity_fixed(arena, duet_report_number(search, "splits_std"), 2),
        duet_quantity_fixed(arena, duet_report_number(search, "noise_std"), 2));
    for (size_t i = 0; i < json_array_size(picks); i++) {
        const json_t *const pick = json_array_get(picks, i);
        const char *const head = duet_report_text(pick, "head");
        duet_str_format(out,
                        "<tr><td>%s</td><td><code>%s</code></td><td class=\"n\">%s</td><td "
                        "class=\"n\">%s %%</td></tr>",
                        duet_report_setting(s->report, pick),
                        head != NULL ? duet_report_escape(s->report, head) : "",
                        duet_quantity_count(arena, duet_report_number(pick, "dim")),
                        duet_quantity_fixed(arena, duet_report_number(pick, s->key), 2));
    }
    duet_str_add(out, "</tbody></table></div>\n<h3>The first round</h3>\n");
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    sweep s = {.report = report};
    if (steps->damaged != NULL)
        duet_str_format(out, "<p class=\"missing\">%s</p>\n", steps->damaged);
    if (steps->count == 0) return;
    s.result = steps->item[0].result;
    if (!load(&s)) {
        duet_str_format(out, "<p class=\"missing\">%s has no row of the model to draw.</p>\n",
                        duet_report_escape(report, steps->item[0].folder));
        return;
    }
    double pool = duet_report_number(s.mark, "pool");
    if (find(s.pool, s.pools, pool) < 0) pool = s.pool[0];
    write_lead(&s, out);
    write_search(&s, out);
    duet_str_add(out, "<figure><div class=\"wide-only scroll\">");
    draw(&s, out, pool, true, s.taps <= 24, 1088);
    duet_str_add(out, "</div><div class=\"narrow scroll\">");
    draw(&s, out, pool, true, false, 372);
    duet_str_add(out, "</div>");
    write_caption(&s, out, pool);
    write_others(&s, out, pool);
    if (labelled(&s)) write_best(&s, out);
}

const duet_section duet_section_sweep = {
    .info = {.name = "sweep", .help = "accuracy over (t, tap, pool)", .params = DUET_TABLE_EMPTY},
    .id = "readings",
    .title = "Where to read",
    .command = "sweep",
    .write = write,
};
