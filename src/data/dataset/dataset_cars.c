/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_cars.c: Stanford Cars (Krause et al. 2013), in either form:
 *   cars_train/, cars_test/ (also twice, as cars_train/cars_train) and devkit/:
 * cars_train_annos.mat, cars_test_annos.mat, cars_meta.mat. The test list has no classes;
 * cars_test_annos_withlabels.mat beside or in devkit/ has. car_ims/ and cars_annos.mat, which says
 * of each image whether it is a test image. Lists are struct arrays `annotations` (bbox_x1,
 * bbox_y1, bbox_x2, bbox_y2 from 1, both ends included; class 1 … 196; fname, or relative_im_path
 * and test), names a cell array. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/dataset/listed.h"
#include "io/mat.h"

#define PLACES "devkit car_devkit/devkit ."

static const duet_param params[] = {DUET_LISTED_BOXES(duet_listed_options)};

static int cars_detect(const char *path) {
    char place[DUET_PATH_SIZE];
    return duet_listed_where(place, path, PLACES, "cars_train_annos.mat") ||
                   duet_listed_has(path, "cars_annos.mat")
               ? 90
               : 0;
}

/* What the rows of a list share. */
typedef struct list {
    const duet_mat_value *rows;
    const char *folder; /* of its images; NULL: rows say it */
    duet_split split;
    int64_t classes;
} list;

static duet_status open_in(duet_mat **out, const char *folder, const char *name) {
    char path[DUET_PATH_SIZE];
    DUET_TRY(duet_path_join(path, folder, name));
    return duet_mat_open(out, path);
}

static int64_t whole(const list *l, int64_t i, const char *field) {
    return duet_mat_whole(duet_mat_field(l->rows, i, field, DUET_MAT_NUMBERS));
}

static duet_status add_row(duet_dataset *dataset, const list *l, int64_t i) {
    const duet_mat_value *const name =
        duet_mat_field(l->rows, i, l->folder != NULL ? "fname" : "relative_im_path", DUET_MAT_TEXT);
    const bool labelled = duet_mat_field(l->rows, i, "class", DUET_MAT_NUMBERS) != NULL;
    const int64_t class = whole(l, i, "class"), x = whole(l, i, "bbox_x1"),
                  y = whole(l, i, "bbox_y1"), right = whole(l, i, "bbox_x2"),
                  bottom = whole(l, i, "bbox_y2"), test = whole(l, i, "test");
    char path[DUET_PATH_SIZE];
    if (name == NULL)
        return duet_fail(DUET_FORMAT, "row %lld of 'annotations' has no name of an image",
                         (long long)i + 1);
    if (labelled && (class < 1 || class > l->classes))
        return duet_fail(DUET_FORMAT, "'%.100s' has class %lld; classes are 1 to %lld", name->text,
                         (long long)class, (long long)l->classes);
    if (l->folder != NULL) DUET_TRY(duet_path_join(path, l->folder, name->text));
    duet_listed_row row = {.path = l->folder != NULL ? path : name->text,
                           .split = l->folder == NULL && test == 1 ? DUET_TEST : l->split,
                           .label = labelled ? (int32_t) class - 1 : -1};
    if (x > 0 && y > 0 && right >= x && bottom >= y) {
        row.x = (int32_t)x - 1;
        row.y = (int32_t)y - 1;
        row.width = (int32_t)(right - x + 1);
        row.height = (int32_t)(bottom - y + 1);
    }
    return duet_listed_add(dataset, &row);
}

static duet_status add_list(duet_dataset *dataset, list *l, const char *folder, const char *name) {
    duet_status status = DUET_OK;
    duet_mat *mat = NULL;
    DUET_DO(open_in(&mat, folder, name));
    DUET_DO(duet_mat_find(&l->rows, mat, "annotations", DUET_MAT_STRUCTS));
    for (int64_t i = 0; i < l->rows->count; i++) DUET_CONTEXT(add_row(dataset, l, i), "'%s'", name);
done:
    duet_mat_close(mat);
    return status;
}

