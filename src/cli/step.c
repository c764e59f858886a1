/* SPDX-License-Identifier: MIT
 * cli/step.c: where results go, what is removed after a failed step, and small functions for
 * printing. */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

bool cli_exists(const char *path) {
    return access(path, F_OK) == 0;
}

duet_status cli_folder(const char *path) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return DUET_OK;
    return cli_fail(DUET_IO, "cannot make the folder '%s': %s", path, strerror(errno));
}

json_t *cli_seed(uint64_t seed) {
    char text[24];
    if (seed <= INT64_MAX) return json_integer((json_int_t)seed);
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    return json_string(text);
}

json_t *cli_name(const char *text) {
    char shown[4 * CLI_PATH];
    duet_text_shown(shown, sizeof shown, text);
    return json_string(shown);
}

duet_status cli_result_write(const cli_step *step, json_t *result) {
    char *const text = result != NULL ? json_dumps(result, JSON_COMPACT) : NULL;
    json_decref(result);
    const duet_status status = text != NULL
                                   ? duet_result_write(step->folder, text)
                                   : cli_fail(DUET_FORMAT, "a name in the result is not UTF-8");
    free(text);
    return status;
}

duet_status cli_step_new(cli_step *out, duet_model *model, const char *path, const char *command) {
    *out = (cli_step){.own_run = !duet_run_is(path)};
    if (!out->own_run) {
        snprintf(out->run, sizeof out->run, "%s", path);
        for (size_t n = strlen(out->run); n > 1 && out->run[n - 1] == '/'; n--)
            out->run[n - 1] = '\0';
    } else {
        const duet_status status = duet_run_new_of(out->run, "runs", command, model, path);
        if (status != DUET_OK) return status;
    }
    const duet_status status = duet_run_step_new(out->folder, out->run, command);
    return status == DUET_OK ? DUET_OK : cli_step_drop(out, status);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where) {
    (void)info;
    (void)type;
    (void)where;
    (void)remove(path);
    return 0;
}

void cli_remove_folder(const char *path) {
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

duet_status cli_step_drop(const cli_step *step, duet_status status) {
    const char *mine = step->own_run ? step->run : step->folder;
    char result[CLI_PATH], line[CLI_PATH + 64];
    snprintf(result, sizeof result, "%.4000s/result.json", step->folder);
    if (*step->folder && cli_exists(result)) {
        snprintf(line, sizeof line, "the result is kept in '%s'", result);
        cli_log(DUET_LOG_WARNING, line, NULL);
        return status;
    }
    if (*mine) cli_remove_folder(mine);
    if (step->own_run) rmdir("runs"); /* goes only when it is empty */
    return status;
}

duet_status cli_step_done(const cli_state *cli, const cli_step *step) {
    char report[CLI_PATH];
    const duet_status status = duet_report_write(report, step->run);
    if (status == DUET_OK) cli_say(cli, "report: %s\n", report);
    return status;
}

/* Files of the cache are named by sixteen hexadecimal digits and the extension; no other files are
 * touched. */
static bool is_cached(const char *name) {
    return strspn(name, "0123456789abcdef") == 16 && strcmp(name + 16, ".safetensors") == 0;
}

duet_status cli_cache(char out[CLI_PATH], const char *given, const char *run, bool fresh) {
    snprintf(out, CLI_PATH, "%.4000s%s", *given ? given : run, *given ? "" : "/cache");
    DIR *folder = fresh ? opendir(out) : NULL;
    if (folder == NULL) return DUET_OK; /* nothing to remove */
    duet_status status = DUET_OK;
    for (const struct dirent *entry = readdir(folder); entry != NULL && status == DUET_OK;
         entry = readdir(folder))
        if (is_cached(entry->d_name) && unlinkat(dirfd(folder), entry->d_name, 0) != 0)
            status =
                cli_fail(DUET_IO, "cannot remove '%s/%s': %s", out, entry->d_name, strerror(errno));
    closedir(folder);
    return status;
}

duet_dtype cli_dtype(const char *name) {
    return strcmp(name, "f16") == 0 ? DUET_F16 : DUET_F32;
}

void cli_say_cached(const cli_state *cli, const duet_features_work *work) {
    if (work->cached > 0)
        cli_say(cli, "%lld of %lld feature rows were in the cache (--fresh computes them again)\n",
                (long long)work->cached, (long long)(work->cached + work->computed));
}

void cli_human(char out[32], double value) {
    static const char *const units[] = {"", "k", "M", "G", "T"};
    int unit = 0;
    while (value >= 1000 && unit < 4) {
        value /= 1000;
        unit++;
    }
    snprintf(out, 32, "%.*f%s",
             unit == 0     ? 0
             : value < 10  ? 2
             : value < 100 ? 1
                           : 0,
             value, units[unit]);
}

void cli_duration(char out[32], double seconds) {
    const long s = seconds > 0 && seconds < 1e9 ? (long)(seconds + 0.5) : 0;
    if (s >= 3600)
        snprintf(out, 32, "%ld h %02ld min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(out, 32, "%ld min %02ld s", s / 60, s % 60);
    else
        snprintf(out, 32, "%.*f s", seconds < 10 ? 1 : 0, seconds > 0 ? seconds : 0.0);
}
