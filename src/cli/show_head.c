/* SPDX-License-Identifier: MIT
 * cli/show_head.c: where a model's head is, and what it knows. */
#include <math.h>
#include <stdio.h>

#include <duet/head.h>
#include <duet/run.h>

#include "cli/cli.h"

bool cli_head_find(char out[CLI_PATH], const char *model) {
    if (!duet_run_is(model)) {
        snprintf(out, CLI_PATH, "%s", model);
        return duet_head_in(model);
    }
    snprintf(out, CLI_PATH, "%.4000s/head.safetensors", model);
    return cli_exists(out);
}

void cli_head_say(const cli_state *cli, const char *model) {
    char path[CLI_PATH], text[CLI_SETTINGS];
    duet_head *head = NULL;
    duet_head_card card = {0};
    if (!cli_head_find(path, model) || duet_head_load(&head, &card, path) != DUET_OK) return;
    cli_say(cli, "  classifies  %d classes of %s by %s at %s", duet_head_classes(head),
            card.data[0] != '\0' ? card.data : "a data set", card.head,
            cli_settings_text(&card.settings, text));
    if (isfinite(card.top1)) cli_say(cli, " (%.2f %% of its test images)", card.top1);
    cli_say(cli, ": 'duet classify'\n");
    duet_head_free(head);
}
