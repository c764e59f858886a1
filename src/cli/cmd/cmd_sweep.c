/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_sweep.c: duet sweep MODEL --data DATA: accuracy over (t, tap, pool); the best setting
 * is written into the card. */
#include <stdio.h>
#include <string.h>

#include <duet/auto.h>

#include "cli/cli.h"

typedef struct sweep_options {
    char data[CLI_PATH], rows[DUET_TEXT_SIZE], head[DUET_TEXT_SIZE], cache[CLI_PATH],
        cache_type[DUET_TEXT_SIZE], on_bad[DUET_TEXT_SIZE];
    duet_int_list t, tap, pool;
    int64_t batch;
    uint64_t seed;
    double minutes;
    int64_t joined;
    bool baselines, fresh, automatic, unlabelled;
} sweep_options;

static const duet_param params[] = {
    DUET_TEXT(sweep_options, data, "", NULL, "labelled data set"),
    DUET_INTS(sweep_options, t, "0,1,2,5,10,25,50,100", -1, 100000, "levels of noise; -1 = clean"),
    DUET_INTS(sweep_options, tap, "", 1, 1000, "blocks b; default all"),
    DUET_INTS(sweep_options, pool, "1,2,4", 1, 64, "sides of the pooled map"),
    DUET_TEXT(sweep_options, rows, "8000", NULL,
              "training rows to fit on (half as many to validate), or all"),
    DUET_FLOAT(
        sweep_options, minutes, "0", 0, 1e6,
        "time to keep to, by fewer rows and then (without --auto) fewer pools; 0 = as long as it "
        "takes"),
    DUET_TEXT(sweep_options, head, "", NULL,
              "head, or several joined by '+' (default linear; with --auto linear+mlp)"),
    {.name = "auto",
     .type = DUET_PARAM_BOOL,
     .offset = offsetof(sweep_options, automatic),
     .default_text = "false",
     .help = "looks for the best setting, joined ones too, and head in a fraction of the time"},
    DUET_BOOLEAN(sweep_options, unlabelled, "false",
                 "with --auto: chooses without labels, by the features alone"),
    DUET_INT(sweep_options, joined, "3", 1, DUET_AUTO_JOINED,
             "with --auto: settings joined at most"),
    DUET_BOOLEAN(sweep_options, baselines, "true", "raw pixels and random weights beside it"),
    DUET_SEED(sweep_options, seed, "0", "seed of the rows and the noise"),
    CLI_FEATURE_ROWS(sweep_options),
};

/* The value of --rows where it is not "all". */
typedef struct row_count {
    int64_t rows;
} row_count;
static const duet_param rows_param[] = {DUET_INT(row_count, rows, "", 10, 1e9, "rows to fit on")};
static const duet_param_table rows_table = DUET_TABLE(rows_param, row_count);

static duet_status fill(duet_sweep_options *out, const sweep_options *o, const char *run) {
    *out = (duet_sweep_options){.t = o->t,
                                .pools = o->pool,
                                .taps = o->tap,
                                .fit_rows = 8000,
                                .val_rows = 4000,
                                .seed = o->seed,
                                .minutes = o->minutes,
                                .batch = o->batch,
                                .stored = cli_dtype(o->cache_type)};
    snprintf(out->head, sizeof out->head, "%s",
             o->head[0] != '\0' ? o->head : (o->automatic ? "linear+mlp" : "linear"));
    snprintf(out->baselines, sizeof out->baselines, "%s", o->baselines ? DUET_BASELINES : "");
    const duet_status status = cli_cache(out->cache, o->cache, run, o->fresh);
    if (status != DUET_OK) return status;
    if (strcmp(o->rows, "all") == 0) {
        out->fit_rows = out->val_rows = 0;
        return DUET_OK;
    }
    row_count fit;
    if (duet_params_set(&rows_table, &fit, NULL, "rows", o->rows) != DUET_OK)
        return cli_wrong("%s; 'all' takes all", duet_error_message());
    out->fit_rows = fit.rows;
    out->val_rows = fit.rows / 2;
    return DUET_OK;
}

