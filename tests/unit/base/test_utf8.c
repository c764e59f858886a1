/* SPDX-License-Identifier: MIT
 * Names: one form of Unicode, and bytes that are none shown as \xNN. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/utf8.h"

#define COMPOSED   "caf\xC3\xA9"
#define DECOMPOSED "cafe\xCC\x81"

static void forms_are_one(void **state) {
    (void)state;
    duet_arena *arena = NULL;
    assert_int_equal(duet_arena_new(&arena), DUET_OK);
    assert_string_equal(duet_utf8_same(arena, DECOMPOSED), COMPOSED);
    assert_string_equal(duet_utf8_same(arena, COMPOSED), COMPOSED);
    assert_string_equal(duet_utf8_same(arena, "caf\xE9"), "caf\xE9");
    assert_string_equal(duet_utf8_same(arena, ""), "");
    assert_string_equal(duet_utf8_shown(arena, "caf\xE9/x"), "caf\\xe9/x");
    assert_string_equal(duet_utf8_shown(arena, "\xE9" COMPOSED "\xFF"), "\\xe9" COMPOSED "\\xff");
    assert_string_equal(duet_utf8_shown(arena, DECOMPOSED), COMPOSED);
    assert_true(duet_utf8_is(COMPOSED));
    assert_false(duet_utf8_is("\xC3"));
    assert_false(duet_utf8_is("a\xED\xA0\x80")); /* half of a pair of UTF-16 */
    duet_arena_free(arena);
}

static void bytes_come_back(void **state) {
    (void)state;
    char shown[64], cut[8];
    duet_text_shown(shown, sizeof shown, "a\xE9/" DECOMPOSED "\xFF");
    assert_string_equal(shown, "a\\xe9/" DECOMPOSED "\\xff");
    duet_text_unshown(shown);
    assert_string_equal(shown, "a\xE9/" DECOMPOSED "\xFF");
    duet_text_shown(cut, sizeof cut, "abcd\xE9");
    assert_string_equal(cut, "abcd"); /* never a part of an escape */
    char plain[] = "C:\\x2f\\xg0";
    duet_text_unshown(plain);
    assert_string_equal(plain, "C:\\x2f\\xg0");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms_are_one),
                                       cmocka_unit_test(bytes_come_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
