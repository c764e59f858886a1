/* SPDX-License-Identifier: MIT
 * Layouts of data sets on small fixtures: what is found, in which order, with which pixels, and
 * what is refused how. */
#include "fixtures.h"

#include <zlib.h>

static char dir[DUET_PATH_SIZE];

static duet_dataset *open_ok(const char *path) {
    duet_dataset *dataset = NULL;
    OK(duet_dataset_open(NULL, &dataset, path));
    return dataset;
}

static void assert_counts(const duet_dataset *dataset, int64_t train, int64_t val, int64_t test) {
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    assert_int_equal(info->count[DUET_TRAIN], train);
    assert_int_equal(info->count[DUET_VAL], val);
    assert_int_equal(info->count[DUET_TEST], test);
}

static void assert_row(const duet_dataset *dataset, duet_split split, int64_t index,
                       const char *name, int32_t label) {
    char text[300];
    duet_dataset_row_name(dataset, split, index, text, sizeof text);
    assert_string_equal(text, name);
    assert_int_equal(duet_dataset_label(dataset, split, index), label);
}

/* ---- IDX ---- */

/* Images of 2x3 whose pixel p of image i is 10 i + p; `cut` bytes are missing at the end. */
static void put_idx(const char *name, int rank, int count, int cut, bool packed) {
    uint8_t bytes[256] = {0, 0, 8, (uint8_t)rank, 0, 0, 0, (uint8_t)count, 0, 0, 0, 2, 0, 0, 0, 3};
    size_t size = rank == 3 ? 16 : 8;
    for (int i = 0; i < count * (rank == 3 ? 6 : 1); i++)
        bytes[size++] = (uint8_t)(rank == 3 ? 10 * (i / 6) + i % 6 : i % 10);
    size -= (size_t)cut;
    char path[DUET_PATH_SIZE];
    place(path, dir, name);
    if (packed) {
        gzFile file = gzopen(path, "wb");
        assert_int_equal(gzwrite(file, bytes, (unsigned)size), (int)size);
        gzclose(file);
    } else {
        put_file(dir, name, bytes, (int64_t)size);
    }
}

static void idx_is_read(void **state) {
    (void)state;
    fresh_folder(dir, "idx_fashion_small");
    put_idx("train-images-idx3-ubyte.gz", 3, 12, 0, true);
    put_idx("train-labels-idx1-ubyte.gz", 1, 12, 0, true);
    put_idx("t10k-images.idx3-ubyte", 3, 3, 0, false);
    put_idx("t10k-labels.idx1-ubyte", 1, 3, 0, false);
    duet_dataset *dataset = open_ok(dir);
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    assert_string_equal(info->layout, "idx");
    assert_string_equal(info->name, "idx_fashion_small");
    assert_counts(dataset, 12, 0, 3);
    assert_int_equal(info->height, 2);
    assert_int_equal(info->width, 3);
    assert_int_equal(info->channels, 1);
    assert_int_equal(info->class_count, 10);
    assert_string_equal(info->class_names[9], "Ankle boot");
    assert_row(dataset, DUET_TRAIN, 11, "train[11]", 1);
    assert_int_equal(duet_dataset_label(dataset, DUET_TRAIN, 12), -1);
    const duet_preprocess how = {.size = 3, .channels = 1, .fit = "pad"};
    uint8_t pixels[9];
    OK(duet_dataset_read(dataset, DUET_TRAIN, 5, &how, pixels));
    const uint8_t expected[9] = {50, 51, 52, 53, 54, 55, 53, 54, 55};
    assert_memory_equal(pixels, expected, 9);
    FAILS(DUET_ARG, "no row 12", duet_dataset_read(dataset, DUET_TRAIN, 12, &how, pixels));
    const uint64_t hash = info->hash;
    duet_dataset_close(dataset);
    put_idx("train-labels-idx1-ubyte.gz", 1, 12, 0, true);
    dataset = open_ok(dir);
    assert_true(duet_dataset_describe(dataset)->hash == hash);
    duet_dataset_close(dataset);
}

