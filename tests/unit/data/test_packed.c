/* SPDX-License-Identifier: MIT
 * Sets in WebDataset's shards and in zips with dataset.json, as Python wrote them
 * (tests/golden/make_set_goldens.py), and what duet_dataset_pack writes, read again. */
#include "fixtures.h"

#include <duet/store.h>

#include "io/archive.h"

#define SETS DUET_SOURCE_DIR "/tests/golden/sets/"

static const duet_preprocess plain = {.size = 8, .channels = 3};

/* The number that the maker put into the first pixel of a row. */
static int number_of(const duet_dataset *set, duet_split split, int64_t index) {
    uint8_t pixels[8 * 8 * 3];
    OK(duet_dataset_read(set, split, index, &plain, pixels));
    assert_int_equal(pixels[1], 2 * pixels[0]);
    return pixels[0];
}

static void shards_are_read(void **state) {
    (void)state;
    duet_dataset *const range = open_set(SETS "shards-train-{000000..000001}.tar.gz"),
                        *const one = open_set(SETS "shards-val-000000.tar.gz");
    const duet_dataset_info *const info = duet_dataset_describe(range);
    assert_string_equal(info->layout, "webdataset");
    assert_int_equal(info->count[DUET_TRAIN], 12);
    assert_int_equal(info->class_count, 3);
    assert_string_equal(info->class_names[2], "20");
    for (int64_t i = 0; i < 12; i++)
        assert_int_equal(number_of(range, DUET_TRAIN, i) % 3,
                         duet_dataset_label(range, DUET_TRAIN, i));
    assert_int_equal(duet_dataset_describe(one)->count[DUET_VAL], 6);
    assert_int_equal(duet_dataset_describe(one)->count[DUET_TRAIN], 0);
    duet_dataset_close(range);
    duet_dataset_close(one);
    duet_dataset *const folder = open_set("webdataset:" SETS);
    assert_int_equal(duet_dataset_describe(folder)->count[DUET_TRAIN], 12);
    assert_int_equal(duet_dataset_describe(folder)->count[DUET_VAL], 6);
    duet_dataset_close(folder);
    duet_dataset *missing = NULL;
    FAILS(DUET_NOT_FOUND, "shards-train-000002.tar.gz",
          duet_dataset_open(NULL, &missing, SETS "shards-train-{000000..000005}.tar.gz"));
}

static void zip_is_read(void **state) {
    (void)state;
    duet_dataset *const set = open_set(SETS "edm.zip");
    assert_string_equal(duet_dataset_describe(set)->layout, "zip");
    assert_int_equal(duet_dataset_describe(set)->count[DUET_TRAIN], 9);
    assert_int_equal(duet_dataset_describe(set)->class_count, 4);
    for (int64_t i = 0; i < 9; i++)
        assert_int_equal(number_of(set, DUET_TRAIN, i) % 4, duet_dataset_label(set, DUET_TRAIN, i));
    duet_dataset_close(set);
}

static void arrays_are_read(void **state) {
    (void)state;
    static const struct {
        const char *file;
        int64_t count[DUET_SPLIT_COUNT];
        bool labelled;
    } sets[] = {{"medmnist.npz", {7, 2, 4}, true},
                {"samples.npz", {5, 0, 0}, true},
                {"unlabelled.npz", {3, 0, 0}, false}};
    for (int k = 0; k < DUET_COUNT(sets); k++) {
        char path[DUET_PATH_SIZE];
        snprintf(path, sizeof path, SETS "%s", sets[k].file);
        duet_dataset *const set = open_set(path);
        const duet_dataset_info *const info = duet_dataset_describe(set);
        assert_string_equal(info->layout, "npz");
        assert_int_equal(info->labelled, sets[k].labelled);
        assert_int_equal(info->class_count, sets[k].labelled ? 3 : 0);
        for (int split = 0, first = 0; split < DUET_SPLIT_COUNT;
             first += (int)sets[k].count[split++]) {
            assert_int_equal(info->count[split], sets[k].count[split]);
            for (int i = 0; i < sets[k].count[split]; i++) {
                assert_int_equal(number_of(set, (duet_split)split, i), first + i);
                assert_int_equal(duet_dataset_label(set, (duet_split)split, i),
                                 sets[k].labelled ? (first + i) % 3 : -1);
            }
        }
        duet_dataset_close(set);
    }
    /* its test images are grey, its training images in Fortran's order */
    duet_dataset *const grey = open_set(SETS "keras.npz");
    uint8_t pixels[8 * 8 * 3];
    assert_int_equal(number_of(grey, DUET_TRAIN, 3), 3);
    OK(duet_dataset_read(grey, DUET_TEST, 1, &plain, pixels));
    assert_true(pixels[0] == 5 && pixels[1] == 5 && pixels[3] == 200);
    duet_dataset_close(grey);
}

