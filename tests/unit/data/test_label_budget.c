/* SPDX-License-Identifier: MIT
 * Budgets of labels: their text, stratified and nested draws, and lists of names as people have
 * them. */
#include "fixtures.h"

static char folder[DUET_PATH_SIZE];

static duet_view all_rows(const duet_dataset *set) {
    duet_view view = {0};
    OK(duet_view_all(&view, set, DUET_TRAIN));
    return view;
}

static duet_view rows_of(const duet_dataset *set, const duet_label_budget *budget, uint64_t seed) {
    duet_view all = all_rows(set), out = {0};
    OK(duet_view_labels(&out, set, &all, budget, seed, NULL));
    duet_view_free(&all);
    for (int64_t i = 1; i < out.count; i++) assert_true(out.index[i] > out.index[i - 1]);
    return out;
}

static void count_classes(int64_t out[10], const duet_dataset *set, const duet_view *view) {
    memset(out, 0, 10 * sizeof *out);
    for (int64_t i = 0; i < view->count; i++)
        out[duet_dataset_label(set, view->split, view->index[i])]++;
}

static bool within(const duet_view *few, const duet_view *many) {
    int64_t found = 0;
    for (int64_t i = 0; i < few->count; i++)
        for (int64_t k = 0; k < many->count; k++) found += few->index[i] == many->index[k];
    return found == few->count;
}

static void texts_are_shares_or_numbers(void **state) {
    (void)state;
    static const char *const wrong[] = {"0", "0%", "101%", "-5", "1.5", "ten", "%", "5 %x", "1e30"};
    duet_label_budget budget;
    OK(duet_label_budget_parse(&budget, "10%"));
    assert_true(budget.fraction == 0.1 && budget.rows == 0);
    OK(duet_label_budget_parse(&budget, "0.5%"));
    assert_true(budget.fraction == 0.005);
    OK(duet_label_budget_parse(&budget, "6k"));
    assert_true(budget.rows == 6000 && budget.fraction == 0);
    OK(duet_label_budget_parse(&budget, ""));
    assert_false(duet_label_budget_given(&budget));
    for (int i = 0; i < DUET_COUNT(wrong); i++)
        FAILS(DUET_ARG, "no number of labels", duet_label_budget_parse(&budget, wrong[i]));
}

static void shots_are_so_many_of_each_class(void **state) {
    (void)state;
    duet_dataset *set = open_set("synth:size=8,train=203,classes=10,test=0");
    int64_t classes[10];
    duet_view one = rows_of(set, &(duet_label_budget){.shots = 1}, 7),
              five = rows_of(set, &(duet_label_budget){.shots = 5}, 7),
              again = rows_of(set, &(duet_label_budget){.shots = 5}, 7),
              other = rows_of(set, &(duet_label_budget){.shots = 5}, 8),
              most = rows_of(set, &(duet_label_budget){.shots = 21}, 7), none = {0};
    assert_true(one.count == 10 && five.count == 50 && within(&one, &five) && within(&five, &most));
    count_classes(classes, set, &five);
    for (int c = 0; c < 10; c++) assert_int_equal(classes[c], 5);
    assert_memory_equal(again.index, five.index, 50 * sizeof(int64_t));
    assert_memory_not_equal(other.index, five.index, 50 * sizeof(int64_t));
    count_classes(classes, set, &most); /* what a class has */
    for (int c = 0; c < 10; c++) assert_int_equal(classes[c], c < 3 ? 21 : 20);
    duet_view all = all_rows(set);
    FAILS(DUET_ARG, "cannot take 0 rows a class", duet_view_shots(&none, set, &all, 0, 0));
    duet_view_free(&all);
    duet_view_free(&one);
    duet_view_free(&five);
    duet_view_free(&again);
    duet_view_free(&other);
    duet_view_free(&most);
    duet_dataset_close(set);
}

static void shares_are_stratified_and_rounded_down(void **state) {
    (void)state;
    duet_dataset *set = open_set("synth:size=8,train=1999,classes=10,test=0");
    int64_t classes[10];
    duet_view tenth = rows_of(set, &(duet_label_budget){.fraction = 0.1}, 0),
              number = rows_of(set, &(duet_label_budget){.rows = 199}, 0),
              least = rows_of(set, &(duet_label_budget){.fraction = 0.0001}, 0),
              whole = rows_of(set, &(duet_label_budget){.rows = 5000}, 0);
    assert_true(tenth.count == 199 && least.count == 1 && whole.count == 1999);
    assert_memory_equal(tenth.index, number.index, 199 * sizeof(int64_t));
    count_classes(classes, set, &tenth);
    for (int c = 0; c < 10; c++) assert_in_range(classes[c], 19, 21);
    duet_view_free(&tenth);
    duet_view_free(&number);
    duet_view_free(&least);
    duet_view_free(&whole);
    duet_dataset_close(set);
}

