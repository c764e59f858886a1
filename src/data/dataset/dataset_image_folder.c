/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_image_folder.c: a folder of image files: SPLIT/CLASS/FILE, CLASS/FILE, or
 * flat (unlabelled); rules in rows.h. Labels come from EDM's dataset.json where there is one. Links
 * are followed, except cycles. What is left out is counted (files.h). Files are read and decoded on
 * demand. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/context.h"
#include "base/error.h"
#include "base/hash.h"
#include "data/dataset/files.h"
#include "data/dataset/label_list.h"
#include "data/dataset/rows.h"
#include "data/dataset/word_classes.h"
#include "data/split.h"
#include "io/kind.h"

#define DEEPEST 32

typedef struct folder_state {
    duet_rows rows;
    const char *root;
    const char **path; /* by item: below the root */
    int64_t count, capacity;
    const char *labels; /* the last dataset.json; NULL: none */
    int64_t label_lists;
    const char **class_names; /* of its classes; 0 = they have none */
    int64_t class_count;
} folder_state;

static int folder_detect(const char *path) {
    if (!duet_path_is_folder(path)) return 0;
    duet_listing list = {0};
    if (duet_folder_list(&list, path) != DUET_OK) return 50; /* opening it says why */
    int sure = 0;
    for (int64_t i = 0; i < list.count && sure < 80; i++) {
        const char *name = list.name[i];
        char file[DUET_PATH_SIZE];
        if (name[0] == '.' || duet_path_join(file, path, name) != DUET_OK) continue;
        if (duet_path_is_folder(file)) {
            duet_split split = DUET_TEST;
            const bool train =
                duet_split_of_word(&split, name, strlen(name)) && split == DUET_TRAIN;
            sure = train ? 80 : sure < DUET_SURE_OF_FOLDERS ? DUET_SURE_OF_FOLDERS : sure;
        } else if (duet_image_name_known(name) && sure < 60) {
            sure = 60;
        } else if (sure == 0 && (duet_kind_of_name(name) == DUET_NAME_OTHER_IMAGE ||
                                 duet_kind_of_name(name) == DUET_NAME_UNKNOWN)) {
            sure = 10; /* images by content, or of formats to be named */
        }
    }
    duet_listing_free(&list);
    return sure;
}

/* The folders on the path to the present one. */
typedef struct trail {
    const struct trail *up;
    dev_t device;
    ino_t number;
    int depth;
} trail;

static bool goes_round(const trail *at, const struct stat *about) {
    for (; at != NULL; at = at->up)
        if (at->device == about->st_dev && at->number == about->st_ino) return true;
    return false;
}

/* The first bytes of a file whose name does not say what it is. */
static bool wants_content(duet_dataset *dataset, const char *name, const char *file) {
    uint8_t head[512];
    FILE *const f = fopen(file, "rbe");
    const size_t size = f != NULL ? fread(head, 1, sizeof head, f) : 0;
    if (f != NULL) fclose(f);
    return duet_files_wants_bytes(dataset, name, head, (int64_t)size);
}

static duet_status take_file(duet_dataset *dataset, const char *name, const char *file,
                             int64_t size) {
    folder_state *const state = dataset->state;
    if (strcmp(duet_path_base(name), "dataset.json") == 0 && !duet_files_hidden(name)) {
        state->label_lists++;
        state->labels = duet_arena_text(dataset->arena, name);
        return duet_arena_status(dataset->arena);
    }
    const duet_files_say say = duet_files_wants(dataset, name);
    if (say == DUET_FILES_NO || (say == DUET_FILES_LOOK && !wants_content(dataset, name, file)))
        return DUET_OK;
    DUET_TRY(duet_grow(&state->path, &state->capacity, state->count + 1, sizeof *state->path));
    DUET_TRY(duet_rows_add(&state->rows, dataset->arena, name, state->count));
    state->path[state->count++] = state->rows.file[state->rows.count - 1].name;
    dataset->info.hash = duet_hash(&size, sizeof size, duet_hash_text(name, dataset->info.hash));
    return DUET_OK;
}

static duet_status walk(duet_context *ctx, duet_dataset *dataset, const char *inside,
                        const trail *up);

static duet_status take_entry(duet_context *ctx, duet_dataset *dataset, const char *name,
                              const trail *here) {
    folder_state *const state = dataset->state;
    char file[DUET_PATH_SIZE];
    struct stat about;
    DUET_TRY(duet_path_join(file, state->root, name));
    if (stat(file, &about) != 0) {
        if (lstat(file, &about) == 0 && S_ISLNK(about.st_mode)) duet_files_bad_link(dataset, name);
        return DUET_OK;
    }
    if (S_ISREG(about.st_mode)) return take_file(dataset, name, file, about.st_size);
    if (!S_ISDIR(about.st_mode)) {
        duet_dataset_left_out(dataset, true, "files that are not images", name, "");
        return DUET_OK;
    }
    if (duet_files_hidden(name)) return DUET_OK;
    if (goes_round(here, &about)) {
        duet_dataset_left_out(dataset, false, "links to a folder that they lie in", name, "");
        return DUET_OK;
    }
    if (here->depth >= DEEPEST) {
        duet_dataset_left_out(dataset, false, "folders nested too deeply (over 32 levels)", name,
                              "");
        return DUET_OK;
    }
    const trail next = {here, about.st_dev, about.st_ino, here->depth + 1};
    DUET_TRY(duet_rows_folder(&state->rows, dataset->arena, name));
    return walk(ctx, dataset, name, &next);
}

