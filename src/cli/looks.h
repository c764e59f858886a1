/* SPDX-License-Identifier: MIT
 * cli/looks.h: what the commands share that make a picture of what a model knows (duet/look.h). */
#ifndef DUET_CLI_LOOKS_H
#define DUET_CLI_LOOKS_H

#include "cli/cli.h"

/* Rows of their tables: fields `data`, `split`, `rows`, `seed`, `batch`, `out` and `on_bad`. */
#define CLI_LOOK_FIELDS                                                                \
    char data[CLI_PATH], split[DUET_TEXT_SIZE], out[CLI_PATH], on_bad[DUET_TEXT_SIZE]; \
    int64_t rows, batch;                                                               \
    uint64_t seed
#define CLI_LOOK_SET_ROWS(type, count, most)                              \
    DUET_TEXT(type, data, "", NULL, "data set"),                          \
        DUET_TEXT(type, split, "test", "train|val|test", "which images"), \
        DUET_INT(type, rows, count, 1, most,                              \
                 "how many of them, drawn at random, as many of each class")
#define CLI_LOOK_ROWS(type)                                                                      \
    DUET_SEED(type, seed, "0", "seed of the rows and of the noise"),                             \
        DUET_INT(type, batch, "0", 0, 4096, "images per pass; 0 = chosen"),                      \
        DUET_TEXT(                                                                               \
            type, out, "", NULL,                                                                 \
            "x.png or x.svg: the picture alone, where MODEL is a file; a run gets a step, too"), \
        CLI_ON_BAD_ROW(type)

/* Keeps what was found: the picture in --out, and PICTURE.png, PICTURE.svg and result.json in a
 * step of the run, unless MODEL is a file and --out is given. The look stays the caller's. */
duet_status cli_look_keep(cli_state *cli, const duet_look *look, duet_model *model,
                          const char *command, const char *out);

#endif