static void put_list(char path[DUET_PATH_SIZE], const char *text) {
    put_file(folder, "list.txt", text, (int64_t)strlen(text));
    OK(duet_path_join(path, folder, "list.txt"));
}

/* Names of ImageNet's kind, and one that is in two folders. */
static duet_dataset *make_set(void) {
    char path[DUET_PATH_SIZE];
    fresh_folder(folder, "lists");
    put_png(folder, "set/train/n01/n01_1.png", 8, 1);
    put_png(folder, "set/train/n01/n01_2.png", 8, 2);
    put_png(folder, "set/train/n01/same.png", 8, 3);
    put_png(folder, "set/train/n02/n02_1.v2.png", 8, 4);
    put_png(folder, "set/train/n02/n02_7.png", 8, 5);
    put_png(folder, "set/train/n02/same.png", 8, 6);
    put_png(folder, "set/test/n01/n01_9.png", 8, 7);
    OK(duet_path_join(path, folder, "set"));
    return open_set(path);
}

static duet_labels_listed listed_of(duet_view *out, const duet_dataset *set, const char *text) {
    duet_label_budget budget = {.rows = 0};
    duet_labels_listed listed;
    duet_view all = all_rows(set);
    put_list(budget.list, text);
    OK(duet_view_labels(out, set, &all, &budget, 3, &listed));
    duet_view_free(&all);
    return listed;
}

static void lists_name_rows_with_or_without_folder_and_ending(void **state) {
    (void)state;
    duet_dataset *set = make_set();
    duet_view rows = {0};
    duet_labels_listed l = listed_of(&rows, set,
                                     "n01_2.JPEG\r\n\n  n01/n01_1 \n./train/n02/n02_1.v2.png\n"
                                     "/data/imagenet/train/n02/n02_7.jpg\nn01_2\n");
    assert_true(l.names == 5 && l.found == 4 && l.unknown == 0 && l.ambiguous == 0);
    assert_string_equal(l.first, "");
    const int64_t wanted[] = {0, 1, 3, 4};
    assert_true(rows.count == 4 && rows.split == DUET_TRAIN);
    assert_memory_equal(rows.index, wanted, sizeof wanted);
    duet_view_free(&rows);
    l = listed_of(&rows, set, "same.png\nn02/same\nn01_9.png\nn03/n01_1.png\nn02_1\nn01_1.png");
    assert_true(l.names == 6 && l.found == 2 && l.unknown == 3 && l.ambiguous == 1);
    assert_string_equal(l.first, "same");
    assert_true(rows.count == 2 && rows.index[0] == 0 && rows.index[1] == 5);
    duet_view_free(&rows);
    duet_dataset_close(set);
}

static void lists_without_a_row_are_refused(void **state) {
    (void)state;
    duet_label_budget budget = {.rows = 0};
    duet_dataset *set = make_set();
    duet_view all = all_rows(set), out = {0};
    put_list(budget.list, "cat.png\ndog.png\n");
    FAILS(DUET_FORMAT, "none of the 2 names", duet_view_labels(&out, set, &all, &budget, 0, NULL));
    FAILS(DUET_FORMAT, "the first is 'cat', an image there is 'train/n01/n01_1.png'",
          duet_view_labels(&out, set, &all, &budget, 0, NULL));
    put_list(budget.list, "\n\n");
    FAILS(DUET_FORMAT, "names no image", duet_view_labels(&out, set, &all, &budget, 0, NULL));
    OK(duet_path_join(budget.list, folder, "nowhere"));
    FAILS(DUET_NOT_FOUND, "nowhere", duet_view_labels(&out, set, &all, &budget, 0, NULL));
    duet_view_free(&all);
    duet_dataset_close(set);
}

static void rows_without_names_go_by_number(void **state) {
    (void)state;
    duet_dataset *set = open_set("synth:size=8,train=40,classes=4,test=0");
    duet_view rows = {0};
    fresh_folder(folder, "numbers");
    const duet_labels_listed l = listed_of(&rows, set, "7\ntrain[3]\n40\nx.png\n39\n");
    assert_true(l.names == 5 && l.found == 3 && l.unknown == 2);
    assert_true(rows.count == 3 && rows.index[0] == 3 && rows.index[1] == 7 && rows.index[2] == 39);
    duet_view_free(&rows);
    duet_dataset_close(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_shares_or_numbers),
        cmocka_unit_test(shots_are_so_many_of_each_class),
        cmocka_unit_test(shares_are_stratified_and_rounded_down),
        cmocka_unit_test(lists_name_rows_with_or_without_folder_and_ending),
        cmocka_unit_test(lists_without_a_row_are_refused),
        cmocka_unit_test(rows_without_names_go_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