/* Arrays that are no images, and classes that fit no image. */
static void other_arrays_are_refused(void **state) {
    (void)state;
    static uint8_t bytes[4 * 8 * 8 * 3];
    static float floats[4 * 8 * 8];
    const int64_t odd[] = {0, 1, 2, -1}, few[] = {0, 1};
    const struct {
        const char *words;
        duet_store_item item[2];
        int64_t count;
    } rows[] = {
        {"images are u8",
         {{.name = "x",
           .dtype = DUET_F32,
           .stored = DUET_F32,
           .shape = {3, {4, 8, 8}},
           .data = floats}},
         1},
        {"transpose(0, 2, 3, 1)",
         {{.name = "x",
           .dtype = DUET_U8,
           .stored = DUET_U8,
           .shape = {4, {4, 3, 8, 8}},
           .data = bytes}},
         1},
        {"[N,H,W]",
         {{.name = "images",
           .dtype = DUET_U8,
           .stored = DUET_U8,
           .shape = {2, {4, 192}},
           .data = bytes}},
         1},
        {"none of its arrays (mu)",
         {{.name = "mu", .dtype = DUET_F32, .stored = DUET_F32, .shape = {1, {4}}, .data = floats}},
         1},
        {"class -1 in row 3",
         {{.name = "x",
           .dtype = DUET_U8,
           .stored = DUET_U8,
           .shape = {3, {4, 8, 8}},
           .data = bytes},
          {.name = "y", .dtype = DUET_I64, .stored = DUET_I64, .shape = {1, {4}}, .data = odd}},
         2},
        {"2 classes for 4 images",
         {{.name = "x",
           .dtype = DUET_U8,
           .stored = DUET_U8,
           .shape = {3, {4, 8, 8}},
           .data = bytes},
          {.name = "y", .dtype = DUET_I64, .stored = DUET_I64, .shape = {1, {2}}, .data = few}},
         2},
        {"several arrays of train images",
         {{.name = "x",
           .dtype = DUET_U8,
           .stored = DUET_U8,
           .shape = {3, {4, 8, 8}},
           .data = bytes},
          {.name = "arr_0",
           .dtype = DUET_U8,
           .stored = DUET_U8,
           .shape = {3, {4, 8, 8}},
           .data = bytes}},
         2}};
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        duet_dataset *set = NULL;
        OK(duet_store_write(DUET_TEST_TMP "/other.npz", "npz", rows[i].item, rows[i].count, NULL,
                            0));
        assert_int_not_equal(duet_dataset_open(NULL, &set, DUET_TEST_TMP "/other.npz"), DUET_OK);
        assert_null(set);
        if (strstr(duet_error_message(), rows[i].words) == NULL)
            fail_msg("no '%s' in: %s", rows[i].words, duet_error_message());
    }
}

static void cifar_for_python_is_read(void **state) {
    (void)state;
    static const char *const paths[] = {SETS "cifar-10-batches-py", SETS "cifar-100-python"};
    static const struct {
        int classes, count[DUET_SPLIT_COUNT];
        const char *name;
    } want[] = {{10, {10, 0, 3}, "truck"}, {100, {3, 0, 2}, "class 9"}};
    for (int k = 0; k < 2; k++) {
        duet_dataset *const set = open_set(paths[k]);
        const duet_dataset_info *const info = duet_dataset_describe(set);
        assert_string_equal(info->layout, "cifar_py");
        assert_int_equal(info->class_count, want[k].classes);
        assert_string_equal(info->class_names[9], want[k].name);
        for (int split = 0, first = 0; split < DUET_SPLIT_COUNT; first += want[k].count[split++]) {
            assert_int_equal(info->count[split], want[k].count[split]);
            for (int i = 0; i < want[k].count[split]; i++) {
                assert_int_equal(number_of(set, (duet_split)split, i), first + i);
                const int label = k == 1 ? 97 + (first + i) % 3 : split == DUET_TRAIN ? i : 9 - i;
                assert_int_equal(duet_dataset_label(set, (duet_split)split, i), label);
            }
        }
        duet_dataset_close(set);
    }
}

