/* SPDX-License-Identifier: MIT
 * cli/answers.c: see answers.h. The table follows RFC 4180: lines end in CR LF, fields with a
 * comma, a quote or a line end stand in quotes, quotes in them are doubled; UTF-8. Its columns:
 * file, label_1 … label_k, probability_1 … probability_k, with sets set_size and set (names joined
 * by
 * ';'), error. */
#include "cli/answers.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- the table ---- */

static void put_field(FILE *csv, const char *text) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, csv);
        return;
    }
    fputc('"', csv);
    for (; *text != '\0'; text++) {
        if (*text == '"') fputc('"', csv);
        fputc(*text, csv);
    }
    fputc('"', csv);
}

/* A name as it stands in JSON too: UTF-8. */
static void put_name(FILE *csv, const char *text) {
    json_t *name = cli_name(text);
    put_field(csv, name != NULL ? json_string_value(name) : "");
    json_decref(name);
}

static duet_status cannot_write(const cli_answers *a) {
    return cli_fail(DUET_IO, "cannot write '%s': %s", a->csv_path, strerror(errno));
}

static duet_status begin_table(cli_answers *a) {
    const int size = snprintf(a->part, sizeof a->part, "%s.part", a->csv_path);
    if (size < 0 || size >= (int)sizeof a->part)
        return cli_fail(DUET_ARG, "the path of --csv is too long");
    a->csv = fopen(a->part, "wb");
    if (a->csv == NULL) return cannot_write(a);
    fputs("file", a->csv);
    for (int i = 0; i < a->columns; i++) fprintf(a->csv, ",label_%d", i + 1);
    for (int i = 0; i < a->columns; i++) fprintf(a->csv, ",probability_%d", i + 1);
    fprintf(a->csv, "%s,error\r\n", a->level > 0 ? ",set_size,set" : "");
    return DUET_OK;
}

static const char *name_of(const cli_answers *a, int label, char number[32]) {
    snprintf(number, 32, "class %d", label);
    return label < a->name_count ? a->names[label] : number;
}

/* The names of a set in one text; the caller frees it. */
static char *set_text(const cli_answers *a, const duet_prediction *p, const char *between) {
    char number[32], *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return NULL;
    for (int i = 0; i < p->set; i++)
        fprintf(out, "%s%s", i > 0 ? between : "", name_of(a, p->ranking[i], number));
    fclose(out);
    return text;
}

static void put_line(const cli_answers *a, const duet_prediction *p) {
    char number[32];
    put_name(a->csv, p->path);
    for (int i = 0; i < a->columns; i++) {
        fputc(',', a->csv);
        if (i < p->classes) put_name(a->csv, name_of(a, p->ranking[i], number));
    }
    for (int i = 0; i < a->columns; i++) {
        fputc(',', a->csv);
        if (i < p->classes) fprintf(a->csv, "%.6f", p->probabilities[i]);
    }
    if (a->level > 0) {
        char *set = set_text(a, p, ";");
        fputc(',', a->csv);
        if (p->status == DUET_OK) fprintf(a->csv, "%d", p->set);
        fputc(',', a->csv);
        put_name(a->csv, set != NULL ? set : "");
        free(set);
    }
    fputc(',', a->csv);
    put_name(a->csv, p->status == DUET_OK ? "" : p->error);
    fputs("\r\n", a->csv);
}

/* Takes the place of the file that was there, when all has been written. */
static duet_status end_table(cli_answers *a, duet_status status) {
    if (a->csv == NULL) return status;
    bool written = fflush(a->csv) == 0 && !ferror(a->csv) && fsync(fileno(a->csv)) == 0;
    written &= fclose(a->csv) == 0;
    if (status == DUET_OK && !written) status = cannot_write(a);
    if (status == DUET_OK && rename(a->part, a->csv_path) != 0) status = cannot_write(a);
    if (status != DUET_OK) (void)remove(a->part);
    return status;
}

/* ---- lines and JSON ---- */

enum { MOST_SAID = 12 }; /* classes of a set on a line */

