/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_train.c: duet train: training into a run folder (cli/training.c). */
#include "cli/training.h"

static const duet_param params[] = {
    DUET_TEXT(cli_train_options, data, "", NULL, "data set: a path, or synth"),
    CLI_TRAIN_ROWS(cli_train_options),
    DUET_TEXT(cli_train_options, resume, "", NULL, "run folder to go on with"),
    DUET_TEXT(cli_train_options, init, "", NULL,
              "model to train on: a run folder or a file, also of another program; auto: the one "
              "that comes with duet and takes such images; none"),
};

static duet_status run(cli_state *cli) {
    return cli_train(cli, cli->options, cli->extra, NULL);
}

const cli_cmd duet_cmd_train = {
    .info = {.name = "train",
             .help = "train a model, without labels or with them",
             .params = DUET_TABLE(params, cli_train_options)},
    .usage = "--data DATA --minutes 20 [options]   |   --resume RUN",
    .details =
        "Labels teach --task classify and networks that are conditioned on classes; others "
        "are only measured with them. One budget is required: --minutes, "
        "--images or --steps. Ctrl-C saves; --resume goes on.\n"
        "  duet train --data fashion-mnist --minutes 20\n"
        "  duet train --data photos/ --size 32 --augment flip --images 2m\n"
        "  duet train --resume runs/00001-fashion-mnist --minutes 40\n"
        "  duet train --task classify --data fashion-mnist --hold-out 5000 --augment flip+crop "
        "--minutes 10\n"
        "  duet train --init models/fashion-mnist.safetensors --data photos/ --freeze "
        "'input_blocks.*' --minutes 5",
    .max_args = 0,
    .extra = &duet_train_params,
    .plans = true,
    .run = run,
};
