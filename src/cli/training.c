/* SPDX-License-Identifier: MIT
 * cli/training.c: what the commands that train have in common: the run folder, resuming, meters
 * while training, what is said in the end. */
#include "cli/training.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct training {
    char run[CLI_PATH];
    bool resume;
    json_int_t steps_before;
    duet_dataset *dataset;
    duet_model *init, *judge;
    duet_meters *meters;
    duet_train_meter meter;
} training;

static duet_status make_run(char out[CLI_PATH], const cli_train_options *o,
                            const duet_dataset *dataset) {
    if (!o->out[0])
        return duet_run_new(out, "runs",
                            o->name[0] ? o->name : duet_dataset_describe(dataset)->name);
    snprintf(out, CLI_PATH, "%s", o->out);
    if (mkdir(out, 0777) == 0) return DUET_OK;
    const int reason = errno;
    out[0] = '\0'; /* nothing was made here that has to be removed */
    return reason == ENOENT
               ? cli_fail(DUET_NOT_FOUND,
                          "cannot make the run folder '%s': its parent folder does not exist",
                          o->out)
               : cli_fail(DUET_IO, "cannot make the run folder '%s': %s", o->out, strerror(reason));
}

/* Copies are told from new images by images that the model has not seen. */
static void hold_some_out(const cli_state *cli, const duet_dataset *dataset,
                          duet_train_options *train) {
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    const int64_t tenth = info->count[DUET_TRAIN] / 10;
    if (strcmp(train->stop, "auto") != 0 || train->hold_out > 0 || info->count[DUET_VAL] > 0)
        return;
    train->hold_out = tenth < 10 ? 10 : tenth > 500 ? 500 : tenth;
    cli_say(cli, "%lld of the %lld training images are held out to tell copies by (--hold-out)\n",
            (long long)train->hold_out, (long long)info->count[DUET_TRAIN]);
}

static duet_status begin(training *t, cli_state *cli, const cli_train_options *o,
                         duet_train_options *train) {
    if (!o->data[0])
        return cli_wrong(
            "no data set; give --data PATH (or --data synth; 'duet data list' shows the layouts)");
    if (train->minutes <= 0 && train->images <= 0 && train->steps <= 0)
        return cli_wrong(
            "no budget; give --minutes, --images or --steps (20 minutes is a good first run)");
    if (o->out[0] && duet_run_is(o->out))
        return cli_fail(DUET_ARG, "'%s' exists; choose another --out, or go on with --resume '%s'",
                        o->out, o->out);
    if (o->out[0] && cli_exists(o->out))
        return cli_fail(DUET_ARG, "'%s' exists; choose another --out", o->out);
    /* an architecture of its own is begun anew */
    const bool automatic = strcmp(o->init, "auto") == 0,
               chosen = automatic && (train->arch[0] == '\0' || train->arch[0] == '+'),
               named = o->init[0] != '\0' && !automatic && strcmp(o->init, "none") != 0;
    duet_status status = named ? cli_model_open(cli, &t->init, o->init) : DUET_OK;
    if (status == DUET_OK) status = duet_dataset_open(cli->ctx, &t->dataset, o->data);
    if (status == DUET_OK && chosen) t->init = cli_shipped_model(cli, t->dataset, train->size);
    train->init = t->init;
    if (status == DUET_OK) hold_some_out(cli, t->dataset, train);
    return status == DUET_OK ? make_run(t->run, o, t->dataset) : status;
}

/* What a resumed run may change. */
static bool is_free(const char *name) {
    static const char *const list[] = {"minutes",       "images", "steps", "save_minutes",
                                       "meter_minutes", "judge",  "stop"};
    for (int i = 0; i < DUET_COUNT(list); i++)
        if (strcmp(name, list[i]) == 0) return true;
    return false;
}

