/* SPDX-License-Identifier: MIT
 * Classes by name: equal names first, then without case, blanks, '_' and '-'; what is not there or
 * not clear has no place. */
#include "fixtures.h"

#include "data/classes.h"

static void names_are_matched(void **state) {
    (void)state;
    static const char *const cifar[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                        "dog",      "frog",       "horse", "ship", "truck"};
    static const char *const mine[] = {"Truck", "cat", "SHIP", "air plane", "boat", "d-o_g"};
    static const int32_t want[] = {9, 3, 8, 0, -1, 5};
    int32_t to[6] = {0};
    OK(duet_classes_match(to, mine, 6, cifar, 10));
    for (int i = 0; i < 6; i++) assert_int_equal(to[i], want[i]);
    OK(duet_classes_match(to, mine, 6, NULL, 0));
    for (int i = 0; i < 6; i++) assert_int_equal(to[i], -1);
}

static void forms_of_unicode_do_not_count(void **state) {
    (void)state;
    static const char *const composed[] = {"caf\xc3\xa9", "ash"};
    static const char *const mine[] = {"Cafe\xcc\x81"};
    int32_t to[1] = {-1};
    OK(duet_classes_match(to, mine, 1, composed, 2));
    assert_int_equal(to[0], 0);
}

static void what_is_not_clear_has_no_place(void **state) {
    (void)state;
    static const char *const two[] = {"crane", "Crane", "crane"};
    static const char *const mine[] = {"Crane", "crane", "CRANE"};
    int32_t to[3] = {0};
    OK(duet_classes_match(to, mine, 3, two, 3));
    assert_int_equal(to[0], 1); /* equal, and once */
    assert_int_equal(to[1], -1);
    assert_int_equal(to[2], -1);
}

static void numbers_are_no_names(void **state) {
    (void)state;
    static const char *const plain[] = {"0", "1", "2"}, *const some[] = {"0", "1", "5"};
    assert_true(duet_classes_numbered(plain, 3));
    assert_false(duet_classes_numbered(some, 3));
    assert_true(duet_classes_numbered(NULL, 0));
}

static void lists_are_cut(void **state) {
    (void)state;
    static const char *const names[] = {"cat", "dog", "ship"};
    static const int32_t to[] = {-1, 4, -1};
    char text[24];
    duet_classes_list(text, sizeof text, names, 3, to, -1);
    assert_string_equal(text, "'cat', 'ship'");
    duet_classes_list(text, sizeof text, names, 3, NULL, 0);
    assert_string_equal(text, "'cat', 'dog', …");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_matched),
        cmocka_unit_test(forms_of_unicode_do_not_count),
        cmocka_unit_test(what_is_not_clear_has_no_place),
        cmocka_unit_test(numbers_are_no_names),
        cmocka_unit_test(lists_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
