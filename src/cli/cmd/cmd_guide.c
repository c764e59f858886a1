/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_guide.c: duet guide MODEL --data DATA: heads at several levels, with which the model
 * steers itself towards a class. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

typedef struct guide_options {
    char data[CLI_PATH], out[CLI_PATH], head[DUET_TEXT_SIZE], cache[CLI_PATH], cache_type[8],
        on_bad[8];
    duet_int_list t;
    int64_t tap, pool, rows, val_rows, batch;
    uint64_t seed;
    bool fresh;
} guide_options;

static const duet_param params[] = {
    DUET_TEXT(guide_options, data, "", NULL, "data set with classes"),
    DUET_TEXT(guide_options, out, "", NULL, "g.safetensors; default: guide.safetensors in the run"),
    DUET_INTS(guide_options, t, "", 0, 1e6,
              "levels of the heads; default: eight over the schedule"),
    DUET_INT(guide_options, tap, "0", 0, 1000, "block; 0 = as a sweep recommends, else the middle"),
    DUET_INT(guide_options, pool, "0", 0, 64, "side of the pooled map; 0 = as recommended"),
    DUET_INT(guide_options, rows, "5000", 1, 1e9, "training images to fit on, at most"),
    DUET_INT(guide_options, val_rows, "1000", 1, 1e9, "others to choose the strength by"),
    DUET_TEXT(guide_options, head, "linear", NULL, "linear or ridge ('duet help head')"),
    DUET_SEED(guide_options, seed, "0", "seed of the rows and of the noise"),
    CLI_FEATURE_ROWS(guide_options),
};

/* Of a small set four fifths to fit on. */
static void rows_of(const guide_options *o, const duet_dataset *dataset, duet_guide_options *to) {
    const int64_t all = duet_dataset_describe(dataset)->count[DUET_TRAIN];
    if (o->rows + o->val_rows > all) return;
    to->fit_rows = o->rows;
    to->val_rows = o->val_rows;
}

static duet_status make(cli_state *cli, duet_model *model, const duet_dataset *dataset) {
    const guide_options *o = cli->options;
    const bool run = duet_run_is(cli->args[0]);
    duet_guide_options options = {
        .times = o->t, .tap = o->tap, .pool = o->pool, .batch = o->batch, .seed = o->seed};
    duet_guide_result result;
    char path[CLI_PATH];
    snprintf(path, sizeof path, *o->out ? "%s%s" : "%s/%s", *o->out ? o->out : cli->args[0],
             *o->out ? "" : "guide.safetensors");
    snprintf(options.head, sizeof options.head, "%s", o->head);
    options.bad = cli->bad;
    rows_of(o, dataset, &options);
    duet_status status = DUET_OK;
    if (run || *o->cache) status = cli_cache(options.cache, o->cache, cli->args[0], o->fresh);
    if (status == DUET_OK)
        status = duet_guide_make(cli->ctx, &result, model, dataset, &options, path);
    if (status != DUET_OK) return status;
    json_t *levels = json_array();
    cli_say(cli, "heads on tap %lld, pool %lld; right of %lld validation images:\n",
            (long long)result.tap, (long long)result.pool, (long long)result.val_rows);
    for (int i = 0; i < result.count; i++) {
        cli_say(cli, "  t %-5lld %6.2f %%\n", (long long)result.t[i], result.top1[i]);
        json_array_append_new(
            levels, json_pack("{s:I,s:f}", "t", (json_int_t)result.t[i], "top1", result.top1[i]));
    }
    cli_say(cli, "wrote %s; 'duet sample %s --guide %s --label K' asks for class K\n", path,
            cli->args[0], path);
    cli_json(cli, json_pack("{s:s,s:o,s:I,s:I,s:I,s:I,s:o}", "command", "guide", "out",
                            cli_name(path), "tap", (json_int_t)result.tap, "pool",
                            (json_int_t)result.pool, "rows", (json_int_t)result.fit_rows,
                            "val_rows", (json_int_t)result.val_rows, "levels", levels));
    return DUET_OK;
}

static duet_status run(cli_state *cli) {
    const guide_options *o = cli->options;
    if (!*o->out && !duet_run_is(cli->args[0]))
        return cli_wrong("'%s' is no run folder; give --out with a file for the guide",
                         cli->args[0]);
    const duet_status status = *o->out ? cli_check_out(o->out, ".safetensors") : DUET_OK;
    return status == DUET_OK ? cli_with_data(cli, o->data, o->on_bad, make) : status;
}

const cli_cmd duet_cmd_guide = {
    .info = {.name = "guide",
             .help = "heads by which a model steers its own samples to a class",
             .params = DUET_TABLE(params, guide_options)},
    .usage = "MODEL --data DATA [options]",
    .details = "Linear heads on features of noisy images, one for each of several levels; their "
               "gradients steer the sampler of the same\nmodel. It was trained without labels and "
               "stays as it is.\n"
               "  duet guide RUN --data fashion-mnist\n"
               "  duet sample RUN --guide RUN/guide.safetensors --label 3 --guidance 2 --out x.png",
    .min_args = 1,
    .max_args = 1,
    .missing = "no model; give a run folder or a model file",
    .plans = true,
    .opens = true,
    .run = run,
};
