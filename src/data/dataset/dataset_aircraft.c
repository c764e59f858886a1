/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_aircraft.c: FGVC-Aircraft (Maji et al. 2013): the folder data/ of
 * fgvc-aircraft-2013b.tar.gz: images/ID.jpg, images_LABEL_SPLIT.txt with lines "ID CLASS" (a class
 * may have blanks), and the classes in their order in variants.txt, families.txt and
 * manufacturers.txt. The 20 rows of pixels at the bottom of each image name its photographer; they
 * are cut off. images_box.txt: "ID XMIN YMIN XMAX YMAX", from 1, both ends included. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/dataset/lines.h"
#include "data/dataset/listed.h"
#include "data/dataset/word_classes.h"

enum { BANNER = 20, LISTS = 3 };

typedef struct aircraft_options {
    char label[DUET_TEXT_SIZE];
    bool banner, boxes;
} aircraft_options;

static const duet_param params[] = {
    DUET_TEXT(aircraft_options, label, "variant", "variant|family|manufacturer",
              "what is a class: 100 variants, 70 families or 30 manufacturers"),
    DUET_BOOLEAN(aircraft_options, banner, "false",
                 "keeps the 20 rows of pixels at the bottom that name the photographer"),
    DUET_LISTED_BOXES(aircraft_options),
};

static int aircraft_detect(const char *path) {
    return duet_listed_has(path, "images_variant_train.txt") ||
                   duet_listed_has(path, "images_variant_trainval.txt")
               ? 90
               : 0;
}

typedef struct lists {
    duet_lines rows[LISTS]; /* by split */
    duet_lines order, boxes;
    duet_word_classes classes; /* where there is no list of them */
    char name[LISTS][300];
} lists;

/* Train and val; or both in one, where that is all there is. */
static duet_status read_lists(lists *l, const char *path, const char *label, bool boxes) {
    static const char *const splits[LISTS] = {"train", "val", "test"};
    const char *const order = strcmp(label, "family") == 0         ? "families.txt"
                              : strcmp(label, "manufacturer") == 0 ? "manufacturers.txt"
                                                                   : "variants.txt";
    for (int s = 0; s < LISTS; s++) {
        snprintf(l->name[s], sizeof l->name[s], "images_%s_%s.txt", label, splits[s]);
        if (s == 0 && !duet_listed_has(path, l->name[s]))
            snprintf(l->name[s], sizeof l->name[s], "images_%s_trainval.txt", label);
        if (s == 0 || duet_listed_has(path, l->name[s]))
            DUET_TRY(duet_lines_read(&l->rows[s], path, l->name[s]));
    }
    if (duet_listed_has(path, order)) DUET_TRY(duet_lines_read_whole(&l->order, path, order));
    return boxes ? duet_lines_read(&l->boxes, path, "images_box.txt") : DUET_OK;
}

/* The classes in the order of their list, else sorted. */
static duet_status name_classes(const char ***out, int *count, lists *l, duet_arena *arena) {
    const char **words = NULL;
    int64_t all = 0, n = 0;
    for (int s = 0; s < LISTS; s++) all += l->rows[s].count;
    if (l->order.count == 0) {
        DUET_TRY(duet_alloc(&words, all + 1, sizeof *words));
        for (int s = 0; s < LISTS; s++)
            for (int64_t i = 0; i < l->rows[s].count; i++) words[n++] = l->rows[s].line[i].rest;
        duet_word_classes_make(&l->classes, words, n, true);
    }
    const int64_t classes = l->order.count > 0 ? l->order.count : l->classes.count;
    *out = duet_arena_alloc(arena, classes + 1, sizeof **out);
    DUET_TRY(duet_arena_status(arena));
    for (int64_t c = 0; c < classes; c++)
        (*out)[c] = l->order.count > 0 ? l->order.line[c].key : l->classes.names[c];
    *count = (int)classes;
    return DUET_OK;
}

static duet_status add_row(duet_dataset *dataset, const lists *l, int split, int64_t i) {
    const duet_line *const line = &l->rows[split].line[i];
    const duet_line *const class =
        l->order.count > 0 ? duet_lines_find(&l->order, line->rest, -1) : NULL;
    const int64_t label =
        class != NULL ? class - l->order.line : duet_word_classes_find(&l->classes, line->rest);
    const duet_line *const box =
        l->boxes.count > 0 ? duet_lines_find(&l->boxes, line->key, i) : NULL;
    double v[4] = {0.0};
    char path[DUET_PATH_SIZE], file[300];
    if (label < 0)
        return duet_fail(DUET_FORMAT, "line %lld has the unknown class '%.100s'",
                         (long long)line->number, line->rest);
    snprintf(file, sizeof file, "%.255s.jpg", line->key);
    DUET_TRY(duet_path_join(path, "images", file));
    duet_listed_row row = {.path = path, .split = (duet_split)split, .label = (int32_t)label};
    if (box != NULL && duet_line_numbers(v, 4, box->rest)) {
        row.x = (int32_t)v[0] - 1;
        row.y = (int32_t)v[1] - 1;
        row.width = (int32_t)(v[2] - v[0]) + 1;
        row.height = (int32_t)(v[3] - v[1]) + 1;
    }
    return duet_listed_add(dataset, &row);
}

static duet_status aircraft_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                                 const void *options) {
    const aircraft_options *const o = options;
    duet_status status = DUET_OK;
    lists *l = NULL;
    const char **names = NULL;
    int classes = 0;
    DUET_DO(duet_alloc(&l, 1, sizeof *l));
    DUET_DO(duet_listed_new(dataset, path));
    duet_listed *const listed = dataset->state;
    listed->boxes = o->boxes;
    listed->banner = o->banner ? 0 : BANNER;
    DUET_DO(read_lists(l, path, o->label, o->boxes));
    DUET_DO(name_classes(&names, &classes, l, dataset->arena));
    for (int s = 0; s < LISTS; s++)
        for (int64_t i = 0; i < l->rows[s].count; i++)
            DUET_CONTEXT(add_row(dataset, l, s, i), "'%s'", l->name[s]);
    DUET_DO(duet_listed_finish(ctx, dataset, "images", names, classes));
done:
    for (int s = 0; l != NULL && s < LISTS; s++) duet_lines_free(&l->rows[s]);
    if (l != NULL) {
        duet_lines_free(&l->order);
        duet_lines_free(&l->boxes);
        duet_word_classes_free(&l->classes);
    }
    duet_release(l);
    return status;
}

const duet_dataset_layout duet_dataset_aircraft = {
    .info = {.name = "aircraft",
             .help = "FGVC-Aircraft: the folder data/ with images/ and images_variant_train.txt, …",
             .params = DUET_TABLE(params, aircraft_options)},
    .detect = aircraft_detect,
    .open = aircraft_open,
    .close = duet_listed_close,
    .read = duet_listed_read,
    .row_name = duet_listed_row_name,
    .inner = true,
};
