/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_image_folder.c: a folder of image files: SPLIT/CLASS/FILE, CLASS/FILE, or
 * flat (unlabelled); rules in rows.h. Splits are train|training, val|valid|validation, test. Hidden
 * files and files without an image's ending are skipped; links are followed, to at most 8 levels.
 * Files are read and decoded on demand. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/context.h"
#include "base/error.h"
#include "base/hash.h"
#include "data/dataset/rows.h"

#define DEEPEST 8

typedef struct folder_state {
    duet_rows rows;
    const char *root;
} folder_state;

static int folder_detect(const char *path) {
    if (!duet_path_is_folder(path)) return 0;
    duet_listing list = {0};
    if (duet_folder_list(&list, path) != DUET_OK) return 50; /* open says why */
    int sure = 0;
    for (int64_t i = 0; i < list.count && sure < 80; i++) {
        const char *name = list.name[i];
        char file[DUET_PATH_SIZE];
        if (name[0] == '.' || duet_path_join(file, path, name) != DUET_OK) continue;
        if (duet_path_is_folder(file)) {
            const bool train = strcmp(name, "train") == 0 || strcmp(name, "training") == 0;
            sure = train ? 80 : sure < 40 ? 40 : sure;
        } else if (duet_image_name_known(name) && sure < 60) {
            sure = 60;
        }
    }
    duet_listing_free(&list);
    return sure;
}

/* Adds the images below root/inside; recursion is bounded by DEEPEST. */
static duet_status walk(duet_context *ctx, duet_dataset *dataset, const char *inside, int depth) {
    folder_state *state = dataset->state;
    duet_status status = DUET_OK;
    duet_listing list = {0};
    char folder[DUET_PATH_SIZE], name[DUET_PATH_SIZE], file[DUET_PATH_SIZE];
    if (depth > DEEPEST)
        DUET_FAIL(DUET_FORMAT, "folder '%s' is more than %d levels deep", inside, DEEPEST);
    DUET_DO(duet_check_cancelled(ctx));
    DUET_DO(duet_path_join(folder, state->root, inside));
    DUET_DO(duet_folder_list(&list, inside[0] == '\0' ? state->root : folder));
    for (int64_t i = 0; i < list.count; i++) {
        if (list.name[i][0] == '.' || strcmp(list.name[i], "__MACOSX") == 0) continue;
        if (inside[0] != '\0') {
            DUET_DO(duet_path_join(name, inside, list.name[i]));
        } else {
            snprintf(name, sizeof name, "%s", list.name[i]);
        }
        DUET_DO(duet_path_join(file, state->root, name));
        struct stat about;
        if (stat(file, &about) != 0) continue; /* a dangling link */
        if (S_ISDIR(about.st_mode)) {
            DUET_DO(walk(ctx, dataset, name, depth + 1));
        } else if (S_ISREG(about.st_mode) && duet_image_name_known(name)) {
            const int64_t size = about.st_size;
            DUET_DO(duet_rows_add(&state->rows, dataset->arena, name, 0));
            dataset->info.hash =
                duet_hash(&size, sizeof size, duet_hash_text(name, dataset->info.hash));
        }
    }
done:
    duet_listing_free(&list);
    return status;
}

static duet_status folder_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                               const void *options) {
    (void)options;
    DUET_TRY(duet_alloc(&dataset->state, 1, sizeof(folder_state)));
    folder_state *state = dataset->state;
    state->root = duet_arena_text(dataset->arena, path);
    DUET_TRY(duet_arena_status(dataset->arena));
    DUET_TRY(walk(ctx, dataset, "", 0));
    DUET_TRY(duet_rows_finish(ctx, &state->rows, dataset));
    return duet_rows_rename_classes(dataset, path);
}

static void folder_close(duet_dataset *dataset) {
    folder_state *state = dataset->state;
    if (state == NULL) return;
    duet_rows_free(&state->rows);
    duet_release(state);
}

static duet_status folder_read(const duet_dataset *dataset, duet_split split, int64_t index,
                               int channels, duet_image *out) {
    const folder_state *state = dataset->state;
    char path[DUET_PATH_SIZE];
    DUET_TRY(duet_path_join(path, state->root, duet_rows_at(&state->rows, split, index)->name));
    return duet_image_read(out, path, channels);
}

static void folder_row_name(const duet_dataset *dataset, duet_split split, int64_t index, char *out,
                            size_t size) {
    snprintf(out, size, "%s",
             duet_rows_at(&((const folder_state *)dataset->state)->rows, split, index)->name);
}

const duet_dataset_layout duet_dataset_image_folder = {
    .info = {"image_folder",
             "folder of images: SPLIT/CLASS/FILE, CLASS/FILE, or flat and unlabelled",
             DUET_TABLE_EMPTY},
    .detect = folder_detect,
    .open = folder_open,
    .close = folder_close,
    .read = folder_read,
    .row_name = folder_row_name,
};
