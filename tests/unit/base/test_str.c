/* SPDX-License-Identifier: MIT
 * Growing text, prefixes, truncation, and numbers under any locale. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <string.h>

#include "base/str.h"

static void test_growing(void **state) {
    (void)state;
    duet_str s = {0};
    assert_int_equal(duet_str_status(&s), DUET_OK);
    duet_str_add(&s, "");
    assert_string_equal(s.text, "");
    for (int i = 0; i < 1000; i++) duet_str_format(&s, "%04d", i);
    assert_int_equal(s.size, 4000);
    assert_int_equal(strlen(s.text), 4000);
    assert_memory_equal(s.text + 4 * 567, "0567", 4);
    duet_str_bytes(&s, "a\0b", 3);
    assert_int_equal(s.size, 4003);
    assert_memory_equal(s.text + 4000, "a\0b", 4);
    assert_int_equal(duet_str_status(&s), DUET_OK);
    duet_str_free(&s);
    assert_null(s.text);
    duet_str_free(NULL);
}

static void test_failure_sticks(void **state) {
    (void)state;
    duet_str s = {0};
    duet_str_add(&s, "kept");
    duet_str_bytes(&s, NULL, INT64_MAX - 16);
    assert_true(s.failed);
    duet_str_add(&s, "more");
    assert_string_equal(s.text, "kept");
    assert_int_equal(duet_str_status(&s), DUET_NO_MEMORY);
    duet_str_free(&s);
}

static void test_helpers(void **state) {
    (void)state;
    char out[5];
    assert_true(duet_copy_text(out, sizeof out, "four"));
    assert_string_equal(out, "four");
    assert_false(duet_copy_text(out, sizeof out, "fives"));
    assert_string_equal(out, "five");
    assert_false(duet_copy_text(out, 0, "x"));
    assert_true(duet_starts_with("abc", "ab") && duet_starts_with("abc", "") &&
                !duet_starts_with("ab", "abc"));
    assert_true(duet_has_word("model_ema.", "ema") && duet_has_word("ema", "ema") &&
                duet_has_word("schema-ema_0.99.pt", "ema"));
    assert_false(duet_has_word("schema.pt", "ema") || duet_has_word("emalist.pt", "ema") ||
                 duet_has_word("", "ema"));
    assert_true(duet_ends_with("abc", "bc") && duet_ends_with("abc", "") &&
                !duet_ends_with("bc", "abc"));
}

static void test_integers(void **state) {
    (void)state;
    int64_t v = 77;
    static const char *const wrong[] = {"",
                                        "-",
                                        "+",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "0x10",
                                        "1e3",
                                        "--1",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "99999999999999999999",
                                        "a",
                                        "1a"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(duet_parse_i64(&v, wrong[i]));
    assert_int_equal(v, 77);
    static const struct {
        const char *text;
        int64_t value;
    } right[] = {{"0", 0},
                 {"-0", 0},
                 {"+5", 5},
                 {"007", 7},
                 {"-12", -12},
                 {"9223372036854775807", INT64_MAX},
                 {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_true(duet_parse_i64(&v, right[i].text));
        assert_true(v == right[i].value);
    }
}

static void check_floats(void) {
    double v = 77;
    static const char *const wrong[] = {"",       " 1",    "1 ",     "0x1p3", "1,5",   "1e",
                                        "nan(1)", "1e999", "-1e999", "one",   "1.5.2", "."};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(duet_parse_f64(&v, wrong[i]));
    assert_true(v == 77);
    assert_true(duet_parse_f64(&v, "1.5") && v == 1.5);
    assert_true(duet_parse_f64(&v, "-.25e+1") && v == -2.5);
    assert_true(duet_parse_f64(&v, "0.1") && v == 0.1);
    assert_true(duet_parse_f64(&v, "4.9e-324") && v > 0);
    assert_true(duet_parse_f64(&v, "inf") && isinf(v));
    assert_true(duet_parse_f64(&v, "nan") && isnan(v));
}

static void test_floats_in_any_locale(void **state) {
    (void)state;
    check_floats();
    /* Where none of these is installed, the plain check above is all there is. */
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ru_RU.UTF-8"};
    for (size_t i = 0; i < sizeof commas / sizeof commas[0]; i++) {
        if (setlocale(LC_ALL, commas[i]) != NULL) check_floats();
    }
    setlocale(LC_ALL, "C");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_failure_sticks),
        cmocka_unit_test(test_helpers),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_floats_in_any_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
