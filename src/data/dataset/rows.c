/* SPDX-License-Identifier: MIT
 * data/dataset/rows.c: from the names of files to splits, classes and rows (rules in rows.h). */
#include "data/dataset/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/str.h"

/* A file on its way to a row. */
typedef struct row_key {
    const char *at;            /* what is left of the name */
    const char *name_of_class; /* NULL: none */
    int64_t file;
    int split; /* -1: left out */
    int32_t label;
} row_key;

duet_status duet_rows_add(duet_rows *rows, duet_arena *arena, const char *name, int64_t item) {
    DUET_TRY(duet_grow(&rows->file, &rows->capacity, rows->count + 1, sizeof *rows->file));
    while (strncmp(name, "./", 2) == 0) name += 2;
    rows->file[rows->count].name = duet_arena_text(arena, name);
    rows->file[rows->count].item = item;
    DUET_TRY(duet_arena_status(arena));
    rows->count++;
    return DUET_OK;
}

static int depth_of(const char *name) {
    int depth = 1;
    for (; *name != '\0'; name++) depth += *name == '/';
    return depth;
}

/* The first folder of a name that has one. */
static bool first_folder(char out[64], const char *name) {
    const char *slash = strchr(name, '/');
    if (slash == NULL || slash - name > 63) return false;
    memcpy(out, name, (size_t)(slash - name));
    out[slash - name] = '\0';
    return true;
}

static int split_of(const char *name) {
    static const char *const known[] = {"train", "training", "val", "valid", "validation", "test"};
    char folder[64];
    if (!first_folder(folder, name)) return -1;
    for (int i = 0; i < DUET_COUNT(known); i++) {
        if (strcmp(folder, known[i]) == 0) return i < 2 ? DUET_TRAIN : i < 5 ? DUET_VAL : DUET_TEST;
    }
    return -1;
}

/* Moves every key past the folders that are around everything. */
static void strip_common(row_key *keys, int64_t count) {
    for (;;) {
        const char *slash = strchr(keys[0].at, '/');
        if (slash == NULL || split_of(keys[0].at) >= 0) return;
        const size_t length = (size_t)(slash - keys[0].at) + 1;
        int deepest = 0;
        for (int64_t i = 0; i < count; i++) {
            if (strncmp(keys[i].at, keys[0].at, length) != 0) return;
            const int depth = depth_of(keys[i].at);
            deepest = depth > deepest ? depth : deepest;
        }
        if (deepest < 3) return;
        for (int64_t i = 0; i < count; i++) keys[i].at += length;
    }
}

/* Sets split and moves past the split's folder. A set is split when its folders are all splits, or
 * one is "train". */
static int64_t take_splits(row_key *keys, int64_t count) {
    int64_t found[DUET_SPLIT_COUNT] = {0}, folders = 0, left_out = 0;
    for (int64_t i = 0; i < count; i++) {
        keys[i].split = split_of(keys[i].at);
        folders += strchr(keys[i].at, '/') != NULL;
        if (keys[i].split >= 0) found[keys[i].split]++;
    }
    const int64_t in_splits = found[DUET_TRAIN] + found[DUET_VAL] + found[DUET_TEST];
    const bool is_split = in_splits > 0 && (found[DUET_TRAIN] > 0 || in_splits == folders);
    for (int64_t i = 0; i < count; i++) {
        if (!is_split) {
            keys[i].split = DUET_TRAIN;
            /* loose beside class folders */
            if (folders > 0 && strchr(keys[i].at, '/') == NULL) keys[i].split = -1;
        } else if (keys[i].split >= 0) {
            keys[i].at = strchr(keys[i].at, '/') + 1;
        }
        left_out += keys[i].split < 0;
    }
    return left_out;
}

static duet_status take_classes(row_key *keys, int64_t count, duet_arena *arena) {
    const char *last = "";
    for (int64_t i = 0; i < count; i++) {
        const char *slash = keys[i].split >= 0 ? strchr(keys[i].at, '/') : NULL;
        if (slash == NULL) continue;
        const size_t length = (size_t)(slash - keys[i].at);
        if (strlen(last) != length || memcmp(last, keys[i].at, length) != 0) {
            last = duet_arena_format(arena, "%.*s", (int)length, keys[i].at);
            DUET_TRY(duet_arena_status(arena));
        }
        keys[i].name_of_class = last;
        keys[i].at = slash + 1;
    }
    return DUET_OK;
}

