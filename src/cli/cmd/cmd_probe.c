/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_probe.c: duet probe MODEL --data DATA: trains a head on the whole training split, or
 * on few labels of it, tests once, saves it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

typedef struct probe_options {
    char data[CLI_PATH], head[DUET_TEXT_SIZE], cache[CLI_PATH], cache_type[DUET_TEXT_SIZE],
        on_bad[DUET_TEXT_SIZE], setting[DUET_SETTINGS_SIZE], labels[DUET_TEXT_SIZE],
        label_list[CLI_PATH], preset[DUET_TEXT_SIZE];
    int64_t rows, seeds, batch, neighbours, shots, calibrate;
    uint64_t seed;
    double minutes;
    bool baselines, fresh, few;
    duet_int_list few_labels;
} probe_options;

static const duet_param params[] = {
    DUET_TEXT(probe_options, data, "", NULL, "data set"),
    CLI_SETTING_ROW(probe_options),
    DUET_TEXT(probe_options, head, "", NULL,
              "head (default: the one that the model recommends with its setting, else linear)"),
    DUET_TEXT(probe_options, preset, "", NULL,
              "a head, and what the flags leave open of the setting, as others do it"),
    DUET_INT(probe_options, rows, "0", 0, 1e9, "training rows; 0 = all"),
    DUET_FLOAT(probe_options, minutes, "0", 0, 1e6,
               "time to keep to, by fewer training rows; 0 = as long as it takes"),
    DUET_TEXT(
        probe_options, labels, "", NULL,
        "labels that the head may use, drawn by class: a share of the training rows, 10%, or a "
        "number"),
    DUET_INT(probe_options, shots, "0", 0, 1e9, "the same: labels of each class; 0 = all"),
    DUET_TEXT(probe_options, label_list, "", NULL,
              "the same: a file that names their images, one per line, with or without folder and "
              "ending"),
    DUET_INT(probe_options, seeds, "3", 1, 16,
             "seeds for the spread: of the test's noise, and of the draw of --labels or --shots"),
    DUET_BOOLEAN(probe_options, few, "true",
                 "accuracy over the number of labels, from 1 a class, of small heads"),
    DUET_INTS(probe_options, few_labels, "", 1, 1e9,
              "its labels a class; default: 1, 2, 5, 10, 20, … while it takes some seconds"),
    DUET_INT(
        probe_options, calibrate, "0", 0, 1e9,
        "training rows that do nothing but calibrate the head; 0 = the split val, or rows that "
        "chose the strength"),
    DUET_BOOLEAN(probe_options, baselines, "true", "raw pixels and random weights beside it"),
    DUET_INT(probe_options, neighbours, "6", 0, 64,
             "test images shown with their nearest training images"),
    DUET_SEED(probe_options, seed, "0", "seed of the split and the noise"),
    CLI_FEATURE_ROWS(probe_options),
};

/* What became of the names of --label-list. */
static void say_listed(const cli_state *cli, const duet_labels_listed *l) {
    if (l->names == 0) return;
    cli_say(cli, "list: %lld names, %lld images", (long long)l->names, (long long)l->found);
    if (l->unknown > 0) cli_say(cli, ", %lld unknown", (long long)l->unknown);
    if (l->ambiguous > 0)
        cli_say(cli, ", %lld of several images (give their folders)", (long long)l->ambiguous);
    if (l->first[0] != '\0') cli_say(cli, "; the first that is left out: '%s'", l->first);
    cli_say(cli, "\n");
}

static void say_rows(const cli_state *cli, const duet_probe_result *r) {
    for (int i = 0; i < r->row_count; i++) {
        const duet_probe_row *row = &r->rows[i];
        cli_say(cli, "  %-8s %6.2f", row->reader, row->top1);
        if (r->label_draws > 1) cli_say(cli, " ± %.2f", row->top1_std);
        cli_say(cli, " %%");
        if (isfinite(row->val_top1)) cli_say(cli, "   validation %6.2f %%", row->val_top1);
        cli_say(cli, "   %lld features\n", (long long)row->dim);
    }
}

