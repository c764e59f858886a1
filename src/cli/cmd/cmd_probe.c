/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_probe.c: duet probe MODEL --data DATA: trains a head on the whole training split,
 * tests once, saves it. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

typedef struct probe_options {
    char data[CLI_PATH], head[DUET_TEXT_SIZE], cache[CLI_PATH], cache_type[DUET_TEXT_SIZE],
        on_bad[DUET_TEXT_SIZE], setting[DUET_SETTINGS_SIZE];
    int64_t rows, seeds, batch, neighbours;
    uint64_t seed;
    double minutes;
    bool baselines, fresh;
} probe_options;

static const duet_param params[] = {
    DUET_TEXT(probe_options, data, "", NULL, "data set"),
    CLI_SETTING_ROW(probe_options),
    DUET_TEXT(probe_options, head, "linear", NULL, "head"),
    DUET_INT(probe_options, rows, "0", 0, 1e9, "training rows; 0 = all"),
    DUET_FLOAT(probe_options, minutes, "0", 0, 1e6,
               "time to keep to, by fewer training rows; 0 = as long as it takes"),
    DUET_INT(probe_options, seeds, "3", 1, 16, "test noise seeds for the spread"),
    DUET_BOOLEAN(probe_options, baselines, "true", "raw pixels and random weights beside it"),
    DUET_INT(probe_options, neighbours, "6", 0, 64,
             "test images shown with their nearest training images"),
    DUET_SEED(probe_options, seed, "0", "seed of the split and the noise"),
    CLI_FEATURE_ROWS(probe_options),
};

static void say_result(const cli_state *cli, const duet_probe_options *options,
                       const duet_probe_result *r) {
    char text[CLI_SETTINGS];
    cli_say(cli, "test accuracy %.2f %%", r->top1);
    if (r->seeds > 1) cli_say(cli, " ± %.2f over %d noise seeds", r->top1_std, r->seeds);
    cli_say(cli, " (%s; %lld training rows, %lld test rows)\n",
            cli_settings_text(&options->settings, text), (long long)r->train_rows,
            (long long)r->test_rows);
    for (int i = 0; i < r->row_count; i++)
        cli_say(cli, "  %-8s %6.2f %%   validation %6.2f %%   %lld features\n", r->rows[i].reader,
                r->rows[i].top1, r->rows[i].val_top1, (long long)r->rows[i].dim);
}

/* A data set without labels has no accuracy: its nearest neighbours are shown instead. */
static duet_status neighbours(cli_state *cli, const probe_options *o, duet_model *model,
                              const duet_dataset *dataset, duet_probe_options *options,
                              const cli_step *step) {
    char path[CLI_PATH];
    cli_say(cli, "'%s' has no labels: no accuracy; nearest neighbours instead\n", o->data);
    duet_status status = duet_settings_guess(cli->ctx, &options->settings, model);
    if (status == DUET_OK)
        status = duet_neighbours(cli->ctx, model, dataset, options, step->folder);
    if (status != DUET_OK) return status;
    snprintf(path, sizeof path, "%.4000s/neighbours.png", step->folder);
    cli_say(cli, "neighbours: %s\n", path);
    status = cli_step_done(cli, step);
    cli_json(cli, json_pack("{s:s,s:o,s:b,s:o,s:o,s:o}", "command", "probe", "data",
                            cli_name(o->data), "labelled", 0, "setting",
                            cli_settings_json(json_object(), &options->settings), "neighbours",
                            cli_name(path), "left_out", cli_bad_json(cli)));
    return status;
}

static duet_status labelled(cli_state *cli, duet_model *model, const duet_dataset *dataset,
                            duet_probe_options *options, const cli_step *step) {
    duet_probe_result result = {0};
    char path[CLI_PATH];
    duet_status status = DUET_OK;
    if (*options->setting_from == '\0') {
        cli_say(cli, "no recommended setting yet: sweeping first ('duet sweep' does it in full)\n");
        status = duet_probe_sweep(cli->ctx, options, model, dataset);
    }
    if (status == DUET_OK)
        status = duet_probe(cli->ctx, &result, model, dataset, options, step->folder);
    if (status == DUET_OK) {
        say_result(cli, options, &result);
        cli_say_cached(cli, &result.features);
        status = cli_step_done(cli, step);
        snprintf(path, sizeof path, "%.4000s/result.json", step->folder);
        cli_json_file(cli, path);
    }
    duet_probe_result_free(&result);
    return status;
}

static duet_status probe(cli_state *cli, duet_model *model, const duet_dataset *dataset) {
    const probe_options *o = cli->options;
    duet_probe_options options = {.train_rows = o->rows,
                                  .noise_seeds = (int)o->seeds,
                                  .seed = o->seed,
                                  .minutes = o->minutes,
                                  .batch = o->batch,
                                  .neighbours = (int)o->neighbours,
                                  .stored = cli_dtype(o->cache_type),
                                  .bad = cli->bad};
    cli_step step;
    snprintf(options.head, sizeof options.head, "%s", o->head);
    snprintf(options.baselines, sizeof options.baselines, "%s", o->baselines ? DUET_BASELINES : "");
    duet_status status = cli_settings(cli, o->setting, &options.settings);
    if (status == DUET_OK)
        status = duet_settings_find(cli->ctx, &options.settings, &options.setting_from, model);
    if (status == DUET_OK) status = cli_check_head(o->head);
    if (status == DUET_OK) status = cli_step_new(&step, model, cli->args[0], "probe");
    if (status != DUET_OK) return status;
    status = cli_cache(options.cache, o->cache, step.run, o->fresh);
    if (status != DUET_OK) return cli_step_drop(&step, status);
    if (duet_dataset_describe(dataset)->labelled)
        status = labelled(cli, model, dataset, &options, &step);
    else
        status = neighbours(cli, o, model, dataset, &options, &step);
    return status == DUET_OK ? DUET_OK : cli_step_drop(&step, status);
}

static duet_status run(cli_state *cli) {
    const probe_options *o = cli->options;
    return cli_with_data(cli, o->data, o->on_bad, probe);
}

const cli_cmd duet_cmd_probe = {
    .info = {.name = "probe",
             .help = "train a head on frozen features, test once",
             .params = DUET_TABLE(params, probe_options)},
    .usage = "MODEL --data DATA [options]",
    .details = "MODEL is a run folder or a model file.\n"
               "Without --t, --tap and --pool it uses what 'duet sweep' found (sweeping first "
               "where there is nothing). --draws and --flip are\nof the test images, and of "
               "'duet classify' with the head that is saved.\n"
               "  duet probe RUN --data DATA --setting t=5,tap=7,pool=7+t=5,tap=10,pool=4",
    .extra = &duet_setting_params,
    .min_args = 1,
    .max_args = 1,
    .missing = "no model; give a run folder or a model file",
    .plans = true,
    .opens = true,
    .run = run,
};
