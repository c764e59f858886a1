/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_features.c: duet features MODEL --data DATA: writes the feature rows of one setting
 * as npz, npy or safetensors. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

typedef struct features_options {
    char data[CLI_PATH], split[DUET_TEXT_SIZE], out[CLI_PATH], type[DUET_TEXT_SIZE],
        cache[CLI_PATH], on_bad[DUET_TEXT_SIZE], setting[DUET_SETTINGS_SIZE],
        reader[DUET_TEXT_SIZE];
    int64_t batch;
    uint64_t seed;
    bool fresh;
} features_options;

static const duet_param params[] = {
    DUET_TEXT(features_options, data, "", NULL, "data set"),
    DUET_TEXT(features_options, split, "test", "train|val|test", "which images"),
    CLI_SETTING_ROW(features_options),
    DUET_TEXT(features_options, reader, "model", NULL,
              "what gives the rows ('duet help reader'), such as model:resize=clean"),
    DUET_SEED(features_options, seed, "0", "seed of the noise"),
    DUET_INT(features_options, batch, "0", 0, 4096, "images per pass; 0 = chosen"),
    DUET_TEXT(features_options, out, "", NULL, "f.npz (X, y, index) or f.safetensors"),
    DUET_TEXT(features_options, type, "f32", "f32|f16", "of X"),
    DUET_TEXT(features_options, cache, "", NULL,
              "folder in which rows are kept; default: cache in the run, OUT.rows until OUT is "
              "whole for a model file"),
    DUET_BOOLEAN(features_options, fresh, "false",
                 "forgets the features kept there and computes them again"),
    CLI_ON_BAD_ROW(features_options),
};

/* Rows go to the cache when their batch ends, so that a stopped command continues where it was. */
static duet_status compute(cli_state *cli, const features_options *o, duet_reader *reader,
                           const duet_dataset *dataset, const duet_view *view,
                           duet_features_options *options) {
    const bool own = !*o->cache && !duet_run_is(cli->args[0]); /* a cache for this file only */
    const duet_dtype type = cli_dtype(o->type);
    char rows[CLI_PATH], text[CLI_SETTINGS];
    duet_feature_set *set = NULL;
    duet_feature_table table = {0};
    snprintf(rows, sizeof rows, "%.4000s.rows", o->out);
    duet_status status = cli_cache(options->cache, own ? rows : o->cache, cli->args[0], o->fresh);
    if (status == DUET_OK)
        status = duet_feature_set_open(cli->ctx, &set, reader, dataset, view, options);
    if (status == DUET_OK) status = duet_feature_set_join(set, view, &table);
    if (status == DUET_OK && table.rows == 0)
        status = cli_fail(DUET_FORMAT, "none of the %lld images can be read: %s",
                          (long long)view->count, duet_bad_images_first(cli->bad));
    if (status == DUET_OK) status = duet_feature_table_save(&table, o->out, type);
    if (status == DUET_OK) {
        const duet_features_work work = duet_feature_set_work(set);
        if (own) status = cli_cache(options->cache, rows, "", true);
        if (own) rmdir(rows);
        cli_say_cached(cli, &work);
        cli_say(cli, "wrote %s: %lld rows x %lld (%s)\n", o->out, (long long)table.rows,
                (long long)table.dim, cli_settings_text(&table.settings, text));
        json_t *out =
            json_pack("{s:o,s:I,s:I,s:s,s:I,s:I,s:f,s:o}", "out", cli_name(o->out), "rows",
                      (json_int_t)table.rows, "dim", (json_int_t)table.dim, "type", o->type,
                      "computed", (json_int_t)work.computed, "cached", (json_int_t)work.cached,
                      "seconds", work.seconds, "left_out", cli_bad_json(cli));
        cli_json(cli, cli_settings_json(out, &table.settings));
    }
    duet_feature_table_free(&table);
    duet_feature_set_close(set);
    return status;
}

static duet_status features(cli_state *cli, duet_model *model, const duet_dataset *dataset) {
    const features_options *o = cli->options;
    duet_reader_options reading = {.noise_seed = o->seed, .batch = o->batch};
    duet_features_options options = {
        .stored = cli_dtype(o->type), .label = "features", .bad = cli->bad};
    duet_reader *reader = NULL;
    const char *from = NULL;
    duet_split split = DUET_TEST;
    duet_view view = {0};
    duet_status status = cli_settings(cli, o->setting, &reading.settings);
    if (status == DUET_OK) status = duet_settings_find(cli->ctx, &reading.settings, &from, model);
    /* what a recogniser calls its features */
    if (status == DUET_OK && reading.settings.count == 0 &&
        duet_model_feature_setting(model, &reading.settings.v[0])) {
        reading.settings.count = 1;
        from = "features";
    }
    if (status == DUET_OK && *from == '\0')
        status = cli_fail(DUET_ARG, "the model has no recommended setting yet; give --t, --tap and "
                                    "--pool, or run 'duet sweep' first");
    if (status == DUET_OK) status = duet_split_parse(&split, o->split);
    if (status == DUET_OK) status = duet_view_all(&view, dataset, split);
    if (status == DUET_OK && view.count == 0)
        status = cli_fail(
            DUET_ARG,
            "'%s' has no split '%s'; give another with --split ('duet data info' shows them)",
            o->data, o->split);
    if (status == DUET_OK)
        status = duet_reader_open(cli->ctx, &reader, o->reader, model, NULL, &reading);
    if (status == DUET_OK) status = compute(cli, o, reader, dataset, &view, &options);
    duet_reader_close(reader);
    duet_view_free(&view);
    return status;
}

static duet_status run(cli_state *cli) {
    const features_options *o = cli->options;
    if (!o->data[0]) return cli_wrong("no data set; give --data PATH");
    if (!o->out[0]) return cli_wrong("no output; give --out f.npz, f.npy or f.safetensors");
    const duet_status status = cli_check_out(o->out, ".npz .npy .safetensors");
    return status == DUET_OK ? cli_with_data(cli, o->data, o->on_bad, features) : status;
}

const cli_cmd duet_cmd_features = {
    .info = {.name = "features",
             .help = "feature rows of a data set to a file",
             .params = DUET_TABLE(params, features_options)},
    .usage = "MODEL --data DATA --out f.npz [options]",
    .details =
        "Without a setting: the one that the model recommends; of a network that recognises only, "
        "its "
        "features ('duet info').\n"
        "The npz holds X [N,D], y i64 [N], index i64 [N], as scikit-learn expects; f.npy holds X, "
        "f.labels.npy y. Rows are kept as they are computed: the same\n"
        "command goes on where a stopped one was.\n"
        "  duet features RUN --data fashion-mnist --split test --t 10 --tap 9 --pool 2 --out f.npz",
    .extra = &duet_setting_params,
    .min_args = 1,
    .max_args = 1,
    .missing = "no model; give a run folder or a model file",
    .plans = true,
    .opens = true,
    .run = run,
};
