/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_help.c: duet help [COMMAND | FAMILY]: printed from the tables. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const duet_family *const families[] = {&duet_family_arch, &duet_family_dataset, &duet_family_augment, &duet_family_head};

static void print_family(const duet_family *family) {
    printf("%s: %s\n", family->name, family->help);
    for (int i = 0; i < family->count; i++) {
        const duet_entry *entry = family->entries[i];
        printf("\n  %s: %s\n", entry->name, entry->help);
        for (int row = 0; row < entry->params.count; row++) {
            const duet_param *param = &entry->params.rows[row];
            printf("    %-26s %s (default %s)\n", param->name, param->help, param->default_text && *param->default_text ? param->default_text : "none");
        }
    }
}

static duet_status run(cli_state *cli) {
    if (cli->arg_count == 0) {
        cli_print_overview();
        printf("\n'duet help FAMILY' lists what can be plugged in:");
        for (int i = 0; i < DUET_COUNT(families); i++) printf(" %s", families[i]->name);
        printf("\n");
        return DUET_OK;
    }
    const cli_cmd *cmd = cli_find(cli->args[0]);
    if (cmd) {
        cli_print_help(cmd);
        return DUET_OK;
    }
    for (int i = 0; i < DUET_COUNT(families); i++) {
        if (strcmp(families[i]->name, cli->args[0]) != 0) continue;
        print_family(families[i]);
        return DUET_OK;
    }
    return cli_fail(DUET_NOT_FOUND, "no command or family '%s'; 'duet help' lists them", cli->args[0]);
}

const cli_cmd duet_cmd_help = {
    .info = {.name = "help", .help = "this list, a command's options, or a family's members", .params = DUET_TABLE_EMPTY},
    .usage = "[COMMAND | FAMILY]", .max_args = 1, .run = run,
};