static duet_status read_names(const char ***out, int64_t *count, duet_dataset *dataset,
                              const char *folder, const char *name) {
    duet_status status = DUET_OK;
    duet_mat *mat = NULL;
    const duet_mat_value *cells = NULL;
    DUET_DO(open_in(&mat, folder, name));
    DUET_DO(duet_mat_find(&cells, mat, "class_names", DUET_MAT_CELLS));
    const char **const names = duet_arena_alloc(dataset->arena, cells->count + 1, sizeof *names);
    DUET_DO(duet_arena_status(dataset->arena));
    for (int64_t i = 0; i < cells->count; i++) {
        if (cells->item[i].kind != DUET_MAT_TEXT)
            DUET_FAIL(DUET_FORMAT, "'class_names' of '%s' are no texts", name);
        names[i] = duet_arena_text(dataset->arena, cells->item[i].text);
    }
    DUET_DO(duet_arena_status(dataset->arena));
    if (cells->count < 2 || cells->count > INT32_MAX)
        DUET_FAIL(DUET_FORMAT, "'class_names' of '%s' are not several", name);
    *out = names;
    *count = cells->count;
done:
    duet_mat_close(mat);
    return status;
}

/* "cars_train", or "cars_train/cars_train" as some archives unpack. */
static const char *images_in(const char *path, const char *once, const char *twice) {
    return duet_listed_has(path, twice) ? twice : once;
}

static duet_status add_lists(duet_dataset *dataset, const char *path, const char *devkit,
                             int64_t classes) {
    char place[DUET_PATH_SIZE];
    list train = {.folder = images_in(path, "cars_train", "cars_train/cars_train"),
                  .split = DUET_TRAIN,
                  .classes = classes},
         test = {.folder = images_in(path, "cars_test", "cars_test/cars_test"),
                 .split = DUET_TEST,
                 .classes = classes};
    DUET_TRY(add_list(dataset, &train, devkit, "cars_train_annos.mat"));
    if (duet_listed_where(place, path, ". " PLACES, "cars_test_annos_withlabels.mat"))
        return add_list(dataset, &test, place, "cars_test_annos_withlabels.mat");
    if (!duet_listed_has(devkit, "cars_test_annos.mat")) return DUET_OK;
    duet_dataset_noticed(dataset, false, 1, "list of test images without their classes",
                         "cars_test_annos.mat",
                         "they count as unlabelled; with cars_test_annos_withlabels.mat beside the "
                         "folders of the images they have classes");
    return add_list(dataset, &test, devkit, "cars_test_annos.mat");
}

static duet_status cars_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                             const void *options) {
    char devkit[DUET_PATH_SIZE];
    const char **names = NULL, *folders = "car_ims";
    int64_t classes = 0;
    const bool split = duet_listed_where(devkit, path, PLACES, "cars_train_annos.mat");
    if (!split && !duet_listed_has(path, "car_ims") && duet_listed_has(path, "cars_train"))
        return duet_fail(DUET_NOT_FOUND,
                         "cars_annos.mat lists the images of car_ims.tgz, and here are those of "
                         "cars_train.tgz; unpack car_devkit.tgz beside them");
    DUET_TRY(duet_listed_new(dataset, path));
    ((duet_listed *)dataset->state)->boxes = ((const duet_listed_options *)options)->boxes;
    if (split) {
        folders = "cars_train cars_test";
        DUET_TRY(read_names(&names, &classes, dataset, devkit, "cars_meta.mat"));
        DUET_TRY(add_lists(dataset, path, devkit, classes));
    } else {
        list all = {.split = DUET_TRAIN};
        DUET_TRY(read_names(&names, &classes, dataset, path, "cars_annos.mat"));
        all.classes = classes;
        DUET_TRY(add_list(dataset, &all, path, "cars_annos.mat"));
    }
    return duet_listed_finish(ctx, dataset, folders, names, (int)classes);
}

const duet_dataset_layout duet_dataset_cars = {
    .info = {.name = "cars",
             .help = "Stanford Cars: cars_train/, cars_test/ and devkit/, or car_ims/ and "
                     "cars_annos.mat",
             .params = DUET_TABLE(params, duet_listed_options)},
    .detect = cars_detect,
    .open = cars_open,
    .close = duet_listed_close,
    .read = duet_listed_read,
    .row_name = duet_listed_row_name,
    .inner = true,
};