static void idx_single_file(void **state) {
    (void)state;
    fresh_folder(dir, "idx_single");
    put_idx("t10k-images-idx3-ubyte", 3, 4, 0, false);
    char path[DUET_PATH_SIZE];
    place(path, dir, "t10k-images-idx3-ubyte");
    duet_dataset *dataset = open_ok(path);
    assert_counts(dataset, 0, 0, 4);
    assert_false(duet_dataset_describe(dataset)->labelled);
    assert_int_equal(duet_dataset_describe(dataset)->class_count, 0);
    assert_int_equal(duet_dataset_label(dataset, DUET_TEST, 0), -1);
    duet_dataset_close(dataset);
    put_idx("t10k-labels-idx1-ubyte.gz", 1, 4, 0, true);
    dataset = open_ok(path);
    assert_true(duet_dataset_describe(dataset)->labelled);
    assert_string_equal(duet_dataset_describe(dataset)->class_names[3], "3");
    duet_dataset_close(dataset);
}

static void idx_damage_is_named(void **state) {
    (void)state;
    duet_dataset *dataset = NULL;
    fresh_folder(dir, "idx_mismatch");
    put_idx("train-images-idx3-ubyte", 3, 12, 0, false);
    put_idx("train-labels-idx1-ubyte", 1, 11, 0, false);
    FAILS(DUET_FORMAT,
          "'train-images-idx3-ubyte' has 12 images but 'train-labels-idx1-ubyte' has 11 labels",
          duet_dataset_open(NULL, &dataset, dir));
    put_idx("train-labels-idx1-ubyte", 1, 12, 2, false);
    FAILS(DUET_FORMAT,
          "'train-labels-idx1-ubyte' is truncated: its header promises 12 bytes of data, the file "
          "has 10",
          duet_dataset_open(NULL, &dataset, dir));
    put_idx("train-labels-idx1-ubyte", 3, 2, 0, false);
    FAILS(DUET_FORMAT, "has 3 dimensions; labels have 1", duet_dataset_open(NULL, &dataset, dir));
    for (int cut = 1; cut <= 16 + 72; cut++) {
        put_idx("train-labels-idx1-ubyte", 1, 12, 0, false);
        put_idx("train-images-idx3-ubyte", 3, 12, cut, false);
        FAILS(DUET_FORMAT, "train-images-idx3-ubyte", duet_dataset_open(NULL, &dataset, dir));
    }
    put_idx("emnist-train-images-idx3-ubyte", 3, 12, 0, false);
    FAILS(DUET_ARG, "emnist-train-images-idx3-ubyte", duet_dataset_open(NULL, &dataset, dir));
    assert_null(dataset);
}

/* ---- CIFAR ---- */

static void put_cifar(const char *name, int records, int label_bytes, uint8_t first) {
    const size_t record = (size_t)label_bytes + 3072;
    uint8_t *bytes = calloc((size_t)records, record);
    for (int i = 0; i < records; i++) {
        uint8_t *at = bytes + (size_t)i * record;
        at[label_bytes - 1] = (uint8_t)(first + i);
        for (int c = 0; c < 3; c++) memset(at + label_bytes + c * 1024, 50 * (c + 1) + i, 1024);
    }
    put_file(dir, name, bytes, (int64_t)((size_t)records * record));
    free(bytes);
}

