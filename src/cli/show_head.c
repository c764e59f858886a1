/* SPDX-License-Identifier: MIT
 * cli/show_head.c: where a model's head is, what it knows, and its looks at test images. */
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

duet_status cli_books_add(const char *path, const char *command, const duet_model *model,
                          const duet_head_card *card, const duet_dataset *dataset, duet_split split,
                          const duet_evaluation *e) {
    return duet_books_add(path,
                          &(duet_test_look){.command = command,
                                            .data = duet_dataset_describe(dataset)->name,
                                            .head = card != NULL ? card->head : NULL,
                                            .split = split,
                                            .settings = card != NULL ? &card->settings : NULL,
                                            .model_hash = duet_model_hash(model),
                                            .rows = e->rows,
                                            .heads = 1,
                                            .top1 = duet_metric_find(&e->result, "top1", NAN)});
}
