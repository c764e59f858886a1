/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_compare.c: duet compare --data DATA --budget 10m --out DIR: learners beside each
 * other, trained for as long and measured alike. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/training.h"

typedef struct compare_options {
    char data[CLI_PATH], budget[DUET_TEXT_SIZE], out[CLI_PATH], only[DUET_TEXT_SIZE],
        head[DUET_TEXT_SIZE], judge[CLI_PATH], augment[DUET_TEXT_SIZE], sampler[DUET_TEXT_SIZE],
        on_bad[DUET_TEXT_SIZE];
    int64_t seeds, rows, samples, size;
    uint64_t seed;
} compare_options;

static const duet_param params[] = {
    DUET_TEXT(compare_options, data, "", NULL, "labelled data set: a path, or synth"),
    DUET_TEXT(compare_options, budget, "10m", NULL,
              "training of each row and seed on an idle machine: 20s, 10m, 1h"),
    DUET_TEXT(compare_options, out, "", NULL,
              "folder of the comparison; where there is one already, it goes on there"),
    DUET_INT(compare_options, seeds, "1", 1, 16, "trainings of each row"),
    DUET_TEXT(compare_options, only, "", NULL,
              "rows joined by '+': diffusion+bigbigan+patchvae+vae+simclr+mae+supervised+"
              "unet_labels+random+pixels; default: all"),
    DUET_TEXT(compare_options, head, "linear+mlp+knn", NULL, "heads, joined by '+'"),
    DUET_TEXT(compare_options, judge, "auto", NULL,
              "model on whose features drawn images are compared; auto: the one that comes with "
              "duet and knows these classes; pixels"),
    DUET_TEXT(compare_options, augment, "", NULL,
              "changes to training images, of rows that have none of their own"),
    DUET_TEXT(compare_options, sampler, "dpmpp_2m:steps=15", NULL, "of rows that denoise"),
    DUET_INT(compare_options, rows, "4000", 10, 1e9,
             "training rows that a search fits on at most (half as many to validate)"),
    DUET_INT(compare_options, samples, "1000", 2, 1e7, "images that each generating row draws"),
    DUET_INT(compare_options, size, "0", 0, 1024,
             "side of the images; 0 = the data set's, at most 64"),
    DUET_SEED(compare_options, seed, "0", "of the first training, and of the rows"),
    CLI_ON_BAD_ROW(compare_options),
};

/* "20s", "10m", "1h", "10": minutes. */
static duet_status read_budget(const char *text, double *minutes) {
    char *end = NULL;
    const double value = strtod(text, &end);
    const double unit = strcmp(end, "s") == 0                   ? 1.0 / 60.0
                        : strcmp(end, "h") == 0                 ? 60.0
                        : strcmp(end, "m") == 0 || *end == '\0' ? 1.0
                                                                : 0.0;
    if (end == text || unit == 0.0 || !(value > 0.0) || !isfinite(value))
        return cli_wrong("--budget '%s' is no time; write 20s, 10m or 1h", text);
    *minutes = value * unit;
    return DUET_OK;
}

/* A set that comes without a split to test on is divided. */
static duet_status open_set(cli_state *cli, duet_dataset **out) {
    const compare_options *o = cli->options;
    char divided[CLI_PATH + 16];
    duet_status status = duet_dataset_open(cli->ctx, out, o->data);
    if (status != DUET_OK) return status;
    const duet_dataset_info *const info = duet_dataset_describe(*out);
    if (info->count[DUET_TEST] > 0 || info->count[DUET_VAL] > 0 || !info->labelled) return DUET_OK;
    duet_dataset_close(*out);
    *out = NULL;
    snprintf(divided, sizeof divided, "divided:%.4000s", o->data);
    status = duet_dataset_open(cli->ctx, out, divided);
    if (status == DUET_OK)
        cli_say(
            cli,
            "the set has no split to test on: a fifth of each class, %lld images, is kept apart "
            "for that\n",
            (long long)duet_dataset_describe(*out)->count[DUET_TEST]);
    return status;
}

static duet_status open_judge(cli_state *cli, const duet_dataset *dataset, duet_model **out) {
    const compare_options *o = cli->options;
    *out = NULL;
    if (strcmp(o->judge, "pixels") == 0) return DUET_OK;
    if (strcmp(o->judge, "auto") == 0) {
        *out = cli_shipped_judge(cli, dataset);
        return DUET_OK;
    }
    return cli_model_open(cli, out, o->judge);
}

/* ---- the table ---- */

static void number(char out[32], double value, int decimals) {
    if (isfinite(value))
        snprintf(out, 32, "%.*f", decimals, value);
    else
        snprintf(out, 32, "-");
}

static void say_row(const cli_state *cli, const duet_compare_row *r) {
    char text[8][32], images[32], parameters[32];
    cli_human(images, (double)r->images);
    cli_human(parameters, (double)r->parameters);
    cli_say(cli, "%-12s %4d %8s %8s", r->name, r->seed, r->images > 0 ? images : "-",
            r->parameters > 0 ? parameters : "-");
    for (int h = 0; h < r->head_count; h++) {
        number(text[0], r->heads[h].top1, 2);
        cli_say(cli, " %10s", text[0]);
    }
    number(text[1], r->few, 2);
    number(text[2], r->own, 2);
    number(text[6], r->random, 2);
    number(text[3], r->fid, 3);
    number(text[4], r->precision, 3);
    number(text[5], r->recall, 3);
    number(text[7], r->seen, 0);
    cli_say(cli, " %8s %8s %8s %10s %7s %7s %7s\n", text[1], text[6], text[2], text[3], text[4],
            text[5], text[7]);
}