/* Measurements while training. */
static duet_status open_meters(training *t, cli_state *cli, duet_train_options *train) {
    if (train->meter_minutes <= 0) return DUET_OK;
    if (train->judge[0]) {
        const duet_status status = cli_model_open(cli, &t->judge, train->judge);
        if (status != DUET_OK) return status;
    }
    const duet_meters_options options = {.judge = t->judge};
    const duet_status status =
        duet_meters_open(cli->ctx, &t->meters, t->dataset, train, &options, t->run);
    t->meter = (duet_train_meter){
        .measure = duet_meters_measure, .stops = duet_meters_stops, .user = t->meters};
    train->meter = &t->meter;
    return status;
}

/* A resumed run keeps its settings: a flag that asks for others is refused rather than ignored
 * silently. */
static duet_status check_flags(const cli_train_options *o, const duet_train_options *given,
                               const duet_train_options *stored) {
    char usual[2048], text[2048], was[2048], flag[64];
    duet_train_options defaults;
    if (o->out[0] || o->name[0] || o->init[0])
        return cli_wrong(
            "--%s makes a new run, but --resume continues an old one; give one of them",
            o->out[0]    ? "out"
            : o->name[0] ? "name"
                         : "init");
    duet_params_default(&duet_train_params, &defaults);
    for (int i = 0; i < duet_train_params.count; i++) {
        duet_params_print(&duet_train_params, &defaults, i, usual, sizeof usual);
        duet_params_print(&duet_train_params, given, i, text, sizeof text);
        duet_params_print(&duet_train_params, stored, i, was, sizeof was);
        if (is_free(duet_train_params.rows[i].name) || strcmp(text, usual) == 0 ||
            strcmp(text, was) == 0)
            continue;
        cli_flag_text(flag, duet_train_params.rows[i].name);
        return cli_wrong("--%s is '%s' but the run was started with '%s'; a resumed run can only "
                         "change its budget",
                         flag, text, was);
    }
    return DUET_OK;
}

static duet_status go_on(training *t, cli_state *cli, const cli_train_options *o,
                         duet_train_options *train) {
    const duet_train_options given = *train;
    duet_train_options defaults;
    char data[4096];
    t->resume = true;
    snprintf(t->run, sizeof t->run, "%s", o->resume);
    if (!cli_exists(t->run))
        return cli_fail(DUET_NOT_FOUND, "no run folder '%s' to resume", t->run);
    if (!duet_run_is(t->run))
        return cli_fail(DUET_ARG, "'%s' is not a run folder to resume (it has no run.json)",
                        t->run);
    duet_status status = duet_train_options_load(train, data, t->run);
    if (status == DUET_OK) status = check_flags(o, &given, train);
    if (status != DUET_OK) return status;
    if (given.minutes > 0 || given.images > 0 ||
        given.steps > 0) { /* a new budget replaces the old one */
        train->minutes = given.minutes;
        train->images = given.images;
        train->steps = given.steps;
    }
    duet_params_default(&duet_train_params, &defaults);
    if (given.save_minutes != defaults.save_minutes) train->save_minutes = given.save_minutes;
    if (given.meter_minutes != defaults.meter_minutes) train->meter_minutes = given.meter_minutes;
    if (given.judge[0]) memcpy(train->judge, given.judge, sizeof train->judge);
    t->steps_before = duet_run_number(t->run, "steps");
    status = duet_dataset_open(cli->ctx, &t->dataset, o->data[0] ? o->data : data);
    if (status == DUET_NOT_FOUND && !o->data[0] && !cli_exists(data))
        return cli_fail(status,
                        "the data of this run is no longer at '%.700s'; say where it is: --resume "
                        "'%.200s' --data PATH",
                        data, t->run);
    return status;
}

static duet_status interrupted(const training *t, const duet_train_result *result) {
    char report[CLI_PATH];
    if (duet_report_write(report, t->run) != DUET_OK) report[0] = '\0';
    return cli_fail(DUET_CANCELLED,
                    "%lld images are trained and saved; go on with: duet train --resume '%.900s'",
                    (long long)result->images, t->run);
}

