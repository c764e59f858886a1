/* SPDX-License-Identifier: MIT
 * The layout `trainval`: rows of val follow those of train, with their labels, names and pixels. */
#include "tiny_model.h"

#include <string.h>

#include "data/dataset/dataset.h"

static void same_row(const duet_dataset *a, duet_split sa, int64_t ia, const duet_dataset *b,
                     duet_split sb, int64_t ib) {
    char one[256], two[256];
    duet_image x = {0}, y = {0};
    assert_int_equal(duet_dataset_label(a, sa, ia), duet_dataset_label(b, sb, ib));
    duet_dataset_row_name(a, sa, ia, one, sizeof one);
    duet_dataset_row_name(b, sb, ib, two, sizeof two);
    assert_string_equal(one, two);
    OK(a->layout->read(a, sa, ia, 0, &x));
    OK(b->layout->read(b, sb, ib, 0, &y));
    assert_memory_equal(x.pixels, y.pixels, (size_t)(x.width * x.height * x.channels));
    duet_image_free(&x);
    duet_image_free(&y);
}

static void joins(void **state) {
    (void)state;
    duet_dataset *set = open_data("synth:size=8,classes=3,train=20,val=9,test=5"),
                 *joined = open_data("trainval:synth:size=8,classes=3,train=20,val=9,test=5");
    const duet_dataset_info *info = duet_dataset_describe(joined);
    assert_true(info->count[DUET_TRAIN] == 29 && info->count[DUET_VAL] == 0 &&
                info->count[DUET_TEST] == 5);
    assert_true(info->labelled && info->class_count == 3 && info->height == 8);
    for (int64_t i = 0; i < 29; i++)
        same_row(joined, DUET_TRAIN, i, set, i < 20 ? DUET_TRAIN : DUET_VAL, i < 20 ? i : i - 20);
    for (int64_t i = 0; i < 5; i++) same_row(joined, DUET_TEST, i, set, DUET_TEST, i);
    assert_true(info->hash != duet_dataset_describe(set)->hash);
    duet_dataset_close(joined);
    duet_dataset_close(set);
}

static void refuses(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, false);
    duet_dataset *set = NULL;
    assert_int_equal(duet_dataset_open(ctx, &set, "trainval:synth:size=8,train=20,test=5"),
                     DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "no split 'val'"));
    assert_int_equal(duet_dataset_open(ctx, &set, "trainval:nowhere"), DUET_NOT_FOUND);
    assert_int_equal(duet_dataset_open(ctx, &set, "trainval"), DUET_ARG);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(joins), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
