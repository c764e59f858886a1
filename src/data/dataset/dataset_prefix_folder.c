/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_prefix_folder.c: a flat folder in which the class stands in the names of the
 * images, up to the first '_', "cat_0001.png", as guided-diffusion takes it; or folders train, val,
 * test of such images. Any flat folder may look like that, so it is never detected:
 * prefix_folder:PATH. Source: github.com/openai/guided-diffusion, image_datasets.py (the rule). */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/dataset/listed.h"
#include "data/dataset/word_classes.h"
#include "data/split.h"

static int prefix_detect(const char *path) {
    (void)path;
    return 0;
}

/* The folders of splits, or else the folder itself. */
static duet_status add_files(duet_dataset *dataset, const char *path) {
    duet_status status = DUET_OK;
    duet_listing list = {0};
    char folder[DUET_PATH_SIZE];
    bool splits = false;
    DUET_DO(duet_folder_list(&list, path));
    for (int64_t i = 0; i < list.count; i++) {
        duet_split split = DUET_TRAIN;
        DUET_DO(duet_path_join(folder, path, list.name[i]));
        if (!duet_split_of_word(&split, list.name[i], strlen(list.name[i])) ||
            !duet_path_is_folder(folder))
            continue;
        DUET_DO(duet_listed_add_folder(dataset, list.name[i], split, -1, NULL));
        splits = true;
    }
    if (!splits) DUET_DO(duet_listed_add_folder(dataset, "", DUET_TRAIN, -1, NULL));
done:
    duet_listing_free(&list);
    return status;
}

static duet_status prefix_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                               const void *options) {
    (void)options;
    duet_status status = DUET_OK;
    duet_word_classes classes = {0};
    const char **words = NULL, **sorted = NULL;
    DUET_DO(duet_listed_new(dataset, path));
    DUET_DO(add_files(dataset, path));
    duet_listed *const listed = dataset->state;
    DUET_DO(duet_alloc(&words, listed->count + 1, sizeof *words));
    DUET_DO(duet_alloc(&sorted, listed->count + 1, sizeof *sorted));
    for (int64_t i = 0; i < listed->count; i++) {
        const char *const name = duet_path_base(listed->row[i].path);
        words[i] = duet_arena_format(dataset->arena, "%.*s", (int)strcspn(name, "_"), name);
        sorted[i] = words[i];
    }
    DUET_DO(duet_arena_status(dataset->arena));
    duet_word_classes_make(&classes, sorted, listed->count, true);
    sorted = NULL;
    for (int64_t i = 0; i < listed->count && classes.count > 1; i++)
        listed->row[i].label = duet_word_classes_find(&classes, words[i]);
    DUET_DO(duet_listed_finish(ctx, dataset, "", classes.names, (int)classes.count));
done:
    duet_release(words);
    duet_release(sorted);
    duet_word_classes_free(&classes);
    return status;
}

const duet_dataset_layout duet_dataset_prefix_folder = {
    .info = {.name = "prefix_folder",
             .help = "flat folder of images named CLASS_….png (guided-diffusion); not detected: "
                     "prefix_folder:PATH",
             .params = DUET_TABLE_EMPTY},
    .detect = prefix_detect,
    .open = prefix_open,
    .close = duet_listed_close,
    .read = duet_listed_read,
    .row_name = duet_listed_row_name,
};
