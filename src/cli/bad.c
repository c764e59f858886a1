/* SPDX-License-Identifier: MIT
 * cli/bad.c: --on-bad: images that cannot be read are left out, counted, and reported once. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

duet_status cli_on_bad(cli_state *cli, const char *on_bad) {
    return strcmp(on_bad, "skip") == 0 ? duet_bad_images_new(&cli->bad) : DUET_OK;
}

int64_t cli_bad_count(const cli_state *cli) {
    int64_t count = 0;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++)
        count += duet_bad_images_count(cli->bad, (duet_split)s);
    return count;
}

void cli_bad_say(int64_t count, const char *first) {
    char line[1200];
    if (count == 0) return;
    snprintf(line, sizeof line, "%lld image%s left out that cannot be read%s: %s", (long long)count,
             count == 1 ? "" : "s", count == 1 ? "" : ", the first", first);
    cli_log(DUET_LOG_WARNING, line, NULL);
}

void cli_bad_tell(const cli_state *cli) {
    cli_bad_say(cli_bad_count(cli), duet_bad_images_first(cli->bad));
}

json_t *cli_bad_json(const cli_state *cli) {
    return json_pack("{s:I,s:I,s:I,s:o}", "train",
                     (json_int_t)duet_bad_images_count(cli->bad, DUET_TRAIN), "val",
                     (json_int_t)duet_bad_images_count(cli->bad, DUET_VAL), "test",
                     (json_int_t)duet_bad_images_count(cli->bad, DUET_TEST), "first",
                     cli_name(duet_bad_images_first(cli->bad)));
}
