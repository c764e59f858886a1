/* SPDX-License-Identifier: MIT
 * The real sets where they are at hand ($DUET_DATA, else ../shared/data beside the sources):
 * counts, classes, and decoded CIFAR-10 JPEGs against the lossless records of the same images. */
#include "fixtures.h"

static char root[DUET_PATH_SIZE];

/* Opens root/name; skips the test when it is not there. */
static duet_dataset *open_real(const char *name) {
    char path[DUET_PATH_SIZE];
    OK(duet_path_join(path, root, name));
    if (!duet_path_exists(path)) {
        print_message("skipped: no '%s'\n", path);
        skip();
    }
    duet_dataset *dataset = NULL;
    OK(duet_dataset_open(NULL, &dataset, path));
    return dataset;
}

static void counts_are_right(void **state) {
    (void)state;
    static const struct {
        const char *path, *layout, *first, *last;
        int64_t count[3], height, width;
        int classes, channels;
        bool varied;
    } sets[] = {
        {"fashion-mnist",
         "idx",
         "T-shirt/top",
         "Ankle boot",
         {60000, 0, 10000},
         28,
         28,
         10,
         1,
         false},
        {"mnist", "idx", "0", "9", {60000, 0, 10000}, 28, 28, 10, 1, false},
        {"cifar10", "tar_shards", "airplane", "truck", {50000, 0, 10000}, 32, 32, 10, 3, false},
        {"flowers102", "tar_shards", "001", "102", {1020, 1020, 6149}, 64, 64, 102, 3, false},
        {"cub50/cub50_80px.tar",
         "tar_shards",
         "001.Black_footed_Albatross",
         "050.Eared_Grebe",
         {1500, 1389, 0},
         80,
         133,
         50,
         3,
         true},
        {"tiny-imagenet",
         "tar_shards",
         "goldfish",
         "potpie",
         {12500, 1250, 0},
         64,
         64,
         25,
         3,
         false},
    };
    for (int i = 0; i < DUET_COUNT(sets); i++) {
        duet_dataset *dataset = open_real(sets[i].path);
        const duet_dataset_info *info = duet_dataset_describe(dataset);
        assert_string_equal(info->layout, sets[i].layout);
        for (int s = 0; s < 3; s++) assert_int_equal(info->count[s], sets[i].count[s]);
        assert_int_equal(info->height, sets[i].height);
        assert_int_equal(info->width, sets[i].width);
        assert_int_equal(info->channels, sets[i].channels);
        assert_int_equal(info->varied, sets[i].varied);
        assert_int_equal(info->class_count, sets[i].classes);
        assert_string_equal(info->class_names[0], sets[i].first);
        assert_string_equal(info->class_names[info->class_count - 1], sets[i].last);
        duet_dataset_close(dataset);
    }
}

static void mnist_class_counts(void **state) {
    (void)state;
    static const int64_t published[10] = {5923, 6742, 5958, 6131, 5842,
                                          5421, 5918, 6265, 5851, 5949};
    duet_dataset *dataset = open_real("mnist");
    int64_t counts[10] = {0};
    for (int64_t i = 0; i < 60000; i++) counts[duet_dataset_label(dataset, DUET_TRAIN, i)]++;
    assert_memory_equal(counts, published, sizeof counts);
    duet_dataset_close(dataset);
}

/* train/CLASS/NNNNN.jpg is record NNNNN of the official order; the JPEGs' mean absolute error is
 * 5.8 of 255. */
static void cifar_jpegs_match_the_lossless_records(void **state) {
    (void)state;
    duet_dataset *jpeg = open_real("cifar10"),
                 *exact = open_real("cifar10/data_batch_1_first4000_lossless.bin");
    const duet_preprocess how = {.size = 32, .channels = 3};
    uint8_t x[3072], y[3072];
    double sum = 0.0;
    int found = 0;
    for (int64_t i = 0; i < 50000; i++) {
        char name[64];
        duet_dataset_row_name(jpeg, DUET_TRAIN, i, name, sizeof name);
        const long number = strtol(strrchr(name, '/') + 1, NULL, 10);
        if (number >= 200) continue;
        assert_int_equal(duet_dataset_label(jpeg, DUET_TRAIN, i),
                         duet_dataset_label(exact, DUET_TRAIN, number));
        OK(duet_dataset_read(jpeg, DUET_TRAIN, i, &how, x));
        OK(duet_dataset_read(exact, DUET_TRAIN, number, &how, y));
        double one = 0.0;
        for (int p = 0; p < 3072; p++) one += abs(x[p] - y[p]) / 3072.0;
        assert_true(one < 25.0);
        sum += one;
        found++;
    }
    assert_int_equal(found, 200);
    assert_true(sum / found > 3.0 && sum / found < 9.0);
    duet_dataset_close(jpeg);
    duet_dataset_close(exact);
}

/* 264 images of Tiny-ImageNet are grey; all read as colour and as grey. */
static void tiny_imagenet_reads_whole(void **state) {
    (void)state;
    duet_dataset *dataset = open_real("tiny-imagenet");
    uint8_t x[64 * 64 * 3];
    for (int64_t i = 0; i < 1250; i++) {
        OK(duet_dataset_read(dataset, DUET_VAL, i,
                             &(duet_preprocess){.size = 64, .channels = i % 2 == 0 ? 3 : 1}, x));
        assert_int_equal(duet_dataset_label(dataset, DUET_VAL, i), i / 50);
    }
    duet_dataset_close(dataset);
}

int main(void) {
    const char *given = getenv("DUET_DATA");
    snprintf(root, sizeof root, "%s", given != NULL ? given : DUET_SOURCE_DIR "/../shared/data");
    if (!duet_path_is_folder(root)) {
        printf("skipped: no real data sets at '%s'; set DUET_DATA to their folder\n", root);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_right),
        cmocka_unit_test(mnist_class_counts),
        cmocka_unit_test(cifar_jpegs_match_the_lossless_records),
        cmocka_unit_test(tiny_imagenet_reads_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
