/* SPDX-License-Identifier: MIT
 * data/dataset/id_lists.c: see id_lists.h. */
#include "data/dataset/id_lists.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/dataset/lines.h"

enum { MOST_STEPS = 100 }; /* up a hierarchy */

typedef struct lists {
    duet_lines images, labels, splits, boxes, classes, parents;
    duet_id_level level;
    int64_t *class; /* of each image, as a number of classes.txt */
    int64_t *known; /* those with images, sorted */
    int64_t known_count;
} lists;

bool duet_id_lists_there(const char *folder) {
    return duet_listed_has(folder, "images.txt") &&
           duet_listed_has(folder, "image_class_labels.txt") &&
           duet_listed_has(folder, "train_test_split.txt");
}

static duet_status read_lists(lists *l, const char *folder, bool boxes) {
    DUET_TRY(duet_lines_read(&l->images, folder, "images.txt"));
    DUET_TRY(duet_lines_read(&l->labels, folder, "image_class_labels.txt"));
    DUET_TRY(duet_lines_read(&l->splits, folder, "train_test_split.txt"));
    DUET_TRY(duet_lines_read(&l->classes, folder, "classes.txt"));
    if (boxes) DUET_TRY(duet_lines_read(&l->boxes, folder, "bounding_boxes.txt"));
    if (l->level != DUET_ID_CATEGORY)
        DUET_TRY(duet_lines_read(&l->parents, folder, "hierarchy.txt"));
    return DUET_OK;
}

/* The line of an image, or of a class, in another list. */
static duet_status line_of(const duet_line **out, const duet_lines *lines, const char *key,
                           int64_t hint) {
    *out = duet_lines_find(lines, key, hint);
    return *out != NULL ? DUET_OK
                        : duet_fail(DUET_FORMAT, "'%s' has no line for '%.100s'", lines->name, key);
}

static duet_status whole_of(int64_t *out, const duet_lines *lines, const char *key, int64_t hint) {
    const duet_line *line = NULL;
    DUET_TRY(line_of(&line, lines, key, hint));
    if (duet_line_whole(out, line->rest)) return DUET_OK;
    return duet_fail(DUET_FORMAT, "line %lld of '%s' has '%.40s' where a number is expected",
                     (long long)line->number, lines->name, line->rest);
}

/* ---- classes ---- */

/* "Common Eider (Adult male)" -> whether "Common Eider" is the name of its parent. */
static bool is_plumage(const char *name, const char *parent) {
    const char *end = strchr(name, '(');
    while (end != NULL && end > name && end[-1] == ' ') end--;
    return end != NULL && strlen(parent) == (size_t)(end - name) &&
           memcmp(name, parent, strlen(parent)) == 0;
}

/* The class of the wanted level above that of an image. */
static duet_status climb(const lists *l, const char **class) {
    for (int step = 0; step < MOST_STEPS && l->level != DUET_ID_CATEGORY; step++) {
        const duet_line *const up = duet_lines_find(&l->parents, *class, -1), *name, *above;
        if (up == NULL) return DUET_OK; /* the root */
        if (l->level == DUET_ID_GROUP && duet_lines_find(&l->parents, up->rest, -1) == NULL)
            return DUET_OK;
        DUET_TRY(line_of(&name, &l->classes, *class, -1));
        DUET_TRY(line_of(&above, &l->classes, up->rest, -1));
        if (l->level == DUET_ID_SPECIES && !is_plumage(name->rest, above->rest)) return DUET_OK;
        *class = up->rest;
    }
    return l->level == DUET_ID_CATEGORY
               ? DUET_OK
               : duet_fail(DUET_FORMAT, "'%s' goes in a circle at class '%.40s'", l->parents.name,
                           *class);
}

