/* SPDX-License-Identifier: MIT
 * The npy store: every array of a numpy archive, taken out as the file that numpy.save would write,
 * holds what the archive holds; what is written comes back; every truncation and a longer file are
 * refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <zip.h>

#include <duet/store.h>

#include "base/file.h"

#define GOLDEN DUET_SOURCE_DIR "/tests/golden/numpy_arrays.npz"
#define PATH   DUET_TEST_TMP "/case.npy"

static duet_store *open_store(const char *path) {
    duet_store *store = NULL;
    if (duet_store_open(&store, path) != DUET_OK) fail_msg("%s", duet_error_message());
    return store;
}

/* The archive's member as a file of its own; its size. */
static int64_t take_out(zip_t *zip, const char *name) {
    static uint8_t bytes[1 << 18];
    char member[128];
    snprintf(member, sizeof member, "%s.npy", name);
    zip_file_t *const file = zip_fopen(zip, member, 0);
    assert_non_null(file);
    const zip_int64_t size = zip_fread(file, bytes, sizeof bytes);
    zip_fclose(file);
    assert_true(size > 0 && size < (zip_int64_t)sizeof bytes);
    assert_int_equal(duet_file_write(PATH, bytes, size), DUET_OK);
    return size;
}

static void reads_what_numpy_saves(void **unused) {
    (void)unused;
    duet_store *const all = open_store(GOLDEN);
    zip_t *const zip = zip_open(GOLDEN, ZIP_RDONLY, NULL);
    assert_non_null(zip);
    for (int64_t i = 0; i < duet_store_count(all); i++) {
        const duet_store_entry *const e = duet_store_at(all, i);
        static double want[3 * 50000], have[3 * 50000]; /* the largest */
        take_out(zip, e->name);
        duet_store *const one = open_store(PATH);
        assert_string_equal(duet_store_format(one), "npy");
        assert_int_equal(duet_store_count(one), 1);
        const duet_store_entry *const array = duet_store_at(one, 0);
        assert_string_equal(array->name, "array");
        assert_int_equal(array->dtype, e->dtype);
        assert_memory_equal(&array->shape, &e->shape, sizeof e->shape);
        assert_true(duet_shape_count(&e->shape) <= 3 * 50000);
        assert_int_equal(duet_store_read(all, e->name, DUET_F64, want), DUET_OK);
        assert_int_equal(duet_store_read(one, "array", DUET_F64, have), DUET_OK);
        assert_memory_equal(have, want, sizeof want);
        assert_true((duet_store_data(one, "array") == NULL) ==
                    (strstr(e->name, "fortran") != NULL));
        duet_store_close(one);
    }
    zip_discard(zip);
    duet_store_close(all);
}

static void what_is_written_comes_back(void **unused) {
    (void)unused;
    static float x[3 * 5000];
    static float back[3 * 5000];
    for (int i = 0; i < 3 * 5000; i++) x[i] = (float)i / 8.0f;
    duet_store_item items[] = {{"X", DUET_F32, DUET_F32, {2, {3, 5000}}, x},
                               {"y", DUET_F32, DUET_F16, {1, {16}}, x}};
    assert_int_equal(duet_store_write(PATH, "npy", items, 1, NULL, 0), DUET_OK);
    duet_store *store = open_store(PATH);
    assert_int_equal(duet_store_at(store, 0)->shape.dim[1], 5000);
    assert_int_equal(duet_store_read(store, "array", DUET_F32, back), DUET_OK);
    assert_memory_equal(back, x, sizeof x);
    duet_store_close(store);
    assert_int_equal(duet_store_write(PATH, "npy", items + 1, 1, NULL, 0), DUET_OK);
    store = open_store(PATH);
    assert_int_equal(duet_store_at(store, 0)->dtype, DUET_F16);
    assert_int_equal(duet_store_read(store, "array", DUET_F32, back), DUET_OK);
    assert_memory_equal(back, x, 16 * sizeof *x);
    duet_store_close(store);
    assert_int_equal(duet_store_write(PATH, "npy", items, 2, NULL, 0), DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "npz holds several"));
}

static void other_lengths_are_refused(void **unused) {
    (void)unused;
    zip_t *const zip = zip_open(GOLDEN, ZIP_RDONLY, NULL);
    duet_bytes bytes = {0};
    duet_store *store = NULL;
    const int64_t size = take_out(zip, "fortran2");
    assert_int_equal(duet_file_read(&bytes, PATH), DUET_OK);
    for (int64_t cut = 0; cut < size; cut++) {
        assert_int_equal(duet_file_write(PATH, bytes.data, cut), DUET_OK);
        assert_int_equal(duet_store_open(&store, PATH), DUET_FORMAT);
        assert_null(store);
    }
    uint8_t longer[4096] = {0};
    memcpy(longer, bytes.data, (size_t)size);
    assert_int_equal(duet_file_write(PATH, longer, size + 1), DUET_OK);
    assert_int_equal(duet_store_open(&store, PATH), DUET_FORMAT);
    assert_non_null(strstr(duet_error_message(), "too long"));
    duet_bytes_free(&bytes);
    zip_discard(zip);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_what_numpy_saves),
                                       cmocka_unit_test(what_is_written_comes_back),
                                       cmocka_unit_test(other_lengths_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
