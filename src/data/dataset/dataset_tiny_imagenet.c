/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_tiny_imagenet.c: Tiny-ImageNet-200 (Stanford CS231n), as
 * tiny-imagenet-200.zip unpacks: train/WNID/images/FILE, val/images/ with val/val_annotations.txt
 * ("FILE WNID X0 Y0 X1 Y1"), test/images/ without classes, wnids.txt, words.txt. The label is the
 * rank of the WordNet id among those of wnids.txt, sorted, as an ImageFolder counts. */
#include <stdio.h>

#include "base/error.h"
#include "data/dataset/listed.h"
#include "data/dataset/wnids.h"

#define VAL "val/val_annotations.txt"

static int tiny_detect(const char *path) {
    return duet_listed_has(path, "wnids.txt") && duet_listed_has(path, VAL) ? 90 : 0;
}

static duet_status add_train(duet_dataset *dataset, const duet_wnids *wnids, const char *path) {
    for (int64_t c = 0; c < wnids->count; c++) {
        char folder[64];
        snprintf(folder, sizeof folder, "train/%s/images", wnids->id[c]);
        if (!duet_listed_has(path, folder))
            snprintf(folder, sizeof folder, "train/%s", wnids->id[c]);
        if (duet_listed_has(path, folder))
            DUET_TRY(duet_listed_add_folder(dataset, folder, DUET_TRAIN, (int32_t)c, NULL));
    }
    return DUET_OK;
}

static duet_status add_val(duet_dataset *dataset, const duet_wnids *wnids,
                           const duet_lines *lines) {
    for (int64_t i = 0; i < lines->count; i++) {
        const duet_line *const line = &lines->line[i];
        const int32_t label = duet_wnids_find(wnids, line->rest);
        char path[DUET_PATH_SIZE];
        if (label < 0)
            return duet_fail(DUET_FORMAT, "line %lld of '%s' has the unknown class '%.20s'",
                             (long long)line->number, VAL, line->rest);
        DUET_TRY(duet_path_join(path, "val/images", line->key));
        DUET_TRY(duet_listed_add(
            dataset, &(duet_listed_row){.path = path, .split = DUET_VAL, .label = label}));
    }
    return DUET_OK;
}

static duet_status tiny_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                             const void *options) {
    (void)options;
    duet_status status = DUET_OK;
    duet_lines ids = {0}, val = {0}, words = {0};
    duet_wnids wnids = {0};
    const char **names = NULL;
    DUET_DO(duet_listed_new(dataset, path));
    DUET_DO(duet_lines_read(&ids, path, "wnids.txt"));
    DUET_DO(duet_lines_read(&val, path, VAL));
    if (duet_listed_has(path, "words.txt")) DUET_DO(duet_lines_read(&words, path, "words.txt"));
    for (int64_t i = 0; i < ids.count; i++)
        DUET_CONTEXT(duet_wnids_add(&wnids, dataset->arena, ids.line[i].key), "'wnids.txt'");
    duet_wnids_sort(&wnids);
    DUET_DO(duet_wnids_name(&names, &wnids, dataset->arena, words.count > 0 ? &words : NULL));
    DUET_DO(add_train(dataset, &wnids, path));
    DUET_DO(add_val(dataset, &wnids, &val));
    if (duet_listed_has(path, "test/images"))
        DUET_DO(duet_listed_add_folder(dataset, "test/images", DUET_TEST, -1, NULL));
    DUET_DO(duet_listed_finish(ctx, dataset, "val/images", names, (int)wnids.count));
done:
    duet_wnids_free(&wnids);
    duet_lines_free(&ids);
    duet_lines_free(&val);
    duet_lines_free(&words);
    return status;
}

const duet_dataset_layout duet_dataset_tiny_imagenet = {
    .info = {.name = "tiny_imagenet",
             .help = "Tiny-ImageNet-200: train/WNID/images/, val/val_annotations.txt, wnids.txt",
             .params = DUET_TABLE_EMPTY},
    .detect = tiny_detect,
    .open = tiny_open,
    .close = duet_listed_close,
    .read = duet_listed_read,
    .row_name = duet_listed_row_name,
    .inner = true,
};
