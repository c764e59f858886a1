/* SPDX-License-Identifier: MIT
 * data/dataset/roots.c: data sets below the given path (torchvision's root is the folder that holds
 * MNIST/raw or cifar-10-batches-bin), and why a path is not a data set. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "base/system.h"
#include "data/dataset/dataset.h"
#include "io/kind.h"

enum { DEEPEST = 2, MOST_FOLDERS = 32 }; /* more folders than this are classes */

static void found(duet_roots *out, const duet_dataset_layout *layout, const char *folder,
                  const char *shown, int depth) {
    if (out->count++ == 0) {
        out->layout = layout;
        out->first_is_near = depth == 1;
        duet_copy_text(out->folder, sizeof out->folder, folder);
    }
    const size_t used = strlen(out->names);
    snprintf(out->names + used, sizeof out->names - used, "%s'%s'", used > 0 ? ", " : "", shown);
}

static void look_into(duet_roots *out, const duet_dataset_layout *const *layouts, int count,
                      const char *path, const char *inside, int depth) {
    duet_listing list = {0};
    char folder[DUET_PATH_SIZE], name[DUET_PATH_SIZE];
    int folders = 0;
    if (duet_folder_list(&list, path) != DUET_OK) return;
    for (int64_t i = 0; i < list.count; i++) {
        if (list.name[i][0] == '.' || duet_path_join(folder, path, list.name[i]) != DUET_OK ||
            duet_path_join(name, inside, list.name[i]) != DUET_OK || !duet_path_is_folder(folder))
            continue;
        if (++folders > MOST_FOLDERS) break;
        bool here = false;
        for (int k = 0; k < count && !here; k++) {
            if (!layouts[k]->inner || layouts[k]->detect(folder) == 0) continue;
            found(out, layouts[k], folder, name, depth);
            here = true;
        }
        if (!here && depth < DEEPEST) look_into(out, layouts, count, folder, name, depth + 1);
    }
    duet_listing_free(&list);
}

void duet_dataset_roots(duet_roots *out, const duet_dataset_layout *const *layouts, int count,
                        const char *path) {
    *out = (duet_roots){0};
    if (duet_path_is_folder(path)) look_into(out, layouts, count, path, "", 1);
    duet_error_clear();
}

/* A file in the folder that may be the data set. */
static bool set_inside(char name[256], const duet_listing *list) {
    for (int64_t i = 0; i < list->count; i++)
        if (list->name[i][0] != '.' &&
            duet_name_ends(list->name[i], ".zip .tar .tar.gz .tgz .npz .csv"))
            return duet_copy_text(name, 256, list->name[i]);
    return false;
}

static duet_status refuse_folder(const char *path) {
    char name[256] = "";
    duet_listing list = {0};
    DUET_TRY(duet_folder_list(&list, path));
    const int64_t count = list.count;
    const bool inside = set_inside(name, &list);
    duet_listing_free(&list);
    if (count == 0)
        return duet_fail(DUET_FORMAT, "folder '%s' holds no data set: it is empty", path);
    if (inside)
        return duet_fail(DUET_FORMAT,
                         "folder '%s' holds no data set itself; to read '%s' in it, give that file",
                         path, name);
    return duet_fail(DUET_FORMAT,
                     "folder '%s' holds no data set: no images, IDX files, CIFAR batches "
                     "(data_batch_1, data_batch_1.bin) or .tar archives in it",
                     path);
}

duet_status duet_dataset_refuse(const char *path) {
    if (access(path, R_OK) != 0) return duet_fail_system(errno, "read", path);
    if (duet_path_is_folder(path)) return refuse_folder(path);
    const char *const words = duet_kind_of_file(path).words;
    return duet_fail(
        DUET_FORMAT,
        "file '%s' is not a data set: %s%sneither a .tar, .zip or .npz of images, an IDX "
        "file nor CIFAR batches",
        path, words != NULL ? words : "", words != NULL ? ", " : "");
}
