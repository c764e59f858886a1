/* SPDX-License-Identifier: MIT
 * The npz store: arrays written by numpy (tests/golden/make_image_goldens.py), round trips,
 * hand-made damaged headers and archives, and every truncation. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <zip.h>

#include <duet/store.h>

#include "base/file.h"
#include "base/mem.h"

#define GOLDEN DUET_SOURCE_DIR "/tests/golden/numpy_arrays.npz"
#define PATH   DUET_TEST_TMP "/case.npz"

static void assert_values(const duet_store *store, const char *name, duet_dtype dtype,
                          int64_t count, const double *want) {
    const duet_store_entry *e = duet_store_find(store, name);
    assert_non_null(e);
    assert_int_equal(e->dtype, dtype);
    assert_int_equal(duet_shape_count(&e->shape), count);
    double got[32] = {0};
    assert_int_equal(duet_store_read(store, name, DUET_F64, got), DUET_OK);
    for (int64_t i = 0; i < count; i++)
        if (got[i] != want[i]) fail_msg("%s[%d] is %g, not %g", name, (int)i, got[i], want[i]);
}

static void reads_what_numpy_writes(void **unused) {
    (void)unused;
    duet_store *store = NULL;
    if (duet_store_open(&store, GOLDEN) != DUET_OK) fail_msg("%s", duet_error_message());
    assert_string_equal(duet_store_format(store), "npz");
    assert_int_equal(duet_store_count(store), 15);
    const double base[6] = {-2, -1, 0, 1, 100, 7};
    double want[24];
    for (int i = 0; i < 6; i++) want[i] = (double)(float)(base[i] / 3);
    assert_values(store, "f4", DUET_F32, 6, want);
    assert_values(store, "fortran2", DUET_F32, 6, want);
    for (int i = 0; i < 6; i++) want[i] = base[i] / 7;
    assert_values(store, "f8", DUET_F64, 6, want);
    assert_values(store, "f2", DUET_F16, 6,
                  (const double[]){-1365.0 / 2048, -1365.0 / 4096, 0, 1365.0 / 4096, 1067.0 / 32,
                                   2.333984375});
    assert_values(store, "u1", DUET_U8, 6, (const double[]){2, 1, 0, 1, 100, 7});
    assert_values(store, "i1", DUET_I8, 6, base);
    assert_values(store, "i4", DUET_I32, 6, (const double[]){-2e5, -1e5, 0, 1e5, 1e7, 7e5});
    assert_values(store, "i8", DUET_I64, 6, (const double[]){-2e12, -1e12, 0, 1e12, 1e14, 7e12});
    assert_values(store, "b1", DUET_BOOL, 6, (const double[]){0, 0, 0, 1, 1, 1});
    assert_values(store, "scalar", DUET_F64, 1, (const double[]){2.5});
    assert_values(store, "empty", DUET_F32, 0, want);
    assert_values(store, "vector", DUET_I32, 5, (const double[]){0, 1, 2, 3, 4});
    assert_values(store, "folder/name", DUET_F32, 2, (const double[]){1, 1});
    for (int i = 0; i < 24; i++) want[i] = i;
    assert_values(store, "fortran3", DUET_I32, 24, want);
    int32_t same[24] = {0};
    assert_int_equal(duet_store_read(store, "fortran3", DUET_I32, same), DUET_OK);
    for (int i = 0; i < 24; i++) assert_int_equal(same[i], i);
    assert_null(duet_store_data(store, "f4"));
    assert_int_equal(duet_store_read(store, "f5", DUET_F32, want), DUET_NOT_FOUND);
    duet_store_close(store);
}

static void round_trip(void **unused) {
    (void)unused;
    enum { N = 20011 };
    static float in[N];
    static double out[N];
    for (int i = 0; i < N; i++) in[i] = (float)(i % 256) - 128.0f;
    static const duet_dtype stored[] = {DUET_F32, DUET_F64, DUET_F16, DUET_I64, DUET_I32, DUET_I8};
    duet_store_item items[8];
    for (int i = 0; i < 6; i++)
        items[i] = (duet_store_item){.name = duet_dtype_name(stored[i]),
                                     .dtype = DUET_F32,
                                     .stored = stored[i],
                                     .shape = {.rank = 1, .dim = {N}},
                                     .data = in};
    items[6] =
        (duet_store_item){.name = "scalar", .dtype = DUET_F32, .stored = DUET_F32, .data = in};
    items[7] = (duet_store_item){.name = "empty",
                                 .shape = {.rank = 8, .dim = {1, 2, 3, 0, 5, 6, 7, 1000000000}}};
    for (int again = 0; again < 2; again++) {
        assert_int_equal(duet_store_write(PATH, "npz", items, 8, NULL, 0), DUET_OK);
        duet_store *store = NULL;
        assert_int_equal(duet_store_open(&store, PATH), DUET_OK);
        assert_int_equal(duet_store_count(store), 8);
        for (int i = 0; i < 6; i++) {
            assert_string_equal(duet_store_at(store, i)->name, items[i].name);
            assert_int_equal(duet_store_at(store, i)->dtype, stored[i]);
            assert_int_equal(duet_store_read(store, items[i].name, DUET_F64, out), DUET_OK);
            for (int k = 0; k < N; k++)
                if (out[k] != (double)in[k]) fail_msg("%s[%d] is %g", items[i].name, k, out[k]);
        }
        float scalar = 0;
        assert_int_equal(duet_store_read(store, "scalar", DUET_F32, &scalar), DUET_OK);
        assert_true(scalar == -128.0f);
        assert_true(duet_shape_equal(&duet_store_at(store, 7)->shape, &items[7].shape));
        duet_store_close(store);
    }
    duet_listing listing = {0};
    assert_int_equal(duet_folder_list(&listing, DUET_TEST_TMP), DUET_OK);
    /* nothing temporary is left */
    for (int64_t i = 0; i < listing.count; i++) assert_null(strstr(listing.name[i], "case.npz."));
    duet_listing_free(&listing);
}

