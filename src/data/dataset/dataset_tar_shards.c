/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_tar_shards.c: a .tar, .tar.gz or .tgz of image files named SPLIT/CLASS/FILE
 * (rules in rows.h), a folder with exactly one such archive, or with one for each split, named
 * after it (train.tar, test.tar). Links to other members are followed. */
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/str.h"
#include "data/dataset/files.h"
#include "data/dataset/packed.h"
#include "data/split.h"
#include "io/kind.h"
#include "io/tar.h"

#define MEMBER_LIMIT ((int64_t)1 << 28)
#define HEAD         ((int64_t)1 << 16)

static bool is_tar_name(const char *name) {
    return name[0] != '.' && duet_name_ends(name, ".tar .tar.gz .tgz");
}

typedef struct tars {
    char path[DUET_SPLIT_COUNT][DUET_PATH_SIZE]; /* by split; a single archive is the first */
    int count;                                   /* of all archives in the folder */
    bool by_split;                               /* one for each split, two or three */
} tars;

static void find_tars(tars *out, const char *folder) {
    duet_listing list = {0};
    char path[DUET_PATH_SIZE];
    *out = (tars){.by_split = true};
    if (duet_folder_list(&list, folder) != DUET_OK) return;
    for (int64_t i = 0; i < list.count; i++) {
        duet_split split = DUET_TRAIN;
        if (!is_tar_name(list.name[i]) || duet_path_join(path, folder, list.name[i]) != DUET_OK)
            continue;
        out->by_split = out->by_split && duet_split_in_name(&split, list.name[i]) &&
                        out->path[split][0] == '\0';
        if (out->by_split || out->count == 0)
            duet_copy_text(out->path[split], DUET_PATH_SIZE, path);
        out->count++;
    }
    if (out->count == 1) {
        for (int s = DUET_SPLIT_COUNT - 1; s >= 0; s--)
            if (out->path[s][0] != '\0') memmove(out->path[0], out->path[s], DUET_PATH_SIZE);
        out->by_split = false;
    }
    duet_listing_free(&list);
}

static int tar_detect(const char *path) {
    if (duet_path_is_folder(path)) {
        tars found;
        find_tars(&found, path);
        return found.count == 1 || (found.count > 1 && found.by_split) ? 70 : 0;
    }
    if (is_tar_name(duet_path_base(path))) return 90;
    duet_map map;
    if (duet_map_open(&map, path) != DUET_OK) return 0;
    const bool found = duet_tar_detect(map.data, map.size < HEAD ? map.size : HEAD);
    duet_map_close(&map);
    return found ? 85 : 0;
}

static duet_status take(duet_dataset *dataset, const duet_tar_entry *entry, const char *prefix,
                        duet_bytes *bytes) {
    const char *name = entry->name, *target = entry->target != NULL ? entry->target : "";
    while (duet_starts_with(name, "./")) name += 2;
    while (duet_starts_with(target, "./")) target += 2;
    const bool hard = entry->kind == DUET_TAR_HARD_LINK;
    if (prefix[0] != '\0') {
        name = duet_arena_format(dataset->arena, "%s%s", prefix, name);
        if (hard) target = duet_arena_format(dataset->arena, "%s%s", prefix, target);
        DUET_TRY(duet_arena_status(dataset->arena));
    }
    switch (entry->kind) {
    case DUET_TAR_FILE:
        return duet_packed_offer(dataset, name, bytes);
    case DUET_TAR_HARD_LINK:
    case DUET_TAR_SYMBOLIC_LINK:
        return duet_packed_link(dataset, name, target, !hard);
    case DUET_TAR_FOLDER:
        return duet_files_hidden(name)
                   ? DUET_OK
                   : duet_rows_folder(&((duet_packed *)dataset->state)->rows, dataset->arena, name);
    case DUET_TAR_OTHER:
        duet_dataset_left_out(dataset, true, "files that are not images", name, "");
        break;
    }
    return DUET_OK;
}

static duet_status read_members(duet_context *ctx, duet_dataset *dataset, const char *path,
                                const char *prefix) {
    duet_status status = DUET_OK;
    duet_tar *tar = NULL;
    duet_bytes bytes = {0};
    duet_tar_entry entry = {.name = ""};
    DUET_DO(duet_tar_open(&tar, path));
    for (int64_t i = 0; entry.name != NULL; i++) {
        if (i % 1024 == 0) DUET_DO(duet_check_cancelled(ctx));
        DUET_DO(duet_tar_next_entry(tar, &entry, &bytes, MEMBER_LIMIT));
        if (entry.name != NULL) DUET_DO(take(dataset, &entry, prefix, &bytes));
        duet_bytes_free(&bytes);
    }
done:
    duet_bytes_free(&bytes);
    duet_tar_close(tar);
    return status;
}

static duet_status read_by_split(duet_context *ctx, duet_dataset *dataset, const tars *found) {
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        char prefix[16];
        snprintf(prefix, sizeof prefix, "%s/", duet_split_name((duet_split)s));
        if (found->path[s][0] != '\0') DUET_TRY(read_members(ctx, dataset, found->path[s], prefix));
    }
    return DUET_OK;
}

static duet_status tar_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                            const void *options) {
    (void)options;
    char file[DUET_PATH_SIZE];
    tars found = {.count = 1};
    if (duet_path_is_folder(path)) {
        find_tars(&found, path);
        if (found.count != 1 && !(found.count > 1 && found.by_split))
            return duet_fail(DUET_ARG,
                             "folder '%s' holds %d archives, not one for each split (train.tar, "
                             "test.tar); give one of them",
                             path, found.count);
        duet_copy_text(file, sizeof file, found.path[0]);
    } else {
        duet_copy_text(file, sizeof file, path);
    }
    DUET_TRY(duet_packed_new(dataset));
    if (found.count > 1) {
        DUET_TRY(read_by_split(ctx, dataset, &found));
        DUET_TRY(duet_packed_finish(ctx, dataset));
        return duet_rows_rename_classes(dataset, path);
    }
    DUET_TRY(read_members(ctx, dataset, file, ""));
    DUET_TRY(duet_packed_finish(ctx, dataset));
    const size_t folder = (size_t)(duet_path_base(file) - file);
    file[folder] = '\0';
    return duet_rows_rename_classes(dataset, folder > 0 ? file : ".");
}

const duet_dataset_layout duet_dataset_tar_shards = {
    .info =
        {.name = "tar_shards",
         .help =
             ".tar or .tar.gz of images named SPLIT/CLASS/FILE, or a folder of train.tar, test.tar",
         .params = DUET_TABLE_EMPTY},
    .detect = tar_detect,
    .open = tar_open,
    .close = duet_packed_close,
    .read = duet_packed_read,
    .row_name = duet_packed_row_name,
};
