/* SPDX-License-Identifier: MIT
 * Splits and classes by name, whatever their case, form and place; sets below the path that is
 * given; and words that name the true reason of a refusal. */
#include "fixtures.h"

#include "data/split.h"

static char dir[DUET_PATH_SIZE], path[DUET_PATH_SIZE];

static void put_text(const char *name, const char *text) {
    put_file(dir, name, text, (int64_t)strlen(text));
}

static void put_all(const char *const *names, int count) {
    for (int i = 0; i < count; i++) put_png(dir, names[i], 8, (uint8_t)i);
}

static void words_of_splits(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int split;
    } rows[] = {{"imagenet-TRAIN-000.tar", DUET_TRAIN},
                {"x_Validation.tar", DUET_VAL},
                {"train-test-0.tar", DUET_TEST},
                {"holdout", DUET_TEST},
                {"trainer-0.tar", -1},
                {"latest.tar", -1},
                {"", -1}};
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        duet_split split = DUET_TRAIN;
        const bool found = duet_split_in_name(&split, rows[i].name);
        assert_int_equal(found ? (int)split : -1, rows[i].split);
    }
    duet_split split = DUET_TRAIN;
    OK(duet_split_parse(&split, "Testing"));
    assert_int_equal(split, DUET_TEST);
}

static void folders_of_splits(void **state) {
    (void)state;
    static const char *const names[] = {"TRAIN/a/0.png", "TRAIN/b/0.png", "Dev/a/0.png",
                                        "Evaluation/b/0.png", "Evaluation/c/0.png"};
    fresh_folder(dir, "cases");
    put_all(names, DUET_COUNT(names));
    duet_dataset *set = open_set(dir);
    const duet_dataset_info *info = duet_dataset_describe(set);
    assert_int_equal(info->count[DUET_TRAIN], 2);
    assert_int_equal(info->count[DUET_VAL], 1);
    assert_int_equal(info->count[DUET_TEST], 2);
    assert_int_equal(noticed(set, "the split test has and train has not"), 1);
    duet_dataset_close(set);
    put_png(dir, "training/a/1.png", 8, 9); /* two folders of one split */
    set = open_set(dir);
    assert_int_equal(duet_dataset_describe(set)->count[DUET_TRAIN], 3);
    assert_int_equal(noticed(set, "are read as the split train"), 1);
    duet_dataset_close(set);
}

/* "train" the vehicle. */
static void classes_called_like_splits(void **state) {
    (void)state;
    static const char *const names[] = {"train/0.png", "car/0.png", "bus/0.png"},
                             *const extra[] = {"train/a/0.png", "train/b/0.png", "test/a/0.png",
                                               "docs/figure.png"};
    fresh_folder(dir, "vehicles");
    put_all(names, DUET_COUNT(names));
    duet_dataset *set = open_set(dir);
    assert_int_equal(duet_dataset_describe(set)->class_count, 3);
    assert_int_equal(noticed(set, "taken for a class"), 1);
    duet_dataset_close(set);
    fresh_folder(dir, "extra");
    put_all(extra, DUET_COUNT(extra));
    set = open_set(dir);
    assert_int_equal(duet_dataset_describe(set)->class_count, 2);
    assert_int_equal(duet_dataset_describe(set)->count[DUET_TEST], 1);
    assert_int_equal(left_out(set, "outside of the folders of the splits"), 1);
    duet_dataset_close(set);
}

static void classes_in_any_form(void **state) {
    (void)state;
    static const char *const names[] = {"train/caf\xC3\xA9/0.png", "train/tea/0.png",
                                        "test/cafe\xCC\x81/0.png", "test/tea/1.png"},
                             *const latin[] = {"caf\xE9/0.png", "th\xE9/0.png"};
    fresh_folder(dir, "forms");
    put_all(names, DUET_COUNT(names));
    duet_dataset *set = open_set(dir);
    assert_int_equal(duet_dataset_describe(set)->class_count, 2);
    assert_string_equal(duet_dataset_describe(set)->class_names[0], "caf\xC3\xA9");
    assert_int_equal(duet_dataset_label(set, DUET_TEST, 0), 0);
    duet_dataset_close(set);
    fresh_folder(dir, "lat\xEDn");
    put_all(latin, DUET_COUNT(latin));
    set = open_set(dir);
    assert_int_equal(duet_dataset_describe(set)->class_count, 2);
    assert_string_equal(duet_dataset_describe(set)->class_names[0], "caf\\xe9");
    assert_string_equal(duet_dataset_describe(set)->name, "lat\\xedn");
    assert_string_equal(duet_dataset_describe(set)->path, dir);
    duet_dataset_close(set);
}