static void refuses_bad_items(void **unused) {
    (void)unused;
    const float value = 1;
    duet_store_item items[2] = {{.name = "a", .data = &value}, {.name = "a", .data = &value}};
    assert_int_equal(duet_store_write(PATH, "npz", items, 2, NULL, 0), DUET_ARG);
    assert_int_equal(duet_store_write(PATH, "npz", items, 0, NULL, 0), DUET_ARG);
    items[0].stored = DUET_BF16;
    assert_int_equal(duet_store_write(PATH, "npz", items, 1, NULL, 0), DUET_UNSUPPORTED);
    assert_non_null(strstr(duet_error_message(), "store it as f32"));
    items[0].stored = DUET_F32;
    assert_int_not_equal(
        duet_store_write(DUET_TEST_TMP "/no/such/folder/x.npz", "npz", items, 1, NULL, 0), DUET_OK);
}

/* An archive of `count` members, all with the same content. */
static void make_zip(const char *const *names, int count, const void *bytes, size_t size,
                     zip_int32_t method) {
    int code = 0;
    unlink(PATH);
    zip_t *zip = zip_open(PATH, ZIP_CREATE | ZIP_TRUNCATE, &code);
    assert_non_null(zip);
    for (int i = 0; i < count; i++) {
        const zip_int64_t index =
            zip_file_add(zip, names[i], zip_source_buffer(zip, bytes, size, 0), 0);
        assert_true(index >= 0);
        assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)index, method, 0), 0);
    }
    assert_int_equal(zip_close(zip), 0);
}

/* One array "a" with this header text and `data_size` zeros. */
static void make_array(int version, const char *text, size_t data_size) {
    uint8_t file[1024] = {0};
    const size_t length = strlen(text), at = version > 1 ? 12 : 10;
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (uint8_t)version;
    file[8] = (uint8_t)(length & 255);
    file[9] = (uint8_t)(length >> 8);
    memcpy(file + at, text, length);
    make_zip((const char *const[]){"a.npy"}, 1, file, at + length + data_size, ZIP_CM_STORE);
}

static void assert_refused(const char *what, duet_status wanted, const char *part) {
    duet_store *store = NULL;
    const duet_status status = duet_store_open(&store, PATH);
    if (status != wanted || strstr(duet_error_message(), part) == NULL)
        fail_msg("%s: wanted %s with \"%s\", got %s: %s", what, duet_status_name(wanted), part,
                 duet_status_name(status), duet_error_message());
    assert_null(store);
}

