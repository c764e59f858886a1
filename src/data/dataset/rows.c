/* SPDX-License-Identifier: MIT
 * data/dataset/rows.c: from the names of files to splits, classes and rows (rules in rows.h). */
#include "data/dataset/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/str.h"
#include "base/utf8.h"
#include "data/split.h"

/* A file that becomes a row. */
typedef struct row_key {
    const char *at;            /* the rest of the name */
    const char *name_of_class; /* NULL = none */
    int64_t file;
    int split; /* -1 = left out */
    int32_t label;
} row_key;

duet_status duet_rows_add(duet_rows *rows, duet_arena *arena, const char *name, int64_t item) {
    DUET_TRY(duet_grow(&rows->file, &rows->capacity, rows->count + 1, sizeof *rows->file));
    while (strncmp(name, "./", 2) == 0) name += 2;
    rows->file[rows->count].name = rows->file[rows->count].own = duet_arena_text(arena, name);
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

/* The split of the first folder of a name; -1 where it is not one. */
static int split_of(const char *name) {
    const char *const slash = strchr(name, '/');
    duet_split split = DUET_TRAIN;
    return slash != NULL && duet_split_of_word(&split, name, (size_t)(slash - name)) ? (int)split
                                                                                     : -1;
}

/* Moves every key past the folders that contain everything. */
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

/* What is at the top level of a set. */
typedef struct top {
    int64_t files[DUET_SPLIT_COUNT]; /* files in the folders of splits */
    int64_t in_splits, in_folders;
    bool flat; /* the folders of splits contain images directly */
    int64_t words,
        others; /* number of folders with the name of a split, and of others with images */
    const char *word, *other; /* a file in one of the others */
} top;

static bool same_folder(const char *a, const char *b) {
    const size_t n = strcspn(a, "/");
    return a[n] == '/' && strncmp(a, b, n + 1) == 0;
}

/* The keys are in the order in which the files were added: those of a folder are mostly together;
 * where they are not, it is counted again. */
static top look_at_top(const row_key *keys, int64_t count) {
    top t = {.flat = true};
    for (int64_t i = 0; i < count; i++) {
        const char *const name = keys[i].at, *const slash = strchr(name, '/');
        if (slash == NULL) continue;
        t.in_folders++;
        if (keys[i].split >= 0) {
            t.words += t.word == NULL || !same_folder(t.word, name);
            t.word = name;
            t.files[keys[i].split]++;
            t.in_splits++;
            t.flat = t.flat && strchr(slash + 1, '/') == NULL;
        } else {
            t.others += t.other == NULL || !same_folder(t.other, name);
            t.other = name;
        }
    }
    return t;
}

/* A set is split when its folders are all splits, or one is "train"; but where images lie in these
 * folders themselves, beside as many others, "train" is a class. */
static bool are_splits(const top *t) {
    if (t->in_splits == 0 || (t->files[DUET_TRAIN] == 0 && t->in_splits < t->in_folders))
        return false;
    return !(t->flat && t->others >= t->words);
}

static void notice_folder(duet_dataset *dataset, int64_t count, const char *reason,
                          const char *name, const char *advice) {
    char folder[256];
    snprintf(folder, sizeof folder, "%.*s", (int)strcspn(name, "/"), name);
    duet_dataset_noticed(dataset, false, count, reason, folder, advice);
}

/* Two folders of one split with different names: "train" and "Training". */
static void notice_twins(duet_dataset *dataset, const row_key *keys, int64_t count) {
    const char *first[DUET_SPLIT_COUNT] = {NULL};
    bool told[DUET_SPLIT_COUNT] = {false};
    for (int64_t i = 0; i < count; i++) {
        const int s = keys[i].split;
        if (s < 0 || told[s] || (first[s] != NULL && same_folder(first[s], keys[i].at))) continue;
        if (first[s] != NULL) {
            char reason[120];
            snprintf(reason, sizeof reason,
                     "folders beside '%.*s' that are read as the split %s, too",
                     (int)(strcspn(first[s], "/") < 40 ? strcspn(first[s], "/") : 40), first[s],
                     duet_split_name((duet_split)s));
            notice_folder(dataset, 1, reason, keys[i].at, "keep one of them in the data set");
            told[s] = true;
        }
        if (first[s] == NULL) first[s] = keys[i].at;
    }
}

/* Sets the split and moves past its folder. */
static void take_splits(duet_dataset *dataset, row_key *keys, int64_t count) {
    for (int64_t i = 0; i < count; i++) keys[i].split = split_of(keys[i].at);
    const top t = look_at_top(keys, count);
    const bool is_split = are_splits(&t);
    if (is_split)
        notice_twins(dataset, keys, count);
    else if (t.in_splits > 0)
        notice_folder(dataset, t.words,
                      "folders with the name of a split that are taken for a class", t.word,
                      "if it is a split, put all images below folders of splits");
    for (int64_t i = 0; i < count; i++) {
        if (!is_split) {
            const bool loose = t.in_folders > 0 && strchr(keys[i].at, '/') == NULL;
            keys[i].split = loose ? -1 : DUET_TRAIN;
            if (loose)
                duet_dataset_left_out(dataset, false, "images outside of the class folders",
                                      keys[i].at, "put them into the folder of a class");
        } else if (keys[i].split >= 0) {
            keys[i].at = strchr(keys[i].at, '/') + 1;
        } else {
            duet_dataset_left_out(
                dataset, false, "images outside of the folders of the splits", keys[i].at,
                "if these folders are classes, put all of them into one folder 'train'");
        }
    }
}

static duet_status take_classes(row_key *keys, int64_t count, duet_arena *arena) {
    const char *last = "", *same = "";
    for (int64_t i = 0; i < count; i++) {
        const char *slash = keys[i].split >= 0 ? strchr(keys[i].at, '/') : NULL;
        if (slash == NULL) continue;
        const size_t length = (size_t)(slash - keys[i].at);
        if (strlen(last) != length || memcmp(last, keys[i].at, length) != 0) {
            last = duet_arena_format(arena, "%.*s", (int)length, keys[i].at);
            DUET_TRY(duet_arena_status(arena));
            same = duet_utf8_same(arena, last);
            DUET_TRY(duet_arena_status(arena));
        }
        keys[i].name_of_class = same;
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

/* Collects the distinct class names, sorted, and sets the labels of the keys. */
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

static duet_status refuse_empty(const duet_dataset *dataset) {
    char lost[600];
    (void)duet_dataset_lost(lost, sizeof lost, dataset);
    if (lost[0] == '\0') return duet_fail(DUET_FORMAT, "no images in it: it is empty");
    return duet_fail(DUET_FORMAT,
                     "no images in it that are read (JPEG, PNG, PPM, PGM, WebP); left out: %s",
                     lost);
}

static int by_own(const void *a, const void *b) {
    return strcmp(((const duet_row_file *)a)->own, ((const duet_row_file *)b)->own);
}

/* Folders without any image below them; in a torchvision ImageFolder they would be classes. */
static duet_status notice_empty(const duet_rows *rows, duet_dataset *dataset) {
    duet_row_file *sorted = NULL;
    if (rows->folder_count == 0) return DUET_OK;
    DUET_TRY(duet_alloc(&sorted, rows->count, sizeof *sorted));
    memcpy(sorted, rows->file, (size_t)rows->count * sizeof *sorted);
    qsort(sorted, (size_t)rows->count, sizeof *sorted, by_own);
    for (int64_t i = 0; i < rows->folder_count; i++) {
        const char *const folder = rows->folder[i];
        int64_t low = 0, high = rows->count;
        while (low < high) { /* the first file that does not sort before the folder */
            const int64_t mid = (low + high) / 2;
            if (strcmp(sorted[mid].own, folder) < 0)
                low = mid + 1;
            else
                high = mid;
        }
        if (low == rows->count || !duet_starts_with(sorted[low].own, folder))
            duet_dataset_left_out(dataset, false, "folders without an image", folder,
                                  "they do not become classes");
    }
    duet_release(sorted);
    return DUET_OK;
}

duet_status duet_rows_folder(duet_rows *rows, duet_arena *arena, const char *name) {
    DUET_TRY(duet_grow(&rows->folder, &rows->folder_capacity, rows->folder_count + 1,
                       sizeof *rows->folder));
    while (strncmp(name, "./", 2) == 0) name += 2;
    if (name[0] == '\0' || strcmp(name, ".") == 0) return DUET_OK;
    rows->folder[rows->folder_count] =
        duet_arena_format(arena, "%s%s", name, duet_ends_with(name, "/") ? "" : "/");
    DUET_TRY(duet_arena_status(arena));
    rows->folder_count++;
    return DUET_OK;
}

duet_status duet_rows_finish(duet_context *ctx, duet_rows *rows, duet_dataset *dataset) {
    if (rows->count == 0) return refuse_empty(dataset);
    duet_status status = DUET_OK;
    row_key *keys = NULL;
    DUET_TRY(duet_check_cancelled(ctx));
    DUET_TRY(notice_empty(rows, dataset));
    DUET_DO(duet_alloc(&keys, rows->count, sizeof *keys));
    for (int64_t i = 0; i < rows->count; i++) {
        keys[i].at = rows->file[i].name;
        keys[i].file = i;
    }
    strip_common(keys, rows->count);
    take_splits(dataset, keys, rows->count);
    DUET_DO(take_classes(keys, rows->count, dataset->arena));
    drop_images_folder(keys, rows->count);
    DUET_DO(rank_classes(keys, rows->count, dataset));
    qsort(keys, (size_t)rows->count, sizeof *keys, compare_keys);
    DUET_DO(fill_rows(rows, keys, rows->count, dataset));
done:
    duet_release(keys);
    return status;
}

const duet_row_file *duet_rows_at(const duet_rows *rows, duet_split split, int64_t index) {
    return &rows->file[rows->order[split][index]];
}

void duet_rows_free(duet_rows *rows) {
    duet_release(rows->file);
    duet_release(rows->folder);
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) duet_release(rows->order[s]);
    *rows = (duet_rows){0};
}