/* Points over readers, which all have the same points in the same order. */
static void say_few(const cli_state *cli, const duet_probe_result *r) {
    const int readers = r->row_count;
    const int64_t points = readers > 0 ? r->few_count / readers : 0;
    if (points == 0) return;
    cli_say(cli, "few labels (ridge, mean ± deviation over draws)\n  labels a class  draws");
    for (int i = 0; i < readers; i++) cli_say(cli, "  %15s", r->rows[i].reader);
    cli_say(cli, "\n");
    for (int64_t k = 0; k < points; k++) {
        cli_say(cli, "  %14lld  %5d", (long long)r->few[k].shots, r->few[k].draws);
        for (int i = 0; i < readers; i++) {
            const duet_few_row *row = &r->few[i * points + k];
            cli_say(cli, "  %7.2f", row->top1);
            if (isfinite(row->top1_std))
                cli_say(cli, " ± %5.2f", row->top1_std);
            else
                cli_say(cli, "        ");
        }
        cli_say(cli, "\n");
    }
}

static const char *rows_text(const char *from) {
    static const char *const texts[][2] = {{"apart", "rows kept apart"},
                                           {"val", "rows of the split val"},
                                           {"held", "rows that chose the strength"},
                                           {"folds", "training rows in five folds"}};
    for (int i = 0; i < DUET_COUNT(texts); i++)
        if (strcmp(texts[i][0], from) == 0) return texts[i][1];
    return "rows";
}

static void say_calibration(const cli_state *cli, const duet_probe_calibration *c) {
    if (c->made.rows == 0) {
        cli_say(cli, "not calibrated: too few labels a class\n");
        return;
    }
    cli_say(cli, "calibration: temperature %.3f by %lld %s; calibration error %.2f %% -> %.2f %%\n",
            c->made.temperature, (long long)c->made.rows, rows_text(c->made.from), 100 * c->ece[0],
            100 * c->ece[1]);
    cli_say(cli, "sets of classes:");
    for (int s = 0; s < DUET_CONFORMAL_LEVELS; s++)
        cli_say(cli, "%s %g %%: %.2f %% covered, %.2f classes", s > 0 ? ";" : "",
                100 * c->sets[s].level, c->sets[s].coverage, c->sets[s].mean_size);
    cli_say(cli, "\n");
}

