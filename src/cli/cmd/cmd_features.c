/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_features.c: duet features MODEL --data DATA: feature rows of one setting to npz or safetensors. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

typedef struct features_options {
    char data[DUET_TEXT_SIZE], split[DUET_TEXT_SIZE], out[DUET_TEXT_SIZE];
    int64_t t, tap, pool, seed, batch;
} features_options;

static const duet_param params[] = {
    DUET_TEXT(features_options, data, "", NULL, "data set"),
    DUET_TEXT(features_options, split, "test", "train|val|test", "which images"),
    DUET_INT(features_options, t, "-2", -2, 100000, "noise step; -1 = clean; default: the model's recommendation"),
    DUET_INT(features_options, tap, "0", 0, 1000, "block b; default: the model's recommendation"),
    DUET_INT(features_options, pool, "0", 0, 64, "side of the pooled map; default: the model's recommendation"),
    DUET_INT(features_options, seed, "0", 0, 9e15, "seed of the noise"),
    DUET_INT(features_options, batch, "0", 0, 4096, "images a pass; 0 = chosen"),
    DUET_TEXT(features_options, out, "", NULL, "f.npz (X, y, index) or f.safetensors"),
};

static duet_status compute(cli_state *cli, const features_options *o, duet_model *model, const duet_dataset *dataset) {
    const duet_recommendation *best = &duet_model_card(model)->recommended;
    duet_features_options options = {.reader = {.t = o->t, .noise_seed = (uint64_t)o->seed, .batch = o->batch}, .label = "features"};
    if ((o->t == -2 || o->tap == 0 || o->pool == 0) && !best->valid)
        return cli_fail(DUET_ARG, "the model has no recommended setting yet; give --t, --tap and --pool, or run 'duet sweep' first");
    if (o->t == -2) options.reader.t = best->t;
    options.reader.taps = (duet_int_list){.count = 1, .v = {o->tap ? o->tap : best->tap}};
    options.reader.pools = (duet_int_list){.count = 1, .v = {o->pool ? o->pool : best->pool}};
    duet_split split = DUET_TEST;
    duet_view view = {0};
    duet_feature_table *tables = NULL;
    int64_t count = 0;
    duet_status status = cli_check_one(model, options.reader.taps.v[0], options.reader.pools.v[0]);
    if (status == DUET_OK) status = duet_split_parse(&split, o->split);
    if (status == DUET_OK) status = duet_view_all(&view, dataset, split);
    if (status == DUET_OK && view.count == 0) status = cli_fail(DUET_ARG, "'%s' has no '%s' split; give another with --split ('duet data info' shows them)", o->data, o->split);
    if (status == DUET_OK)
        status = duet_features(cli->ctx, &tables, &count, model, &duet_model_card(model)->preprocess, dataset, &view, &options);
    if (status == DUET_OK) status = duet_feature_table_save(&tables[0], o->out);
    if (status == DUET_OK) {
        cli_say(cli, "wrote %s: %lld rows x %lld (t %lld, tap %d, pool %d)\n", o->out, (long long)tables[0].rows, (long long)tables[0].dim,
                (long long)tables[0].t, tables[0].tap, tables[0].pool);
        cli_json(cli, json_pack("{s:s,s:I,s:I,s:I,s:i,s:i}", "out", o->out, "rows", (json_int_t)tables[0].rows, "dim",
                                (json_int_t)tables[0].dim, "t", (json_int_t)tables[0].t, "tap", tables[0].tap, "pool", tables[0].pool));
    }
    duet_features_free(tables, count);
    duet_view_free(&view);
    return status;
}

static duet_status run(cli_state *cli) {
    const features_options *o = cli->options;
    duet_model *model = NULL;
    duet_dataset *dataset = NULL;
    if (!o->data[0]) return cli_wrong("no data set; give --data PATH");
    if (!o->out[0]) return cli_wrong("where to? give --out f.npz or --out f.safetensors");
    duet_status status = cli_check_out(o->out, ".npz .safetensors");
    if (status == DUET_OK) status = cli_model_open(cli, &model, cli->args[0]);
    if (status == DUET_OK) status = duet_dataset_open(cli->ctx, &dataset, o->data);
    if (status == DUET_OK) status = compute(cli, o, model, dataset);
    duet_dataset_close(dataset);
    duet_model_close(model);
    return status;
}

const cli_cmd duet_cmd_features = {
    .info = {.name = "features", .help = "feature rows of a data set to a file", .params = DUET_TABLE(params, features_options)},
    .usage = "MODEL --data DATA --out f.npz [options]",
    .details = "The npz holds X f32 [N,D], y i64 [N], index i64 [N], as scikit-learn expects.\n"
               "  duet features RUN --data fashion-mnist --split test --t 10 --tap 9 --pool 2 --out f.npz",
    .min_args = 1, .max_args = 1, .missing = "which model?", .run = run,
};
