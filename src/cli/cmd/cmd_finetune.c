/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_finetune.c: duet finetune: a model learns the classes of a set with a head on its
 * features, and goes on denoising unless told otherwise (task joint); then its test accuracy. */
#include <stdio.h>
#include <string.h>

#include "cli/training.h"

typedef struct finetune_options {
    cli_train_options train;
    char head[DUET_TEXT_SIZE], setting[DUET_SETTINGS_SIZE];
    double share;
    bool feedback;
} finetune_options;

static const duet_param params[] = {
    DUET_TEXT(cli_train_options, data, "", NULL, "labelled data set"),
    DUET_TEXT(finetune_options, head, "attention", NULL,
              "a head that is a network: mlp, cnn, attention or fusion, with options after ':'"),
    DUET_TEXT(finetune_options, setting, "", NULL,
              "features that it reads, t=10,tap=9,pool=4, joined by '+' (default: those that the "
              "model recommends)"),
    DUET_FLOAT(finetune_options, share, "10", 0, 1e6,
               "weight of the denoising; 0 = none: the model then forgets how to draw"),
    DUET_BOOLEAN(finetune_options, feedback, "false",
                 "adm_unet: adds a second pass to whose encoder the decoder's maps come back "
                 "(DifFeed), and reads the same taps there"),
    CLI_TRAIN_ROWS(cli_train_options),
};

/* Weights that are trained need other steps than new ones, which the head's are; small ones where
 * the model is to draw as before (docs/recognition.md, "Fine-tuning"). */
static void choose_rates(const finetune_options *o, duet_train_options *train) {
    if (train->optim[0] == '\0')
        snprintf(train->optim, sizeof train->optim, "adamw:rate=%s",
                 o->share > 0 ? "0.0001" : "0.0005");
    if (train->groups[0] == '\0')
        snprintf(train->groups, sizeof train->groups, "head/*=adamw:rate=0.001");
}

/* With --feedback the same taps are read in the second pass, which a model may have already. */
static void read_again(duet_settings *settings, const duet_model *model) {
    const int taps = duet_model_tap_count(model);
    if (strncmp(duet_model_tap(model, taps - 1)->name, "again.", 6) == 0) return;
    for (int i = 0; i < settings->count; i++) settings->v[i].tap += taps;
}

static duet_status choose_setting(cli_state *cli, const finetune_options *o,
                                  char out[DUET_SETTINGS_SIZE]) {
    duet_model *model = NULL;
    duet_settings settings = {.count = 0};
    const char *from = "";
    duet_status status = cli_model_open(cli, &model, cli->args[0]);
    if (status == DUET_OK) status = duet_settings_parse(&settings, o->setting);
    if (status == DUET_OK) status = duet_settings_find(cli->ctx, &settings, &from, model);
    if (status == DUET_OK && *from == '\0')
        status = duet_settings_guess(cli->ctx, &settings, model);
    for (int i = 0; i < settings.count; i++) settings.v[i].draws = 1;
    if (status == DUET_OK && o->feedback) read_again(&settings, model);
    if (status == DUET_OK) duet_settings_print(&settings, out, DUET_SETTINGS_SIZE);
    duet_model_close(model);
    return status;
}

/* The options of duet train that are not given. */
static duet_status complete(cli_state *cli, const finetune_options *o, duet_train_options *train) {
    char setting[DUET_SETTINGS_SIZE];
    if (strcmp(train->task, "denoise") != 0)
        return cli_wrong("--task is for 'duet train'; 'duet finetune' has --head, --setting and "
                         "--share");
    if (o->feedback && train->arch[0] != '\0')
        return cli_wrong("--feedback and --arch exclude each other; give one of them");
    if (o->feedback) snprintf(train->arch, sizeof train->arch, "+feedback=true");
    const duet_status status = choose_setting(cli, o, setting);
    if (status != DUET_OK) return status;
    choose_rates(o, train);
    const int size = snprintf(train->task, sizeof train->task,
                              "joint:setting=(%s),head=(%s),share=%g", setting, o->head, o->share);
    if (size >= (int)sizeof train->task) return cli_wrong("--setting and --head are too long");
    return DUET_OK;
}

