/* SPDX-License-Identifier: MIT
 * report/section.h: the family `section`, and what its members share. A section writes its HTML to
 * `out` or nothing, and never fails: a file may be missing, damaged or of another shape than
 * docs/run_folder.md says, and then the section says so in a line or is left out. All text from
 * files goes through duet_report_escape or duet_html_text. */
#ifndef DUET_REPORT_SECTION_H
#define DUET_REPORT_SECTION_H

#include <duet/registry.h>

#include "base/mem.h"
#include "base/str.h"
#include "report/html.h"
#include "report/quantity.h"

#include <jansson.h>

/* One <command>-NNN folder with a readable result.json. */
typedef struct duet_report_step {
    const char *folder;
    const json_t *result;
} duet_report_step;

/* The steps of one command. */
typedef struct duet_report_steps {
    const char *command;
    duet_report_step *item; /* newest first */
    int64_t count;
    const char *damaged; /* escaped sentence about results that could not be read, or NULL */
} duet_report_steps;

typedef struct duet_report {
    const char *run, *name; /* path; name, not escaped */
    duet_arena *arena;
    json_t *info; /* run.json; NULL when damaged */
    const char *info_damaged;
    duet_report_steps *kinds; /* those that sections show, in page order, then others by name */
    int64_t kind_count;
    duet_html_picture grid,
        neighbours; /* of the newest sample and probe, once the headline has shown them */
    bool has_grid, has_neighbours;
} duet_report;

/* A section of the page; the list has them in page order. */
typedef struct duet_section {
    duet_entry info;
    const char *id, *title; /* title NULL: the head of the page, not in the line of contents */
    const char *command;    /* whose steps it shows; NULL = none */
    /* steps: of the command, perhaps none; NULL without a command */
    void (*write)(duet_report *report, const duet_report_steps *steps, duet_str *out);
} duet_section;
DUET_FAMILY_OF(section, duet_section);

/* The steps of a command, perhaps none. */
const duet_report_steps *duet_report_steps_of(const duet_report *report, const char *command);

/* Reading JSON without trust: a missing key, a wrong type and a NULL object give NaN, NULL or
 * fallback. */
double duet_report_number(const json_t *object, const char *key);
double duet_report_item(const json_t *array, int64_t i);
const char *duet_report_text(const json_t *object, const char *key);
const json_t *duet_report_get(const json_t *object, const char *key);

const char *duet_report_escape(duet_report *report, const char *text); /* "–" for NULL */
/* Text of a string, number or bool as escaped HTML; "–" for the rest. */
const char *duet_report_value(duet_report *report, const json_t *value);
/* Reads RUN/folder/file (folder may be NULL); false with a line in *why (escaped; may be NULL)
 * otherwise. Names that leave the folder ('/' or a leading '.') are refused, since they come from
 * JSON. */
bool duet_report_picture(duet_report *report, duet_html_picture *out, const char *folder,
                         const char *file, const char **why);
/* The same for an SVG, which is added to the page as an image: scripts in it do not run. why is not
 * NULL. */
bool duet_report_svg(duet_report *report, duet_str *out, const char *folder, const char *file,
                     const char *alt, const char **why);
/* The row of "rows" whose reader is `reader`, or NULL. */
const json_t *duet_report_reader_row(const json_t *result, const char *reader);
/* "model" -> "this model", "random" -> "random weights", "pixels" -> "raw pixels" (escaped). */
const char *duet_report_reader_name(duet_report *report, const char *reader);
/* is it the run of a training, not of a file */
bool duet_report_trained(const duet_report *report);
const char *duet_report_t(duet_report *report, double t); /* a step of noise; "clean" for -1 */
/* " at t = 10, tap 9, pool 2", " on clean images, tap 9, pool 2" as far as the object has them,
 * else ""; several settings with " and" between them. */
const char *duet_report_setting(duet_report *report, const json_t *object);
/* Of RUN/folder/meters.csv the images seen and the first column with numbers whose name has `kind`
 * in it: their count, 0 = there is none. */
int64_t duet_report_meter(duet_report *report, const char *folder, const char *kind, double **x,
                          double **y);
/* The charts of RUN/meters.csv, where there is one. */
void duet_report_meters(duet_report *report, duet_str *out);
/* A row of a table of accuracies: a name (escaped) and a bar of 100 % in a style of duet_svg_bar;
 * nothing where it is not a number. */
void duet_report_bar(duet_report *report, duet_str *out, const char *name, const char *style,
                     double accuracy, int decimals);
/* One dt/dd pair of a facts list; left out when value is "–". */
void duet_report_fact(duet_str *out, const char *name, const char *value);

#endif