static void cifar_is_read(void **state) {
    (void)state;
    duet_dataset *dataset = NULL;
    fresh_folder(dir, "cifar_ten");
    for (int i = 1; i <= 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        put_cifar(name, i, 1, (uint8_t)i);
    }
    put_cifar("test_batch.bin", 2, 1, 7);
    dataset = open_ok(dir);
    assert_string_equal(duet_dataset_describe(dataset)->layout, "cifar_bin");
    assert_counts(dataset, 15, 0, 2);
    assert_string_equal(duet_dataset_describe(dataset)->class_names[9], "truck");
    assert_int_equal(duet_dataset_label(dataset, DUET_TRAIN, 14), 9); /* last of batch 5 */
    assert_int_equal(duet_dataset_label(dataset, DUET_TRAIN, 1), 2);  /* first of batch 2 */
    uint8_t pixels[3072];
    OK(duet_dataset_read(dataset, DUET_TRAIN, 2, &(duet_preprocess){.size = 32, .channels = 3},
                         pixels));
    assert_int_equal(pixels[0], 51); /* second record of batch 2: R 51, G 101, B 151 */
    assert_int_equal(pixels[3070], 101);
    assert_int_equal(pixels[3071], 151);
    duet_dataset_close(dataset);
    dataset = NULL;
    put_file(dir, "data_batch_3.bin", "short", 5);
    FAILS(DUET_FORMAT, "'data_batch_3.bin' has 5 bytes", duet_dataset_open(NULL, &dataset, dir));
    put_cifar("data_batch_3.bin", 2, 1, 9);
    FAILS(DUET_FORMAT, "has label 10; there are 10 classes",
          duet_dataset_open(NULL, &dataset, dir));
    fresh_folder(dir, "cifar_hundred");
    put_cifar("train.bin", 3, 2, 97);
    put_file(dir, "fine_label_names.txt", "a\n", 2);
    dataset = open_ok(dir);
    assert_counts(dataset, 3, 0, 0);
    assert_int_equal(duet_dataset_describe(dataset)->class_count, 100);
    assert_int_equal(duet_dataset_label(dataset, DUET_TRAIN, 2), 99);
    duet_dataset_close(dataset);
}

/* ---- folders of images ---- */

static void folder_with_splits(void **state) {
    (void)state;
    fresh_folder(dir, "pets");
    put_png(dir, "train/dog/b.png", 8, 20);
    put_png(dir, "train/dog/a.png", 8, 10);
    put_png(dir, "train/cat-big/z.png", 8,
            30); /* '-' sorts before '/': class order is not path order */
    put_png(dir, "train/cat/y.png", 8, 40);
    put_png(dir, "validation/dog/v.png", 12, 50);
    put_png(dir, "test/cat/deep/t.png", 8, 60);
    put_png(dir, "train/.hidden/h.png", 8, 1);
    put_png(dir, "train/dog/.hidden.png", 8, 1);
    put_file(dir, "train/dog/notes.txt", "x", 1);
    duet_dataset *dataset = open_ok(dir);
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    assert_string_equal(info->layout, "image_folder");
    assert_counts(dataset, 4, 1, 1);
    assert_int_equal(info->class_count, 3);
    assert_string_equal(info->class_names[0], "cat");
    assert_string_equal(info->class_names[1], "cat-big");
    assert_string_equal(info->class_names[2], "dog");
    assert_row(dataset, DUET_TRAIN, 0, "train/cat/y.png", 0);
    assert_row(dataset, DUET_TRAIN, 1, "train/cat-big/z.png", 1);
    assert_row(dataset, DUET_TRAIN, 2, "train/dog/a.png", 2);
    assert_row(dataset, DUET_TRAIN, 3, "train/dog/b.png", 2);
    assert_row(dataset, DUET_VAL, 0, "validation/dog/v.png", 2);
    assert_row(dataset, DUET_TEST, 0, "test/cat/deep/t.png", 0);
    assert_false(info->varied);
    uint8_t pixels[64];
    OK(duet_dataset_read(dataset, DUET_TRAIN, 3, &(duet_preprocess){.size = 8, .channels = 1},
                         pixels));
    assert_int_equal(pixels[63], 20);
    duet_dataset_close(dataset);
}

static void folder_without_splits(void **state) {
    (void)state;
    fresh_folder(dir, "two");
    put_png(dir, "b/1.png", 8, 1);
    put_png(dir, "a/1.PNG", 9, 2);
    put_png(dir, "loose.png", 8, 3);
    duet_dataset *dataset = open_ok(dir);
    assert_counts(dataset, 2, 0, 0);
    assert_row(dataset, DUET_TRAIN, 0, "a/1.PNG", 0);
    assert_true(duet_dataset_describe(dataset)->varied);
    duet_dataset_close(dataset);
    fresh_folder(dir, "flat");
    put_png(dir, "2.png", 8, 1);
    put_png(dir, "1.png", 8, 2);
    dataset = open_ok(dir);
    assert_counts(dataset, 2, 0, 0);
    assert_false(duet_dataset_describe(dataset)->labelled);
    assert_row(dataset, DUET_TRAIN, 0, "1.png", -1);
    duet_dataset_close(dataset);
    fresh_folder(dir, "one_class");
    put_png(dir, "jpg/2.png", 8, 1);
    dataset = open_ok(dir);
    assert_counts(dataset, 1, 0, 0);
    assert_false(duet_dataset_describe(dataset)->labelled);
    duet_dataset_close(dataset);
}

