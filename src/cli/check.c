/* SPDX-License-Identifier: MIT
 * cli/check.c: errors that can be found before the work begins: files that are not models, settings
 * that the model does not have, places that cannot be written. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The folder that contains the path; "." for a bare name. */
static void parent_of(char out[CLI_PATH], const char *path) {
    snprintf(out, CLI_PATH, "%s", path);
    size_t n = strlen(out);
    while (n > 1 && out[n - 1] == '/') out[--n] = '\0';
    char *slash = strrchr(out, '/');
    if (slash == out)
        out[1] = '\0';
    else if (slash != NULL)
        *slash = '\0';
    else
        snprintf(out, CLI_PATH, ".");
}

duet_status cli_model_open(const cli_state *cli, duet_model **out, const char *path) {
    char parent[CLI_PATH];
    const duet_status status = duet_model_open_as(cli->ctx, out, path, cli->model_flags);
    if (status == DUET_OK || duet_error_cause() != DUET_CAUSE_NO_STORE || duet_error_advises())
        return status;
    if (strlen(path) < CLI_PATH) parent_of(parent, path);
    if (strlen(path) < CLI_PATH && duet_run_is(parent))
        return cli_fail(status, "%s; load the run folder '%.400s'", duet_error_message(), parent);
    return cli_fail(status,
                    "%s; models are run folders, .safetensors, PyTorch's .pt and .pth, .npz and "
                    "folders of diffusers",
                    duet_error_message());
}

duet_status cli_with_data(cli_state *cli, const char *data, const char *on_bad, cli_work work) {
    duet_model *model = NULL;
    duet_dataset *dataset = NULL;
    if (data[0] == '\0') return cli_wrong("no data set; give --data PATH");
    duet_status status = cli_on_bad(cli, on_bad);
    if (status == DUET_OK) status = cli_model_open(cli, &model, cli->args[0]);
    if (status == DUET_OK) status = duet_dataset_open(cli->ctx, &dataset, data);
    if (status == DUET_OK) status = work(cli, model, dataset);
    duet_dataset_close(dataset);
    duet_model_close(model);
    return status;
}

static const duet_tap_row *find_tap(duet_model *model, int64_t block) {
    for (int i = 0; i < duet_model_tap_count(model); i++)
        if (duet_model_tap(model, i)->block == block) return duet_model_tap(model, i);
    return NULL;
}

static bool fits(const duet_tap_row *tap, int64_t pool) {
    return pool <= tap->height && pool <= tap->width;
}

duet_status cli_check_setting(duet_model *model, const duet_int_list *taps,
                              const duet_int_list *pools) {
    const int count = duet_model_tap_count(model);
    bool any = pools->count == 0;
    for (int i = 0; i < taps->count; i++)
        if (find_tap(model, taps->v[i]) == NULL)
            return cli_fail(DUET_ARG,
                            "no tap %lld; the model has taps 1 to %d ('duet info' lists them)",
                            (long long)taps->v[i], count);
    for (int i = 0; i < (taps->count ? taps->count : count) && !any; i++)
        for (int k = 0; k < pools->count && !any; k++)
            any = fits(taps->count ? find_tap(model, taps->v[i]) : duet_model_tap(model, i),
                       pools->v[k]);
    return any ? DUET_OK
               : cli_fail(DUET_ARG, "every pool is larger than the map of every tap ('duet info' "
                                    "shows their sizes)");
}

duet_status cli_check_tap(duet_model *model, int64_t tap) {
    const duet_int_list taps = {.count = tap > 0, .v = {tap}}, none = {0};
    return cli_check_setting(model, &taps, &none);
}

duet_status cli_check_head(const char *spec) {
    const duet_entry *entry = NULL;
    if (spec[0] == '\0') return DUET_OK;
    return duet_family_parse(&duet_family_head, &entry, NULL, 0, spec);
}

duet_status cli_check_heads(const char *heads) {
    duet_status status = DUET_OK;
    for (const char *at = heads; status == DUET_OK && at != NULL && *at != '\0';) {
        char one[DUET_TEXT_SIZE];
        (void)duet_spec_take(&at, one, sizeof one);
        status = cli_check_head(one);
    }
    return status;
}

static bool has_param(const duet_param_table *table, const char *name) {
    return table != NULL && duet_params_find(table, name) != NULL;
}

duet_status cli_advise(const cli_state *cli, duet_status status) {
    char message[1024];
    const bool offers =
        has_param(&cli->cmd->info.params, "on_bad") || has_param(cli->cmd->extra, "on_bad");
    if (status == DUET_OK || duet_error_cause() != DUET_CAUSE_BAD_IMAGE || duet_error_advises() ||
        !offers)
        return status;
    snprintf(message, sizeof message, "%s", cli_message());
    return cli_fail(status, "%s; --on-bad skip leaves such images out", message);
}

static bool ends_with_one(const char *path, const char *endings) {
    const size_t size = strlen(path);
    while (*endings) {
        const size_t n = strcspn(endings, " ");
        if (size > n && strncmp(path + size - n, endings, n) == 0 && endings[0] == '.') return true;
        endings += n + (endings[n] == ' ');
    }
    return false;
}

static duet_status check_folder(const char *path) {
    DIR *dir = opendir(path);
    bool empty = true;
    if (dir == NULL)
        return cli_fail(DUET_IO, "cannot read the folder '%s': %s", path, strerror(errno));
    for (const struct dirent *entry = readdir(dir); entry != NULL && empty; entry = readdir(dir))
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(dir);
    if (!empty)
        return cli_fail(DUET_ARG, "the folder '%s' is not empty; choose a new one for --out", path);
    return access(path, W_OK) == 0
               ? DUET_OK
               : cli_fail(DUET_IO, "cannot write in the folder '%s': %s", path, strerror(errno));
}

static duet_status check_place(const char *flag, const char *path, const char *endings) {
    char parent[CLI_PATH];
    struct stat info;
    const char *base = strrchr(path, '/');
    base = base != NULL ? base + 1 : path;
    const bool folder = strchr(endings, '/') != NULL &&
                        (!*base || strchr(base, '.') == NULL || is_folder(path)),
               there = stat(path, &info) == 0;
    if (!folder && !ends_with_one(path, endings))
        return cli_wrong("unknown format of '%s'; %s ends in one of: %s", path, flag, endings);
    if (there && folder && S_ISDIR(info.st_mode)) return check_folder(path);
    if (there && (folder || !S_ISREG(info.st_mode)))
        return cli_fail(DUET_ARG, "'%s' exists and is not a %s; choose another %s", path,
                        folder ? "folder" : "file", flag);
    parent_of(parent, path);
    if (!cli_exists(parent))
        return cli_fail(DUET_NOT_FOUND, "the folder '%s' of %s does not exist; make it first",
                        parent, flag);
    return access(parent, W_OK) == 0
               ? DUET_OK
               : cli_fail(DUET_IO, "cannot write in the folder '%s': %s", parent, strerror(errno));
}

duet_status cli_check_out(const char *path, const char *endings) {
    return check_place("--out", path, endings);
}

duet_status cli_check_file(const char *flag, const char *path, const char *endings) {
    return check_place(flag, path, endings);
}
