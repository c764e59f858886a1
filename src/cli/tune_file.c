/* SPDX-License-Identifier: MIT
 * cli/tune_file.c: the file that keeps measured choices of kernels between commands. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

static bool set(char out[CLI_PATH], const char *variable, const char *rest) {
    const char *folder = getenv(variable);
    if (folder == NULL || !folder[0]) return false;
    const int n = snprintf(out, CLI_PATH, "%s%s", folder, rest);
    return n > 0 && n < CLI_PATH;
}

bool cli_tuning_path(char out[CLI_PATH]) {
    return set(out, "DUET_CACHE", "/tune.json") || set(out, "XDG_CACHE_HOME", "/duet/tune.json") ||
           set(out, "HOME", "/.cache/duet/tune.json");
}

duet_status cli_tuning_load(cli_state *cli) {
    char path[CLI_PATH];
    if (!cli_tuning_path(path) || !cli_exists(path)) return DUET_OK;
    const duet_status status = duet_tuning_load(cli->ctx, &cli->tuning, path);
    if (status == DUET_OK) duet_context_set_tuning(cli->ctx, cli->tuning);
    return status;
}

/* Makes all folders above the file. */
static duet_status make_folders(const char *path) {
    char folder[CLI_PATH];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *at = strchr(folder + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return cli_fail(DUET_IO, "cannot make the folder '%s': %s", folder, strerror(errno));
        *at = '/';
    }
    return DUET_OK;
}

duet_status cli_tuning_save(char path[CLI_PATH], const duet_tuning *tuning) {
    if (!cli_tuning_path(path))
        return cli_fail(DUET_ARG,
                        "no cache folder for the measurements; set DUET_CACHE to a folder");
    const duet_status status = make_folders(path);
    return status == DUET_OK ? duet_tuning_save(tuning, path) : status;
}