static void say_table(const cli_state *cli, const duet_compare_result *r) {
    cli_say(cli, "%-12s %4s %8s %8s", "", "seed", "images", "weights");
    for (int h = 0; r->count > 0 && h < r->rows[0].head_count; h++)
        cli_say(cli, " %10s", r->rows[0].heads[h].head);
    cli_say(cli, " %8s %8s %8s %10s %7s %7s %7s\n", "10 each", "random", "own", "distance", "prec.",
            "recall", "classes");
    for (int64_t i = 0; i < r->count; i++) say_row(cli, &r->rows[i]);
    if (r->count > 0 && r->rows[0].head_count > 0)
        cli_say(cli,
                "accuracy in %% on %lld test images: 95 %% of draws of as many lie within %.1f "
                "points of '%s'\n",
                (long long)r->test_rows, (r->rows[0].heads[0].high - r->rows[0].heads[0].low) / 2,
                r->rows[0].name);
}

/* ---- the command ---- */

static void fill(duet_compare_options *out, const compare_options *o, double minutes,
                 duet_model *judge) {
    *out = (duet_compare_options){.minutes = minutes,
                                  .seeds = (int)o->seeds,
                                  .rows = o->rows,
                                  .samples = o->samples,
                                  .judge = judge,
                                  .size = o->size,
                                  .seed = o->seed};
    snprintf(out->only, sizeof out->only, "%s", o->only);
    snprintf(out->head, sizeof out->head, "%s", o->head);
    snprintf(out->augment, sizeof out->augment, "%s", o->augment);
    snprintf(out->sampler, sizeof out->sampler, "%s", o->sampler);
}

/* Something was measured there. */
static bool has_rows(const char *run) {
    char path[CLI_PATH];
    snprintf(path, sizeof path, "%.4000s/plan/result.json", run);
    return cli_exists(path);
}

static duet_status compare(cli_state *cli, const duet_dataset *dataset, duet_model *judge,
                           double minutes) {
    const compare_options *o = cli->options;
    duet_compare_options options;
    duet_compare_result result = {.rows = NULL};
    cli_step step = {.own_run = false};
    char path[CLI_PATH];
    fill(&options, o, minutes, judge);
    snprintf(step.run, sizeof step.run, "%s", o->out);
    step.own_run = !cli_exists(step.run);
    duet_status status = cli_folder(step.run);
    if (status == DUET_OK) status = duet_run_step_new(step.folder, step.run, "compare");
    if (status == DUET_OK)
        status = duet_compare(cli->ctx, &result, dataset, &options, step.run, step.folder);
    if (status == DUET_OK) {
        say_table(cli, &result);
        if (judge == NULL && strcmp(o->judge, "auto") == 0)
            cli_say(cli, "no judge that comes with duet knows these classes: distances are of raw "
                         "pixels; --judge gives another one\n");
        status = cli_step_done(cli, &step);
        snprintf(path, sizeof path, "%.4000s/result.json", step.folder);
        if (status == DUET_OK) cli_json_file(cli, path);
    } else if (cli_interrupted()) {
        cli_log(DUET_LOG_WARNING, "what is done is kept; the same command goes on there", NULL);
    }
    duet_compare_result_free(&result);
    /* rows that are done stay, of a run that has begun */
    if (step.own_run && status != DUET_OK && !has_rows(step.run))
        return cli_step_drop(&step, status);
    step.own_run = false;
    return status == DUET_OK ? status : cli_step_drop(&step, status);
}

static duet_status run(cli_state *cli) {
    const compare_options *o = cli->options;
    duet_dataset *dataset = NULL;
    duet_model *judge = NULL;
    double minutes = 0;
    if (o->data[0] == '\0') return cli_wrong("no data set; give --data DATA");
    if (o->out[0] == '\0') return cli_wrong("no folder for the results; give --out DIR");
    duet_status status = read_budget(o->budget, &minutes);
    if (status == DUET_OK) status = cli_check_heads(o->head);
    if (status == DUET_OK) status = cli_on_bad(cli, o->on_bad);
    if (status == DUET_OK) status = open_set(cli, &dataset);
    if (status == DUET_OK) status = open_judge(cli, dataset, &judge);
    if (status == DUET_OK) status = compare(cli, dataset, judge, minutes);
    duet_dataset_close(dataset);
    duet_model_close(judge);
    return status;
}

const cli_cmd duet_cmd_compare = {
    .info = {.name = "compare",
             .help = "learners beside each other: the same data, time and protocol",
             .params = DUET_TABLE(params, compare_options)},
    .usage = "--data DATA --out DIR [options]",
    .details =
        "Rows are a diffusion model, BigBiGAN, PatchVAE, a VAE, SimCLR, a masked autoencoder, "
        "networks with labels,\n"
        "random weights and raw pixels. Each is trained for the images that it takes in the time "
        "of "
        "the budget on an\n"
        "idle machine, which is measured once; its setting is searched on training images, its "
        "heads are tested once.\n"
        "What is done is kept: the same command goes on after an interruption.\n"
        "  duet compare --data fashion-mnist --budget 10m --out runs/contest\n"
        "  duet compare --data photos/ --budget 5m --only diffusion+simclr+pixels --out contest",
    .plans = true,
    .run = run,
};
