/* SPDX-License-Identifier: MIT
 * data/dataset/files.c: see files.h. */
#include "data/dataset/files.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "io/kind.h"

/* The next component of a path; false at its end. */
static bool next_part(const char **at, const char **part, size_t *length) {
    *at += strspn(*at, "/");
    *part = *at;
    *length = strcspn(*at, "/");
    *at += *length;
    return *length > 0;
}

bool duet_files_hidden(const char *name) {
    const char *part = NULL;
    size_t n = 0;
    while (next_part(&name, &part, &n)) {
        const bool step = (n == 1 || (n == 2 && part[1] == '.')) && part[0] == '.';
        if ((part[0] == '.' && !step) || (n == 8 && memcmp(part, "__MACOSX", 8) == 0)) return true;
    }
    return false;
}

static bool leads_up(const char *name) {
    const char *part = NULL;
    size_t n = 0;
    while (next_part(&name, &part, &n))
        if (n == 2 && memcmp(part, "..", 2) == 0) return true;
    return false;
}

static void leave_out(duet_dataset *dataset, const char *name, duet_name_kind kind) {
    char ending[16], reason[80];
    duet_name_ending(ending, name);
    if (kind == DUET_NAME_OTHER_IMAGE) {
        snprintf(reason, sizeof reason, "%s images, a format that is not read", ending);
        duet_dataset_left_out(dataset, false, reason, name, "convert them to PNG or JPEG");
    } else if (kind == DUET_NAME_ARCHIVE) {
        duet_dataset_left_out(dataset, false, "archives among the files, which are not opened",
                              name, "give the archive itself, or unpack it");
    } else if (kind == DUET_NAME_LIST) {
        duet_dataset_left_out(dataset, false, "tables among the files, whose labels are not read",
                              name,
                              "give a .csv with path and class as the data set to read its labels");
    } else {
        duet_dataset_left_out(dataset, true, "files that are not images", name, "");
    }
}

duet_files_say duet_files_wants(duet_dataset *dataset, const char *name) {
    if (duet_files_hidden(name)) {
        duet_dataset_left_out(dataset, true, "hidden files and what macOS adds", name, "");
        return DUET_FILES_NO;
    }
    if (leads_up(name)) {
        duet_dataset_left_out(dataset, false,
                              "members with a name that leads outside of the archive", name,
                              "pack the files again");
        return DUET_FILES_NO;
    }
    const duet_name_kind kind = duet_kind_of_name(name);
    if (kind == DUET_NAME_IMAGE) return DUET_FILES_YES;
    if (kind == DUET_NAME_UNKNOWN || kind == DUET_NAME_OTHER_IMAGE) return DUET_FILES_LOOK;
    leave_out(dataset, name, kind);
    return DUET_FILES_NO;
}

bool duet_files_wants_bytes(duet_dataset *dataset, const char *name, const uint8_t *bytes,
                            int64_t size) {
    if (duet_image_known(bytes, size)) return true;
    const duet_file_kind kind = duet_kind_of_bytes(bytes, size);
    if (kind.is == DUET_FILE_IMAGE && duet_kind_of_name(name) == DUET_NAME_UNKNOWN) {
        char reason[120];
        snprintf(reason, sizeof reason, "files that are %s, a format that is not read", kind.words);
        duet_dataset_left_out(dataset, false, reason, name, "convert them to PNG or JPEG");
    } else {
        leave_out(dataset, name, duet_kind_of_name(name));
    }
    return false;
}

void duet_files_bad_link(duet_dataset *dataset, const char *name) {
    duet_dataset_left_out(dataset, false, "links that do not lead to an image of the set", name,
                          "replace them by the files themselves");
}
