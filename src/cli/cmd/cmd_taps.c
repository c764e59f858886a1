/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_taps.c: duet taps MODEL: feature maps as pictures. */
#include <stdio.h>

#include "cli/looks.h"

typedef struct taps_options {
    CLI_LOOK_FIELDS;
    duet_int_list t, tap;
    int64_t channels;
} taps_options;

static const duet_param params[] = {
    CLI_LOOK_SET_ROWS(taps_options, "4", 64),
    DUET_INTS(taps_options, t, "10,100,300", -1, 100000,
              "levels of noise; -1 = clean, as a model without noise is always read"),
    DUET_INTS(taps_options, tap, "", 1, 1000, "blocks b; default all"),
    DUET_INT(taps_options, channels, "0", 0, 64,
             "channels of one tap, each over the image by itself, those that vary most; 0 = all "
             "of each tap, as colours"),
    CLI_LOOK_ROWS(taps_options),
};

static duet_status draw(cli_state *cli, duet_model *model, const duet_dataset *dataset) {
    const taps_options *o = cli->options;
    duet_taps_options options = {
        .rows = {.rows = o->rows, .seed = o->seed, .batch = o->batch, .bad = cli->bad},
        .times = o->t,
        .taps = o->tap,
        .channels = o->channels,
        .paths = cli->arg_count > 1 ? cli->args + 1 : NULL,
        .path_count = cli->arg_count - 1};
    duet_look *look = NULL;
    duet_status status = duet_split_parse(&options.rows.split, o->split);
    if (status == DUET_OK) status = duet_tap_pictures(cli->ctx, &look, model, dataset, &options);
    if (status == DUET_OK) status = cli_look_keep(cli, look, model, "taps", o->out);
    duet_look_free(look);
    return status;
}

/* Of image files. */
static duet_status of_files(cli_state *cli) {
    const taps_options *o = cli->options;
    duet_model *model = NULL;
    duet_status status = cli_on_bad(cli, o->on_bad);
    if (status == DUET_OK) status = cli_model_open(cli, &model, cli->args[0]);
    if (status == DUET_OK) status = draw(cli, model, NULL);
    duet_model_close(model);
    return status;
}

static duet_status run(cli_state *cli) {
    const taps_options *o = cli->options;
    if (o->data[0] && cli->arg_count > 1)
        return cli_wrong("images and --data exclude each other; give one of them");
    if (!o->data[0] && cli->arg_count < 2)
        return cli_wrong("no images; give image files, or --data DATA for some of a set");
    if (o->channels > 0 && o->tap.count != 1)
        return cli_wrong("--channels shows one tap; give it as --tap N ('duet info MODEL' lists "
                         "them)");
    const duet_status status = o->out[0] ? cli_check_file("--out", o->out, ".png .svg") : DUET_OK;
    if (status != DUET_OK) return status;
    return o->data[0] ? cli_with_data(cli, o->data, o->on_bad, draw) : of_files(cli);
}

const cli_cmd duet_cmd_taps = {
    .info = {.name = "taps",
             .help = "what the taps of a model see, as pictures",
             .params = DUET_TABLE(params, taps_options)},
    .usage = "MODEL image.png… [options]\n       duet taps MODEL --data DATA [options]",
    .details =
        "MODEL is a run folder or a model file. A sheet with a row for each image and level, a "
        "column for each tap: the first three\nprincipal components of the feature map as red, "
        "green and blue. Within a column, equal colours are alike.\n"
        "  duet taps RUN --data fashion-mnist\n"
        "  duet taps RUN image.png --t 10,100 --tap 5,9,12 --out taps.png\n"
        "  duet taps RUN --data fashion-mnist --tap 8 --channels 12",
    .min_args = 1,
    .max_args = 65,
    .missing = "no model; give a run folder or a model file",
    .plans = true,
    .opens = true,
    .run = run,
};
