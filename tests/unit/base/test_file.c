/* SPDX-License-Identifier: MIT
 * Files: atomic writing under failures, gzip with all truncations, mappings, listings, paths. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"

/* A fresh folder for each test, removed with its files. */
static char folder[DUET_PATH_SIZE];

static const char *in_folder(const char *name) {
    static char path[4][DUET_PATH_SIZE];
    static int next;
    next = (next + 1) % 4;
    assert_int_equal(duet_path_join(path[next], folder, name), DUET_OK);
    return path[next];
}

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s/file-%ld-XXXXXX", DUET_TEST_TMP, (long)getpid());
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    duet_listing list = {0};
    if (duet_folder_list(&list, folder) != DUET_OK) return -1;
    for (int64_t i = 0; i < list.count; i++) {
        if (unlink(in_folder(list.name[i])) != 0) rmdir(in_folder(list.name[i]));
    }
    duet_listing_free(&list);
    return rmdir(folder);
}

static void assert_content(const char *path, const char *text) {
    duet_bytes bytes = {0};
    assert_int_equal(duet_file_read(&bytes, path), DUET_OK);
    assert_int_equal(bytes.size, strlen(text));
    assert_string_equal((const char *)bytes.data, text); /* also: a NUL follows */
    duet_bytes_free(&bytes);
}

static void assert_entries(int64_t count) {
    duet_listing list = {0};
    assert_int_equal(duet_folder_list(&list, folder), DUET_OK);
    assert_int_equal(list.count, count);
    duet_listing_free(&list);
}

static void test_write_and_replace(void **state) {
    (void)state;
    const char *path = in_folder("a");
    const mode_t before = umask(027);
    assert_int_equal(duet_file_write(path, "old", 3), DUET_OK);
    umask(before);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    duet_writer *writer = NULL;
    assert_int_equal(duet_writer_open(&writer, path), DUET_OK);
    duet_writer_put(writer, "new ", 4);
    assert_content(path, "old"); /* until the commit */
    assert_entries(2);
    duet_writer_put(writer, "text", 4);
    assert_int_equal(duet_writer_offset(writer), 8);
    assert_int_equal(duet_writer_commit(writer), DUET_OK);
    assert_content(path, "new text");
    assert_entries(1);
}

static void test_abort_and_two_writers(void **state) {
    (void)state;
    const char *path = in_folder("a");
    duet_writer *one = NULL, *two = NULL;
    assert_int_equal(duet_writer_open(&one, path), DUET_OK);
    assert_int_equal(duet_writer_open(&two, path), DUET_OK); /* same process, same target */
    duet_writer_put(one, "one", 3);
    duet_writer_put(two, "two", 3);
    duet_writer_abort(one);
    assert_false(duet_path_exists(path));
    assert_int_equal(duet_writer_commit(two), DUET_OK);
    assert_content(path, "two");
    assert_entries(1);
    duet_writer_abort(NULL);
}

static void test_large_pieces(void **state) {
    (void)state;
    const char *path = in_folder("large");
    duet_writer *writer = NULL;
    uint8_t *data = NULL;
    assert_int_equal(duet_alloc(&data, 300000, 1), DUET_OK);
    for (int64_t i = 0; i < 300000; i++) data[i] = (uint8_t)(i * 31 >> 3);
    static const int64_t pieces[] = {1, 65535, 65536, 7, 100000, 65537, 3384};
    assert_int_equal(duet_writer_open(&writer, path), DUET_OK);
    int64_t at = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        duet_writer_put(writer, data + at, pieces[i]);
        at += pieces[i];
    }
    assert_int_equal(at, 300000);
    assert_int_equal(duet_writer_commit(writer), DUET_OK);
    duet_map map = {0};
    assert_int_equal(duet_map_open(&map, path), DUET_OK);
    assert_int_equal(map.size, 300000);
    assert_memory_equal(map.data, data, 300000);
    duet_map_drop(map.data + 5,
                  299990); /* no page is lost, also not those that are part of the range only */
    assert_memory_equal(map.data, data, 300000);
    duet_map_drop(map.data + 1, 7);
    assert_memory_equal(map.data, data, 300000);
    duet_map_close(&map);
    assert_null(map.data);
    duet_release(data);
}

/* The limit on file sizes stands for a full disk: the write fails half way, with the old content to
 * be kept. */
