/* SPDX-License-Identifier: MIT
 * cli/main.c: finds the command, makes the context, runs it, turns the status into an exit code:
 * 0 done, 1 failed, 2 wrong usage, 130 interrupted (after saving). */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cmd/cmd.def"

DUET_FAMILY(cmd, DUET_CMDS, "commands");

const cli_cmd *cli_find(const char *name) {
    const duet_entry *const entry = duet_family_find(&duet_family_cmd, name);
    return entry != NULL ? duet_cmd_of(entry) : NULL;
}

static duet_status unknown_command(const char *name) {
    const char *nearest = duet_family_nearest(&duet_family_cmd, name);
    if (name[0] == '-')
        return cli_wrong("a command comes first, not '%s'; 'duet help' lists the commands", name);
    if (nearest != NULL) return cli_wrong("no command '%s'; did you mean '%s'?", name, nearest);
    return cli_wrong("no command '%s'; 'duet help' lists the commands", name);
}

static bool cancelled(void *user) {
    (void)user;
    return cli_interrupted();
}

/* A full disk behind stdout is a failure; a reader that stops reading ('duet info … | head') is
 * not. */
static duet_status flush_output(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return DUET_OK;
    const int reason = errno;
    if (reason == EPIPE || (poll(&out, 1, 0) == 1 && (out.revents & POLLERR))) return DUET_OK;
    return cli_fail(DUET_IO, "cannot write to the standard output: %s",
                    reason ? strerror(reason) : "it was refused");
}

static duet_status run_command(cli_state *cli, int argc, char **argv) {
    bool help = false;
    duet_status status = cli_parse(cli, argc, argv, &help);
    if (status != DUET_OK) return status;
    if (help) {
        cli_print_help(cli->cmd);
        return flush_output();
    }
    const duet_context_options context = {.threads = (int)cli->common.threads,
                                          .exact = cli->common.exact,
                                          .bf16 = strcmp(cli->common.precision, "bf16") == 0,
                                          .log = cli_log,
                                          .progress = cli->common.quiet ? NULL : cli_progress,
                                          .cancelled = cancelled,
                                          .user = cli,
                                          .device = cli->common.device};
    status = duet_context_new(&cli->ctx, &context);
    if (status == DUET_OK && cli->cmd->plans && cli->common.tuned) status = cli_tuning_load(cli);
    if (status == DUET_OK) status = cli_advise(cli, cli->cmd->run(cli));
    cli_progress_end();
    cli_bad_tell(cli);
    duet_bad_images_free(cli->bad);
    duet_context_free(cli->ctx);
    duet_tuning_free(cli->tuning);
    return status == DUET_OK ? flush_output() : status;
}

static bool wants_json(int argc, char **argv) {
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "--json=true") == 0) return true;
    return false;
}

/* With room for the options of the command, however large its table is. */
static duet_status run_with_options(cli_state *cli, int argc, char **argv) {
    const duet_param_table *const extra = cli->cmd->extra;
    cli->options = calloc(1, cli->cmd->info.params.options_size + 1);
    cli->extra = calloc(1, (extra != NULL ? extra->options_size : 0) + 1);
    const duet_status status = cli->options != NULL && cli->extra != NULL
                                   ? run_command(cli, argc, argv)
                                   : cli_fail(DUET_NO_MEMORY, "out of memory");
    free(cli->extra);
    free(cli->options);
    return status;
}

int main(int argc, char **argv) {
    static const char *args[4096];
    cli_state cli = {.args = args};
    cli_watch_signals();
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        cli_print_overview();
        return argc < 2 ? CLI_USAGE : CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("duet %s\n", DUET_VERSION);
        return CLI_OK;
    }
    cli.cmd = cli_find(argv[1]);
    const duet_status status =
        cli.cmd != NULL ? run_with_options(&cli, argc, argv) : unknown_command(argv[1]);
    if (status == DUET_OK) return CLI_OK;
    cli.common.json = wants_json(argc, argv); /* parsing may have stopped before it */
    return cli_report_failure(&cli, status);
}