static void put_idx(const char *folder, int side, int width) {
    uint8_t images[16 + 2 * 12 * 12] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0},
                                 labels[10] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 1};
    char name[256];
    images[11] = (uint8_t)side;
    images[15] = (uint8_t)width;
    snprintf(name, sizeof name, "%s/Train-Images-idx3-ubyte", folder);
    put_file(dir, name, images, 16 + 2 * (int64_t)side * width);
    snprintf(name, sizeof name, "%s/train-labels-idx1-ubyte", folder);
    put_file(dir, name, labels, sizeof labels);
}

static void roots_of_sets(void **state) {
    (void)state;
    static const char *const below[] = {"", "MNIST", "MNIST/raw"};
    uint8_t pixels[8 * 8];
    fresh_folder(dir, "root");
    put_idx("MNIST/raw", 12, 8);
    for (int i = 0; i < DUET_COUNT(below); i++) {
        OK(duet_path_join(path, dir, below[i]));
        duet_dataset *const set = open_set(path);
        assert_string_equal(duet_dataset_describe(set)->layout, "idx");
        assert_int_equal(duet_dataset_describe(set)->height, 12);
        assert_int_equal(duet_dataset_describe(set)->count[DUET_TRAIN], 2);
        OK(duet_dataset_read(set, DUET_TRAIN, 1, &(duet_preprocess){.size = 8, .channels = 1},
                             pixels)); /* 12 x 8: its middle */
        duet_dataset_close(set);
    }
    duet_dataset *set = NULL;
    snprintf(path, sizeof path, "idx:%.3000s", dir);
    OK(duet_dataset_open(NULL, &set, path));
    duet_dataset_close(set);
    set = NULL;
    put_idx("KMNIST/raw", 12, 8);
    FAILS(DUET_ARG, "'KMNIST/raw', 'MNIST/raw'", duet_dataset_open(NULL, &set, dir));
    assert_null(set);
}

static void archives_of_splits(void **state) {
    (void)state;
    fresh_folder(dir, "tars");
    for (int k = 0; k < 2; k++) {
        place(path, dir, k ? "Test.tar" : "train.tar");
        FILE *const tar = tar_begin(path);
        put_tar_png(tar, "a/0.png", 1);
        put_tar_png(tar, "b/0.png", 2);
        tar_end(tar);
    }
    duet_dataset *const set = open_set(dir);
    assert_string_equal(duet_dataset_describe(set)->layout, "tar_shards");
    assert_int_equal(duet_dataset_describe(set)->count[DUET_TRAIN], 2);
    assert_int_equal(duet_dataset_describe(set)->count[DUET_TEST], 2);
    duet_dataset_close(set);
}

static void reasons_are_true(void **state) {
    (void)state;
    static const struct {
        const char *name, *text, *words;
    } rows[] = {{"a.zip", "<!doctype html><p>", "HTML page"},
                {"b.zip", "version https://git-lfs.github.com/spec/v1\n", "Git LFS"},
                {"c.tar.gz", "<html>", "HTML page"},
                {"d.csv", "<html>", "HTML page"},
                {"e.txt", "hello", "a text"},
                {"f.zip", "", "an empty file"},
                {"g/x.jpg", "GIF89a", "GIF image"},
                {"h/x.jpg", "version https://git-lfs.github.com/spec/v1\n", "Git LFS"},
                {"i/x.bmp", "BM", "1 .bmp images"}};
    fresh_folder(dir, "reasons");
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        duet_dataset *set = NULL;
        put_text(rows[i].name, rows[i].text);
        OK(duet_path_join(path, dir, rows[i].name));
        if (strchr(rows[i].name, '/') != NULL) *strrchr(path, '/') = '\0';
        FAILS(DUET_FORMAT, rows[i].words, duet_dataset_open(NULL, &set, path));
        assert_null(set);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(words_of_splits),
                                       cmocka_unit_test(folders_of_splits),
                                       cmocka_unit_test(classes_called_like_splits),
                                       cmocka_unit_test(classes_in_any_form),
                                       cmocka_unit_test(roots_of_sets),
                                       cmocka_unit_test(archives_of_splits),
                                       cmocka_unit_test(reasons_are_true)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
