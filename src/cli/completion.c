/* SPDX-License-Identifier: MIT
 * cli/completion.c: completion for bash from the tables of commands: the commands, the flags of
 * each, the values of flags with few choices. Everything else is completed as a path. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void put_flags(const duet_param_table *table) {
    for (int i = 0; table != NULL && i < table->count; i++) {
        char flag[64];
        cli_flag_text(flag, table->rows[i].name);
        printf(" --%s", flag);
    }
}

static void put_choices(const duet_param_table *table) {
    for (int i = 0; table != NULL && i < table->count; i++) {
        const char *choices = table->rows[i].choices;
        if (choices == NULL || strchr(choices, '|') == NULL) continue;
        char flag[64];
        cli_flag_text(flag, table->rows[i].name);
        printf("        [[ $before == --%s ]] && words=\"", flag);
        for (const char *c = choices; *c; c++) putchar(*c == '|' ? ' ' : *c);
        printf("\"\n");
    }
}

void cli_print_completion(void) {
    const duet_family *const all = &duet_family_cmd;
    printf("# Written by 'duet help --completion'.\n_duet() {\n"
           "    local now=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words= "
           "flags=\n    case ${COMP_WORDS[1]} in\n");
    for (int i = 0; i < all->count; i++) {
        const cli_cmd *const cmd = duet_cmd_of(all->entries[i]);
        const duet_param_table *const tables[] = {&cmd->info.params, cmd->extra,
                                                  &cli_common_params};
        printf("    %s)\n        flags=\"--help", cmd->info.name);
        for (int k = 0; k < DUET_COUNT(tables); k++) put_flags(tables[k]);
        printf("\"\n");
        for (int k = 0; k < DUET_COUNT(tables); k++) put_choices(tables[k]);
        printf("        ;;\n");
    }
    printf("    esac\n    [[ $COMP_CWORD -eq 1 ]] && words=\"");
    for (int i = 0; i < all->count; i++) printf("%s%s", i ? " " : "", all->entries[i]->name);
    printf("\"\n    [[ $now == -* ]] && words=$flags\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$now\"))\n}\n"
           "complete -o default -F _duet duet\n");
}
