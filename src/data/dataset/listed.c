/* SPDX-License-Identifier: MIT
 * data/dataset/listed.c: see listed.h. */
#include "data/dataset/listed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/context.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"
#include "data/dataset/files.h"
#include "io/kind.h"

enum { DEEPEST = 4, STEP = 4096 };

duet_status duet_listed_new(duet_dataset *dataset, const char *root) {
    DUET_TRY(duet_alloc(&dataset->state, 1, sizeof(duet_listed)));
    duet_listed *const listed = dataset->state;
    listed->root = duet_arena_text(dataset->arena, root);
    return duet_arena_status(dataset->arena);
}

duet_status duet_listed_add(duet_dataset *dataset, const duet_listed_row *row) {
    duet_listed *const listed = dataset->state;
    if (row->path[0] == '\0' || duet_path_leads_outside(row->path))
        return duet_fail(DUET_FORMAT, "its lists name '%.200s', which is no image of the set",
                         row->path);
    DUET_TRY(duet_grow(&listed->row, &listed->capacity, listed->count + 1, sizeof *listed->row));
    duet_listed_row *const to = &listed->row[listed->count];
    *to = *row;
    to->path = duet_arena_text(dataset->arena, row->path);
    DUET_TRY(duet_arena_status(dataset->arena));
    listed->count++;
    return DUET_OK;
}

duet_status duet_listed_add_folder(duet_dataset *dataset, const char *folder, duet_split split,
                                   int32_t label, int64_t *count) {
    duet_status status = DUET_OK;
    duet_listing list = {0};
    char path[DUET_PATH_SIZE], name[DUET_PATH_SIZE];
    int64_t found = 0;
    DUET_DO(duet_path_join(path, ((const duet_listed *)dataset->state)->root, folder));
    DUET_DO(duet_folder_list(&list, path));
    for (int64_t i = 0; i < list.count; i++) {
        if (duet_files_hidden(list.name[i]) || duet_kind_of_name(list.name[i]) != DUET_NAME_IMAGE)
            continue;
        DUET_DO(duet_path_join(name, folder, list.name[i]));
        DUET_DO(duet_listed_add(dataset,
                                &(duet_listed_row){.path = name, .split = split, .label = label}));
        found++;
    }
    if (count != NULL) *count = found;
done:
    duet_listing_free(&list);
    return status;
}

/* ---- finishing ---- */

/* Drops the rows whose image is missing; the hash takes names and sizes of the others. */
static duet_status drop_missing(duet_context *ctx, duet_dataset *dataset) {
    duet_listed *const listed = dataset->state;
    const int64_t all = listed->count;
    char path[DUET_PATH_SIZE];
    if (all == 0) return duet_fail(DUET_FORMAT, "its lists name no image");
    listed->count = 0;
    for (int64_t i = 0; i < all; i++) {
        const duet_listed_row row = listed->row[i];
        struct stat about = {0};
        if (i % STEP == 0) {
            DUET_TRY(duet_check_cancelled(ctx));
            duet_progress_report(ctx, "looking for images", "images", (double)i, (double)all, NULL);
        }
        DUET_TRY(duet_path_join(path, listed->root, row.path));
        if (stat(path, &about) != 0 || !S_ISREG(about.st_mode)) {
            duet_dataset_missing(dataset, row.split, row.path,
                                 "'duet data check' says how much is there");
            continue;
        }
        const int64_t size = about.st_size;
        dataset->info.hash =
            duet_hash(&size, sizeof size, duet_hash_text(row.path, dataset->info.hash));
        listed->row[listed->count++] = row;
    }
    if (listed->count > 0) return DUET_OK;
    DUET_TRY(duet_path_join(path, listed->root, listed->row[0].path));
    return duet_fail(DUET_NOT_FOUND,
                     "no file '%s', nor one of the others that its lists name (%lld images); "
                     "unpack the archive of the images beside the lists",
                     path, (long long)all);
}

static duet_status fill_splits(duet_dataset *dataset) {
    duet_listed *const listed = dataset->state;
    for (int64_t i = 0; i < listed->count; i++) dataset->info.count[listed->row[i].split]++;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        const int64_t count = dataset->info.count[s];
        dataset->info.count[s] = 0;
        if (count == 0) continue;
        listed->order[s] = duet_arena_alloc(dataset->arena, count, sizeof *listed->order[s]);
        dataset->labels[s] = duet_arena_alloc(dataset->arena, count, sizeof *dataset->labels[s]);
        DUET_TRY(duet_arena_status(dataset->arena));
    }
    for (int64_t i = 0; i < listed->count; i++) {
        const duet_listed_row *const row = &listed->row[i];
        const int64_t at = dataset->info.count[row->split]++;
        listed->order[row->split][at] = i;
        dataset->labels[row->split][at] = row->label;
        dataset->info.labelled = dataset->info.labelled || row->label >= 0;
    }
    return DUET_OK;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

typedef struct paths { /* of all rows, sorted */
    const char **path;
    int64_t count;
} paths;