/* The first of the files with one thing changed. */
static void other_pickles_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *words;
    } rows[] = {{"U\2u1", "U\2i4", "holds no bytes"},
                {"\x0c\x86"
                 "cnumpy",
                 "\x0b\x86"
                 "cnumpy",
                 "not an array [N,3072]"},
                {"tb\x89T", "tb\x88T", "column-major order"},
                {"K\1K\2M", "K\1K\3M", "6144 bytes for 3 images"},
                {"(K", "(N", "opcode 0x00"},
                {"K\1e",
                 "K\x0a"
                 "e",
                 "no class from 0 to 9"},
                {"U\6labelsq", "U\6lobelsq", "'labels' are not one for each"},
                {"U\4dataq", "U\4dotaq", "not a numpy array"},
                {"numpy\ndtype", "nt\nsystem##", "refused"}};
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    duet_bytes bytes = {0}, meta = {0};
    OK(duet_file_read(&bytes, SETS "cifar-10-batches-py/data_batch_1"));
    OK(duet_file_read(&meta, SETS "cifar-10-batches-py/batches.meta"));
    fresh_folder(folder, "cifar");
    put_file(folder, "batches.meta", meta.data, meta.size);
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        static uint8_t changed[1 << 16];
        duet_dataset *set = NULL;
        const size_t size = i == 3 || i == 1 ? 6 : strlen(rows[i].from); /* some hold zeros */
        memcpy(changed, bytes.data, (size_t)bytes.size);
        uint8_t *const at = memmem(changed, (size_t)bytes.size, rows[i].from, size);
        if (at == NULL) fail_msg("'%s' is not in the file", rows[i].from);
        memcpy(at, rows[i].to, size);
        put_file(folder, "data_batch_1", changed, bytes.size);
        OK(duet_path_join(path, folder, "data_batch_1"));
        assert_int_not_equal(duet_dataset_open(NULL, &set, folder), DUET_OK);
        assert_null(set);
        if (strstr(duet_error_message(), rows[i].words) == NULL)
            fail_msg("%d: no '%s' in: %s", i, rows[i].words, duet_error_message());
    }
    for (int64_t cut = 0; cut < bytes.size; cut += cut < 300 ? 1 : 97) {
        duet_dataset *set = NULL;
        put_file(folder, "data_batch_1", bytes.data, cut);
        assert_int_not_equal(duet_dataset_open(NULL, &set, folder), DUET_OK);
    }
    duet_bytes_free(&bytes);
    duet_bytes_free(&meta);
}

static void compare(const duet_dataset *a, const duet_dataset *b) {
    assert_int_equal(duet_dataset_describe(a)->count[DUET_TRAIN],
                     duet_dataset_describe(b)->count[DUET_TRAIN]);
    for (int64_t i = 0; i < duet_dataset_describe(a)->count[DUET_TRAIN]; i++) {
        assert_int_equal(number_of(a, DUET_TRAIN, i), number_of(b, DUET_TRAIN, i));
        assert_int_equal(duet_dataset_label(a, DUET_TRAIN, i),
                         duet_dataset_label(b, DUET_TRAIN, i));
    }
}

static void packed_sets_come_back(void **state) {
    (void)state;
    static const char *const names[] = {"again.zip", "one.tar", "part-{00..03}.tar"};
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    duet_dataset *const set = open_set(SETS "shards-train-{000000..000001}.tar.gz");
    fresh_folder(folder, "packed");
    for (int i = 0; i < 3; i++) {
        OK(duet_path_join(path, folder, names[i]));
        OK(duet_dataset_pack(NULL, NULL, set, DUET_TRAIN, i == 1 ? 8 : 0, path, NULL));
        duet_dataset *const again = open_set(path);
        compare(set, again);
        duet_dataset_close(again);
    }
    OK(duet_path_join(path, folder, "x.rar"));
    FAILS(DUET_ARG, "end it in .zip",
          duet_dataset_pack(NULL, NULL, set, DUET_TRAIN, 0, path, NULL));
    FAILS(DUET_ARG, "no rows in split val",
          duet_dataset_pack(NULL, NULL, set, DUET_VAL, 0, path, NULL));
    duet_dataset_close(set);
}

/* Text as dataset.json beside one image. */
static void labels_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"{\"labels\":[[\"other.png\",1]]}", "no label for 'a.png'"},
        {"{\"labels\":[[\"a.png\",-1]]}", "has the label -1"},
        {"{\"labels\":[[\"a.png\",\"cat\"]]}", "is not [name, class]"},
        {"{\"labels\":{}}", "not a list"},
        {"{\"labels\"", "damaged at line 1"},
    };
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    duet_dataset *set = NULL;
    duet_image image = {0};
    duet_bytes png = {0};
    OK(duet_image_new(&image, 4, 4, 3));
    OK(duet_image_encode_png(&png, &image, NULL, 0));
    fresh_folder(folder, "labels");
    OK(duet_path_join(path, folder, "set.zip"));
    for (int i = 0; i < DUET_COUNT(cases); i++) {
        const duet_archive_part parts[] = {
            {.name = "a.png", .head = png.data, .head_size = png.size},
            {.name = "dataset.json",
             .head = cases[i].json,
             .head_size = (int64_t)strlen(cases[i].json)}};
        OK(duet_archive_write(path, parts, 2, NULL));
        FAILS(DUET_FORMAT, cases[i].words, duet_dataset_open(NULL, &set, path));
    }
    duet_bytes_free(&png);
    duet_image_free(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_are_read),           cmocka_unit_test(zip_is_read),
        cmocka_unit_test(arrays_are_read),           cmocka_unit_test(cifar_for_python_is_read),
        cmocka_unit_test(other_pickles_are_refused), cmocka_unit_test(other_arrays_are_refused),
        cmocka_unit_test(packed_sets_come_back),     cmocka_unit_test(labels_are_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
