/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_tar_shards.c: a .tar, .tar.gz or .tgz of image files named SPLIT/CLASS/FILE (rules in rows.h), or a
 * folder with exactly one such archive. The members' compressed bytes are kept in memory and decoded on demand, so an
 * archive takes about its own size in memory. Other members and hidden ones are skipped. */
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"
#include "data/dataset/rows.h"
#include "io/tar.h"

#define MEMBER_LIMIT ((int64_t)1 << 28)
#define HEAD         ((int64_t)1 << 16)

typedef struct tar_state {
    duet_rows rows;
    duet_bytes *member; /* by item */
    int64_t count, capacity;
} tar_state;

static bool is_tar_name(const char *name) {
    return name[0] != '.' && (duet_ends_with(name, ".tar") || duet_ends_with(name, ".tar.gz") || duet_ends_with(name, ".tgz"));
}

/* The only archive of a folder: its number, and its path when that is 1. */
static int only_tar(char out[DUET_PATH_SIZE], const char *folder) {
    duet_listing list = {0};
    int found = 0;
    if (duet_folder_list(&list, folder) != DUET_OK) return 0;
    for (int64_t i = 0; i < list.count; i++) {
        if (!is_tar_name(list.name[i]) || duet_path_join(out, folder, list.name[i]) != DUET_OK) continue;
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

/* No folder or file of the name starts with '.', and it ends like an image. */
static bool is_wanted(const char *name) {
    while (strncmp(name, "./", 2) == 0) name += 2;
    return name[0] != '.' && strstr(name, "/.") == NULL && !duet_starts_with(name, "__MACOSX/") && duet_image_name_known(name);
}

static duet_status read_members(duet_context *ctx, duet_dataset *dataset, const char *path) {
    tar_state *state = dataset->state;
    duet_status status = DUET_OK;
    duet_tar *tar = NULL;
    duet_bytes bytes = {0};
    const char *name = NULL;
    DUET_DO(duet_tar_open(&tar, path));
    for (;;) {
        if (state->count % 1024 == 0) DUET_DO(duet_check_cancelled(ctx));
        DUET_DO(duet_tar_next(tar, &name, &bytes, MEMBER_LIMIT));
        if (name == NULL) break;
        if (is_wanted(name)) {
            DUET_DO(duet_grow(&state->member, &state->capacity, state->count + 1, sizeof *state->member));
            DUET_DO(duet_rows_add(&state->rows, dataset->arena, name, state->count));
            dataset->info.hash = duet_hash(bytes.data, (size_t)bytes.size, duet_hash_text(name, dataset->info.hash));
            state->member[state->count++] = bytes;
            bytes = (duet_bytes){0};
        }
        duet_bytes_free(&bytes);
    }
done:
    duet_bytes_free(&bytes);
    duet_tar_close(tar);
    return status;
}

static duet_status tar_open(duet_context *ctx, duet_dataset *dataset, const char *path, const void *options) {
    (void)options;
    char file[DUET_PATH_SIZE];
    if (duet_path_is_folder(path)) {
        const int found = only_tar(file, path);
        if (found != 1) return duet_fail(DUET_ARG, "folder '%s' holds %d archives; give one of them", path, found);
    } else {
        duet_copy_text(file, sizeof file, path);
    }
    DUET_TRY(duet_alloc(&dataset->state, 1, sizeof(tar_state)));
    DUET_TRY(read_members(ctx, dataset, file));
    DUET_TRY(duet_rows_finish(ctx, &((tar_state *)dataset->state)->rows, dataset));
    const size_t folder = (size_t)(duet_path_base(file) - file);
    file[folder] = '\0';
    return duet_rows_rename_classes(dataset, folder > 0 ? file : ".");
}

static void tar_close(duet_dataset *dataset) {
    tar_state *state = dataset->state;
    if (state == NULL) return;
    for (int64_t i = 0; i < state->count; i++) duet_bytes_free(&state->member[i]);
    duet_release(state->member);
    duet_rows_free(&state->rows);
    duet_release(state);
}

static duet_status tar_read(const duet_dataset *dataset, duet_split split, int64_t index, int channels, duet_image *out) {
    const tar_state *state = dataset->state;
    const duet_row_file *file = duet_rows_at(&state->rows, split, index);
    const duet_bytes *bytes = &state->member[file->item];
    return duet_image_decode(out, bytes->data, bytes->size, channels, file->name);
}

static void tar_row_name(const duet_dataset *dataset, duet_split split, int64_t index, char *out, size_t size) {
    snprintf(out, size, "%s", duet_rows_at(&((const tar_state *)dataset->state)->rows, split, index)->name);
}

const duet_dataset_layout duet_dataset_tar_shards = {
    .info = {"tar_shards", ".tar or .tar.gz of images named SPLIT/CLASS/FILE", DUET_TABLE_EMPTY},
    .detect = tar_detect,
    .open = tar_open,
    .close = tar_close,
    .read = tar_read,
    .row_name = tar_row_name,
};