static void say_result(const cli_state *cli, const duet_probe_options *options,
                       const duet_probe_result *r) {
    char text[CLI_SETTINGS];
    say_listed(cli, &r->listed);
    cli_say(cli, "test accuracy %.2f %%", r->top1);
    if (r->seeds > 1)
        cli_say(cli, " ± %.2f over %d %s", r->top1_std, r->seeds,
                r->label_draws > 1 ? "draws of the labels" : "noise seeds");
    cli_say(cli, " (%s; %lld training rows, %lld test rows)\n",
            cli_settings_text(&options->settings, text), (long long)r->train_rows,
            (long long)r->test_rows);
    say_rows(cli, r);
    say_calibration(cli, &r->calibration);
    say_few(cli, r);
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
    if (*options->setting_from == '\0' && duet_label_budget_given(&options->labels)) {
        cli_say(cli,
                "no recommended setting: one is taken that needs no labels; 'duet sweep' looks "
                "for the best, by the labels of all training rows\n");
        options->setting_from = "guess";
        status = duet_settings_guess(cli->ctx, &options->settings, model);
    } else if (*options->setting_from == '\0') {
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

static duet_status budget(const probe_options *o, duet_label_budget *out) {
    const int given = (o->labels[0] != '\0') + (o->shots > 0) + (o->label_list[0] != '\0');
    if (given + (o->rows > 0) > 1)
        return cli_wrong(
            "--labels, --shots, --label-list and --rows exclude each other; give one of "
            "them");
    if (given > 0 && o->minutes > 0)
        return cli_wrong("--minutes takes fewer rows, and --labels, --shots and --label-list say "
                         "which; give one of them");
    const duet_status status = duet_label_budget_of(out, o->labels, o->shots, o->label_list);
    if (status != DUET_OK) return cli_wrong("--labels: %s", duet_error_message());
    if (out->list[0] != '\0' && !cli_exists(out->list))
        return cli_fail(DUET_NOT_FOUND, "no file '%s' of --label-list", out->list);
    return DUET_OK;
}

static void choose_head(const probe_options *o, duet_model *model, duet_probe_options *options) {
    const char *const card = duet_model_card(model)->recommended.head;
    const bool recommended = strcmp(options->setting_from, "card") == 0 && card[0] != '\0';
    snprintf(options->head, sizeof options->head, "%s",
             o->head[0] != '\0' ? o->head : (recommended ? card : "linear"));
}

static duet_status use_preset(const probe_options *o, const duet_model *model,
                              duet_probe_options *options) {
    const duet_probe_preset *preset = NULL;
    if (o->preset[0] == '\0') return DUET_OK;
    if (o->head[0] != '\0')
        return cli_wrong("--preset has a head of its own, and --head says another; give one of "
                         "them");
    const duet_status status = duet_probe_preset_find(&preset, o->preset);
    if (status != DUET_OK) return status;
    duet_probe_preset_fill(preset, &options->settings, model);
    snprintf(options->head, sizeof options->head, "%s", preset->head);
    return DUET_OK;
}

static duet_status probe(cli_state *cli, duet_model *model, const duet_dataset *dataset) {
    const probe_options *o = cli->options;
    duet_probe_options options = {.train_rows = o->rows,
                                  .noise_seeds = (int)o->seeds,
                                  .seed = o->seed,
                                  .minutes = o->minutes,
                                  .batch = o->batch,
                                  .neighbours = (int)o->neighbours,
                                  .calibration_rows = o->calibrate,
                                  .few = o->few,
                                  .few_labels = o->few_labels,
                                  .stored = cli_dtype(o->cache_type),
                                  .bad = cli->bad};
    cli_step step;
    snprintf(options.baselines, sizeof options.baselines, "%s", o->baselines ? DUET_BASELINES : "");
    duet_status status = budget(o, &options.labels);
    if (status == DUET_OK) status = cli_settings(cli, o->setting, &options.settings);
    if (status == DUET_OK) status = use_preset(o, model, &options);
    if (status == DUET_OK)
        status = duet_settings_find(cli->ctx, &options.settings, &options.setting_from, model);
    if (status == DUET_OK) status = cli_check_head(o->head);
    if (status == DUET_OK && options.head[0] == '\0') choose_head(o, model, &options);
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
               "where there is nothing). --draws is of\nthe test images, and of "
               "'duet classify' with the head that is saved; --flip of the training images too.\n"
               "  duet probe RUN --data DATA --setting t=5,tap=7,pool=7+t=5,tap=10,pool=4\n"
               "Few labels: a head on 10 of each class, five draws of them; on 1 %; on those of a "
               "list, as ImageNet's subsets have it.\n"
               "  duet probe RUN --data DATA --shots 10 --seeds 5\n"
               "  duet probe RUN --data DATA --labels 1%\n"
               "  duet probe RUN --data DATA --label-list 1percent.txt\n"
               "As others do it: diffssl-linear, diffssl-attention, difformer, ddae, vissl-in1k, "
               "lightly, clip (docs/recognition.md).\n"
               "  duet probe RUN --data DATA --preset ddae",
    .extra = &duet_setting_params,
    .min_args = 1,
    .max_args = 1,
    .missing = "no model; give a run folder or a model file",
    .plans = true,
    .opens = true,
    .run = run,
};
