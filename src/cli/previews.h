/* SPDX-License-Identifier: MIT
 * cli/previews.h: what can be seen of samples while they are drawn: a file, the terminal. */
#ifndef DUET_CLI_PREVIEWS_H
#define DUET_CLI_PREVIEWS_H

#include "cli/cli.h"

typedef struct cli_previews {
    const char *file;     /* written every `every` steps and after the last; "" = none */
    const char *terminal; /* the kind; NULL = nothing is shown */
    bool redraws;         /* also during the steps, in the same place */
    int64_t every;        /* steps */
    int64_t size;
    int channels;
    int lines;       /* of the terminal that the last picture takes */
    uint8_t *pixels; /* [rows] what is shown */
    int64_t room;    /* rows */
} cli_previews;

/* After a step of a pass. */
duet_status cli_previews_take(cli_previews *previews, const duet_generator_step *step);
/* Removes the last picture from the terminal, before others are shown. */
void cli_previews_clear(cli_previews *previews);
void cli_previews_free(cli_previews *previews);

#endif
