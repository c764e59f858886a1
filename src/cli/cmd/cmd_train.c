/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_train.c: duet train: pre-training without labels into a run folder. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

typedef struct train_options {
    char data[DUET_TEXT_SIZE], out[DUET_TEXT_SIZE], name[DUET_TEXT_SIZE], resume[DUET_TEXT_SIZE];
} train_options;

static const duet_param params[] = {
    DUET_TEXT(train_options, data, "", NULL, "data set: a path, or synth"),
    DUET_TEXT(train_options, out, "", NULL, "run folder to make (default runs/NNNNN-name)"),
    DUET_TEXT(train_options, name, "", NULL, "name of the run (default: the data set's)"),
    DUET_TEXT(train_options, resume, "", NULL, "run folder to go on with"),
};

static duet_status make_run(char out[CLI_PATH], const train_options *o, const duet_dataset *dataset) {
    if (!o->out[0]) return duet_run_new(out, "runs", o->name[0] ? o->name : duet_dataset_describe(dataset)->name);
    if (cli_exists(o->out)) return cli_fail(DUET_ARG, "'%s' exists; choose another --out, or go on with --resume '%s'", o->out, o->out);
    snprintf(out, CLI_PATH, "%s", o->out);
    if (mkdir(out, 0777) == 0) return DUET_OK;
    return cli_fail(DUET_IO, "cannot make the folder '%s': %s", out, strerror(errno));
}

static duet_status prepare(cli_state *cli, const train_options *o, duet_train_options *train, duet_dataset **dataset, char run[CLI_PATH], bool *resume) {
    char data[4096];
    *resume = o->resume[0] != '\0';
    snprintf(data, sizeof data, "%s", o->data);
    if (*resume) {
        const duet_train_options given = *train;
        if (!duet_run_is(o->resume)) return cli_fail(DUET_ARG, "'%s' is no run folder to resume", o->resume);
        const duet_status status = duet_train_options_load(train, data, o->resume);
        if (status != DUET_OK) return status;
        if (given.minutes > 0) train->minutes = given.minutes;
        if (given.images > 0) train->images = given.images;
        if (given.steps > 0) train->steps = given.steps;
        if (o->data[0]) snprintf(data, sizeof data, "%s", o->data);
        snprintf(run, CLI_PATH, "%s", o->resume);
        return duet_dataset_open(cli->ctx, dataset, data);
    }
    if (!data[0]) return cli_fail(DUET_ARG, "no data set; give --data PATH (or --data synth; 'duet data list' shows the layouts)");
    if (train->minutes <= 0 && train->images <= 0 && train->steps <= 0)
        return cli_fail(DUET_ARG, "no budget; give --minutes, --images or --steps (20 minutes is a good first run)");
    const duet_status status = duet_dataset_open(cli->ctx, dataset, data);
    return status == DUET_OK ? make_run(run, o, *dataset) : status;
}

static duet_status run(cli_state *cli) {
    const train_options *o = cli->options;
    duet_train_options *train = cli->extra;
    duet_dataset *dataset = NULL;
    duet_train_result result;
    char folder[CLI_PATH], time_text[32], report[CLI_PATH];
    bool resume = false;
    duet_status status = prepare(cli, o, train, &dataset, folder, &resume);
    if (status == DUET_OK) {
        cli_say(cli, "run: %s\n", folder);
        status = duet_train(cli->ctx, &result, dataset, train, folder, resume);
    }
    duet_dataset_close(dataset);
    if (status != DUET_OK) return status;
    cli_duration(time_text, result.seconds);
    cli_say(cli, "trained on %lld images in %s, loss %.4f\nrun: %s\n", (long long)result.images, time_text, result.loss, folder);
    status = duet_report_write(report, folder);
    if (status == DUET_OK) cli_say(cli, "report: %s\nnext: duet sample %s\n", report, folder);
    cli_json(cli, json_pack("{s:s,s:I,s:I,s:f,s:f}", "run", folder, "images", (json_int_t)result.images, "steps", (json_int_t)result.steps,
                            "seconds", result.seconds, "loss", result.loss));
    return status;
}

const cli_cmd duet_cmd_train = {
    .info = {.name = "train", .help = "pre-train a model without labels", .params = DUET_TABLE(params, train_options)},
    .usage = "--data DATA --minutes 20 [options]   |   --resume RUN",
    .details = "Labels are never used here. One budget is required: --minutes, --images or --steps.\n"
               "  duet train --data fashion-mnist --minutes 20\n"
               "  duet train --data photos/ --size 32 --augment flip --images 2m\n"
               "  duet train --resume runs/00001-fashion-mnist --minutes 40",
    .max_args = 0, .extra = &duet_train_params, .run = run,
};
