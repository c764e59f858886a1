/* SPDX-License-Identifier: MIT
 * Reading tar archives: plain and gzip, pax and GNU names, links skipped, limits, cut-off and
 * damaged archives. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/mem.h"
#include "io/tar.h"

#define LONG_NAME                                                                                \
    "a-folder-with-a-long-name/another-folder-with-a-long-name/a-third-folder-with-a-long-name/" \
    "and-a-file-whose-name-needs-an-extension-header.bin"
#define BIG (3 << 20) /* more than the first block of the reader */

static void add(struct archive *a, const char *name, unsigned type, const char *link,
                const uint8_t *data, size_t size) {
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, type);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, (la_int64_t)size);
    if (link != NULL && type == AE_IFREG) archive_entry_set_hardlink(e, link);
    if (link != NULL && type == AE_IFLNK) archive_entry_set_symlink(e, link);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    if (size) assert_int_equal(archive_write_data(a, data, size), size);
    archive_entry_free(e);
}

static void make(const char *path, int (*format)(struct archive *), bool gzip, size_t big) {
    struct archive *a = archive_write_new();
    assert_int_equal(format(a), ARCHIVE_OK);
    if (gzip) assert_int_equal(archive_write_add_filter_gzip(a), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    uint8_t *data = NULL;
    assert_int_equal(duet_alloc(&data, (int64_t)big, 1), DUET_OK);
    for (size_t i = 0; i < big; i++) data[i] = (uint8_t)(i * 31 + i / 997);
    add(a, "folder/", AE_IFDIR, NULL, NULL, 0);
    add(a, "folder/first.txt", AE_IFREG, NULL, (const uint8_t *)"hello", 5);
    add(a, "symbolic", AE_IFLNK, "folder/first.txt", NULL, 0);
    add(a, "hard", AE_IFREG, "folder/first.txt", NULL, 0);
    add(a, "empty", AE_IFREG, NULL, NULL, 0);
    add(a, LONG_NAME, AE_IFREG, NULL, data, big);
    duet_release(data);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

/* Reads to the end or the first failure; `count` is the number of files seen. */
static duet_status walk(const char *path, int64_t limit, int *count) {
    duet_tar *tar = NULL;
    *count = 0;
    duet_status status = duet_tar_open(&tar, path);
    if (status != DUET_OK) return status;
    for (;;) {
        const char *name = NULL;
        duet_bytes bytes = {0};
        status = duet_tar_next(tar, &name, &bytes, limit);
        if (status != DUET_OK || name == NULL) break;
        ++*count;
        duet_bytes_free(&bytes);
    }
    duet_tar_close(tar);
    return status;
}

static void reads_all_formats(void **unused) {
    (void)unused;
    int (*const formats[])(struct archive *) = {archive_write_set_format_pax,
                                                archive_write_set_format_gnutar,
                                                archive_write_set_format_ustar};
    for (int i = 0; i < 6; i++) {
        const char *path = DUET_TEST_TMP "/formats.tar";
        make(path, formats[i / 2], i % 2, BIG);
        duet_tar *tar = NULL;
        assert_int_equal(duet_tar_open(&tar, path), DUET_OK);
        const char *const names[] = {"folder/first.txt", "empty", LONG_NAME};
        const int64_t sizes[] = {5, 0, BIG};
        const char *name = NULL;
        for (int k = 0; k < 3; k++) {
            duet_bytes bytes = {0};
            assert_int_equal(duet_tar_next(tar, &name, &bytes, 0), DUET_OK);
            assert_string_equal(name, names[k]);
            assert_int_equal(bytes.size, sizes[k]);
            if (k == 0) assert_memory_equal(bytes.data, "hello", 5);
            for (int64_t b = 0; k == 2 && b < BIG; b++)
                if (bytes.data[b] != (uint8_t)(b * 31 + b / 997)) fail_msg("byte %d", (int)b);
            duet_bytes_free(&bytes);
        }
        duet_bytes bytes = {0};
        assert_int_equal(duet_tar_next(tar, &name, &bytes, 0), DUET_OK);
        assert_null(name);
        duet_tar_close(tar);
        assert_int_equal(duet_file_read(&bytes, path), DUET_OK);
        assert_true(duet_tar_detect(bytes.data, bytes.size < 4096 ? bytes.size : 4096));
        duet_bytes_free(&bytes);
    }
}

static void names_what_is_over_the_limit(void **unused) {
    (void)unused;
    const char *path = DUET_TEST_TMP "/limit.tar";
    int count = 0;
    make(path, archive_write_set_format_pax, false, 2000);
    assert_int_equal(walk(path, 2000, &count), DUET_OK);
    assert_int_equal(count, 3);
    assert_int_equal(walk(path, 1999, &count), DUET_NO_MEMORY);
    assert_int_equal(count, 2);
    assert_non_null(strstr(duet_error_message(), "limit.tar"));
    assert_non_null(strstr(duet_error_message(), "extension-header.bin"));
    assert_non_null(strstr(duet_error_message(), "1999"));
}

/* A cut inside an entry is an error; only a cut between entries can pass, and then with fewer
 * files. */
static void truncations(void **unused) {
    (void)unused;
    const char *path = DUET_TEST_TMP "/cut.tar";
    int count = 0;
    for (int gzip = 0; gzip < 2; gzip++) {
        make(path, archive_write_set_format_ustar, gzip, 700);
        duet_bytes bytes = {0};
        assert_int_equal(duet_file_read(&bytes, path), DUET_OK);
        int passed = 0;
        for (int64_t size = 0; size < 4608 && size < bytes.size; size += gzip ? 1 : 37) {
            assert_int_equal(duet_file_write(path, bytes.data, size), DUET_OK);
            const duet_status status = walk(path, 0, &count);
            if (status != DUET_OK) assert_int_equal(status, DUET_FORMAT);
            if (status == DUET_OK && size > 512 * 7 && size < 512 * 8 + 188)
                fail_msg("a cut at %d passed", (int)size);
            passed += status == DUET_OK && count == 3;
        }
        /* only the zeros after the last entry and gzip's own trailer may be missing */
        if (gzip) assert_true(passed < 32);
        duet_bytes_free(&bytes);
    }
}

static void refuses_other_files(void **unused) {
    (void)unused;
    const char *path = DUET_TEST_TMP "/other.tar";
    int count = 0;
    assert_int_equal(
        duet_file_write(path, "this is a text that goes on for a while, but is no archive", 58),
        DUET_OK);
    assert_int_equal(walk(path, 0, &count), DUET_FORMAT);
    assert_non_null(strstr(duet_error_message(), "other.tar"));
    assert_int_equal(walk(DUET_TEST_TMP "/absent.tar", 0, &count), DUET_NOT_FOUND);
    assert_int_equal(walk(DUET_TEST_TMP, 0, &count), DUET_ARG);
    assert_false(duet_tar_detect((const uint8_t *)"hello", 5));
    assert_false(duet_tar_detect((const uint8_t *)"\x1F\x8B\x08", 3));
    uint8_t zeros[1024] = {0};
    assert_false(duet_tar_detect(zeros, sizeof zeros));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_formats),
        cmocka_unit_test(names_what_is_over_the_limit),
        cmocka_unit_test(truncations),
        cmocka_unit_test(refuses_other_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
