/* SPDX-License-Identifier: MIT
 * The procedural set: a pure function of its options, all splits different, and pixels that do not
 * give the class away. */
#include "fixtures.h"

#include <math.h>

static duet_dataset *synth(const char *spec) {
    duet_dataset *dataset = NULL;
    OK(duet_dataset_open(NULL, &dataset, spec));
    return dataset;
}

static void images_are_repeatable(void **state) {
    (void)state;
    duet_dataset *a = synth("synth:train=50,val=20,test=20,seed=3"),
                 *b = synth("synth:train=500,val=20,test=20,seed=3");
    duet_dataset *c = synth("synth:train=50,val=20,test=20,seed=4");
    const duet_preprocess how = {.size = 32, .channels = 3};
    uint8_t x[3072], y[3072];
    for (int64_t i = 49; i >= 0; i--) {
        OK(duet_dataset_read(a, DUET_TRAIN, i, &how, x));
        OK(duet_dataset_read(b, DUET_TRAIN, i, &how,
                             y)); /* more rows leave the first ones as they are */
        assert_memory_equal(x, y, sizeof x);
        OK(duet_dataset_read(c, DUET_TRAIN, i, &how, y));
        assert_memory_not_equal(x, y, sizeof x);
        if (i >= 20) continue;
        for (duet_split s = DUET_VAL; s <= DUET_TEST; s++) {
            OK(duet_dataset_read(a, s, i, &how, y));
            assert_memory_not_equal(x, y, sizeof x);
        }
    }
    assert_true(duet_dataset_describe(a)->hash != duet_dataset_describe(c)->hash);
    assert_string_equal(duet_dataset_describe(a)->class_names[5], "star");
    duet_dataset_close(a);
    duet_dataset_close(b);
    duet_dataset_close(c);
}

static void sizes_classes_channels(void **state) {
    (void)state;
    duet_dataset *dataset = synth("synth:size=20,classes=3,train=7,test=2,channels=1");
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    assert_int_equal(info->height, 20);
    assert_int_equal(info->channels, 1);
    assert_int_equal(info->class_count, 3);
    assert_int_equal(info->count[DUET_VAL], 0);
    assert_int_equal(duet_dataset_label(dataset, DUET_TRAIN, 6), 0);
    uint8_t x[1200];
    OK(duet_dataset_read(dataset, DUET_TRAIN, 0, &(duet_preprocess){.size = 20, .channels = 3}, x));
    for (int i = 0; i < 400; i++) assert_true(x[3 * i] == x[3 * i + 1] && x[3 * i] == x[3 * i + 2]);
    duet_dataset_close(dataset);
    dataset = NULL;
    assert_int_equal(duet_dataset_open(NULL, &dataset, "synth:classes=11"), DUET_ARG);
    FAILS(DUET_ARG, "channels=2", duet_dataset_open(NULL, &dataset, "synth:channels=2"));
    FAILS(DUET_ARG, "all 0", duet_dataset_open(NULL, &dataset, "synth:train=0,test=0"));
}

/* Mean images of the classes are alike, while single images vary a lot: what makes linear
 * classifiers fail. Between the class means of 200 images each the expected RMS difference is about
 * sqrt(2/200) of one image's deviation. */
static void class_means_are_alike(void **state) {
    (void)state;
    duet_dataset *dataset = synth("synth:train=2000,size=16,test=0");
    double mean[10][768] = {{0}}, square = 0.0;
    uint8_t x[768];
    for (int64_t i = 0; i < 2000; i++) {
        OK(duet_dataset_read(dataset, DUET_TRAIN, i, &(duet_preprocess){.size = 16, .channels = 3},
                             x));
        for (int p = 0; p < 768; p++) {
            mean[i % 10][p] += x[p] / 200.0;
            square += (x[p] - 127.5) * (x[p] - 127.5) / (2000.0 * 768.0);
        }
    }
    for (int a = 0; a < 10; a++) {
        for (int b = 0; b < a; b++) {
            double sum = 0.0;
            for (int p = 0; p < 768; p++)
                sum += (mean[a][p] - mean[b][p]) * (mean[a][p] - mean[b][p]) / 768.0;
            assert_true(sqrt(sum) < 0.2 * sqrt(square));
        }
    }
    assert_true(sqrt(square) > 50.0);
    duet_dataset_close(dataset);
}

/* Nothing to learn: every byte as likely as every other, whatever its place and label; a pure
 * function of the options. */
static void noise_says_nothing(void **state) {
    (void)state;
    enum { IMAGES = 400, VALUES = 75 };
    duet_dataset *dataset = synth("noise:size=5,classes=4,train=400,test=3"),
                 *other = synth("noise:size=5,classes=4,train=400,test=3,seed=1");
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    const duet_preprocess how = {.size = 5, .channels = 3};
    uint8_t x[VALUES], y[VALUES];
    double sum[4] = {0}, chi = 0;
    int hits[16] = {0};
    assert_int_equal(info->class_count, 4);
    assert_int_equal(info->count[DUET_TEST], 3);
    for (int64_t i = 0; i < IMAGES; i++) {
        OK(duet_dataset_read(dataset, DUET_TRAIN, i, &how, x));
        assert_int_equal(duet_dataset_label(dataset, DUET_TRAIN, i), i % 4);
        for (int k = 0; k < VALUES; k++) {
            sum[i % 4] += x[k];
            hits[x[k] / 16]++;
        }
        OK(duet_dataset_read(other, DUET_TRAIN, i, &how, y));
        assert_memory_not_equal(x, y, sizeof x);
    }
    OK(duet_dataset_read(dataset, DUET_TEST, 0, &how, y));
    assert_memory_not_equal(x, y, sizeof x);
    /* 7500 bytes a class: their mean has a deviation of 73.9 / sqrt(7500) = 0.85 */
    for (int c = 0; c < 4; c++) assert_true(fabs(sum[c] / (VALUES * IMAGES / 4.0) - 127.5) < 4.3);
    const double expected = VALUES * IMAGES / 16.0;
    for (int k = 0; k < 16; k++) chi += (hits[k] - expected) * (hits[k] - expected) / expected;
    assert_true(chi < 50.0); /* 15 degrees of freedom: 1 in 100,000 lies above */
    duet_dataset_close(dataset);
    duet_dataset_close(other);
    FAILS(DUET_ARG, "channels=2", duet_dataset_open(NULL, &dataset, "noise:channels=2"));
    FAILS(DUET_ARG, "all 0", duet_dataset_open(NULL, &dataset, "noise:train=0,test=0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_are_repeatable),
        cmocka_unit_test(sizes_classes_channels),
        cmocka_unit_test(class_means_are_alike),
        cmocka_unit_test(noise_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
