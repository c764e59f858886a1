/* SPDX-License-Identifier: MIT
 * MATLAB 5 files: those of SciPy value by value, both byte orders, what is not read; every
 * truncation and a lot of changed bytes are refused or do no harm. */
#include "unit/data/fixtures.h"

#include <math.h>

#include "base/rng.h"
#include "io/mat.h"
#include "mat_maker.h"

static duet_mat *open_golden(const char *name) {
    char path[DUET_PATH_SIZE];
    duet_mat *mat = NULL;
    snprintf(path, sizeof path, DUET_SOURCE_DIR "/tests/golden/mat/%s", name);
    OK(duet_mat_open(&mat, path));
    return mat;
}

static const duet_mat_value *find(const duet_mat *mat, const char *name, duet_mat_kind kind,
                                  int64_t rows, int64_t columns) {
    const duet_mat_value *value = NULL;
    OK(duet_mat_find(&value, mat, name, kind));
    assert_int_equal(value->rows, rows);
    assert_int_equal(value->columns, columns);
    assert_int_equal(value->count, rows * columns);
    return value;
}

static void numbers(const duet_mat *mat, const char *name, int64_t rows, int64_t columns,
                    const double *expected) {
    const duet_mat_value *const value = find(mat, name, DUET_MAT_NUMBERS, rows, columns);
    for (int64_t i = 0; i < value->count; i++) assert_true(value->number[i] == expected[i]);
}

static void check_numbers(const duet_mat *mat) {
    double cube[24];
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++) cube[i + 2 * j + 6 * k] = 12 * i + 4 * j + k;
    numbers(mat, "bytes", 2, 3, (const double[]){0, 3, 1, 4, 2, 5});
    numbers(mat, "shorts", 1, 2, (const double[]){-300, 300});
    numbers(mat, "longs", 2, 1, (const double[]){-5e9, 5e9});
    numbers(mat, "singles", 1, 3, (const double[]){0.5, -0.25, (double)1e30F});
    numbers(mat, "doubles", 1, 3, (const double[]){0.1, -1e-300, (double)INFINITY});
    numbers(mat, "cube", 2, 12, cube);
    numbers(mat, "none", 0, 5, NULL);
    numbers(mat, "yes", 1, 2, (const double[]){1, 0});
    numbers(mat, "complex", 1, 1, (const double[]){1});
}

static void check_others(const duet_mat *mat) {
    const duet_mat_value *value = NULL;
    assert_string_equal(find(mat, "text", DUET_MAT_TEXT, 1, 12)->text, "a plain text");
    OK(duet_mat_find(&value, mat, "letters", DUET_MAT_TEXT));
    assert_string_equal(value->text, "H\xC3\xA4her \xE2\x82\xAC \xF0\x9F\x90\xA6");
    assert_string_equal(find(mat, "lines", DUET_MAT_TEXT, 2, 5)->text, "one\nthree");
    const duet_mat_value *const cells = find(mat, "cells", DUET_MAT_CELLS, 2, 2);
    assert_string_equal(cells->item[0].text, "first");
    assert_true(cells->item[1].number[1] == -2.5);
    assert_int_equal(cells->item[2].count, 0);
    assert_int_equal(cells->item[3].kind, DUET_MAT_CELLS);
    assert_string_equal(cells->item[3].item[0].text, "inner");
    const duet_mat_value *const rows = find(mat, "rows", DUET_MAT_STRUCTS, 1, 3);
    assert_int_equal(rows->field_count, 2);
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "%05d.jpg", i + 1);
        assert_string_equal(duet_mat_field(rows, i, "fname", DUET_MAT_TEXT)->text, name);
        assert_int_equal(duet_mat_whole(duet_mat_field(rows, i, "class", DUET_MAT_NUMBERS)), i + 7);
    }
    assert_null(duet_mat_field(rows, 0, "class", DUET_MAT_TEXT));
    assert_null(duet_mat_field(rows, 0, "bbox", DUET_MAT_TEXT));
    assert_null(duet_mat_field(rows, 3, "class", DUET_MAT_NUMBERS));
    assert_true(duet_mat_has(mat, "sparse"));
}

