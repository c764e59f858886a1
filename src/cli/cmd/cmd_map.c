/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_map.c: duet map MODEL --data DATA: images as points in the plane, near each other
 * where their features are. */
#include <stdio.h>
#include <string.h>

#include "cli/looks.h"

typedef struct map_options {
    CLI_LOOK_FIELDS;
    char setting[DUET_SETTINGS_SIZE], reader[DUET_TEXT_SIZE], method[DUET_TEXT_SIZE],
        cache[CLI_PATH];
    bool fresh;
} map_options;

static const duet_param params[] = {
    CLI_LOOK_SET_ROWS(map_options, "1000", 5000),
    DUET_TEXT(map_options, method, "tsne", NULL,
              "how features become points ('duet help plane'): pca, tsne:perplexity=20"),
    CLI_SETTING_ROW(map_options),
    DUET_TEXT(map_options, reader, "model", NULL,
              "what gives the features ('duet help reader'): random and pixels to compare with"),
    DUET_TEXT(map_options, cache, "", NULL,
              "folder in which features are kept; default: cache in the run, none for a file"),
    DUET_BOOLEAN(map_options, fresh, "false",
                 "forgets the features kept there and computes them again"),
    CLI_LOOK_ROWS(map_options),
};

static duet_status find_settings(cli_state *cli, duet_settings *out, duet_model *model) {
    const map_options *o = cli->options;
    const char *from = NULL;
    duet_status status = cli_settings(cli, o->setting, out);
    if (status == DUET_OK) status = duet_settings_find(cli->ctx, out, &from, model);
    if (status != DUET_OK || *from != '\0') return status;
    if (out->count == 0 && duet_model_feature_setting(model, &out->v[0])) {
        out->count = 1;
        return DUET_OK;
    }
    status = duet_settings_guess(cli->ctx, out, model);
    char text[CLI_SETTINGS];
    if (status == DUET_OK)
        cli_say(cli, "no recommended setting yet ('duet sweep' finds one): %s\n",
                cli_settings_text(out, text));
    return status;
}

/* ": divergence (KL) 0.67 nats", and so on, for each value of the list. */
static void say_values(const cli_state *cli, const json_t *values, bool first) {
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *v = json_array_get(values, i), *number = json_object_get(v, "value");
        const char *unit = json_string_value(json_object_get(v, "unit"));
        if (json_is_number(number))
            cli_say(cli, "%s %s %.3g%s%s", first && i == 0 ? ":" : ",",
                    json_string_value(json_object_get(v, "title")), json_number_value(number),
                    *unit ? " " : "", unit);
    }
}

static void say(const cli_state *cli, const duet_look *look) {
    json_t *const r = json_loads(duet_look_json(look), 0, NULL);
    const json_t *trust = json_object_get(r, "trust");
    char time_text[32];
    cli_duration(time_text, json_number_value(json_object_get(r, "seconds")));
    cli_say(cli, "%s of %lld images in %s", json_string_value(json_object_get(r, "method_title")),
            (long long)json_integer_value(json_object_get(r, "rows")), time_text);
    if (json_is_number(trust)) cli_say(cli, ": trustworthiness %.3f", json_number_value(trust));
    say_values(cli, json_object_get(r, "values"), !json_is_number(trust));
    cli_say(cli, "\nfeatures, of length one");
    say_values(cli, json_object_get(r, "metrics"), true);
    cli_say(cli, "\n");
    json_decref(r);
}

static duet_status map(cli_state *cli, duet_model *model, const duet_dataset *dataset) {
    const map_options *o = cli->options;
    duet_map_options options = {
        .rows = {.rows = o->rows, .seed = o->seed, .batch = o->batch, .bad = cli->bad}};
    duet_look *look = NULL;
    snprintf(options.reader, sizeof options.reader, "%s", o->reader);
    snprintf(options.method, sizeof options.method, "%s", o->method);
    duet_status status = duet_split_parse(&options.rows.split, o->split);
    if (status == DUET_OK) status = find_settings(cli, &options.settings, model);
    if (status == DUET_OK && (o->cache[0] || duet_run_is(cli->args[0])))
        status = cli_cache(options.cache, o->cache, cli->args[0], o->fresh);
    if (status == DUET_OK) status = duet_map_images(cli->ctx, &look, model, dataset, &options);
    if (status == DUET_OK) say(cli, look);
    if (status == DUET_OK) status = cli_look_keep(cli, look, model, "map", o->out);
    duet_look_free(look);
    return status;
}

static duet_status run(cli_state *cli) {
    const map_options *o = cli->options;
    const duet_entry *entry = NULL;
    duet_status status = o->out[0] ? cli_check_file("--out", o->out, ".png .svg") : DUET_OK;
    if (status == DUET_OK)
        status = duet_family_parse(&duet_family_plane, &entry, NULL, 0, o->method);
    return status == DUET_OK ? cli_with_data(cli, o->data, o->on_bad, map) : status;
}

const cli_cmd duet_cmd_map = {
    .info = {.name = "map",
             .help = "images as points, near where their features are",
             .params = DUET_TABLE(params, map_options)},
    .usage = "MODEL --data DATA [options]",
    .details =
        "MODEL is a run folder or a model file. Without a setting: the one that the model "
        "recommends. The picture has the images at\ntheir points, framed in the colour of their "
        "class. In an SVG each says its name where the pointer "
        "rests.\n"
        "  duet map RUN --data fashion-mnist\n"
        "  duet map RUN --data fashion-mnist --method pca --reader pixels --out x.png",
    .extra = &duet_setting_params,
    .min_args = 1,
    .max_args = 1,
    .missing = "no model; give a run folder or a model file",
    .plans = true,
    .opens = true,
    .run = run,
};