/* The sweep is done and saved: where its best setting cannot be written into the model, that is
 * said, and no failure. */
static void remember(const cli_state *cli, duet_model *model, const duet_recommendation *what,
                     const char *folder, const char *saved) {
    const char *file = NULL;
    char line[4 * CLI_PATH];
    duet_status wrote = DUET_OK;
    const duet_status status = duet_recommend(what, model, folder, &file, &wrote);
    snprintf(line, sizeof line, "the setting is in '%.4000s' only, not in the model: %s", saved,
             duet_error_message());
    if (status != DUET_OK)
        cli_log(DUET_LOG_WARNING, duet_error_message(), NULL);
    else if (wrote != DUET_OK)
        cli_log(DUET_LOG_WARNING, line, NULL);
    else if (file != NULL)
        cli_say(cli, "'%s' now recommends this setting\n", file);
    else
        cli_say(cli,
                "the setting is in '%s' only: a file of another program keeps no recommendation; "
                "'duet export' it, and sweep that\n",
                saved);
}

/* The number of rows of the model itself, without the baselines. */
static int64_t settings(const duet_sweep_result *result) {
    int64_t count = 0;
    for (int64_t i = 0; i < result->count; i++)
        count += strcmp(result->rows[i].reader, "model") == 0;
    return count;
}

static void say_best(const cli_state *cli, const sweep_options *o,
                     const duet_sweep_result *result) {
    const int64_t count = settings(result);
    const duet_settings best = {.count = 1, .v = {result->best.setting}};
    char time_text[32], text[CLI_SETTINGS];
    cli_duration(time_text, result->seconds);
    cli_say(cli, "best of %lld setting%s in %s: ", (long long)count, count == 1 ? "" : "s",
            time_text);
    cli_say(cli, "%s: %.2f %% on %lld validation rows\n", cli_settings_text(&best, text),
            result->best.top1, (long long)result->val_rows);
    if (result->pools.count < o->pool.count)
        cli_say(cli, "%.3g minutes were too short for all pools: of %d only the %d smallest\n",
                o->minutes, o->pool.count, result->pools.count);
    if (result->baseline_count == 2)
        cli_say(cli, "random weights at their best: %.2f %%   raw pixels: %.2f %%\n",
                result->baselines[0].top1, result->baselines[1].top1);
    cli_say_cached(cli, &result->features);
}

/* Fills in the best of the grid, and says it. */
static duet_status sweep_grid(cli_state *cli, duet_model *model, const duet_dataset *dataset,
                              const duet_sweep_options *options, const cli_step *step,
                              duet_recommendation *best) {
    duet_sweep_result result = {0};
    duet_status status = duet_sweep(cli->ctx, &result, model, dataset, options);
    if (status == DUET_OK) status = duet_sweep_save(&result, options, model, dataset, step->folder);
    if (status == DUET_OK) {
        say_best(cli, cli->options, &result);
        duet_sweep_recommends(best, &result, dataset);
    }
    duet_sweep_result_free(&result);
    return status;
}

static void say_share(const cli_state *cli, const duet_auto_result *r) {
    const double spent = r->spent.seconds_passes + r->spent.seconds_heads,
                 grid = r->grid.seconds_passes + r->grid.seconds_heads;
    char time_text[32], grid_text[32];
    cli_duration(time_text, spent);
    cli_duration(grid_text, grid);
    if (r->spent.passes > 0 && grid > 0)
        cli_say(cli,
                "%.0f images through the network and heads in %s; a sweep of all settings would "
                "take %.0f and about %s\n",
                r->spent.passes, time_text, r->grid.passes, grid_text);
}