static void say(const cli_answers *a, const duet_prediction *p) {
    char number[32];
    cli_say(a->cli, "%s:", p->path);
    if (p->status != DUET_OK) cli_say(a->cli, " %s", p->error);
    for (int i = 0; i < p->classes && i < a->top; i++)
        cli_say(a->cli, "%s %s %.1f %%", i ? "," : "", name_of(a, p->ranking[i], number),
                100 * p->probabilities[i]);
    if (a->level > 0 && p->set > 0) cli_say(a->cli, "; set of %g %%:", 100 * a->level);
    for (int i = 0; i < p->set && i < MOST_SAID; i++)
        cli_say(a->cli, "%s %s", i ? "," : "", name_of(a, p->ranking[i], number));
    if (p->set > MOST_SAID) cli_say(a->cli, " and %d more", p->set - MOST_SAID);
    cli_say(a->cli, "\n");
}

static json_t *json_of(const cli_answers *a, const duet_prediction *p) {
    char number[32];
    json_t *classes = json_array(), *set = json_array();
    for (int i = 0; i < p->classes && i < a->top; i++)
        json_array_append_new(
            classes, json_pack("{s:s,s:i,s:f}", "name", name_of(a, p->ranking[i], number), "label",
                               p->ranking[i], "probability", p->probabilities[i]));
    json_t *out = json_pack("{s:o,s:o,s:o}", "image", cli_name(p->path), "classes", classes,
                            "error", cli_name(p->status == DUET_OK ? "" : p->error));
    for (int i = 0; i < p->set; i++)
        json_array_append_new(set, json_string(name_of(a, p->ranking[i], number)));
    if (a->level > 0) json_object_set(out, "set", set);
    json_decref(set);
    return out;
}

void cli_answers_take(const duet_prediction *p, void *answers) {
    cli_answers *a = answers;
    a->count++;
    if (a->csv != NULL)
        put_line(a, p);
    else
        say(a, p);
    if (p->status != DUET_OK && a->failed++ == 0)
        snprintf(a->first, sizeof a->first, "%s", p->error);
    if (a->cli->common.json) json_array_append_new(a->rows, json_of(a, p));
}

duet_status cli_answers_begin(cli_answers *a, duet_model *model, const duet_head *head,
                              const duet_head_card *card) {
    const duet_card *own = duet_model_card(model);
    const bool named = head != NULL || own->class_count == duet_model_logits(model);
    const int classes = head != NULL ? duet_head_classes(head) : (int)duet_model_logits(model);
    a->names = head != NULL ? card->class_names : (const char *const *)own->class_names;
    a->name_count = head != NULL ? card->class_count : named ? own->class_count : 0;
    a->columns = a->top < classes ? a->top : classes;
    if (head != NULL && card->calibration.rows > 0) a->calibration = &card->calibration;
    a->rows = json_array();
    return a->csv_path[0] != '\0' ? begin_table(a) : DUET_OK;
}

static json_t *result_of(cli_answers *a) {
    json_t *bad =
        json_pack("{s:I,s:o}", "images", (json_int_t)a->failed, "first", cli_name(a->first));
    json_t *out = json_pack("{s:O,s:o,s:b}", "images", a->rows, "left_out", bad, "calibrated",
                            a->calibration != NULL);
    if (a->calibration != NULL)
        json_object_set_new(out, "temperature", json_real(a->calibration->temperature));
    if (a->level > 0)
        json_object_set_new(out, "conformal",
                            json_pack("{s:f,s:s,s:f}", "level", a->level, "method", "lac", "least",
                                      duet_conformal_least(a->calibration, a->level)));
    if (a->why != NULL) json_object_set(out, "why", a->why);
    if (a->csv != NULL) json_object_set_new(out, "csv", cli_name(a->csv_path));
    return out;
}

duet_status cli_answers_end(cli_answers *a, duet_status status, bool skip) {
    status = end_table(a, status);
    if (status == DUET_OK) cli_json(a->cli, result_of(a));
    json_decref(a->rows);
    if (status != DUET_OK) return status;
    if (a->csv != NULL)
        cli_say(a->cli, "wrote %s: %lld images\n", a->csv_path, (long long)a->count);
    if (a->failed == 0) return DUET_OK;
    if (!skip || a->failed == a->count)
        return cli_fail(DUET_FORMAT, "%lld of %lld images could not be read", (long long)a->failed,
                        (long long)a->count);
    cli_bad_say(a->failed, a->first);
    return DUET_OK;
}
