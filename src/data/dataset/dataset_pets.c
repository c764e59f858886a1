/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_pets.c: Oxford-IIIT Pets (Parkhi et al. 2012): images.tar.gz and
 * annotations.tar.gz unpacked into one folder: images/NAME.jpg, annotations/trainval.txt and
 * test.txt with lines "NAME CLASS SPECIES BREED". Classes are 1 … 37, or the two species; a breed
 * is named by its images, "american_bulldog" of american_bulldog_100. Splits train and test. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/dataset/lines.h"
#include "data/dataset/listed.h"

#define TRAIN "annotations/trainval.txt"
#define TEST  "annotations/test.txt"
enum { MOST_CLASSES = 1000 };

typedef struct pets_options {
    char label[DUET_TEXT_SIZE];
} pets_options;

static const duet_param params[] = {
    DUET_TEXT(pets_options, label, "breed", "breed|species",
              "what is a class: 37 breeds, or cat and dog"),
};

/* Other sets have an annotations/trainval.txt of names alone. */
static int pets_detect(const char *path) {
    duet_lines lines = {0};
    double numbers[3];
    if (!duet_listed_has(path, TRAIN) || !duet_listed_has(path, TEST) ||
        duet_lines_read(&lines, path, TRAIN) != DUET_OK)
        return 0;
    const bool fits = duet_line_numbers(numbers, 3, lines.line[0].rest);
    duet_lines_free(&lines);
    return fits ? 90 : 0;
}

typedef struct pets {
    bool species;
    const char *name[MOST_CLASSES];
    int count;
} pets;

static duet_status add_row(duet_dataset *dataset, pets *p, duet_split split,
                           const duet_line *line) {
    static const char *const species[] = {"cat", "dog"};
    const char *const end = strrchr(line->key, '_');
    double v[3] = {0.0}; /* class, species, breed */
    char path[DUET_PATH_SIZE], file[300];
    const bool fits = duet_line_numbers(v, 3, line->rest) && v[0] >= 1.0 && v[0] <= MOST_CLASSES &&
                      (!p->species || v[1] == 1.0 || v[1] == 2.0);
    if (!fits)
        return duet_fail(DUET_FORMAT, "line %lld is not 'NAME CLASS SPECIES BREED'",
                         (long long)line->number);
    const int label = (int)v[p->species ? 1 : 0] - 1;
    if (p->name[label] == NULL)
        p->name[label] = p->species    ? species[label]
                         : end != NULL ? duet_arena_format(dataset->arena, "%.*s",
                                                           (int)(end - line->key), line->key)
                                       : duet_arena_text(dataset->arena, line->key);
    DUET_TRY(duet_arena_status(dataset->arena));
    p->count = label + 1 > p->count ? label + 1 : p->count;
    snprintf(file, sizeof file, "%.255s.jpg", line->key);
    DUET_TRY(duet_path_join(path, "images", file));
    return duet_listed_add(dataset,
                           &(duet_listed_row){.path = path, .split = split, .label = label});
}

static duet_status read_list(duet_dataset *dataset, pets *p, duet_split split, const char *path,
                             const char *name) {
    duet_status status = DUET_OK;
    duet_lines lines = {0};
    DUET_DO(duet_lines_read(&lines, path, name));
    for (int64_t i = 0; i < lines.count; i++)
        DUET_CONTEXT(add_row(dataset, p, split, &lines.line[i]), "'%s'", name);
done:
    duet_lines_free(&lines);
    return status;
}

static duet_status pets_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                             const void *options) {
    duet_status status = DUET_OK;
    pets *p = NULL;
    DUET_DO(duet_alloc(&p, 1, sizeof *p));
    p->species = strcmp(((const pets_options *)options)->label, "species") == 0;
    DUET_DO(duet_listed_new(dataset, path));
    DUET_DO(read_list(dataset, p, DUET_TRAIN, path, TRAIN));
    DUET_DO(read_list(dataset, p, DUET_TEST, path, TEST));
    for (int c = 0; c < p->count; c++)
        if (p->name[c] == NULL) p->name[c] = duet_arena_format(dataset->arena, "%d", c + 1);
    DUET_DO(duet_arena_status(dataset->arena));
    DUET_DO(duet_listed_finish(ctx, dataset, "images", p->name, p->count));
done:
    duet_release(p);
    return status;
}

const duet_dataset_layout duet_dataset_pets = {
    .info = {.name = "pets",
             .help = "Oxford-IIIT Pets: images/ and annotations/trainval.txt, test.txt",
             .params = DUET_TABLE(params, pets_options)},
    .detect = pets_detect,
    .open = pets_open,
    .close = duet_listed_close,
    .read = duet_listed_read,
    .row_name = duet_listed_row_name,
    .inner = true,
};
