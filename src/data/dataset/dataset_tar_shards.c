/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_tar_shards.c: a .tar, .tar.gz or .tgz of image files named SPLIT/CLASS/FILE
 * (rules in rows.h), or a folder with exactly one such archive. Other members and hidden ones are
 * skipped. */
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/str.h"
#include "data/dataset/packed.h"
#include "io/tar.h"

#define MEMBER_LIMIT ((int64_t)1 << 28)
#define HEAD         ((int64_t)1 << 16)

static bool is_tar_name(const char *name) {
    return name[0] != '.' && (duet_ends_with(name, ".tar") || duet_ends_with(name, ".tar.gz") ||
                              duet_ends_with(name, ".tgz"));
}

/* The only archive of a folder: its number, and its path when that is 1. */
static int only_tar(char out[DUET_PATH_SIZE], const char *folder) {
    duet_listing list = {0};
    int found = 0;
    if (duet_folder_list(&list, folder) != DUET_OK) return 0;
    for (int64_t i = 0; i < list.count; i++) {
        if (!is_tar_name(list.name[i]) || duet_path_join(out, folder, list.name[i]) != DUET_OK)
            continue;
        found++;
    }
    duet_listing_free(&list);
    return found;
}

static int tar_detect(const char *path) {
    char file[DUET_PATH_SIZE];
    if (duet_path_is_folder(path)) return only_tar(file, path) == 1 ? 70 : 0;
    if (is_tar_name(duet_path_base(path))) return 90;
    duet_map map;
    if (duet_map_open(&map, path) != DUET_OK) return 0;
    const bool found = duet_tar_detect(map.data, map.size < HEAD ? map.size : HEAD);
    duet_map_close(&map);
    return found ? 85 : 0;
}

static duet_status read_members(duet_context *ctx, duet_dataset *dataset, const char *path) {
    duet_status status = DUET_OK;
    duet_tar *tar = NULL;
    duet_bytes bytes = {0};
    const char *name = "";
    DUET_DO(duet_tar_open(&tar, path));
    for (int64_t i = 0; name != NULL; i++) {
        if (i % 1024 == 0) DUET_DO(duet_check_cancelled(ctx));
        DUET_DO(duet_tar_next(tar, &name, &bytes, MEMBER_LIMIT));
        if (name != NULL && duet_packed_wants(name))
            DUET_DO(duet_packed_add(dataset, name, &bytes));
        duet_bytes_free(&bytes);
    }
done:
    duet_bytes_free(&bytes);
    duet_tar_close(tar);
    return status;
}

static duet_status tar_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                            const void *options) {
    (void)options;
    char file[DUET_PATH_SIZE];
    if (duet_path_is_folder(path)) {
        const int found = only_tar(file, path);
        if (found != 1)
            return duet_fail(DUET_ARG, "folder '%s' holds %d archives; give one of them", path,
                             found);
    } else {
        duet_copy_text(file, sizeof file, path);
    }
    DUET_TRY(duet_packed_new(dataset));
    DUET_TRY(read_members(ctx, dataset, file));
    DUET_TRY(duet_packed_finish(ctx, dataset));
    const size_t folder = (size_t)(duet_path_base(file) - file);
    file[folder] = '\0';
    return duet_rows_rename_classes(dataset, folder > 0 ? file : ".");
}

const duet_dataset_layout duet_dataset_tar_shards = {
    .info = {"tar_shards", ".tar or .tar.gz of images named SPLIT/CLASS/FILE", DUET_TABLE_EMPTY},
    .detect = tar_detect,
    .open = tar_open,
    .close = duet_packed_close,
    .read = duet_packed_read,
    .row_name = duet_packed_row_name,
};