static void say_choice(const cli_state *cli, const duet_auto_result *r) {
    char text[CLI_SETTINGS];
    if (r->unlabelled) {
        cli_say(cli,
                "%s: most information about images of %lld settings, by %.0f images through the "
                "network, without labels\n",
                cli_settings_text(&r->best.settings, text), (long long)r->count, r->spent.passes);
        return;
    }
    cli_say(cli, "%s, head %s: %.2f %% on %lld validation rows",
            cli_settings_text(&r->best.settings, text), r->best.head, r->best.top1,
            (long long)r->rounds[DUET_AUTO_ROUNDS - 1].val_rows);
    cli_say(cli,
            " (deviation over divisions of the rows %.2f, over draws of the noise %.2f points)\n",
            r->splits_std, r->noise_std);
    if (r->random >= 0 && r->pixels >= 0)
        cli_say(cli, "random weights there: %.2f %%   raw pixels: %.2f %%\n", r->random, r->pixels);
    say_share(cli, r);
}

static duet_status sweep_auto(cli_state *cli, duet_model *model, const duet_dataset *dataset,
                              const duet_sweep_options *sweep, const cli_step *step,
                              duet_recommendation *best) {
    const sweep_options *o = cli->options;
    const duet_auto_options options = {
        .sweep = *sweep, .joined = (int)o->joined, .unlabelled = o->unlabelled};
    duet_auto_result result = {0};
    duet_status status = duet_auto(cli->ctx, &result, model, dataset, &options);
    if (status == DUET_OK) status = duet_auto_save(&result, &options, model, dataset, step->folder);
    if (status == DUET_OK) {
        say_choice(cli, &result);
        duet_auto_recommends(best, &result, dataset);
    }
    duet_auto_result_free(&result);
    return status;
}

static duet_status sweep(cli_state *cli, duet_model *model, const duet_dataset *dataset) {
    const sweep_options *o = cli->options;
    duet_sweep_options options;
    duet_recommendation best;
    cli_step step;
    char path[CLI_PATH];
    duet_status status = cli_check_setting(model, &o->tap, &o->pool);
    if (o->unlabelled && !o->automatic) return cli_wrong("--unlabelled is for --auto; give both");
    if (o->unlabelled && o->head[0] != '\0')
        return cli_wrong("--unlabelled compares features, not heads; leave out --head");
    if (o->unlabelled && o->minutes > 0)
        return cli_wrong(
            "--unlabelled has no heads whose time --minutes could limit; leave it out");
    if (status == DUET_OK) status = cli_check_heads(o->head);
    if (status == DUET_OK) status = cli_step_new(&step, model, cli->args[0], "sweep");
    if (status != DUET_OK) return status;
    status = fill(&options, o, step.run);
    options.bad = cli->bad;
    if (duet_model_recogniser(model)) options.t = (duet_int_list){.count = 1, .v = {-1}};
    if (status == DUET_OK)
        status =
            (o->automatic ? sweep_auto : sweep_grid)(cli, model, dataset, &options, &step, &best);
    snprintf(path, sizeof path, "%.4000s/result.json", step.folder);
    if (status == DUET_OK) {
        remember(cli, model, &best, step.folder, path);
        status = cli_step_done(cli, &step);
    }
    if (status == DUET_OK) cli_json_file(cli, path);
    return status == DUET_OK ? DUET_OK : cli_step_drop(&step, status);
}

static duet_status run(cli_state *cli) {
    const sweep_options *o = cli->options;
    return cli_with_data(cli, o->data, o->on_bad, sweep);
}

const cli_cmd duet_cmd_sweep = {
    .info = {.name = "sweep",
             .help = "accuracy over (t, tap, pool); remembers the best",
             .params = DUET_TABLE(params, sweep_options)},
    .usage = "MODEL --data DATA [options]",
    .details =
        "MODEL is a run folder or a model file; the best setting is written into the model, where "
        "that has a card and can be written.\n"
        "All settings come from one pass over the images; their features are kept in the run, so "
        "that a stopped sweep goes on\n"
        "where it was and a probe reads what a sweep has computed. Fits on rows of the training "
        "split only; the test split is not touched.",
    .min_args = 1,
    .max_args = 1,
    .missing = "no model; give a run folder or a model file",
    .plans = true,
    .opens = true,
    .run = run,
};
