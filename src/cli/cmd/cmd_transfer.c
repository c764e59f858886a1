/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_transfer.c: duet transfer MODEL... --data SET...: one table over models, data sets
 * and heads. */
#include <stdio.h>
#include <string.h>

#include <duet/transfer.h>

#include "cli/cli.h"

enum { MOST_MODELS = 16, MOST_SETS = 32 };

typedef struct transfer_options {
    char data[CLI_PATH], head[DUET_TEXT_SIZE], resume[CLI_PATH], cache[CLI_PATH],
        cache_type[DUET_TEXT_SIZE], on_bad[DUET_TEXT_SIZE];
    duet_int_list t, pool;
    int64_t batch, seeds, limit;
    uint64_t seed;
    bool baselines, fresh;
} transfer_options;

static const duet_param params[] = {
    DUET_TEXT(transfer_options, data, "", NULL,
              "labelled data sets, one after the other: --data A B C"),
    DUET_TEXT(transfer_options, head, "linear", NULL, "heads, joined by '+': linear+mlp"),
    DUET_INTS(transfer_options, t, "0,1,2,5,10,25,50,100", -1, 100000,
              "levels of noise that are searched; -1 = clean"),
    DUET_INTS(transfer_options, pool, "1,2,4", 1, 64, "sides of the pooled map that are searched"),
    DUET_INT(transfer_options, limit, "8000", 10, 1e9,
             "training rows that a search fits on at most (half as many to validate)"),
    DUET_INT(transfer_options, seeds, "3", 1, 16, "noise seeds of the test"),
    DUET_BOOLEAN(transfer_options, baselines, "true", "raw pixels and random weights beside them"),
    DUET_SEED(transfer_options, seed, "0", "seed of the rows, the noise and the heads"),
    DUET_TEXT(transfer_options, resume, "", NULL,
              "run folder of a transfer that was interrupted, to go on there"),
    CLI_FEATURE_ROWS(transfer_options),
};

typedef struct opened {
    duet_model *models[MOST_MODELS];
    duet_dataset *sets[MOST_SETS];
    int model_count, set_count;
} opened;

static duet_status open_sets(cli_state *cli, opened *all) {
    const transfer_options *o = cli->options;
    char text[CLI_PATH], *rest = NULL;
    snprintf(text, sizeof text, "%s", o->data);
    for (char *one = strtok_r(text, "\n", &rest); one != NULL; one = strtok_r(NULL, "\n", &rest)) {
        if (all->set_count == MOST_SETS) return cli_wrong("more than %d data sets", MOST_SETS);
        const duet_status status = duet_dataset_open(cli->ctx, &all->sets[all->set_count], one);
        if (status != DUET_OK) return status;
        all->set_count++;
    }
    return DUET_OK;
}

static duet_status open_models(cli_state *cli, opened *all) {
    for (int i = 0; i < cli->arg_count; i++) {
        const duet_status status = cli_model_open(cli, &all->models[i], cli->args[i]);
        if (status != DUET_OK) return status;
        all->model_count++;
    }
    return DUET_OK;
}

static void close_all(opened *all) {
    for (int i = 0; i < all->model_count; i++) duet_model_close(all->models[i]);
    for (int i = 0; i < all->set_count; i++) duet_dataset_close(all->sets[i]);
}

/* "random weights of NAME", the name, or "raw pixels". */
static void name_reader(char out[2 * DUET_TEXT_SIZE], const duet_transfer_row *row) {
    const bool pixels = strcmp(row->reader, "pixels") == 0;
    snprintf(out, 2 * DUET_TEXT_SIZE, "%s%s",
             pixels                               ? "raw pixels"
             : strcmp(row->reader, "random") == 0 ? "random weights of "
                                                  : "",
             pixels ? "" : row->model);
}

static void say_table(const cli_state *cli, const duet_transfer_result *r) {
    for (int64_t i = 0; i < r->count; i++) {
        const duet_transfer_row *const row = &r->rows[i];
        char name[2 * DUET_TEXT_SIZE], setting[CLI_SETTINGS];
        if (i == 0 || strcmp(row->data, row[-1].data) != 0 || row->classes != row[-1].classes ||
            row->train_rows != row[-1].train_rows)
            cli_say(cli, "%s: %d classes, %lld training and %lld test images\n", row->data,
                    row->classes, (long long)row->train_rows, (long long)row->test_rows);
        name_reader(name, row);
        cli_say(cli, "  %-36s %-10s %6.2f", name, row->head, row->top1);
        if (row->top1_std > 0) cli_say(cli, " +- %.2f", row->top1_std);
        cli_say(cli, " %%   by class %.2f %%   %s\n", row->mean_class,
                row->settings.count > 0 ? cli_settings_text(&row->settings, setting) : "");
    }
}

