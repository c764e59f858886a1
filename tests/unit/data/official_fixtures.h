/* SPDX-License-Identifier: MIT
 * tests/unit/data/official_fixtures.h: small data sets in their official layouts, in one folder. */
#ifndef DUET_TEST_DATA_OFFICIAL_FIXTURES_H
#define DUET_TEST_DATA_OFFICIAL_FIXTURES_H

#include "mat_maker.h"
#include "unit/data/fixtures.h"

static char dir[DUET_PATH_SIZE];

static inline void put_text(const char *name, const char *text) {
    put_file(dir, name, text, (int64_t)strlen(text));
}

static inline void put_mat(const char *name, mat_maker *mat) {
    put_file(dir, name, mat->out.text, mat->out.size);
    mat_free(mat);
}

static inline void drop(const char *name) {
    char path[DUET_PATH_SIZE];
    OK(duet_path_join(path, dir, name));
    OK(duet_folder_remove_file(path));
}

/* options: "", or "cub:boxes=true:". */
static inline duet_status open_as(duet_dataset **out, const char *options) {
    char spec[DUET_PATH_SIZE + 64];
    snprintf(spec, sizeof spec, "%s%s", options, dir);
    return duet_dataset_open(NULL, out, spec);
}

static inline duet_dataset *open_spec(const char *options) {
    duet_dataset *set = NULL;
    OK(open_as(&set, options));
    return set;
}

static inline void refused(const char *options, duet_status code, const char *words) {
    duet_dataset *set = NULL;
    FAILS(code, words, open_as(&set, options));
}

static inline void assert_set(const duet_dataset *set, const char *layout, int64_t train,
                              int64_t val, int64_t test, int classes) {
    const duet_dataset_info *const info = duet_dataset_describe(set);
    assert_string_equal(info->layout, layout);
    assert_int_equal(info->count[DUET_TRAIN], train);
    assert_int_equal(info->count[DUET_VAL], val);
    assert_int_equal(info->count[DUET_TEST], test);
    assert_int_equal(info->class_count, classes);
}

/* The name, class (NULL = none) and colour of a row. */
static inline void assert_row(const duet_dataset *set, duet_split split, int64_t index,
                              const char *name, const char *class, int colour) {
    const duet_preprocess how = {.size = 2, .channels = 1};
    char text[300];
    uint8_t pixels[4];
    const int32_t label = duet_dataset_label(set, split, index);
    duet_dataset_row_name(set, split, index, text, sizeof text);
    assert_string_equal(text, name);
    if (class == NULL)
        assert_int_equal(label, -1);
    else
        assert_string_equal(duet_dataset_describe(set)->class_names[label], class);
    OK(duet_dataset_read(set, split, index, &how, pixels));
    assert_int_equal(pixels[0], colour);
}

#endif
