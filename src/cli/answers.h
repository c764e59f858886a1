/* SPDX-License-Identifier: MIT
 * cli/answers.h: what 'duet classify' says of images: lines, JSON, a table in CSV. */
#ifndef DUET_CLI_ANSWERS_H
#define DUET_CLI_ANSWERS_H

#include <stdio.h>

#include "cli/cli.h"

typedef struct cli_answers {
    cli_state *cli;
    int top;              /* classes to show */
    double level;         /* of the sets; 0 = none */
    const char *csv_path; /* "" = no table */
    /* set by cli_answers_begin: */
    const char *const *names;            /* of the outputs; NULL = none */
    int name_count, columns;             /* columns: classes in the table */
    const duet_calibration *calibration; /* NULL = the probabilities are not calibrated */
    json_t *rows, *why;                  /* why: of --why, the caller's; NULL = nobody asked */
    FILE *csv;                           /* csv_path with ".part" behind it until all is written */
    char part[CLI_PATH];
    int64_t count, failed;
    char first[300]; /* the error of the first image that failed */
} cli_answers;

/* head NULL: the model's own classifier. */
duet_status cli_answers_begin(cli_answers *answers, duet_model *model, const duet_head *head,
                              const duet_head_card *card);
void cli_answers_take(const duet_prediction *prediction, void *answers);
/* status: of the classification. All images are answered even if some cannot be read; the command
 * then fails, unless they may be left out (skip). */
duet_status cli_answers_end(cli_answers *answers, duet_status status, bool skip);

#endif