static duet_status fill(duet_transfer_options *out, const cli_state *cli, const char *run) {
    const transfer_options *o = cli->options;
    *out = (duet_transfer_options){.search = {.t = o->t,
                                              .pools = o->pool,
                                              .fit_rows = o->limit,
                                              .val_rows = o->limit / 2,
                                              .seed = o->seed,
                                              .batch = o->batch,
                                              .stored = cli_dtype(o->cache_type),
                                              .bad = cli->bad},
                                   .noise_seeds = (int)o->seeds,
                                   .random = o->baselines,
                                   .pixels = o->baselines};
    snprintf(out->search.head, sizeof out->search.head, "%s", o->head);
    return cli_cache(out->search.cache, o->cache, run, o->fresh);
}

static duet_status begin(const cli_state *cli, const opened *all, cli_step *step) {
    const transfer_options *o = cli->options;
    if (o->resume[0] == '\0') return cli_step_new(step, all->models[0], cli->args[0], "transfer");
    if (!duet_run_is(o->resume))
        return cli_fail(DUET_ARG, "'%s' is not a run folder to go on in", o->resume);
    return cli_step_new(step, all->models[0], o->resume, "transfer");
}

static duet_status transfer(cli_state *cli, const opened *all) {
    duet_transfer_options options;
    duet_transfer_result result = {0};
    cli_step step;
    char path[CLI_PATH];
    duet_status status = begin(cli, all, &step);
    if (status != DUET_OK) return status;
    status = fill(&options, cli, step.run);
    if (status == DUET_OK)
        status = duet_transfer(cli->ctx, &result, all->models, all->model_count,
                               (const duet_dataset *const *)all->sets, all->set_count, &options,
                               step.run, step.folder);
    if (status == DUET_OK) {
        say_table(cli, &result);
        status = cli_step_done(cli, &step);
    }
    if (status == DUET_OK) {
        snprintf(path, sizeof path, "%.4000s/result.json", step.folder);
        cli_json_file(cli, path);
    } else if (cli_interrupted()) {
        snprintf(path, sizeof path,
                 "what is done is kept; go on by the same command with --resume '%.3000s'",
                 step.run);
        cli_log(DUET_LOG_WARNING, path, NULL);
    }
    duet_transfer_result_free(&result);
    return status == DUET_OK || cli_interrupted() ? status : cli_step_drop(&step, status);
}

static duet_status run(cli_state *cli) {
    const transfer_options *o = cli->options;
    opened all = {.model_count = 0};
    if (o->data[0] == '\0') return cli_wrong("no data set; give --data SET, or several");
    duet_status status = cli_check_heads(o->head);
    if (status == DUET_OK) status = cli_on_bad(cli, o->on_bad);
    if (status == DUET_OK) status = open_sets(cli, &all);
    if (status == DUET_OK) status = open_models(cli, &all);
    if (status == DUET_OK) status = transfer(cli, &all);
    close_all(&all);
    return cli_advise(cli, status);
}

const cli_cmd duet_cmd_transfer = {
    .info = {.name = "transfer",
             .help = "one table over models, data sets and heads",
             .params = DUET_TABLE(params, transfer_options)},
    .usage = "MODEL [MODEL...] --data SET [SET...] [options]",
    .details = "Of each model, and of the same network with random weights, the best setting is "
               "searched on the "
               "training split (as 'duet sweep --auto' does), for each head. A head is trained on "
               "the whole "
               "training split there and tested once; raw pixels stand beside it. trainval:SET "
               "trains on the "
               "splits train and val.\n"
               "  duet transfer RUN models/fashion-mnist.safetensors --data trainval:flowers102 "
               "cub --head linear+mlp",
    .min_args = 1,
    .max_args = MOST_MODELS,
    .missing = "no model; give one or several",
    .several = "data",
    .plans = true,
    .opens = true,
    .run = run,
};
