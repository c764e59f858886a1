/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_report.c: duet report RUN: rebuilds the page from the files of the run folder. */
#include "cli/cli.h"

static duet_status run(cli_state *cli) {
    char path[CLI_PATH];
    if (!duet_run_is(cli->args[0]))
        return cli_fail(DUET_ARG, "'%s' is not a run folder (it has no run.json)", cli->args[0]);
    const duet_status status = duet_report_write(path, cli->args[0]);
    if (status != DUET_OK) return status;
    cli_say(cli, "report: %s\n", path);
    cli_json(cli, json_pack("{s:o}", "report", cli_name(path)));
    return DUET_OK;
}

const cli_cmd duet_cmd_report = {
    .info = {.name = "report",
             .help = "rebuild RUN/report.html from the run's files",
             .params = DUET_TABLE_EMPTY},
    .usage = "RUN",
    .min_args = 1,
    .max_args = 1,
    .missing = "no run folder; give its path",
    .run = run,
};
