/* SPDX-License-Identifier: MIT
 * cli/training.h: commands that train into a run folder. */
#ifndef DUET_CLI_TRAINING_H
#define DUET_CLI_TRAINING_H

#include "cli/cli.h"

typedef struct cli_train_options {
    char data[CLI_PATH], out[CLI_PATH], name[DUET_TEXT_SIZE], resume[CLI_PATH], init[CLI_PATH];
} cli_train_options;

#define CLI_TRAIN_ROWS(type)                                                        \
    DUET_TEXT(type, out, "", NULL, "run folder to make (default runs/NNNNN-name)"), \
        DUET_TEXT(type, name, "", NULL, "name of the run (default: the data set's)")

/* --init auto: the model of those that come with the program which takes the images of this set,
 * said in a line; NULL = none does. size: the side that is asked for; 0 = any. */
duet_model *cli_shipped_model(cli_state *cli, const duet_dataset *dataset, int64_t size);

/* The judge of those that come with the program which knows the classes of this set; NULL = none.
 */
duet_model *cli_shipped_judge(cli_state *cli, const duet_dataset *dataset);

/* What follows a training that came to its end. */
typedef duet_status (*cli_trained)(cli_state *cli, const char *run, const duet_dataset *dataset);
/* Trains as the options say, tells what came out, writes the report. then: NULL = nothing. */
duet_status cli_train(cli_state *cli, const cli_train_options *o, duet_train_options *train,
                      cli_trained then);

#endif
