/* SPDX-License-Identifier: MIT
 * cli/get/get.c: duet data get NAME: what is missing is downloaded, checked and unpacked. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/get/get.h"

/* "MIRROR/NAME", or the address itself. */
static void address(char out[CLI_PATH], const get_file *file, const char *mirror) {
    const size_t length = strlen(mirror);
    if (length == 0)
        snprintf(out, CLI_PATH, "%s", file->url);
    else
        snprintf(out, CLI_PATH, "%.2000s%s%.1000s", mirror, mirror[length - 1] == '/' ? "" : "/",
                 file->name);
}

/* A file that is there is not fetched again; one that has been changed is not believed. */
static duet_status get_one(cli_state *cli, const get_file *file, const char *folder,
                           const char *mirror) {
    char path[CLI_PATH], inside[CLI_PATH], url[CLI_PATH], sum[33];
    snprintf(path, sizeof path, "%.3000s/%.1000s", folder, file->name);
    snprintf(inside, sizeof inside, "%.3000s/%.1000s", folder,
             file->inside != NULL ? file->inside : "");
    if (file->inside != NULL && cli_exists(inside)) {
        cli_say(cli, "  %s is there\n", inside);
        return DUET_OK;
    }
    address(url, file, mirror);
    if (!cli_exists(path)) {
        const duet_status status = get_download(cli, url, file->md5, path);
        if (status != DUET_OK) return status;
        cli_say(cli, "  %s: downloaded, its MD5 is right\n", path);
    } else if (!get_md5(sum, path) || strcmp(sum, file->md5) != 0) {
        return cli_fail(DUET_FORMAT,
                        "'%s' is not the file that was published (MD5 %s, not %s); remove it, and "
                        "give the same command",
                        path, sum, file->md5);
    } else {
        cli_say(cli, "  %s is there, its MD5 is right\n", path);
    }
    if (file->inside == NULL) return DUET_OK;
    const duet_status status = get_unpack(cli, path, folder);
    if (status == DUET_OK) cli_say(cli, "  %s: unpacked\n", inside);
    return status;
}

/* A single archive brings the set as a folder. */
static void tell(cli_state *cli, const get_set *set, const char *folder) {
    char data[CLI_PATH];
    const char *const inside = set->count == 1 ? set->file[0].inside : NULL;
    snprintf(data, sizeof data, "%.3000s%s%.1000s", folder, inside != NULL ? "/" : "",
             inside != NULL ? inside : "");
    cli_say(cli, "'duet data check %s' compares it with what was published\n", data);
    cli_json(cli, json_pack("{s:s,s:s,s:o}", "command", "data get", "name", set->name, "data",
                            cli_name(data)));
}

duet_status get_set_into(cli_state *cli, const char *name, const char *folder, const char *mirror) {
    get_set set;
    json_t *owner = NULL;
    duet_status status = get_find(&set, &owner, name);
    const char *const to = status != DUET_OK || folder[0] != '\0' ? folder : set.name;
    const bool made = status == DUET_OK && mkdir(to, 0777) == 0;
    if (status == DUET_OK && !made && errno != EEXIST)
        status = cli_fail(DUET_IO, "cannot make the folder '%s': %s", to, strerror(errno));
    if (status == DUET_OK && set.home != NULL)
        cli_say(cli, "%s, about %s MB to '%s'; its terms: %s\n", set.title, set.megabytes, to,
                set.home);
    for (int i = 0; status == DUET_OK && i < set.count; i++)
        status = get_one(cli, &set.file[i], to, mirror);
    if (status == DUET_OK) tell(cli, &set, to);
    if (made && status != DUET_OK) (void)rmdir(to); /* where nothing came */
    json_decref(owner);
    return status;
}