/* Adds the images below root/inside; recursion is bounded by DEEPEST. */
static duet_status walk(duet_context *ctx, duet_dataset *dataset, const char *inside,
                        const trail *here) {
    const folder_state *const state = dataset->state;
    duet_status status = DUET_OK;
    duet_listing list = {0};
    char name[DUET_PATH_SIZE];
    DUET_DO(duet_check_cancelled(ctx));
    DUET_DO(duet_path_join(name, state->root, inside));
    DUET_DO(duet_folder_list(&list, inside[0] == '\0' ? state->root : name));
    for (int64_t i = 0; i < list.count; i++) {
        DUET_DO(duet_path_join(name, inside, list.name[i]));
        DUET_DO(take_entry(ctx, dataset, name, here));
    }
done:
    duet_listing_free(&list);
    return status;
}

/* The labels of dataset.json, whose names are relative to its own folder. */
static duet_status take_labels(duet_dataset *dataset) {
    folder_state *const state = dataset->state;
    duet_status status = DUET_OK;
    duet_bytes bytes = {0};
    duet_label_list list = {0};
    char path[DUET_PATH_SIZE];
    if (state->labels == NULL) return DUET_OK;
    DUET_DO(duet_path_join(path, state->root, state->labels));
    DUET_DO(duet_file_read(&bytes, path));
    if (state->label_lists > 1 ||
        duet_label_list_parse(&list, dataset, (const char *)bytes.data, state->labels) != DUET_OK) {
        duet_dataset_noticed(dataset, false, state->label_lists,
                             "files dataset.json, whose labels are not read", state->labels,
                             "only one in EDM's format for the whole set is read");
        duet_error_clear();
        goto done;
    }
    for (int64_t i = 0; i < state->rows.count && list.count > 0; i++) {
        int64_t label = 0;
        DUET_DO(duet_label_list_find(&label, &list, state->rows.file[i].name));
        DUET_DO(duet_rows_number(&state->rows.file[i].name, dataset->arena, DUET_TRAIN, label,
                                 state->path[i]));
    }
    duet_label_list_finish(&list, dataset);
    state->class_names = list.class_names;
    state->class_count = list.class_count;
done:
    duet_label_list_free(&list);
    duet_bytes_free(&bytes);
    return status;
}

/* In guided-diffusion's flat folders the class stands in the names, "cat_0001.png". Any names may
 * look like that, so that it is only told. */
static duet_status notice_prefixes(duet_dataset *dataset) {
    const folder_state *const state = dataset->state;
    duet_status status = DUET_OK;
    duet_word_classes classes = {0};
    const char **words = NULL;
    if (dataset->info.labelled) return DUET_OK;
    DUET_DO(duet_alloc(&words, state->count + 1, sizeof *words));
    for (int64_t i = 0; i < state->count; i++) {
        const char *const name = state->path[i];
        const size_t n = strcspn(name, "_/");
        if (name[n] != '_') goto done;
        words[i] = duet_arena_format(dataset->arena, "%.*s", (int)n, name);
    }
    DUET_DO(duet_arena_status(dataset->arena));
    duet_word_classes_make(&classes, words, state->count, true);
    words = NULL;
    if (classes.count > 1 && 2 * classes.count <= state->count)
        duet_dataset_noticed(dataset, true, classes.count,
                             "words before '_' in the names of the images, perhaps their classes",
                             classes.names[0], "prefix_folder:PATH takes them as that");
done:
    duet_release(words);
    duet_word_classes_free(&classes);
    return status;
}

static duet_status folder_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                               const void *options) {
    (void)options;
    struct stat about = {0};
    DUET_TRY(duet_alloc(&dataset->state, 1, sizeof(folder_state)));
    folder_state *state = dataset->state;
    state->root = duet_arena_text(dataset->arena, path);
    DUET_TRY(duet_arena_status(dataset->arena));
    (void)stat(path, &about);
    DUET_TRY(walk(ctx, dataset, "", &(trail){NULL, about.st_dev, about.st_ino, 0}));
    DUET_TRY(take_labels(dataset));
    DUET_TRY(duet_rows_finish(ctx, &state->rows, dataset));
    DUET_TRY(duet_rows_rename_numbers(dataset, state->class_names, state->class_count));
    DUET_TRY(notice_prefixes(dataset));
    return duet_rows_rename_classes(dataset, path);
}

static void folder_close(duet_dataset *dataset) {
    folder_state *state = dataset->state;
    if (state == NULL) return;
    duet_rows_free(&state->rows);
    duet_release(state->path);
    duet_release(state);
}

static duet_status folder_read(const duet_dataset *dataset, duet_split split, int64_t index,
                               int channels, duet_image *out) {
    const folder_state *state = dataset->state;
    char path[DUET_PATH_SIZE];
    DUET_TRY(duet_path_join(path, state->root,
                            state->path[duet_rows_at(&state->rows, split, index)->item]));
    return duet_image_read(out, path, channels);
}

static void folder_row_name(const duet_dataset *dataset, duet_split split, int64_t index, char *out,
                            size_t size) {
    const folder_state *state = dataset->state;
    snprintf(out, size, "%s", state->path[duet_rows_at(&state->rows, split, index)->item]);
}

const duet_dataset_layout duet_dataset_image_folder = {
    .info = {.name = "image_folder",
             .help = "folder of images: SPLIT/CLASS/FILE, CLASS/FILE, or flat and unlabelled",
             .params = DUET_TABLE_EMPTY},
    .detect = folder_detect,
    .open = folder_open,
    .close = folder_close,
    .read = folder_read,
    .row_name = folder_row_name,
};
