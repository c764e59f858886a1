/* SPDX-License-Identifier: MIT
 * cli/show_set.c: the contents of a data set, for 'duet data info' and 'duet info'. */
#include <stdio.h>

#include "cli/cli.h"

json_t *cli_notes_show(const cli_state *cli, const char *title, const duet_dataset_note *notes,
                       int count) {
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        const duet_dataset_note *n = &notes[i];
        cli_say(cli, "  %s%s: %lld, such as '%s'\n", title, n->reason, (long long)n->count,
                n->example);
        json_array_append_new(list, json_pack("{s:s,s:I,s:s,s:s,s:b}", "reason", n->reason, "count",
                                              (json_int_t)n->count, "example", n->example, "advice",
                                              n->advice, "expected", n->quiet));
    }
    return list;
}

duet_status cli_dataset_show(cli_state *cli, const char *path) {
    duet_dataset *dataset = NULL;
    const duet_status status = duet_dataset_open(cli->ctx, &dataset, path);
    if (status != DUET_OK) return status;
    const duet_dataset_info *d = duet_dataset_describe(dataset);
    json_t *names = json_array();
    cli_say(cli, "%s: layout %s, %lld x %lld%s, %d channel%s\n", d->name, d->layout,
            (long long)d->width, (long long)d->height, d->varied ? " (varied)" : "", d->channels,
            d->channels == 1 ? "" : "s");
    for (int s = 0; s < DUET_SPLIT_COUNT; s++)
        cli_say(cli, "  %-6s %8lld images\n", duet_split_name((duet_split)s),
                (long long)d->count[s]);
    cli_say(cli, d->labelled ? "  %d classes:" : "  no labels\n", d->class_count);
    for (int i = 0; i < d->class_count; i++) {
        if (d->labelled && i < 12) cli_say(cli, "%s %s", i ? "," : "", d->class_names[i]);
        json_array_append_new(names, json_string(d->class_names[i]));
    }
    if (d->labelled) cli_say(cli, "%s\n", d->class_count > 12 ? ", …" : "");
    json_t *left_out = cli_notes_show(cli, "left out, ", d->left_out, d->left_out_count);
    json_t *noticed = cli_notes_show(cli, "", d->noticed, d->noticed_count);
    cli_json(cli,
             json_pack("{s:s,s:s,s:s,s:I,s:I,s:b,s:i,s:b,s:I,s:I,s:I,s:o,s:o,s:o}", "name", d->name,
                       "path", d->shown_path, "layout", d->layout, "height", (json_int_t)d->height,
                       "width", (json_int_t)d->width, "varied", d->varied, "channels", d->channels,
                       "labelled", d->labelled, "train", (json_int_t)d->count[DUET_TRAIN], "val",
                       (json_int_t)d->count[DUET_VAL], "test", (json_int_t)d->count[DUET_TEST],
                       "classes", names, "left_out", left_out, "noticed", noticed));
    duet_dataset_close(dataset);
    return DUET_OK;
}