static void parses_headers_strictly(void **unused) {
    (void)unused;
    static const char *const good[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n",
        "{\"shape\": (2L, 3L,), \"fortran_order\": True, \"descr\": \"<f4\"}",
        "{'descr':'<f4','fortran_order':False,'shape':(6,)}\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        for (int version = 1; version <= 3; version++) {
            make_array(version, good[i], 24);
            duet_store *store = NULL;
            if (duet_store_open(&store, PATH) != DUET_OK)
                fail_msg("%s: %s", good[i], duet_error_message());
            assert_int_equal(duet_shape_count(&duet_store_at(store, 0)->shape), 6);
            duet_store_close(store);
        }
    static const struct {
        const char *text;
        duet_status status;
        const char *message;
    } bad[] = {
        {"", DUET_FORMAT, "damaged"},
        {"['descr', '<f4']         ", DUET_FORMAT, "damaged"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)", DUET_FORMAT, "damaged"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} x", DUET_FORMAT, "damaged"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6)}", DUET_FORMAT, "damaged"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6 1)}", DUET_FORMAT, "damaged"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", DUET_FORMAT, "damaged"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}", DUET_FORMAT, "damaged"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", DUET_FORMAT,
         "damaged"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2*3,)}", DUET_FORMAT, "damaged"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (6,)}", DUET_FORMAT, "damaged"},
        {"{'descr': '<f4', 'fortran_order': False}", DUET_FORMAT, "damaged"},
        {"{'descr': '<f4', 'shape': (6,)}", DUET_FORMAT, "damaged"},
        {"{'fortran_order': False, 'shape': (6,)}", DUET_FORMAT, "damaged"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}", DUET_FORMAT,
         "damaged"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'x': 1}", DUET_FORMAT, "damaged"},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (6,)}", DUET_FORMAT, "damaged"},
        {"{'descr': '<f\\64', 'fortran_order': False, 'shape': (6,)}", DUET_FORMAT, "damaged"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (6,)}", DUET_UNSUPPORTED,
         "Python objects, which are never read"},
        {"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (6,)}", DUET_UNSUPPORTED,
         "structured"},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (6,)}", DUET_UNSUPPORTED,
         "numpy type '>f4'"},
        {"{'descr': '<U8', 'fortran_order': False, 'shape': (6,)}", DUET_UNSUPPORTED,
         "numpy type '<U8'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,6)}", DUET_UNSUPPORTED,
         "rank 9"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", DUET_FORMAT,
         "overflows"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}", DUET_FORMAT,
         "has 24 bytes, but its shape needs 28"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}", DUET_FORMAT,
         "has 24 bytes, but its shape needs 20"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        make_array(1, bad[i].text, 24);
        assert_refused(bad[i].text, bad[i].status, bad[i].message);
    }
    make_array(4, good[0], 24);
    assert_refused("version 4", DUET_UNSUPPORTED, ".npy version 4");
}

static void refuses_bad_archives(void **unused) {
    (void)unused;
    static const char text[] = "this is no array, but it is long enough for a header";
    make_zip((const char *const[]){"a.npy"}, 1, text, sizeof text, ZIP_CM_STORE);
    assert_refused("no array", DUET_FORMAT, "'a' does not start as a .npy file");
    make_zip((const char *const[]){"a.npy"}, 1, text, 3, ZIP_CM_STORE);
    assert_refused("short", DUET_FORMAT, "'a' is cut off");
    make_zip((const char *const[]){"notes.txt"}, 1, text, sizeof text, ZIP_CM_STORE);
    assert_refused("other member first", DUET_FORMAT, "is a zip archive without numpy arrays");
    make_zip((const char *const[]){"net/data/0", "net/data/1"}, 2, text, sizeof text, ZIP_CM_STORE);
    assert_refused("TorchScript", DUET_FORMAT, "is a TorchScript program");
    make_zip((const char *const[]){"archive/data.pkl", "archive/data/0"}, 2, text, sizeof text,
             ZIP_CM_STORE);
    assert_refused("torch", DUET_FORMAT, "the pickle is damaged at byte 1");
    make_zip((const char *const[]){"a-name-so-long-that-the-head-does-not-show-all-of-it/data.pkl"},
             1, text, sizeof text, ZIP_CM_STORE);
    assert_refused("torch, long name", DUET_FORMAT, "the pickle is damaged at byte 1");
    make_array(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,)}", 24);
    duet_bytes bytes = {0};
    assert_int_equal(duet_file_read(&bytes, PATH), DUET_OK);
    uint8_t *entry = memmem(bytes.data, (size_t)bytes.size, "PK\1\2", 4), *local = bytes.data;
    assert_non_null(entry);
    memcpy(entry + 24, "\xFF\xFF\xFF\x7F", 4); /* unpacked size */
    assert_int_equal(duet_file_write(PATH, bytes.data, bytes.size), DUET_OK);
    assert_refused("headers that disagree", DUET_FORMAT, "inconsistent");
    memcpy(local + 22, "\xFF\xFF\xFF\x7F", 4);
    assert_int_equal(duet_file_write(PATH, bytes.data, bytes.size), DUET_OK);
    assert_refused("two sizes", DUET_FORMAT, "two sizes");
    local[8] = entry[10] = 8; /* now said to be deflated: 2 GiB from 90 bytes */
    assert_int_equal(duet_file_write(PATH, bytes.data, bytes.size), DUET_OK);
    assert_refused("bomb", DUET_FORMAT, "more than its compression allows");
    local[8] = entry[10] = 12; /* bzip2 */
    assert_int_equal(duet_file_write(PATH, bytes.data, bytes.size), DUET_OK);
    assert_refused("bzip2", DUET_UNSUPPORTED, "compression method 12");
    duet_bytes_free(&bytes);
}

