/* SPDX-License-Identifier: MIT
 * cli/get/unpack.c: an archive becomes files, by libarchive: plain files and folders only, nothing
 * outside the folder, and nothing at all unless it is whole. */
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/get/get.h"

enum {
    HOW = ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
          ARCHIVE_EXTRACT_NO_OVERWRITE
};

/* Does a name stay in the folder? */
static bool stays(const char *name) {
    if (name == NULL || name[0] == '\0' || name[0] == '/') return false;
    for (const char *at = name; at != NULL; at = strchr(at, '/')) {
        if (*at == '/') at++;
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0')) return false;
    }
    return true;
}

static duet_status copy_data(struct archive *from, struct archive *to) {
    const void *block;
    size_t size;
    la_int64_t offset;
    for (;;) {
        const int code = archive_read_data_block(from, &block, &size, &offset);
        if (code == ARCHIVE_EOF) return DUET_OK;
        if (code < ARCHIVE_WARN) return cli_fail(DUET_FORMAT, "%s", archive_error_string(from));
        if (archive_write_data_block(to, block, size, offset) < ARCHIVE_WARN)
            return cli_fail(DUET_IO, "%s", archive_error_string(to));
    }
}

static duet_status take(struct archive *from, struct archive *to, struct archive_entry *entry,
                        const char *folder) {
    char path[CLI_PATH];
    const char *const name = archive_entry_pathname(entry);
    const mode_t type = archive_entry_filetype(entry);
    if (type != AE_IFREG && type != AE_IFDIR) return DUET_OK; /* links and devices: no data */
    if (!stays(name))
        return cli_fail(DUET_FORMAT, "the name '%.200s' in it leads out of the folder",
                        name != NULL ? name : "");
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return cli_fail(DUET_FORMAT, "the name '%.200s' in it is too long", name);
    archive_entry_set_pathname(entry, path);
    archive_entry_set_perm(entry, type == AE_IFDIR ? 0777 : 0666);
    archive_entry_set_hardlink(entry, NULL);
    if (archive_write_header(to, entry) < ARCHIVE_WARN)
        return cli_fail(DUET_IO, "%s", archive_error_string(to));
    return archive_entry_size(entry) > 0 ? copy_data(from, to) : DUET_OK;
}

static duet_status take_all(cli_state *cli, struct archive *from, struct archive *to,
                            const char *folder) {
    struct archive_entry *entry = NULL;
    duet_status status = DUET_OK;
    for (int64_t count = 0; status == DUET_OK; count++) {
        const int code = archive_read_next_header(from, &entry);
        if (code == ARCHIVE_EOF) return DUET_OK;
        if (code < ARCHIVE_WARN) return cli_fail(DUET_FORMAT, "%s", archive_error_string(from));
        if (cli_interrupted()) return cli_fail(DUET_CANCELLED, "interrupted");
        const duet_progress step = {
            .task = "unpacking", .unit = "files", .done = (double)count, .detail = ""};
        cli_progress(&step, cli);
        status = take(from, to, entry, folder);
    }
    return status;
}

static duet_status extract(cli_state *cli, const char *archive, const char *folder) {
    struct archive *const from = archive_read_new(), *const to = archive_write_disk_new();
    duet_status status = DUET_OK;
    if (from == NULL || to == NULL) status = cli_fail(DUET_NO_MEMORY, "out of memory");
    if (status == DUET_OK) {
        archive_read_support_filter_all(from);
        archive_read_support_format_all(from);
        archive_write_disk_set_options(to, HOW);
        if (archive_read_open_filename(from, archive, 1 << 18) != ARCHIVE_OK)
            status = cli_fail(DUET_FORMAT, "%s", archive_error_string(from));
    }
    if (status == DUET_OK) status = take_all(cli, from, to, folder);
    if (to != NULL) archive_write_free(to);
    if (from != NULL) archive_read_free(from);
    cli_progress_end();
    return status;
}

/* What lies in `from` moves into `folder`. */
static duet_status move_all(const char *from, const char *folder) {
    char old[CLI_PATH], new[CLI_PATH];
    DIR *const list = opendir(from);
    duet_status status = DUET_OK;
    if (list == NULL) return cli_fail(DUET_IO, "cannot read '%s'", from);
    for (const struct dirent *e = readdir(list); e != NULL && status == DUET_OK;
         e = readdir(list)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        snprintf(old, sizeof old, "%.2000s/%.1000s", from, e->d_name);
        snprintf(new, sizeof new, "%.2000s/%.1000s", folder, e->d_name);
        if (rename(old, new) != 0)
            status = cli_fail(DUET_IO, "cannot make '%s': %s", new, strerror(errno));
    }
    closedir(list);
    if (status == DUET_OK) (void)rmdir(from);
    return status;
}

duet_status get_unpack(cli_state *cli, const char *archive, const char *folder) {
    char inner[CLI_PATH], why[512];
    snprintf(inner, sizeof inner, "%.4000s.unpacked", archive);
    if (cli_exists(inner)) cli_remove_folder(inner); /* of a call that was interrupted */
    if (mkdir(inner, 0777) != 0)
        return cli_fail(DUET_IO, "cannot make '%s': %s", inner, strerror(errno));
    duet_status status = extract(cli, archive, inner);
    if (status == DUET_OK) return move_all(inner, folder);
    snprintf(why, sizeof why, "%.500s", cli_message());
    cli_remove_folder(inner);
    return cli_fail(status, "cannot unpack '%s': %s", archive, why);
}