/* Counts the images below `inside` that are not among the paths. */
static duet_status look_into(duet_context *ctx, duet_dataset *dataset, const paths *known,
                             const char *inside, int depth) {
    const duet_listed *const listed = dataset->state;
    duet_status status = DUET_OK;
    duet_listing list = {0};
    char path[DUET_PATH_SIZE], name[DUET_PATH_SIZE];
    DUET_DO(duet_check_cancelled(ctx));
    DUET_DO(duet_path_join(path, listed->root, inside));
    if (!duet_path_is_folder(path)) goto done;
    DUET_DO(duet_folder_list(&list, path));
    for (int64_t i = 0; i < list.count; i++) {
        if (duet_files_hidden(list.name[i])) continue;
        DUET_DO(duet_path_join(name, inside, list.name[i]));
        if (duet_kind_of_name(name) != DUET_NAME_IMAGE) {
            if (depth < DEEPEST) DUET_DO(look_into(ctx, dataset, known, name, depth + 1));
            continue;
        }
        const char *const key = name;
        if (bsearch(&key, known->path, (size_t)known->count, sizeof key, by_text) == NULL)
            duet_dataset_noticed(dataset, false, 1, "images that no list of the set names", name,
                                 "they are not read");
    }
done:
    duet_listing_free(&list);
    return status;
}

static duet_status look_for_others(duet_context *ctx, duet_dataset *dataset, const char *folders) {
    const duet_listed *const listed = dataset->state;
    duet_status status = DUET_OK;
    paths known = {.count = listed->count};
    char folder[DUET_PATH_SIZE];
    if (folders[0] == '\0') return DUET_OK;
    DUET_DO(duet_alloc(&known.path, listed->count, sizeof *known.path));
    for (int64_t i = 0; i < listed->count; i++) known.path[i] = listed->row[i].path;
    qsort(known.path, (size_t)known.count, sizeof *known.path, by_text);
    while (*folders != '\0') {
        const size_t n = strcspn(folders, " ");
        snprintf(folder, sizeof folder, "%.*s", (int)n, folders);
        DUET_DO(look_into(ctx, dataset, &known, folder, 0));
        folders += n + (folders[n] == ' ');
    }
done:
    duet_release(known.path);
    return status;
}

duet_status duet_listed_finish(duet_context *ctx, duet_dataset *dataset, const char *folders,
                               const char *const *names, int classes) {
    duet_listed *const listed = dataset->state;
    const int64_t cut[2] = {listed->boxes, listed->banner};
    DUET_TRY(drop_missing(ctx, dataset));
    DUET_TRY(look_for_others(ctx, dataset, folders));
    DUET_TRY(fill_splits(dataset));
    dataset->info.hash = duet_hash(cut, sizeof cut, dataset->info.hash);
    return dataset->info.labelled ? duet_dataset_name_classes(dataset, names, classes) : DUET_OK;
}

/* ---- reading ---- */

void duet_listed_close(duet_dataset *dataset) {
    duet_listed *const listed = dataset->state;
    if (listed == NULL) return;
    duet_release(listed->row);
    duet_release(listed);
}

static const duet_listed_row *row_at(const duet_dataset *dataset, duet_split split, int64_t index) {
    const duet_listed *const listed = dataset->state;
    return &listed->row[listed->order[split][index]];
}

static duet_status cut(const duet_listed *listed, const duet_listed_row *row, duet_image *image) {
    if (listed->boxes && row->width > 0)
        return duet_image_cut(image, row->x, row->y, row->width, row->height);
    if (listed->banner > 0)
        return duet_image_cut(image, 0, 0, image->width, image->height - listed->banner);
    return DUET_OK;
}

duet_status duet_listed_read(const duet_dataset *dataset, duet_split split, int64_t index,
                             int channels, duet_image *out) {
    const duet_listed *const listed = dataset->state;
    const duet_listed_row *const row = row_at(dataset, split, index);
    char path[DUET_PATH_SIZE];
    duet_image image = {0};
    DUET_TRY(duet_path_join(path, listed->root, row->path));
    DUET_TRY(duet_image_read(&image, path, channels));
    const duet_status status = cut(listed, row, &image);
    if (status == DUET_OK) {
        *out = image;
        return DUET_OK;
    }
    duet_error_frame("'%s'", path);
    duet_image_free(&image);
    return status;
}

void duet_listed_row_name(const duet_dataset *dataset, duet_split split, int64_t index, char *out,
                          size_t size) {
    snprintf(out, size, "%s", row_at(dataset, split, index)->path);
}

/* ---- looking ---- */

bool duet_listed_has(const char *folder, const char *name) {
    char path[DUET_PATH_SIZE];
    return duet_path_in(path, folder, name);
}

bool duet_listed_where(char out[DUET_PATH_SIZE], const char *folder, const char *names,
                       const char *file) {
    char name[DUET_PATH_SIZE];
    while (*names != '\0') {
        const size_t n = strcspn(names, " ");
        snprintf(name, sizeof name, "%.*s", (int)n, names);
        if ((n == 1 && *names == '.' ? duet_copy_text(out, DUET_PATH_SIZE, folder)
                                     : duet_path_join(out, folder, name) == DUET_OK) &&
            duet_listed_has(out, file))
            return true;
        names += n + (names[n] == ' ');
    }
    return false;
}
