/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_data.c: duet data list | info DATA. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static duet_status list(cli_state *cli) {
    json_t *rows = json_array();
    cli_say(cli, "DATA is a path (the layout is detected) or a built-in set:\n\n");
    for (int i = 0; i < duet_family_dataset.count; i++) {
        const duet_entry *entry = duet_family_dataset.entries[i];
        cli_say(cli, "  %-14s %s\n", entry->name, entry->help);
        json_array_append_new(rows, json_pack("{s:s,s:s}", "layout", entry->name, "help", entry->help));
    }
    cli_json(cli, json_pack("{s:o}", "layouts", rows));
    return DUET_OK;
}

static duet_status info(cli_state *cli, const char *path) {
    duet_dataset *dataset = NULL;
    const duet_status status = duet_dataset_open(cli->ctx, &dataset, path);
    if (status != DUET_OK) return status;
    const duet_dataset_info *d = duet_dataset_describe(dataset);
    json_t *names = json_array();
    cli_say(cli, "%s: layout %s, %lld x %lld%s, %d channel%s\n", d->name, d->layout, (long long)d->width, (long long)d->height,
            d->varied ? " (varied)" : "", d->channels, d->channels == 1 ? "" : "s");
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) cli_say(cli, "  %-6s %8lld images\n", duet_split_name((duet_split)s), (long long)d->count[s]);
    cli_say(cli, d->labelled ? "  %d classes:" : "  no labels\n", d->class_count);
    for (int i = 0; i < d->class_count; i++) {
        if (d->labelled && i < 12) cli_say(cli, "%s %s", i ? "," : "", d->class_names[i]);
        json_array_append_new(names, json_string(d->class_names[i]));
    }
    if (d->labelled) cli_say(cli, "%s\n", d->class_count > 12 ? ", …" : "");
    cli_json(cli, json_pack("{s:s,s:s,s:s,s:I,s:I,s:b,s:i,s:b,s:I,s:I,s:I,s:o}", "name", d->name, "path", d->path, "layout", d->layout, "height",
                            (json_int_t)d->height, "width", (json_int_t)d->width, "varied", d->varied, "channels", d->channels, "labelled",
                            d->labelled, "train", (json_int_t)d->count[DUET_TRAIN], "val", (json_int_t)d->count[DUET_VAL], "test",
                            (json_int_t)d->count[DUET_TEST], "classes", names));
    duet_dataset_close(dataset);
    return DUET_OK;
}

static duet_status run(cli_state *cli) {
    if (strcmp(cli->args[0], "list") == 0) return cli->arg_count == 1 ? list(cli) : cli_wrong("'duet data list' takes nothing more; for a set use 'duet data info %s'", cli->args[1]);
    if (strcmp(cli->args[0], "info") != 0)
        return cli_wrong("no action '%s'; use 'duet data list' or 'duet data info DATA'", cli->args[0]);
    if (cli->arg_count < 2) return cli_wrong("which data set? use 'duet data info DATA'");
    return info(cli, cli->args[1]);
}

const cli_cmd duet_cmd_data = {
    .info = {.name = "data", .help = "what layouts are known; what is in a data set", .params = DUET_TABLE_EMPTY},
    .usage = "list | info DATA",
    .details = "list shows the layouts; info shows the images, splits and classes of one data set.", .min_args = 1, .max_args = 2, .missing = "say list, or info and a data set", .run = run,
};
