/* SPDX-License-Identifier: MIT
 * Views: disjoint, stratified, nested, repeatable, in proportion when there are too few rows. */
#include "fixtures.h"

static duet_dataset *synth(const char *spec) {
    duet_dataset *dataset = NULL;
    OK(duet_dataset_open(NULL, &dataset, spec));
    return dataset;
}

static void count_classes(int64_t out[10], const duet_dataset *dataset, const duet_view *view) {
    memset(out, 0, 10 * sizeof *out);
    for (int64_t i = 0; i < view->count; i++) {
        if (i > 0) assert_true(view->index[i] > view->index[i - 1]);
        out[duet_dataset_label(dataset, view->split, view->index[i])]++;
    }
}

static void divided_views_are_balanced_and_disjoint(void **state) {
    (void)state;
    duet_dataset *dataset = synth("synth:size=8,train=1003,classes=10,test=0");
    duet_view all = {0}, fit = {0}, val = {0};
    OK(duet_view_all(&all, dataset, DUET_TRAIN));
    OK(duet_view_divide(&fit, &val, dataset, &all, 600, 200, 3));
    assert_int_equal(fit.count, 600);
    assert_int_equal(val.count, 200);
    int64_t classes[10];
    count_classes(classes, dataset, &fit);
    for (int c = 0; c < 10; c++) assert_in_range(classes[c], 59, 61);
    count_classes(classes, dataset, &val);
    for (int c = 0; c < 10; c++) assert_in_range(classes[c], 18, 22);
    bool seen[1003] = {0};
    for (int64_t i = 0; i < fit.count; i++) seen[fit.index[i]] = true;
    for (int64_t i = 0; i < val.count; i++) assert_false(seen[val.index[i]]);
    duet_view again = {0}, smaller = {0}, other = {0};
    OK(duet_view_divide(&again, NULL, dataset, &all, 600, 0, 3));
    assert_memory_equal(again.index, fit.index, 600 * sizeof(int64_t));
    OK(duet_view_divide(&smaller, NULL, dataset, &all, 20, 0, 3));
    count_classes(classes, dataset, &smaller);
    for (int c = 0; c < 10; c++) assert_in_range(classes[c], 1, 3);
    for (int64_t i = 0; i < smaller.count; i++) assert_true(seen[smaller.index[i]]);
    OK(duet_view_divide(&other, NULL, dataset, &all, 600, 0, 4));
    assert_memory_not_equal(other.index, fit.index, 600 * sizeof(int64_t));
    duet_view_free(&again);
    duet_view_free(&smaller);
    duet_view_free(&other);
    duet_view_free(&all);
    duet_view_free(&fit);
    duet_view_free(&val);
    duet_view_free(&val);
    duet_view_free(NULL);
    duet_dataset_close(dataset);
}

static void exact_balance_of_equal_classes(void **state) {
    (void)state;
    duet_dataset *dataset = synth("synth:size=8,train=1000,classes=10,test=0");
    duet_view all = {0}, fit = {0}, val = {0};
    OK(duet_view_all(&all, dataset, DUET_TRAIN));
    OK(duet_view_divide(&fit, &val, dataset, &all, 900, 100, 0));
    int64_t classes[10];
    count_classes(classes, dataset, &fit);
    for (int c = 0; c < 10; c++) assert_int_equal(classes[c], 90);
    count_classes(classes, dataset, &val);
    for (int c = 0; c < 10; c++) assert_int_equal(classes[c], 10);
    duet_view_free(&all);
    duet_view_free(&fit);
    duet_view_free(&val);
    duet_dataset_close(dataset);
}

static void too_few_rows_shrink_both(void **state) {
    (void)state;
    duet_dataset *dataset = synth("synth:size=8,train=110,test=0");
    duet_view all = {0}, fit = {0}, val = {0};
    OK(duet_view_all(&all, dataset, DUET_TRAIN));
    OK(duet_view_divide(&fit, &val, dataset, &all, 50000, 5000, 1));
    assert_int_equal(fit.count, 100);
    assert_int_equal(val.count, 10);
    duet_view_free(&fit);
    duet_view_free(&val);
    OK(duet_view_divide(&fit, &val, dataset, &all, INT64_MAX, 0, 1));
    assert_int_equal(fit.count, 110);
    assert_int_equal(val.count, 0);
    duet_view_free(&fit);
    duet_view_free(&val);
    FAILS(DUET_ARG, "cannot take -1", duet_view_divide(&fit, &val, dataset, &all, -1, 5, 1));
    all.index[0] = 110;
    FAILS(DUET_ARG, "row 110 is outside", duet_view_divide(&fit, &val, dataset, &all, 5, 5, 1));
    assert_null(fit.index);
    duet_view_free(&all);
    OK(duet_view_all(&all, dataset, DUET_VAL));
    OK(duet_view_divide(&fit, &val, dataset, &all, 5, 5, 1));
    assert_int_equal(fit.count + val.count, 0);
    duet_view_free(&all);
    duet_view_free(&fit);
    duet_view_free(&val);
    duet_dataset_close(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(divided_views_are_balanced_and_disjoint),
        cmocka_unit_test(exact_balance_of_equal_classes),
        cmocka_unit_test(too_few_rows_shrink_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
