/* SPDX-License-Identifier: MIT
 * cli/name_images.c: where --out and --format of duet sample put the images. In a folder a file is
 * called as guided-diffusion calls its own. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

/* The ending that a format has; NULL for folders. */
static const char *ending_of(const char *format) {
    return strcmp(format, "npz") == 0    ? ".npz"
           : strcmp(format, "zip") == 0  ? ".zip"
           : strcmp(format, "grid") == 0 ? ".png"
                                         : NULL;
}

/* As a sink sees it, or a folder that is there. */
static bool is_folder_name(const char *path) {
    struct stat info;
    const char *const slash = strrchr(path, '/'), *const base = slash != NULL ? slash + 1 : path;
    return strchr(base, '.') == NULL || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

/* Makes the folder, where there is none: a file gets its name in it. */
static duet_status make_folder(const char *path) {
    if (cli_exists(path) || mkdir(path, 0777) == 0) return DUET_OK;
    return cli_fail(DUET_IO, "cannot make the folder '%s' of --out: %s", path, strerror(errno));
}

duet_status cli_name_images(char out[CLI_PATH], const char *format, int64_t count, int64_t side) {
    const char *const ending = ending_of(format);
    const size_t size = strlen(out), n = ending != NULL ? strlen(ending) : 0;
    char name[96];
    if (strcmp(format, "auto") == 0) return DUET_OK;
    if (size == 0) return cli_wrong("--format says how --out is written; give --out, too");
    if (ending == NULL) {
        if (size + 2 > CLI_PATH) return cli_wrong("the path of --out is too long");
        if (out[size - 1] != '/') memcpy(out + size, "/", 2);
        return DUET_OK;
    }
    if (!is_folder_name(out)) {
        if (size > n && strcmp(out + size - n, ending) == 0) return DUET_OK;
        return cli_wrong("'%s' does not end in %s, as --format %s does; a folder ends in '/'", out,
                         ending, format);
    }
    snprintf(name, sizeof name, "%ssamples_%lldx%lldx%lldx3%s", out[size - 1] == '/' ? "" : "/",
             (long long)count, (long long)side, (long long)side, ending);
    if (size + strlen(name) >= CLI_PATH) return cli_wrong("the path of --out is too long");
    const duet_status status = make_folder(out);
    memcpy(out + size, name, strlen(name) + 1);
    return status;
}