static void finds_changed_data(void **unused) {
    (void)unused;
    for (int i = 0; i < 2; i++) {
        make_array(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,)}", 24);
        duet_bytes bytes = {0};
        assert_int_equal(duet_file_read(&bytes, PATH), DUET_OK);
        uint8_t *end = memmem(bytes.data, (size_t)bytes.size, "PK\1\2", 4);
        end[-3] = 1; /* one of the elements; the CRC does not know */
        assert_int_equal(duet_file_write(PATH, bytes.data, bytes.size), DUET_OK);
        duet_bytes_free(&bytes);
        duet_store *store = NULL;
        double out[6];
        assert_int_equal(duet_store_open(&store, PATH), DUET_OK);
        assert_int_equal(duet_store_read(store, "a", i ? DUET_F64 : DUET_F32, out), DUET_FORMAT);
        assert_non_null(strstr(duet_error_message(), "CRC"));
        duet_store_close(store);
    }
}

static duet_status read_all(const char *path) {
    duet_store *store = NULL;
    duet_status status = duet_store_open(&store, path);
    for (int64_t i = 0; status == DUET_OK && i < duet_store_count(store); i++) {
        const duet_store_entry *e = duet_store_at(store, i);
        uint8_t *data = NULL;
        assert_int_equal(duet_alloc(&data, duet_shape_count(&e->shape), 4), DUET_OK);
        status = duet_store_read(store, e->name, DUET_F32, data);
        duet_release(data);
    }
    duet_store_close(store);
    return status;
}

static void every_truncation_and_damage(void **unused) {
    (void)unused;
    duet_bytes bytes = {0};
    assert_int_equal(duet_file_read(&bytes, GOLDEN), DUET_OK);
    for (int64_t size = 0; size < bytes.size; size++) {
        assert_int_equal(duet_file_write(PATH, bytes.data, size), DUET_OK);
        if (read_all(PATH) != DUET_FORMAT)
            fail_msg("cut to %d bytes: %s", (int)size, duet_error_message());
    }
    for (int64_t at = 0; at < bytes.size; at += 3) {
        const uint8_t old = bytes.data[at];
        bytes.data[at] = (uint8_t)(old ^ 0x5A);
        assert_int_equal(duet_file_write(PATH, bytes.data, bytes.size), DUET_OK);
        const duet_status status = read_all(PATH);
        assert_true(status == DUET_OK || status == DUET_FORMAT || status == DUET_UNSUPPORTED ||
                    status == DUET_NO_MEMORY);
        bytes.data[at] = old;
    }
    duet_bytes_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_numpy_writes),     cmocka_unit_test(round_trip),
        cmocka_unit_test(refuses_bad_items),           cmocka_unit_test(parses_headers_strictly),
        cmocka_unit_test(refuses_bad_archives),        cmocka_unit_test(finds_changed_data),
        cmocka_unit_test(every_truncation_and_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