static int by_value(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static duet_status find_classes(lists *l) {
    const int64_t count = l->images.count;
    DUET_TRY(duet_alloc(&l->class, count, sizeof *l->class));
    DUET_TRY(duet_alloc(&l->known, count, sizeof *l->known));
    for (int64_t i = 0; i < count; i++) {
        const duet_line *label = NULL;
        DUET_TRY(line_of(&label, &l->labels, l->images.line[i].key, i));
        const char *class = label->rest;
        DUET_TRY(climb(l, &class));
        if (!duet_line_whole(&l->class[i], class))
            return duet_fail(DUET_FORMAT, "line %lld of '%s' has no number of a class",
                             (long long)label->number, l->labels.name);
        l->known[i] = l->class[i];
    }
    qsort(l->known, (size_t)count, sizeof *l->known, by_value);
    for (int64_t i = 0; i < count; i++)
        if (l->known_count == 0 || l->known[l->known_count - 1] != l->known[i])
            l->known[l->known_count++] = l->known[i];
    return DUET_OK;
}

static duet_status name_classes(const char ***out, const lists *l, duet_arena *arena) {
    const char **const names = duet_arena_alloc(arena, l->known_count, sizeof *names);
    DUET_TRY(duet_arena_status(arena));
    for (int64_t c = 0; c < l->known_count; c++) {
        const duet_line *line = NULL;
        const char *const key = duet_arena_format(arena, "%lld", (long long)l->known[c]);
        DUET_TRY(duet_arena_status(arena));
        DUET_TRY(line_of(&line, &l->classes, key, l->known[c] - 1));
        names[c] = line->rest;
    }
    *out = names;
    return DUET_OK;
}

/* ---- rows ---- */

static duet_status take_box(duet_listed_row *row, const lists *l, const char *id, int64_t hint) {
    const duet_line *line = NULL;
    double value[4] = {0};
    DUET_TRY(line_of(&line, &l->boxes, id, hint));
    if (!duet_line_numbers(value, 4, line->rest))
        return duet_fail(DUET_FORMAT, "line %lld of '%s' is not 'ID X Y WIDTH HEIGHT'",
                         (long long)line->number, l->boxes.name);
    row->x = (int32_t)(value[0] + 0.5);
    row->y = (int32_t)(value[1] + 0.5);
    row->width = (int32_t)(value[2] + 0.5);
    row->height = (int32_t)(value[3] + 0.5);
    return DUET_OK;
}

static duet_status add_row(duet_dataset *dataset, const lists *l, int64_t i) {
    const duet_line *const image = &l->images.line[i];
    int64_t train = 0;
    char path[DUET_PATH_SIZE];
    const int64_t *const class =
        bsearch(&l->class[i], l -> known, (size_t)l -> known_count, sizeof *l->known, by_value);
    DUET_TRY(whole_of(&train, &l->splits, image->key, i));
    DUET_TRY(duet_path_join(path, "images", image->rest));
    duet_listed_row row = {.path = path,
                           .split = train != 0 ? DUET_TRAIN : DUET_TEST,
                           .label = (int32_t)(class - l->known)};
    if (l->boxes.count > 0) DUET_TRY(take_box(&row, l, image->key, i));
    return duet_listed_add(dataset, &row);
}

duet_status duet_id_lists_open(duet_context *ctx, duet_dataset *dataset, const char *folder,
                               bool boxes, duet_id_level level) {
    duet_status status = DUET_OK;
    lists l = {.level = level};
    const char **names = NULL;
    DUET_DO(duet_listed_new(dataset, folder));
    ((duet_listed *)dataset->state)->boxes = boxes;
    DUET_DO(read_lists(&l, folder, boxes));
    DUET_DO(find_classes(&l));
    DUET_DO(name_classes(&names, &l, dataset->arena));
    for (int64_t i = 0; i < l.images.count; i++) DUET_DO(add_row(dataset, &l, i));
    DUET_DO(duet_listed_finish(ctx, dataset, "images", names, (int)l.known_count));
done:
    duet_lines_free(&l.images);
    duet_lines_free(&l.labels);
    duet_lines_free(&l.splits);
    duet_lines_free(&l.boxes);
    duet_lines_free(&l.classes);
    duet_lines_free(&l.parents);
    duet_release(l.class);
    duet_release(l.known);
    return status;
}
