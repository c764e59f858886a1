/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_dogs.c: Stanford Dogs (Khosla et al. 2011): images.tar unpacked
 * (Images/WNID-breed/FILE) and lists.tar: train_list.mat and test_list.mat beside Images/ or in
 * lists/, with the cells `file_list` (paths below Images/) and the numbers `labels` (1 … 120).
 * Classes are named as their folders, "n02085620-Chihuahua". */
#include <string.h>

#include "base/error.h"
#include "data/dataset/listed.h"
#include "io/mat.h"

#define PLACES ". lists splits"
enum { MOST_CLASSES = 10000 };

static int dogs_detect(const char *path) {
    char place[DUET_PATH_SIZE];
    return duet_listed_where(place, path, PLACES, "train_list.mat") &&
                   (duet_listed_has(path, "Images") || duet_listed_has(path, "images"))
               ? 90
               : 0;
}

typedef struct names {
    const char *name[MOST_CLASSES];
    int count;
} names;

/* The class is named by the folder of its first image. */
static duet_status take_name(names *all, duet_arena *arena, int64_t label, const char *file) {
    if (label < 1 || label > MOST_CLASSES)
        return duet_fail(DUET_FORMAT, "'%.100s' has label %lld; labels are 1 and more", file,
                         (long long)label);
    if (all->name[label - 1] == NULL)
        all->name[label - 1] = duet_arena_format(arena, "%.*s", (int)strcspn(file, "/"), file);
    all->count = label > all->count ? (int)label : all->count;
    return duet_arena_status(arena);
}

/* A text, also within a cell. */
static const char *text_of(const duet_mat_value *value) {
    if (value->kind == DUET_MAT_CELLS && value->count == 1) value = value->item;
    return value->kind == DUET_MAT_TEXT ? value->text : NULL;
}

static duet_status add_list(duet_dataset *dataset, names *all, duet_split split, const char *images,
                            const duet_mat *mat) {
    const duet_mat_value *files = NULL, *labels = NULL;
    DUET_TRY(duet_mat_find(&files, mat, "file_list", DUET_MAT_CELLS));
    DUET_TRY(duet_mat_find(&labels, mat, "labels", DUET_MAT_NUMBERS));
    if (files->count != labels->count)
        return duet_fail(DUET_FORMAT, "it has %lld files and %lld labels", (long long)files->count,
                         (long long)labels->count);
    for (int64_t i = 0; i < files->count; i++) {
        char path[DUET_PATH_SIZE];
        const char *const file = text_of(&files->item[i]);
        const double label = labels->number[i];
        if (file == NULL)
            return duet_fail(DUET_FORMAT, "element %lld of 'file_list' is no text",
                             (long long)i + 1);
        DUET_TRY(take_name(all, dataset->arena, label >= 1.0 && label <= 1e6 ? (int64_t)label : 0,
                           file));
        DUET_TRY(duet_path_join(path, images, file));
        DUET_TRY(duet_listed_add(
            dataset,
            &(duet_listed_row){.path = path, .split = split, .label = (int32_t)label - 1}));
    }
    return DUET_OK;
}

static duet_status read_list(duet_dataset *dataset, names *all, duet_split split,
                             const char *images, const char *folder, const char *name) {
    duet_status status = DUET_OK;
    duet_mat *mat = NULL;
    char path[DUET_PATH_SIZE];
    DUET_DO(duet_path_join(path, folder, name));
    DUET_DO(duet_mat_open(&mat, path));
    DUET_CONTEXT(add_list(dataset, all, split, images, mat), "'%s'", name);
done:
    duet_mat_close(mat);
    return status;
}

static duet_status dogs_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                             const void *options) {
    (void)options;
    duet_status status = DUET_OK;
    char lists[DUET_PATH_SIZE];
    const char *const images = duet_listed_has(path, "Images") ? "Images" : "images";
    names *all = NULL;
    if (!duet_listed_where(lists, path, PLACES, "train_list.mat"))
        return duet_fail(DUET_NOT_FOUND, "no train_list.mat in '%s' or its folder lists", path);
    DUET_DO(duet_alloc(&all, 1, sizeof *all));
    DUET_DO(duet_listed_new(dataset, path));
    DUET_DO(read_list(dataset, all, DUET_TRAIN, images, lists, "train_list.mat"));
    if (duet_listed_has(lists, "test_list.mat"))
        DUET_DO(read_list(dataset, all, DUET_TEST, images, lists, "test_list.mat"));
    else
        duet_dataset_noticed(dataset, false, 1, "file of the set that is missing", "test_list.mat",
                             "there is no split test");
    for (int c = 0; c < all->count; c++)
        if (all->name[c] == NULL) all->name[c] = duet_arena_format(dataset->arena, "%d", c + 1);
    DUET_DO(duet_arena_status(dataset->arena));
    DUET_DO(duet_listed_finish(ctx, dataset, images, all->name, all->count));
done:
    duet_release(all);
    return status;
}

const duet_dataset_layout duet_dataset_dogs = {
    .info = {.name = "dogs",
             .help = "Stanford Dogs: Images/ beside train_list.mat and test_list.mat, or lists/",
             .params = DUET_TABLE_EMPTY},
    .detect = dogs_detect,
    .open = dogs_open,
    .close = duet_listed_close,
    .read = duet_listed_read,
    .row_name = duet_listed_row_name,
    .inner = true,
};