static json_t *result_of(const cli_state *cli, const duet_dataset *dataset, const char *split,
                         const duet_evaluation *e, const duet_head_card *card) {
    const finetune_options *const o = cli->options;
    json_t *result =
        json_pack("{s:s,s:o,s:s,s:s,s:I,s:s,s:f}", "command", "finetune", "data",
                  cli_name(duet_dataset_describe(dataset)->name), "split", split, "head", o->head,
                  "test_rows", (json_int_t)e->rows, "from", cli->args[0], "share", o->share);
    cli_metrics_json(&e->result, result);
    return cli_settings_json(result, &card->settings);
}

/* Accuracy on the split test, or val where there is no test; none of an own small set without. */
static duet_status test(cli_state *cli, const char *run, const duet_dataset *dataset) {
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    const duet_split split = info->count[DUET_TEST] > 0 ? DUET_TEST : DUET_VAL;
    char path[CLI_PATH];
    duet_model *model = NULL;
    duet_head *head = NULL;
    duet_head_card card = {0};
    duet_evaluation e = {0};
    cli_step step;
    if (info->count[split] == 0) return DUET_OK;
    snprintf(path, sizeof path, "%.4000s/head.safetensors", run);
    duet_status status = duet_model_open(cli->ctx, &model, run);
    if (status == DUET_OK) status = duet_head_load(&head, &card, path);
    if (status == DUET_OK) status = cli_step_new(&step, model, run, "finetune");
    if (status == DUET_OK) {
        status =
            duet_evaluate(cli->ctx, &e, model, head, &card, dataset, split, "", NULL, cli->bad);
        if (status == DUET_OK) {
            cli_say(cli, "%s: ", duet_split_name(split));
            cli_metrics_say(cli, &e.result);
            cli_say(cli, " on %lld rows\n", (long long)e.rows);
            status = cli_books_add(step.folder, "finetune", model, &card, dataset, split, &e);
        }
        if (status == DUET_OK) {
            status =
                cli_result_write(&step, result_of(cli, dataset, duet_split_name(split), &e, &card));
        }
        if (status != DUET_OK) status = cli_step_drop(&step, status);
    }
    duet_evaluation_free(&e);
    duet_head_free(head);
    duet_model_close(model);
    return status;
}

static duet_status run(cli_state *cli) {
    const finetune_options *const o = cli->options;
    cli_train_options train = o->train;
    snprintf(train.init, sizeof train.init, "%s", cli->args[0]);
    const duet_status status = complete(cli, o, cli->extra);
    return status == DUET_OK ? cli_train(cli, &train, cli->extra, test) : status;
}

const cli_cmd duet_cmd_finetune = {
    .info = {.name = "finetune",
             .help = "a model learns classes with a head on its features, and goes on drawing",
             .params = DUET_TABLE(params, finetune_options)},
    .usage = "MODEL --data DATA --minutes 10 [options]",
    .details =
        "The run holds the model, which draws and is read as before, and the head: 'duet classify "
        "RUN image.png' names classes,\n'duet sample RUN' draws. One budget is required: "
        "--minutes, "
        "--images or --steps; Ctrl-C saves. Unless --optim and --groups say otherwise, the network "
        "learns by adamw:rate=0.0001 (0.0005 with --share 0), the head by adamw:rate=0.001.\n"
        "  duet finetune models/fashion-mnist.safetensors --data fashion-mnist --minutes 10\n"
        "  duet finetune RUN --data photos/ --augment flip+crop --freeze 'input_blocks.*' "
        "--minutes 5",
    .min_args = 1,
    .max_args = 1,
    .missing = "give a model to begin with",
    .extra = &duet_train_params,
    .plans = true,
    .opens = true,
    .run = run,
};
