/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_data.c: duet data list | info DATA | check DATA | pack DATA --out FILE | get NAME. */
#include <stdio.h>
#include <string.h>

#include "cli/get/get.h"

typedef struct data_options {
    char out[CLI_PATH], from[CLI_PATH], split[DUET_TEXT_SIZE], on_bad[DUET_TEXT_SIZE];
    int64_t size;
    bool decode;
} data_options;

static const duet_param params[] = {
    DUET_TEXT(data_options, out, "", NULL,
              "pack: x.zip (EDM, StyleGAN), x.tar or 'x-{000..012}.tar' (WebDataset); get: the "
              "folder to make (default: the set's name)"),
    DUET_TEXT(data_options, from, "", NULL,
              "get: a mirror that holds the files by their names, http:, https: or file:"),
    DUET_TEXT(data_options, split, "train", "train|val|test", "pack: which rows"),
    DUET_INT(data_options, size, "0", 0, 4096,
             "pack: side to scale the images to; 0 = as they are"),
    DUET_BOOLEAN(data_options, decode, "false", "check: decodes every image, too"),
    CLI_ON_BAD_ROW(data_options),
};

static json_t *list_sets(const cli_state *cli) {
    json_t *const rows = json_array();
    int count = 0;
    const get_set *const sets = get_sets(&count);
    cli_say(cli, "\n'duet data get NAME' downloads:\n\n");
    for (int i = 0; i < count; i++) {
        cli_say(cli, "  %-14s %s, about %s MB\n", sets[i].name, sets[i].title, sets[i].megabytes);
        json_array_append_new(rows, json_pack("{s:s,s:s,s:s}", "name", sets[i].name, "title",
                                              sets[i].title, "terms", sets[i].home));
    }
    return rows;
}

static duet_status list(cli_state *cli) {
    json_t *rows = json_array();
    cli_say(cli, "DATA is a path (the layout is detected) or a built-in set:\n\n");
    for (int i = 0; i < duet_family_dataset.count; i++) {
        const duet_entry *entry = duet_family_dataset.entries[i];
        cli_say(cli, "  %-14s %s\n", entry->name, entry->help);
        json_array_append_new(rows,
                              json_pack("{s:s,s:s}", "layout", entry->name, "help", entry->help));
    }
    cli_json(cli, json_pack("{s:o,s:o}", "layouts", rows, "to_get", list_sets(cli)));
    return DUET_OK;
}

static void add_note(json_t *list, int64_t count, const char *reason, const char *example) {
    if (count > 0)
        json_array_append_new(list, json_pack("{s:s,s:I,s:o}", "reason", reason, "count",
                                              (json_int_t)count, "example", cli_name(example)));
}

/* As 'duet data info' lists what it has noticed. */
static json_t *noticed(const duet_pack_result *result) {
    json_t *const list = json_array();
    add_note(list, result->greyed, "images in colour were packed as grey", result->first_greyed);
    add_note(list, result->opaque, "images with transparent pixels were composed over white",
             result->first_opaque);
    return list;
}

static duet_status pack(cli_state *cli, const char *path) {
    const data_options *const o = cli->options;
    duet_dataset *dataset = NULL;
    duet_split split = DUET_TRAIN;
    duet_pack_result result;
    if (!o->out[0])
        return cli_wrong(
            "no output; give --out x.zip (EDM, StyleGAN) or 'x-{000..012}.tar' (WebDataset)");
    duet_status status = cli_check_out(o->out, ".zip .tar");
    if (status == DUET_OK) status = duet_split_parse(&split, o->split);
    if (status == DUET_OK) status = duet_dataset_open(cli->ctx, &dataset, path);
    if (status == DUET_OK) status = cli_on_bad(cli, o->on_bad);
    if (status == DUET_OK)
        status = duet_dataset_pack(cli->ctx, &result, dataset, split, o->size, o->out, cli->bad);
    if (status == DUET_OK) {
        cli_progress_end();
        cli_say(cli, "packed %lld images of the split %s: %s\n", (long long)result.images, o->split,
                o->out);
        cli_json(cli, json_pack("{s:o,s:s,s:I,s:o,s:o}", "out", cli_name(o->out), "split", o->split,
                                "images", (json_int_t)result.images, "left_out", cli_bad_json(cli),
                                "noticed", noticed(&result)));
    }
    duet_dataset_close(dataset);
    return status;
}

static duet_status run(cli_state *cli) {
    if (strcmp(cli->args[0], "list") == 0)
        return cli->arg_count == 1 ? list(cli)
                                   : cli_wrong("'duet data list' takes no further argument; for a "
                                               "set use 'duet data info %s'",
                                               cli->args[1]);
    const data_options *const o = cli->options;
    const char *const action = cli->args[0];
    const bool packs = strcmp(action, "pack") == 0, checks = strcmp(action, "check") == 0;
    const bool gets = strcmp(action, "get") == 0;
    if (!packs && !checks && !gets && strcmp(action, "info") != 0)
        return cli_wrong("unknown action '%s'; use 'duet data list', 'duet data info DATA', 'duet "
                         "data check DATA', 'duet data pack DATA --out FILE' or 'duet data get "
                         "NAME'",
                         action);
    if (cli->arg_count < 2)
        return cli_wrong("no data set; use 'duet data %s %s'", action, gets ? "NAME" : "DATA");
    if (o->from[0] != '\0' && !gets)
        return cli_wrong("--from is a mirror for 'duet data get NAME'");
    if (gets) return get_set_into(cli, cli->args[1], o->out, o->from);
    return packs    ? pack(cli, cli->args[1])
           : checks ? cli_dataset_check(cli, cli->args[1], o->decode)
                    : cli_dataset_show(cli, cli->args[1]);
}

const cli_cmd duet_cmd_data = {
    .info = {.name = "data",
             .help = "what layouts are known; what is in a data set, and whether all of it; pack "
                     "or get one",
             .params = DUET_TABLE(params, data_options)},
    .usage = "list | info DATA | check DATA | pack DATA --out FILE | get NAME [options]",
    .details =
        "list shows the layouts; info shows the images, splits and classes of one data set; "
        "check compares them with those of the published set and ends with 1 where it is "
        "incomplete; pack writes a split as an archive; get downloads a published set, verifies "
        "and unpacks it, and goes on where it was interrupted: the only command that uses a "
        "network.\n  duet data get fashion-mnist\n  duet data check CUB_200_2011\n  "
        "duet data pack cifar10 --out cifar10.zip\n  "
        "duet data pack photos --size 64 --out 'photos-train-{000..009}.tar'",
    .min_args = 1,
    .max_args = 2,
    .missing = "no action; use list, info DATA, check DATA, pack DATA or get NAME",
    .run = run,
};