static void files_of_scipy(void **state) {
    (void)state;
    static const char *const names[] = {"plain.mat", "packed.mat"};
    for (int i = 0; i < DUET_COUNT(names); i++) {
        const duet_mat_value *value = NULL;
        duet_mat *const mat = open_golden(names[i]);
        check_numbers(mat);
        check_others(mat);
        FAILS(DUET_FORMAT, "has no variable 'labels'; its first one is 'bytes'",
              duet_mat_find(&value, mat, "labels", DUET_MAT_NUMBERS));
        FAILS(DUET_FORMAT, "the variable 'text' of",
              duet_mat_find(&value, mat, "text", DUET_MAT_NUMBERS));
        FAILS(DUET_FORMAT, "is of a kind that is not read, not numbers",
              duet_mat_find(&value, mat, "sparse", DUET_MAT_NUMBERS));
        duet_mat_close(mat);
    }
    duet_mat_close(NULL);
}

static void whole_numbers(void **state) {
    (void)state;
    const double values[] = {0.0, 7.0, 2147483647.0, 2147483648.0, -1.0, 0.5, (double)NAN};
    const int64_t expected[] = {0, 7, 2147483647, -1, -1, -1, -1};
    for (int i = 0; i < DUET_COUNT(values); i++) {
        const duet_mat_value one = {.kind = DUET_MAT_NUMBERS, .count = 1, .number = &values[i]},
                             two = {.kind = DUET_MAT_NUMBERS, .count = 2, .number = values};
        assert_int_equal(duet_mat_whole(&one), expected[i]);
        assert_int_equal(duet_mat_whole(&two), -1);
    }
    assert_int_equal(duet_mat_whole(NULL), -1);
}

/* ---- files that are made here ---- */

static char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];

static void put(const void *bytes, int64_t size) {
    OK(duet_path_join(path, folder, "x.mat"));
    (void)remove(path); /* faster than writing over it */
    put_file(folder, "x.mat", bytes, size);
}

/* A vector, a text in UTF-16 and a struct array, the latter packed. */
static void make(mat_maker *m, bool big) {
    static const char *const fields[] = {"class", "fname"};
    static const uint16_t units[] = {0x4A, 0x20AC, 0xD83D, 0xDC26, 0xDC26};
    mat_begin(m, big);
    mat_wholes(m, "labels", (const int[]){1, 77, 500}, 3);
    const int64_t text = mat_array(m, 4, 1, 5, "text"), data = mat_open(m, 4);
    for (int i = 0; i < 5; i++) mat_value(m, units[i], 2);
    mat_close(m, data);
    mat_close(m, text);
    const int64_t from = m->out.size, array = mat_structs(m, "annotations", fields, 2, 2);
    for (int i = 0; i < 2; i++) {
        mat_whole(m, 300 + i);
        mat_text(m, "", i == 0 ? "a.jpg" : "b.jpg");
    }
    mat_close(m, array);
    mat_pack(m, from);
}

static void either_byte_order(void **state) {
    (void)state;
    fresh_folder(folder, "order");
    for (int big = 0; big < 2; big++) {
        mat_maker m;
        duet_mat *mat = NULL;
        const duet_mat_value *value = NULL;
        make(&m, big != 0);
        put(m.out.text, m.out.size);
        OK(duet_mat_open(&mat, path));
        numbers(mat, "labels", 1, 3, (const double[]){1, 77, 500});
        OK(duet_mat_find(&value, mat, "text", DUET_MAT_TEXT));
        assert_string_equal(value->text, "J\xE2\x82\xAC\xF0\x9F\x90\xA6\xEF\xBF\xBD");
        OK(duet_mat_find(&value, mat, "annotations", DUET_MAT_STRUCTS));
        assert_int_equal(duet_mat_whole(duet_mat_field(value, 1, "class", DUET_MAT_NUMBERS)), 301);
        assert_string_equal(duet_mat_field(value, 1, "fname", DUET_MAT_TEXT)->text, "b.jpg");
        duet_mat_close(mat);
        mat_free(&m);
    }
}