/* The original Tiny-ImageNet: an images folder in each class, unlabelled val/images. */
static void folder_like_tiny_imagenet(void **state) {
    (void)state;
    fresh_folder(dir, "tiny");
    put_png(dir, "train/n01/images/a.png", 8, 1);
    put_png(dir, "train/n02/images/b.png", 8, 2);
    put_png(dir, "val/images/c.png", 8, 3);
    const char words[] = "n00\tnothing\nn01\tcrane, bird\nn02\tslug, mollusc\n";
    put_file(dir, "words.txt", words, sizeof words - 1);
    duet_dataset *dataset = open_ok(dir);
    assert_counts(dataset, 2, 1, 0);
    assert_int_equal(duet_dataset_describe(dataset)->class_count, 2);
    assert_string_equal(duet_dataset_describe(dataset)->class_names[0], "crane");
    assert_string_equal(duet_dataset_describe(dataset)->class_names[1], "slug");
    assert_row(dataset, DUET_VAL, 0, "val/images/c.png", -1);
    duet_dataset_close(dataset);
    const char same[] = "n01\tcrane, bird\nn02\tcrane, machine\n";
    put_file(dir, "words.txt", same, sizeof same - 1);
    dataset = open_ok(dir);
    assert_string_equal(duet_dataset_describe(dataset)->class_names[1], "crane, machine");
    duet_dataset_close(dataset);
}

/* ---- archives ---- */

static void put_tar(const char *path, const char *prefix) {
    FILE *tar = tar_begin(path);
    static const char *const names[] = {"train/1/b.png", "train/0/a.png", "test/1/c.png",
                                        "train/1/._b.png", "train/1/b.txt"};
    for (int i = 0; i < 5; i++) {
        char name[100];
        snprintf(name, sizeof name, "%s%s", prefix, names[i]);
        duet_bytes bytes = png_of(8, 8, (uint8_t)(10 * i), 0, 0);
        put_member(tar, name, bytes.data, bytes.size);
        duet_bytes_free(&bytes);
    }
    tar_end(tar);
}

static void tar_is_read(void **state) {
    (void)state;
    char path[DUET_PATH_SIZE];
    fresh_folder(dir, "archive");
    place(path, dir, "set.tar");
    for (int form = 0; form < 3; form++) {
        static const char *const prefixes[] = {"", "./", "around/"};
        put_tar(path, prefixes[form]);
        duet_dataset *dataset = open_ok(form == 1 ? path : dir);
        assert_string_equal(duet_dataset_describe(dataset)->layout, "tar_shards");
        assert_string_equal(duet_dataset_describe(dataset)->name, form == 1 ? "set" : "archive");
        assert_counts(dataset, 2, 0, 1);
        assert_row(dataset, DUET_TRAIN, 1, form == 2 ? "around/train/1/b.png" : "train/1/b.png", 1);
        uint8_t pixels[192];
        OK(duet_dataset_read(dataset, DUET_TEST, 0, &(duet_preprocess){.size = 8, .channels = 3},
                             pixels));
        assert_int_equal(pixels[0], 20);
        duet_dataset_close(dataset);
    }
    put_file(dir, "batches.meta.txt", "plane\nbird\n\n", 12);
    put_cifar("data_batch_1_part.bin", 3, 1, 0); /* beside the archive: not the data set */
    duet_dataset *dataset = open_ok(dir);
    assert_string_equal(duet_dataset_describe(dataset)->layout, "tar_shards");
    assert_string_equal(duet_dataset_describe(dataset)->class_names[1], "bird");
    duet_dataset_close(dataset);
    dataset = NULL;
    place(path, dir, "second.tar");
    put_tar(path, "");
    FAILS(DUET_FORMAT, "holds no data set", duet_dataset_open(NULL, &dataset, dir));
}

