/* SPDX-License-Identifier: MIT
 * cli/main.c: finds the command, makes the context, runs it, turns the status into an exit code:
 * 0 done, 1 failed, 2 wrong usage, 130 interrupted (after saving). */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#define DUET_CMD(name) extern const cli_cmd duet_cmd_##name;
#include "cli/cmd/cmd.def"
#undef DUET_CMD

#define DUET_CMD(name) &duet_cmd_##name,
static const cli_cmd *const commands[] = {
#include "cli/cmd/cmd.def"
};
#undef DUET_CMD

const cli_cmd *const *cli_commands(int *count) {
    *count = DUET_COUNT(commands);
    return commands;
}

const cli_cmd *cli_find(const char *name) {
    for (int i = 0; i < DUET_COUNT(commands); i++)
        if (strcmp(commands[i]->info.name, name) == 0) return commands[i];
    return NULL;
}

static int unknown_command(const char *name) {
    const char *names[DUET_COUNT(commands)];
    for (int i = 0; i < DUET_COUNT(commands); i++) names[i] = commands[i]->info.name;
    const char *nearest = duet_nearest(name, names, DUET_COUNT(commands));
    fprintf(stderr, "duet: no command '%s'", name);
    if (nearest) fprintf(stderr, "; did you mean '%s'?\n", nearest);
    else fprintf(stderr, "; 'duet help' lists the commands\n");
    return CLI_USAGE;
}

static bool cancelled(void *user) {
    (void)user;
    return cli_interrupted();
}

static int run_command(const cli_cmd *cmd, int argc, char **argv) {
    bool help = false;
    cli_state state = {.cmd = cmd};
    union { long double align; char bytes[16384]; } options, extra;
    const char *args[4096];
    if (cmd->info.params.options_size > sizeof options || (cmd->extra && cmd->extra->options_size > sizeof extra)) return CLI_FAILED;
    state.options = &options;
    state.extra = &extra;
    state.args = args;
    if (!cli_parse(&state, argc, argv, &help)) return CLI_USAGE;
    if (help) {
        cli_print_help(cmd);
        return CLI_OK;
    }
    cli_watch_signals();
    const duet_context_options context = {.threads = (int)state.common.threads, .exact = state.common.exact, .log = cli_log,
                                          .progress = state.common.quiet ? NULL : cli_progress, .cancelled = cancelled, .user = &state};
    duet_status status = duet_context_new(&state.ctx, &context);
    if (status == DUET_OK) status = cmd->run(&state);
    cli_progress_end();
    duet_context_free(state.ctx);
    return status == DUET_OK ? CLI_OK : cli_report_failure(status);
}

int main(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        cli_print_overview();
        return argc < 2 ? CLI_USAGE : CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("duet %s\n", DUET_VERSION);
        return CLI_OK;
    }
    const cli_cmd *cmd = cli_find(argv[1]);
    return cmd ? run_command(cmd, argc, argv) : unknown_command(argv[1]);
}