/* A file that ends early is refused with its name and the offset, except where a variable ends. */
static void truncations(void **state) {
    (void)state;
    mat_maker m;
    int whole = 0;
    fresh_folder(folder, "cut");
    make(&m, false);
    for (int64_t size = 0; size < m.out.size; size++) {
        duet_mat *mat = NULL;
        put(m.out.text, size);
        const duet_status status = duet_mat_open(&mat, path);
        const bool named = strstr(duet_error_message(), "'x.mat'") != NULL &&
                           (size == 0 || strstr(duet_error_message(), "offset") != NULL);
        if (status == DUET_OK)
            whole++;
        else if (status != DUET_FORMAT || !named)
            fail_msg("%lld bytes: %s", (long long)size, duet_error_message());
        duet_mat_close(mat);
    }
    assert_int_equal(whole, 3); /* the header alone, and behind two variables */
    mat_free(&m);
}

static void changed_bytes(void **state) {
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        duet_bytes bytes = {0};
        OK(duet_file_read(&bytes, packed ? DUET_SOURCE_DIR "/tests/golden/mat/packed.mat"
                                         : DUET_SOURCE_DIR "/tests/golden/mat/plain.mat"));
        const duet_rng rng = duet_rng_make(7, "mat", (uint64_t)packed);
        fresh_folder(folder, "changed");
        for (uint64_t i = 0; i < 1000; i++) {
            duet_mat *mat = NULL;
            const int64_t at = (int64_t)(duet_rng_u64(rng, 2 * i) % (uint64_t)bytes.size);
            const uint8_t old = bytes.data[at];
            bytes.data[at] = (uint8_t)duet_rng_u64(rng, 2 * i + 1);
            put(bytes.data, bytes.size);
            if (duet_mat_open(&mat, path) != DUET_OK)
                assert_non_null(strstr(duet_error_message(), "x.mat"));
            duet_mat_close(mat);
            bytes.data[at] = old;
        }
        duet_bytes_free(&bytes);
    }
}

static void refused(duet_status code, const char *words, const void *bytes, int64_t size) {
    duet_mat *mat = NULL;
    put(bytes, size);
    FAILS(code, words, duet_mat_open(&mat, path));
}

/* Dimensions that promise what the file cannot hold, and other formats. */
static void what_is_no_such_file(void **state) {
    (void)state;
    static const char hdf[200] = "MATLAB 7.3 MAT-file, Platform: GLNXA64";
    char html[200];
    mat_maker m;
    fresh_folder(folder, "refused");
    snprintf(html, sizeof html, "%-199s", "<!DOCTYPE html><html>");
    refused(DUET_UNSUPPORTED, "save it with -v7", hdf, sizeof hdf);
    refused(DUET_FORMAT, "is not a file of MATLAB 5, but an HTML page", html, sizeof html - 1);
    refused(DUET_FORMAT, "is not a file of MATLAB 5, but an empty file", "", 0);
    mat_begin(&m, false);
    mat_close(&m, mat_array(&m, 1, 1 << 30, 1 << 30, "cells"));
    refused(DUET_FORMAT, "offset 184: fewer arrays than", m.out.text, m.out.size);
    mat_free(&m);
    mat_begin(&m, false);
    int64_t open[40];
    for (int i = 0; i < 40; i++) open[i] = mat_array(&m, 1, 1, 1, "");
    for (int i = 40; i-- > 0;) mat_close(&m, open[i]);
    refused(DUET_FORMAT, "nested too deeply", m.out.text, m.out.size);
    mat_free(&m);
    make(&m, false);
    m.out.text[m.out.size - 1] ^= 1;
    refused(DUET_FORMAT, "wrong checksum", m.out.text, m.out.size);
    mat_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_scipy),    cmocka_unit_test(whole_numbers),
        cmocka_unit_test(either_byte_order), cmocka_unit_test(truncations),
        cmocka_unit_test(changed_bytes),     cmocka_unit_test(what_is_no_such_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
