/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_imagenet.c: ImageNet-1k (ILSVRC 2012) with all validation images in one
 * folder, as its archives unpack: train/WNID/FILE, val/ILSVRC2012_val_NNNNNNNN.JPEG, test/ without
 * classes; below ILSVRC/Data/CLS-LOC/ in Kaggle's archive. Classes of the validation images come
 * from the first of these beside val/ or above that folder:
 *   LOC_val_solution.csv                         "NAME,WNID X0 Y0 X1 Y1 …" (Kaggle)
 *   imagenet_2012_validation_synset_labels.txt   a WordNet id for each image, in order
 *   ILSVRC2012_validation_ground_truth.txt       a number for each image, in order, which meta.mat
 *                                                of the development kit translates
 *   val.txt                                      "NAME LABEL", labels 0 … 999 (Caffe)
 * The label is the rank of the WordNet id, as an ImageFolder counts. Sets whose validation images
 * lie in folders of classes are an image_folder. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/dataset/imagenet_lists.h"
#include "data/dataset/listed.h"

#define BASES "ILSVRC/Data/CLS-LOC Data/CLS-LOC ."
#define FIRST "val/ILSVRC2012_val_00000001.JPEG"

static int imagenet_detect(const char *path) {
    char base[DUET_PATH_SIZE];
    duet_imagenet_list list;
    if (duet_listed_where(base, path, "ILSVRC/Data/CLS-LOC Data/CLS-LOC", "val")) return 90;
    if (duet_listed_has(path, FIRST)) return 90;
    /* other sets have a val.txt as well */
    return duet_listed_has(path, "val") && duet_imagenet_find_list(&list, path, path) &&
                   list.kind != DUET_IMAGENET_LABELS
               ? 90
               : 0;
}

/* The images in folders of classes; *count of them. */
static duet_status add_folders(duet_dataset *dataset, const duet_wnids *wnids, duet_split split,
                               const char *base, int64_t *count) {
    *count = 0;
    for (int64_t c = 0; c < wnids->count; c++) {
        char folder[32];
        int64_t found = 0;
        snprintf(folder, sizeof folder, "%s/%s", duet_split_name(split), wnids->id[c]);
        if (duet_listed_has(base, folder))
            DUET_TRY(duet_listed_add_folder(dataset, folder, split, (int32_t)c, &found));
        *count += found;
    }
    return DUET_OK;
}

/* Rows of validation images: in folders of classes all the same; in the order of the list; without
 * a list all of the folder, without classes. */
static duet_status add_val(duet_dataset *dataset, const duet_wnids *wnids, const char *base,
                           const duet_imagenet_val *val) {
    int64_t count = 0;
    DUET_TRY(add_folders(dataset, wnids, DUET_VAL, base, &count));
    if (count > 0) return DUET_OK;
    if (val->count == 0) {
        DUET_TRY(duet_listed_add_folder(dataset, "val", DUET_VAL, -1, &count));
        duet_dataset_noticed(dataset, false, count, "validation images without a list of classes",
                             "val",
                             "put LOC_val_solution.csv, or ILSVRC2012_validation_ground_truth.txt "
                             "and meta.mat, beside val");
        return DUET_OK;
    }
    for (int64_t i = 0; i < val->count; i++) {
        char path[DUET_PATH_SIZE];
        const int32_t label =
            val->wnid[i] != NULL ? duet_wnids_find(wnids, val->wnid[i]) : val->label[i];
        if (label < 0 || label >= wnids->count)
            return duet_fail(DUET_FORMAT, "'%s' has a class of '%.60s' that the set does not have",
                             val->list, val->name[i]);
        DUET_TRY(duet_path_join(path, "val", val->name[i]));
        DUET_TRY(duet_listed_add(
            dataset, &(duet_listed_row){.path = path, .split = DUET_VAL, .label = label}));
    }
    return DUET_OK;
}

static duet_status imagenet_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                                 const void *options) {
    (void)options;
    duet_status status = DUET_OK;
    char base[DUET_PATH_SIZE], folder[DUET_PATH_SIZE];
    duet_wnids wnids = {0};
    duet_lines words = {0};
    duet_imagenet_val val = {0};
    const char **names = NULL;
    int64_t count = 0;
    if (!duet_listed_where(base, path, BASES, "val") &&
        !duet_listed_where(base, path, BASES, "train"))
        return duet_fail(DUET_NOT_FOUND, "no folder train or val in '%s'", path);
    DUET_DO(duet_listed_new(dataset, base));
    DUET_DO(duet_path_join(folder, base, "train"));
    DUET_DO(duet_wnids_add_folders(&wnids, dataset->arena, folder));
    DUET_DO(duet_path_join(folder, base, "val"));
    DUET_DO(duet_wnids_add_folders(&wnids, dataset->arena, folder));
    DUET_DO(duet_imagenet_read_val(&val, dataset->arena, path, base));
    for (int64_t i = 0; i < val.count && wnids.count == 0; i++)
        if (val.wnid[i] != NULL) DUET_DO(duet_wnids_add(&wnids, dataset->arena, val.wnid[i]));
    duet_wnids_sort(&wnids);
    DUET_DO(duet_imagenet_read_words(&words, path, base));
    DUET_DO(duet_wnids_name(&names, &wnids, dataset->arena, words.count > 0 ? &words : NULL));
    DUET_DO(add_folders(dataset, &wnids, DUET_TRAIN, base, &count));
    if (duet_listed_has(base, "val")) DUET_DO(add_val(dataset, &wnids, base, &val));
    if (duet_listed_has(base, "test"))
        DUET_DO(duet_listed_add_folder(dataset, "test", DUET_TEST, -1, NULL));
    DUET_DO(duet_listed_finish(ctx, dataset, val.count > 0 ? "val" : "", names, (int)wnids.count));
done:
    duet_imagenet_val_free(&val);
    duet_wnids_free(&wnids);
    duet_lines_free(&words);
    return status;
}

const duet_dataset_layout duet_dataset_imagenet = {
    .info = {.name = "imagenet",
             .help = "ImageNet-1k: train/WNID/, val/ in one folder and its list of classes",
             .params = DUET_TABLE_EMPTY},
    .detect = imagenet_detect,
    .open = imagenet_open,
    .close = duet_listed_close,
    .read = duet_listed_read,
    .row_name = duet_listed_row_name,
    .inner = true,
};