static void test_failed_write_keeps_the_old_content(void **state) {
    (void)state;
    const char *path = in_folder("a");
    assert_int_equal(duet_file_write(path, "old", 3), DUET_OK);
    uint8_t *data = NULL;
    assert_int_equal(duet_alloc(&data, 400000, 1), DUET_OK);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {.rlim_cur = 100000, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const duet_status status = duet_file_write(path, data, 400000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    duet_release(data);
    assert_int_equal(status, DUET_IO);
    assert_non_null(strstr(duet_error_message(), "cannot write '"));
    assert_non_null(strstr(duet_error_message(), "larger than"));
    assert_content(path, "old");
    assert_entries(1); /* no temporary file is left */
}

static void test_full_device(void **state) {
    (void)state;
    struct stat info;
    if (stat("/dev/full", &info) != 0 || !S_ISCHR(info.st_mode)) skip();
    assert_int_equal(duet_file_write("/dev/full", "x", 1), DUET_IO);
    assert_string_equal(duet_error_message(), "cannot write '/dev/full': no space left on device; "
                                              "free some space or write to another folder");
    assert_int_equal(stat("/dev/full", &info), 0);
    assert_true(S_ISCHR(info.st_mode)); /* written to, not replaced by a file */
    assert_int_equal(duet_file_append("/dev/full", "x"), DUET_IO);
    assert_int_equal(duet_file_write("/dev/null", "x", 1), DUET_OK);
}

static void test_link_stays_a_link(void **state) {
    (void)state;
    assert_int_equal(duet_file_write(in_folder("real"), "old", 3), DUET_OK);
    assert_int_equal(symlink("real", in_folder("link")), 0);
    assert_int_equal(duet_file_write(in_folder("link"), "new", 3), DUET_OK);
    struct stat info;
    assert_int_equal(lstat(in_folder("link"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_content(in_folder("real"), "new");
}

static void test_refusals(void **state) {
    (void)state;
    duet_bytes bytes = {0};
    duet_map map = {0};
    duet_writer *writer = NULL;
    assert_int_equal(duet_file_read(&bytes, in_folder("none")), DUET_NOT_FOUND);
    assert_non_null(strstr(duet_error_message(), "no such file or folder"));
    assert_int_equal(duet_map_open(&map, in_folder("none")), DUET_NOT_FOUND);
    assert_int_equal(duet_file_read(&bytes, folder), DUET_IO);
    assert_non_null(strstr(duet_error_message(), "it is a folder"));
    assert_int_equal(duet_writer_open(&writer, folder), DUET_IO);
    assert_int_equal(duet_writer_open(&writer, in_folder("none/a")), DUET_NOT_FOUND);
    assert_int_equal(duet_file_rename(in_folder("none"), in_folder("a")), DUET_NOT_FOUND);
    assert_int_equal(duet_folder_remove_file(in_folder("none")), DUET_NOT_FOUND);
    duet_listing list = {0};
    assert_int_equal(duet_folder_list(&list, in_folder("none")), DUET_NOT_FOUND);
    assert_null(bytes.data);
    assert_null(map.data);
    assert_null(writer);
    assert_null(list.name);
}

static void test_append(void **state) {
    (void)state;
    const char *path = in_folder("log");
    assert_int_equal(duet_file_append(path, "one"), DUET_OK);
    assert_int_equal(duet_file_append(path, "two\n"), DUET_OK);
    assert_content(path, "one\ntwo\n");
}

static void test_special_files(void **state) {
    (void)state;
    duet_bytes bytes = {0};
    duet_map map = {0};
    assert_int_equal(duet_file_write(in_folder("empty"), NULL, 0), DUET_OK);
    assert_int_equal(duet_file_read(&bytes, in_folder("empty")), DUET_OK);
    assert_int_equal(bytes.size, 0);
    assert_non_null(bytes.data);
    duet_bytes_free(&bytes);
    assert_int_equal(duet_map_open(&map, in_folder("empty")), DUET_OK); /* cannot be mapped */
    assert_int_equal(map.size, 0);
    assert_false(map.mapped);
    duet_map_close(&map);
    if (!duet_path_exists("/proc/self/status")) skip();
    assert_int_equal(duet_file_read(&bytes, "/proc/self/status"), DUET_OK); /* fstat says 0 bytes */
    assert_true(bytes.size > 100);
    duet_bytes_free(&bytes);
}

static int64_t pack(uint8_t *out, int64_t room, const void *bytes, int64_t count) {
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)count;
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    const int64_t size = room - (int64_t)z.avail_out;
    assert_int_equal(deflateEnd(&z), Z_OK);
    return size;
}

static void test_gzip(void **state) {
    (void)state;
    static uint8_t plain[200000], packed[300000];
    for (size_t i = 0; i < sizeof plain; i++) plain[i] = (uint8_t)((i * i >> 7) ^ (i % 13));
    const char *path = in_folder("x.gz");
    duet_bytes bytes = {0};
    int64_t size = pack(packed, sizeof packed, plain, 150000);
    /* two members */
    size += pack(packed + size, (int64_t)sizeof packed - size, plain + 150000, 50000);
    assert_int_equal(duet_file_write(path, packed, size), DUET_OK);
    assert_int_equal(duet_file_read_gz(&bytes, path, 0), DUET_OK);
    assert_int_equal(bytes.size, sizeof plain);
    assert_memory_equal(bytes.data, plain, sizeof plain);
    duet_bytes_free(&bytes);
    assert_int_equal(duet_file_read_gz(&bytes, path, 200000), DUET_OK);
    duet_bytes_free(&bytes);
    assert_int_equal(duet_file_read_gz(&bytes, path, 199999), DUET_NO_MEMORY);
    assert_non_null(strstr(duet_error_message(), "more than the limit of 199999 bytes"));
    assert_null(bytes.data);
    assert_int_equal(duet_file_write(in_folder("plain"), "text", 4), DUET_OK);
    assert_int_equal(duet_file_read_gz(&bytes, in_folder("plain"), 0), DUET_OK);
    assert_int_equal(bytes.size, 4);
    duet_bytes_free(&bytes);
}

static void test_damaged_gzip(void **state) {
    (void)state;
    uint8_t packed[256];
    static const char text[] = "a text that is packed and then damaged, damaged, damaged";
    const int64_t size = pack(packed, sizeof packed, text, sizeof text);
    const char *path = in_folder("x.gz");
    duet_bytes bytes = {0};
    for (int64_t cut = 2; cut < size; cut++) {
        assert_int_equal(duet_file_write(path, packed, cut), DUET_OK);
        assert_int_equal(duet_file_read_gz(&bytes, path, 0), DUET_FORMAT);
        assert_non_null(strstr(duet_error_message(), "is damaged"));
        assert_null(bytes.data);
    }
    packed[size - 6] ^= 1; /* the checksum */
    assert_int_equal(duet_file_write(path, packed, size), DUET_OK);
    assert_int_equal(duet_file_read_gz(&bytes, path, 0), DUET_FORMAT);
}

static void test_folders(void **state) {
    (void)state;
    assert_int_equal(duet_folder_make(in_folder("p/q//r/")), DUET_OK);
    assert_int_equal(duet_folder_make(in_folder("p/q/r")), DUET_OK);
    assert_true(duet_path_is_folder(in_folder("p/q/r")));
    rmdir(in_folder("p/q/r"));
    rmdir(in_folder("p/q"));
    assert_int_equal(duet_file_write(in_folder("b"), "", 0), DUET_OK);
    assert_int_equal(duet_file_write(in_folder("B"), "", 0), DUET_OK);
    assert_int_equal(duet_file_write(in_folder(".a"), "", 0), DUET_OK);
    assert_int_not_equal(duet_folder_make(in_folder("b")), DUET_OK);
    assert_int_not_equal(duet_folder_make(in_folder("b/c")), DUET_OK);
    duet_listing list = {0};
    assert_int_equal(duet_folder_list(&list, folder), DUET_OK);
    assert_int_equal(list.count, 4);
    static const char *const sorted[] = {".a", "B", "b", "p"};
    for (int i = 0; i < 4; i++) assert_string_equal(list.name[i], sorted[i]);
    duet_listing_free(&list);
    duet_listing_free(NULL);
    assert_int_equal(duet_file_rename(in_folder("b"), in_folder("c")), DUET_OK);
    assert_true(duet_path_exists(in_folder("c")) && !duet_path_exists(in_folder("b")));
    assert_int_equal(duet_folder_remove_file(in_folder("c")), DUET_OK);
    assert_false(duet_path_exists(in_folder("c")));
}

static void test_paths(void **state) {
    (void)state;
    char out[DUET_PATH_SIZE], here[DUET_PATH_SIZE], long_name[5000];
    assert_int_equal(duet_path_join(out, "a", "b"), DUET_OK);
    assert_string_equal(out, "a/b");
    assert_int_equal(duet_path_join(out, out, "c"), DUET_OK);
    assert_string_equal(out, "a/b/c");
    assert_int_equal(duet_path_join(out, "a/", "b"), DUET_OK);
    assert_string_equal(out, "a/b");
    assert_int_equal(duet_path_join(out, "", "b"), DUET_OK);
    assert_string_equal(out, "b");
    memset(long_name, 'x', sizeof long_name);
    long_name[4094] = '\0';
    assert_int_equal(duet_path_join(out, "a", long_name), DUET_ARG);
    assert_string_equal(out, "b");
    long_name[4093] = '\0';
    assert_int_equal(duet_path_join(out, "a", long_name), DUET_OK);
    assert_string_equal(duet_path_base("a/b.c"), "b.c");
    assert_string_equal(duet_path_base("b"), "b");
    assert_string_equal(duet_path_base("a/"), "");
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(duet_path_absolute(out, "/x/y"), DUET_OK);
    assert_string_equal(out, "/x/y");
    assert_int_equal(duet_path_absolute(out, "."), DUET_OK);
    assert_string_equal(out, here);
    assert_int_equal(duet_path_absolute(out, ".//./x"), DUET_OK);
    assert_int_equal(strncmp(out, here, strlen(here)), 0);
    assert_string_equal(out + strlen(here), "/x");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_write_and_replace),  IN_FOLDER(test_abort_and_two_writers),
        IN_FOLDER(test_large_pieces),       IN_FOLDER(test_failed_write_keeps_the_old_content),
        cmocka_unit_test(test_full_device), IN_FOLDER(test_link_stays_a_link),
        IN_FOLDER(test_refusals),           IN_FOLDER(test_append),
        IN_FOLDER(test_special_files),      IN_FOLDER(test_gzip),
        IN_FOLDER(test_damaged_gzip),       IN_FOLDER(test_folders),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