static int compare_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_keys(const void *a, const void *b) {
    const row_key *x = a, *y = b;
    if (x->split != y->split) return x->split < y->split ? -1 : 1;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    const int names = strcmp(x->at, y->at);
    if (names != 0) return names;
    return x->file < y->file ? -1 : x->file > y->file;
}

/* The original Tiny-ImageNet puts unlabelled images below val/images/ and test/images/: a split
 * whose only folder is "images" has no labels. */
static void drop_images_folder(row_key *keys, int64_t count) {
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        bool only = true;
        for (int64_t i = 0; i < count; i++) {
            const char *name = keys[i].split == s ? keys[i].name_of_class : NULL;
            only = only && (name == NULL || strcmp(name, "images") == 0);
        }
        for (int64_t i = 0; i < count && only; i++) {
            if (keys[i].split == s) keys[i].name_of_class = NULL;
        }
    }
}

/* Distinct class names, sorted; labels of the keys. */
static duet_status rank_classes(row_key *keys, int64_t count, duet_dataset *dataset) {
    duet_status status = DUET_OK;
    const char **names = NULL;
    int64_t all = 0;
    int classes = 0;
    DUET_DO(duet_alloc(&names, count, sizeof *names));
    for (int64_t i = 0; i < count; i++) {
        if (keys[i].name_of_class != NULL) names[all++] = keys[i].name_of_class;
    }
    qsort(names, (size_t)all, sizeof *names, compare_text);
    for (int64_t i = 0; i < all; i++) {
        if (classes == 0 || strcmp(names[classes - 1], names[i]) != 0) names[classes++] = names[i];
    }
    const bool labelled = classes > 1;
    for (int64_t i = 0; i < count; i++) {
        const char **found = NULL;
        if (labelled && keys[i].name_of_class != NULL) {
            found = bsearch(&keys[i].name_of_class, names, (size_t)classes, sizeof *names,
                            compare_text);
        }
        keys[i].label = found != NULL ? (int32_t)(found - names) : -1;
    }
    dataset->info.labelled = labelled;
    if (labelled) DUET_DO(duet_dataset_name_classes(dataset, names, classes));
done:
    duet_release(names);
    return status;
}

static duet_status fill_rows(duet_rows *rows, const row_key *keys, int64_t count,
                             duet_dataset *dataset) {
    for (int64_t i = 0; i < count; i++) {
        if (keys[i].split >= 0) dataset->info.count[keys[i].split]++;
    }
    int64_t next[DUET_SPLIT_COUNT] = {0};
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        DUET_TRY(duet_alloc(&rows->order[s], dataset->info.count[s], sizeof(int64_t)));
        if (!dataset->info.labelled) continue;
        dataset->labels[s] =
            duet_arena_alloc(dataset->arena, dataset->info.count[s], sizeof(int32_t));
    }
    DUET_TRY(duet_arena_status(dataset->arena));
    for (int64_t i = 0; i < count; i++) {
        const int s = keys[i].split;
        if (s < 0) continue;
        rows->order[s][next[s]] = keys[i].file;
        if (dataset->labels[s] != NULL) dataset->labels[s][next[s]] = keys[i].label;
        next[s]++;
    }
    return DUET_OK;
}

duet_status duet_rows_finish(duet_context *ctx, duet_rows *rows, duet_dataset *dataset) {
    if (rows->count == 0)
        return duet_fail(DUET_FORMAT, "no images in it (by file name: .jpg, .png and so on)");
    duet_status status = DUET_OK;
    row_key *keys = NULL;
    DUET_DO(duet_alloc(&keys, rows->count, sizeof *keys));
    for (int64_t i = 0; i < rows->count; i++) {
        keys[i].at = rows->file[i].name;
        keys[i].file = i;
    }
    strip_common(keys, rows->count);
    const int64_t left_out = take_splits(keys, rows->count);
    if (left_out > 0) {
        duet_log(ctx, DUET_LOG_WARNING,
                 "%s: %lld images outside of split and class folders are left out",
                 dataset->info.name, (long long)left_out);
    }
    DUET_DO(take_classes(keys, rows->count, dataset->arena));
    drop_images_folder(keys, rows->count);
    DUET_DO(rank_classes(keys, rows->count, dataset));
    qsort(keys, (size_t)rows->count, sizeof *keys, compare_keys);
    DUET_DO(fill_rows(rows, keys, rows->count, dataset));
done:
    duet_release(keys);
    return status;
}

