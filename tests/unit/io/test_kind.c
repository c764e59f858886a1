/* SPDX-License-Identifier: MIT
 * What files are, by their first bytes and by their endings. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <duet/registry.h>

#include "io/kind.h"

static void bytes_tell(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        int64_t size;
        duet_file_is is;
        const char *words;
    } rows[] = {{"", 0, DUET_FILE_OTHER, "an empty file"},
                {"GIF89a\0", 7, DUET_FILE_IMAGE, "a GIF image"},
                {"\xFF\xD8\xFF\xE0", 4, DUET_FILE_IMAGE, "a JPEG image"},
                {"\0\0\0\x20"
                 "ftypheic",
                 12, DUET_FILE_IMAGE, "a HEIC image"},
                {"<!DOCTYPE HTML><p>", 18, DUET_FILE_HTML,
                 "an HTML page, as servers send instead of a file"},
                {"  <html>", 8, DUET_FILE_HTML, "an HTML page, as servers send instead of a file"},
                {"<svg/>", 6, DUET_FILE_OTHER, "an SVG drawing"},
                {"{\"a\":1}", 7, DUET_FILE_OTHER, "a JSON text"},
                {"hello", 5, DUET_FILE_OTHER, "a text"},
                {"PK\x03\x04", 4, DUET_FILE_ZIP, "a zip archive"},
                {"version https://git-lfs.github.com/spec/v1\n", 43, DUET_FILE_LFS,
                 "a Git LFS pointer whose file was not downloaded ('git lfs pull')"}};
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        const duet_file_kind kind =
            duet_kind_of_bytes((const uint8_t *)rows[i].bytes, rows[i].size);
        assert_string_equal(kind.words, rows[i].words);
        assert_int_equal(kind.is, rows[i].is);
    }
    const duet_file_kind unknown = duet_kind_of_bytes((const uint8_t *)"\x01\x02\x03", 3);
    assert_int_equal(unknown.is, DUET_FILE_UNKNOWN);
    assert_null(unknown.words);
}

static void endings_tell(void **state) {
    (void)state;
    static const struct {
        const char *name;
        duet_name_kind kind;
    } rows[] = {{"a/x.JPG", DUET_NAME_IMAGE},
                {"x.jfif", DUET_NAME_IMAGE},
                {"x.BMP", DUET_NAME_OTHER_IMAGE},
                {"x.heic", DUET_NAME_OTHER_IMAGE},
                {"x.tar.gz", DUET_NAME_ARCHIVE},
                {"metadata.jsonl", DUET_NAME_LIST},
                {"readme.txt", DUET_NAME_OTHER},
                {"a.png/file", DUET_NAME_UNKNOWN},
                {"x.picture", DUET_NAME_UNKNOWN},
                {"x.", DUET_NAME_UNKNOWN},
                {"x.aaaaaaaaaaaaaaaaaaaaaa", DUET_NAME_UNKNOWN}};
    for (int i = 0; i < DUET_COUNT(rows); i++)
        assert_int_equal(duet_kind_of_name(rows[i].name), rows[i].kind);
    assert_true(duet_name_ends("X.TAR.GZ", ".tar .tar.gz"));
    assert_false(duet_name_ends(".zip", ".zip"));
    assert_false(duet_name_ends("x.zi", ".zip .tar"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(bytes_tell),
                                       cmocka_unit_test(endings_tell)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