/* What to do with the model next: draw images, or recognise them. */
static const char *next_command(const cli_state *cli, const char *run) {
    duet_model *model = NULL;
    const char *command = "sample";
    if (duet_model_open(cli->ctx, &model, run) == DUET_OK && duet_model_refusal(model) != NULL)
        command = duet_model_logits(model) > 0 ? "classify" : "probe";
    duet_model_close(model);
    return command;
}

static void tell_validation(cli_state *cli, const duet_train_result *result) {
    if (result->top1_rows > 0)
        cli_say(cli, "validation: top-1 %.2f %% of %lld images\n", result->top1,
                (long long)result->top1_rows);
}

static json_t *validation_json(const duet_train_result *result) {
    return result->top1_rows > 0
               ? json_pack("{s:f,s:I}", "top1", result->top1, "rows", (json_int_t)result->top1_rows)
               : json_null();
}

static duet_status finish(cli_state *cli, const training *t, const duet_train_result *result) {
    char time_text[32], report[CLI_PATH] = "";
    cli_duration(time_text, result->seconds);
    if (t->resume && result->steps <= t->steps_before)
        cli_say(cli, "nothing left to do: the budget is spent; give a larger one with --minutes, "
                     "--images or --steps\n");
    cli_say(cli, "trained on %lld images in %s, loss %.4f\n", (long long)result->images, time_text,
            result->loss);
    if (result->stopped > 0)
        cli_say(cli,
                "stopped: at %lld images drawn ones were copies of training images; the model "
                "is that of %lld\n",
                (long long)result->stopped, (long long)result->images);
    tell_validation(cli, result);
    cli_say(cli, "run: %s\n", t->run);
    const duet_status status = duet_report_write(report, t->run);
    if (status != DUET_OK) return status;
    cli_say(cli, "report: %s\nnext: duet %s %s\n", report, next_command(cli, t->run), t->run);
    cli_json(cli,
             json_pack("{s:o,s:I,s:I,s:f,s:f,s:I,s:o,s:o,s:{s:I}}", "run", cli_name(t->run),
                       "images", (json_int_t)result->images, "steps", (json_int_t)result->steps,
                       "seconds", result->seconds, "loss", result->steps > 0 ? result->loss : 0.0,
                       "stopped", (json_int_t)result->stopped, "validation",
                       validation_json(result), "report", cli_name(report), "left_out", "train",
                       (json_int_t)result->left_out));
    return DUET_OK;
}

/* A training that fails before its first step leaves no folder. */
static void clear_away(const training *t, bool named) {
    if (t->resume || !t->run[0] || (duet_run_is(t->run) && duet_run_number(t->run, "steps") > 0))
        return;
    cli_remove_folder(t->run);
    if (!named) rmdir("runs"); /* goes only when it is empty */
}

duet_status cli_train(cli_state *cli, const cli_train_options *o, duet_train_options *train,
                      cli_trained then) {
    duet_train_result result = {0};
    training t = {0};
    duet_status status = o->resume[0] ? go_on(&t, cli, o, train) : begin(&t, cli, o, train);
    if (status == DUET_OK) {
        snprintf(cli->announce, sizeof cli->announce, "run: %s\n", t.run);
        status = open_meters(&t, cli, train);
    }
    if (status == DUET_OK) {
        status = duet_train(cli->ctx, &result, t.dataset, train, t.run, t.resume);
        if (status == DUET_CANCELLED)
            status = interrupted(&t, &result);
        else if (status == DUET_OK && then != NULL)
            status = then(cli, t.run, t.dataset);
        if (status == DUET_OK) status = finish(cli, &t, &result);
    }
    if (status != DUET_OK && status != DUET_CANCELLED) clear_away(&t, o->out[0] != '\0');
    duet_meters_close(t.meters);
    duet_dataset_close(t.dataset);
    duet_model_close(t.init);
    duet_model_close(t.judge);
    return status;
}