static void tar_cut_short(void **state) {
    (void)state;
    char path[DUET_PATH_SIZE];
    fresh_folder(dir, "archive_cut");
    place(path, dir, "set.tar");
    put_tar(path, "");
    duet_bytes bytes = {0};
    OK(duet_file_read(&bytes, path));
    for (int64_t size = 0; size < bytes.size; size += 97) {
        duet_dataset *dataset = NULL;
        put_file(dir, "set.tar", bytes.data, size);
        if (duet_dataset_open(NULL, &dataset, path) == DUET_OK) {
            duet_dataset_close(dataset); /* cut between two members */
        } else {
            assert_non_null(strstr(duet_error_message(), "set.tar"));
        }
    }
    duet_bytes_free(&bytes);
}

/* ---- refusals ---- */

static void unknown_paths_are_explained(void **state) {
    (void)state;
    duet_dataset *dataset = NULL;
    FAILS(DUET_NOT_FOUND, "no file or folder 'nowhere/at/all'",
          duet_dataset_open(NULL, &dataset, "nowhere/at/all"));
    FAILS(DUET_NOT_FOUND, "did you mean 'synth'", duet_dataset_open(NULL, &dataset, "sinth"));
    FAILS(DUET_ARG, "did you mean 'size'", duet_dataset_open(NULL, &dataset, "synth:sise=3"));
    FAILS(DUET_ARG, "needs a path", duet_dataset_open(NULL, &dataset, "idx"));
    FAILS(DUET_ARG, "no data set given", duet_dataset_open(NULL, &dataset, ""));
    fresh_folder(dir, "empty");
    FAILS(DUET_FORMAT, "holds no data set", duet_dataset_open(NULL, &dataset, dir));
    put_file(dir, "sub/readme.txt", "x", 1);
    FAILS(DUET_FORMAT, "no images", duet_dataset_open(NULL, &dataset, dir));
    put_file(dir, "broken/a.png", "not a picture", 13);
    FAILS(DUET_FORMAT, "a.png", duet_dataset_open(NULL, &dataset, dir));
    char path[DUET_PATH_SIZE];
    place(path, dir, "sub/readme.txt");
    FAILS(DUET_FORMAT, "is not a data set", duet_dataset_open(NULL, &dataset, path));
    duet_split split = DUET_TRAIN;
    FAILS(DUET_ARG, "no split 'tasting'", duet_split_parse(&split, "tasting"));
    OK(duet_split_parse(&split, "valid"));
    assert_int_equal(split, DUET_VAL);
    assert_null(dataset);
    duet_dataset_close(NULL);
}

static void layout_can_be_named(void **state) {
    (void)state;
    char spec[DUET_PATH_SIZE + 16];
    fresh_folder(dir, "both");
    put_png(dir, "train/a/1.png", 8, 1);
    put_png(dir, "train/b/1.png", 8, 1);
    put_idx("train-images-idx3-ubyte", 3, 12, 0, false);
    duet_dataset *dataset = open_ok(dir);
    assert_string_equal(duet_dataset_describe(dataset)->layout, "idx");
    duet_dataset_close(dataset);
    snprintf(spec, sizeof spec, "image_folder:%s", dir);
    dataset = open_ok(spec);
    assert_string_equal(duet_dataset_describe(dataset)->layout, "image_folder");
    assert_counts(dataset, 2, 0, 0);
    duet_dataset_close(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_is_read),         cmocka_unit_test(idx_single_file),
        cmocka_unit_test(idx_damage_is_named), cmocka_unit_test(cifar_is_read),
        cmocka_unit_test(folder_with_splits),  cmocka_unit_test(folder_without_splits),
        cmocka_unit_test(tar_is_read),         cmocka_unit_test(folder_like_tiny_imagenet),
        cmocka_unit_test(tar_cut_short),       cmocka_unit_test(unknown_paths_are_explained),
        cmocka_unit_test(layout_can_be_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