/* ---- readable names ---- */

/* Replaces *name by the words of its line "name<TAB>words", up to the first comma when `brief`. */
static bool rename_by_table(duet_arena *arena, const char **name, const char *text, bool brief) {
    const size_t length = strlen(*name);
    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, *name, length) != 0 || line[length] != '\t') continue;
        const char *words = line + length + 1;
        const size_t size = strcspn(words, brief ? ",\r\n" : "\r\n");
        if (size == 0) return false;
        *name = duet_arena_format(arena, "%.*s", (int)size, words);
        return *name != NULL;
    }
    return false;
}

static bool rename_all(duet_dataset *dataset, const char **names, const char *text, bool brief) {
    const int count = dataset->info.class_count;
    for (int c = 0; c < count; c++) {
        names[c] = dataset->info.class_names[c];
        if (!rename_by_table(dataset->arena, &names[c], text, brief)) return false;
        for (int other = 0; other < c; other++) {
            /* "crane" the bird, "crane" the machine */
            if (strcmp(names[c], names[other]) == 0) return false;
        }
    }
    return true;
}

/* One name per line, for classes that are called "0".."K-1" (or "00".. and so on). */
static bool rename_by_number(duet_dataset *dataset, const char **names, char *text) {
    const char *lines[1000];
    int count = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\r\n", &rest); line != NULL && count < 1000;
         line = strtok_r(NULL, "\r\n", &rest)) {
        lines[count++] = line;
    }
    if (count != dataset->info.class_count) return false;
    for (int c = 0; c < count; c++) {
        int64_t number = -1;
        if (!duet_parse_i64(&number, dataset->info.class_names[c]) || number < 0 || number >= count)
            return false;
        names[c] = lines[number];
    }
    return true;
}

duet_status duet_rows_rename_classes(duet_dataset *dataset, const char *folder) {
    static const char *const files[] = {"classes.txt", "words.txt", "batches.meta.txt"};
    duet_status status = DUET_OK;
    duet_bytes bytes = {0};
    char *text = NULL;
    const char **names = NULL;
    if (!dataset->info.labelled) return DUET_OK;
    DUET_DO(duet_alloc(&names, dataset->info.class_count, sizeof *names));
    for (int i = 0; i < DUET_COUNT(files); i++) {
        char path[DUET_PATH_SIZE];
        DUET_DO(duet_path_join(path, folder, files[i]));
        if (!duet_path_exists(path)) continue;
        DUET_DO(duet_file_read(&bytes, path));
        DUET_DO(duet_alloc(&text, bytes.size + 1, 1));
        memcpy(text, bytes.data, (size_t)bytes.size);
        const bool fits = i < 2 ? rename_all(dataset, names, text, true) ||
                                      rename_all(dataset, names, text, false)
                                : rename_by_number(dataset, names, text);
        DUET_DO(duet_arena_status(dataset->arena));
        if (fits) {
            DUET_DO(duet_dataset_name_classes(dataset, names, dataset->info.class_count));
            break;
        }
        duet_release(text);
        text = NULL;
        duet_bytes_free(&bytes);
    }
done:
    duet_release(names);
    duet_release(text);
    duet_bytes_free(&bytes);
    return status;
}

const duet_row_file *duet_rows_at(const duet_rows *rows, duet_split split, int64_t index) {
    return &rows->file[rows->order[split][index]];
}

void duet_rows_free(duet_rows *rows) {
    duet_release(rows->file);
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) duet_release(rows->order[s]);
    *rows = (duet_rows){0};
}
