/* SPDX-License-Identifier: MIT
 * The safetensors store: every rule of refusal by a hand-made file, every truncation, round trips
 * of every type, and the messages for files that are no store. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <duet/store.h>

#include "base/file.h"

#define PATH DUET_TEST_TMP "/case.safetensors"

/* Writes length, header and `data_size` counting bytes. `length` < 0: the header's own. */
static void make(const char *header, int64_t length, int64_t data_size) {
    uint8_t file[4096];
    const int64_t size = (int64_t)strlen(header);
    const uint64_t stored = length < 0 ? (uint64_t)size : (uint64_t)length;
    assert_true(8 + size + data_size <= (int64_t)sizeof file);
    memcpy(file, &stored, 8);
    memcpy(file + 8, header, (size_t)size);
    for (int64_t i = 0; i < data_size; i++) file[8 + size + i] = (uint8_t)i;
    assert_int_equal(duet_file_write(PATH, file, 8 + size + data_size), DUET_OK);
}

static void assert_refused(duet_status wanted, const char *part) {
    duet_store *store = NULL;
    const duet_status status = duet_store_open(&store, PATH);
    if (status != wanted || strstr(duet_error_message(), part) == NULL)
        fail_msg("wanted %s with \"%s\", got %s: %s", duet_status_name(wanted), part,
                 duet_status_name(status), duet_error_message());
    assert_null(store);
}

static const struct {
    const char *header;
    int64_t length, data;
    duet_status status;
    const char *message;
} refused[] = {
    {"{}", 100000001, 0, DUET_FORMAT, "100000001 bytes; the limit is 100000000"},
    {"{}", 3, 0, DUET_FORMAT, "is the file cut off?"},
    {"{}", 1, 0, DUET_FORMAT, "not a JSON object"},
    {"{}", 0, 0, DUET_FORMAT, "not a JSON object"},
    {" {}", -1, 0, DUET_FORMAT, ""},
    {"[]", -1, 0, DUET_FORMAT, ""},
    {"{\"a\":", -1, 0, DUET_FORMAT, "header is not valid"},
    {"{} x", -1, 0, DUET_FORMAT, "header is not valid"},
    {"{\"\xFF\":1}", -1, 0, DUET_FORMAT, "header is not valid"},
    {"{\"a\":3}", -1, 0, DUET_FORMAT, "'a' is not described by a JSON object"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\","
     "\"shape\":[1],\"data_offsets\":[0,4]}}",
     -1, 4, DUET_FORMAT, "duplicate"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", -1, 4,
     DUET_FORMAT, "duplicate"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", -1, 4, DUET_FORMAT, "'a' has no dtype"},
    {"{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", -1, 4, DUET_FORMAT,
     "'a' has no dtype"},
    {"{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", -1, 4, DUET_FORMAT,
     "unknown dtype 'F33'"},
    {"{\"a\":{\"dtype\":\"U16\",\"shape\":[2],\"data_offsets\":[0,4]}}", -1, 4, DUET_UNSUPPORTED,
     "dtype 'U16'"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", -1, 4, DUET_FORMAT, "'a' has no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", -1, 4, DUET_FORMAT,
     "'a' has no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", -1, 4, DUET_FORMAT,
     "not of integers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", -1, 4, DUET_FORMAT,
     "negative size -1"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", -1, 4,
     DUET_FORMAT, "header is not valid"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", -1, 0,
     DUET_FORMAT, "overflows"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0,4294967296,4294967296],\"data_offsets\":[0,0]}}", -1,
     0, DUET_FORMAT, "overflows"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", -1, 0,
     DUET_FORMAT, "overflows"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", -1, 1,
     DUET_UNSUPPORTED, "rank 9; at most 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", -1, 4, DUET_FORMAT, "no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", -1, 4, DUET_FORMAT,
     "no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", -1, 4, DUET_FORMAT,
     "no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,\"4\"]}}", -1, 4, DUET_FORMAT,
     "no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", -1, 4, DUET_FORMAT,
     "data_offsets [4, 0]"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", -1, 4, DUET_FORMAT,
     "data_offsets [-4, 0]"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", -1, 7, DUET_FORMAT,
     "has 69 bytes, but tensor 'a' ends at byte 70"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,9223372036854775807]}}", -1, 4,
     DUET_FORMAT, "is the file cut off?"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", -1, 4, DUET_FORMAT,
     "has 4 bytes, but its shape needs 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", -1, 8, DUET_FORMAT,
     "leaving a hole"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\","
     "\"shape\":[1],\"data_offsets\":[8,12]}}",
     -1, 12, DUET_FORMAT, "leaving a hole"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\","
     "\"shape\":[1],\"data_offsets\":[4,8]}}",
     -1, 8, DUET_FORMAT, "inside another"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\","
     "\"shape\":[1],\"data_offsets\":[0,4]}}",
     -1, 4, DUET_FORMAT, "inside another"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", -1, 5, DUET_FORMAT,
     "1 bytes after the last tensor"},
    {"{}", -1, 1, DUET_FORMAT, "1 bytes after the last tensor"},
    {"{\"__metadata__\":[]}", -1, 0, DUET_FORMAT, "'__metadata__' is not"},
    {"{\"__metadata__\":{\"k\":1}}", -1, 0, DUET_FORMAT, "key 'k' is not a text"},
};

static void refuses_by_every_rule(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        make(refused[i].header, refused[i].length, refused[i].data);
        assert_refused(refused[i].status, refused[i].message);
    }
}

/* Depth must not turn into recursion without end. */
static void refuses_deep_nesting(void **unused) {
    (void)unused;
    enum { DEPTH = 200000 };
    static char file[8 + 5 + DEPTH];
    const uint64_t length = 5 + DEPTH;
    memcpy(file, &length, 8);
    memcpy(file + 8, "{\"a\":", 5);
    memset(file + 13, '[', DEPTH);
    assert_int_equal(duet_file_write(PATH, file, sizeof file), DUET_OK);
    assert_refused(DUET_FORMAT, "header is not valid");
}

static void accepts_edge_cases(void **unused) {
    (void)unused;
    duet_store *store = NULL;
    make("{}", -1, 0);
    assert_int_equal(duet_store_open(&store, PATH), DUET_OK);
    assert_int_equal(duet_store_count(store), 0);
    duet_store_close(store);
    /* A scalar, empty tensors at a shared place, keys in another order, spaces after the header, an
     * odd header length. */
    make("{\"last\":{\"data_offsets\":[4,8],\"shape\":[],\"dtype\":\"F32\"},\"none\":{\"dtype\":"
         "\"I64\",\"shape\":[3,0],\"data_offsets\":[4,4]},"
         "\"__metadata__\":{\"who\":\"me\"},\"first\":{\"dtype\":\"U8\",\"shape\":[2,2],\"data_"
         "offsets\":[0,4]}}   ",
         -1, 8);
    assert_int_equal(duet_store_open(&store, PATH), DUET_OK);
    assert_string_equal(duet_store_format(store), "safetensors");
    assert_int_equal(duet_store_count(store), 3);
    assert_string_equal(duet_store_at(store, 0)->name, "first");
    assert_string_equal(duet_store_at(store, 1)->name, "none");
    assert_string_equal(duet_store_at(store, 2)->name, "last");
    assert_null(duet_store_at(store, 3));
    assert_null(duet_store_at(store, -1));
    assert_int_equal(duet_store_at(store, 2)->shape.rank, 0);
    assert_string_equal(duet_store_metadata(store, "who"), "me");
    assert_null(duet_store_metadata(store, "what"));
    float last = 0, want = 0;
    memcpy(&want, "\4\5\6\7", 4);
    assert_int_equal(duet_store_read(store, "last", DUET_F32, &last), DUET_OK);
    assert_memory_equal(&last, &want, 4);
    double wide = 0;
    assert_int_equal(duet_store_read(store, "last", DUET_F64, &wide), DUET_OK);
    assert_true(wide == (double)want);
    assert_int_equal(duet_store_read(store, "none", DUET_F32, &last), DUET_OK);
    assert_int_equal(duet_store_read(store, "absent", DUET_F32, &last), DUET_NOT_FOUND);
    const uint8_t *bytes = duet_store_data(store, "first");
    assert_memory_equal(bytes, "\0\1\2\3", 4);
    duet_store_close(store);
}

static const float values[6] = {-2.0f, -0.5f, 0.0f, 1.0f, 3.0f, 100.0f};

static void write_all_types(const char *path) {
    static const char *const names[] = {"f32", "f64", "f16", "bf16", "i64",
                                        "i32", "i8",  "u8",  "bool"};
    duet_store_item items[DUET_DTYPE_COUNT + 2];
    for (int i = 0; i < DUET_DTYPE_COUNT; i++)
        items[i] = (duet_store_item){.name = names[i],
                                     .dtype = DUET_F32,
                                     .stored = (duet_dtype)i,
                                     .shape = {.rank = 2, .dim = {2, 3}},
                                     .data = values};
    items[DUET_DTYPE_COUNT] = (duet_store_item){.name = "a \"scalar\"\n", .data = values + 4};
    items[DUET_DTYPE_COUNT + 1] =
        (duet_store_item){.name = "empty", .shape = {.rank = 3, .dim = {2, 0, 5}}};
    const duet_store_pair pairs[] = {{"format", "pt"}, {"note", "\xC3\xA4 \\ \""}};
    assert_int_equal(duet_store_write(path, "safetensors", items, DUET_DTYPE_COUNT + 2, pairs, 2),
                     DUET_OK);
}

static void round_trip(void **unused) {
    (void)unused;
    write_all_types(PATH);
    duet_store *store = NULL;
    assert_int_equal(duet_store_open(&store, PATH), DUET_OK);
    assert_int_equal(duet_store_count(store), DUET_DTYPE_COUNT + 2);
    assert_string_equal(duet_store_metadata(store, "note"), "\xC3\xA4 \\ \"");
    static const float exact[DUET_DTYPE_COUNT][6] = {
        {-2, -0.5f, 0, 1, 3, 100}, {-2, -0.5f, 0, 1, 3, 100}, {-2, -0.5f, 0, 1, 3, 100},
        {-2, -0.5f, 0, 1, 3, 100}, {-2, 0, 0, 1, 3, 100},     {-2, 0, 0, 1, 3, 100},
        {-2, 0, 0, 1, 3, 100},     {0, 0, 0, 1, 3, 100},      {1, 1, 0, 1, 1, 1}};
    for (int i = 0; i < DUET_DTYPE_COUNT; i++) {
        float got[6] = {0};
        const duet_store_entry *e = duet_store_find(store, duet_dtype_name((duet_dtype)i));
        assert_non_null(e);
        assert_int_equal(e->dtype, i);
        assert_int_equal(e->shape.dim[1], 3);
        assert_int_equal(duet_store_read(store, e->name, DUET_F32, got), DUET_OK);
        for (int k = 0; k < 6; k++) assert_true(got[k] == exact[i][k]);
        const void *data = duet_store_data(store, e->name);
        assert_non_null(data); /* the padded header keeps every type aligned */
    }
    float scalar = 0;
    assert_int_equal(duet_store_read(store, "a \"scalar\"\n", DUET_F32, &scalar), DUET_OK);
    assert_true(scalar == 3.0f);
    /* The widest types stand first. */
    assert_string_equal(duet_store_at(store, 0)->name, "i64");
    assert_string_equal(duet_store_at(store, 1)->name, "f64");
    assert_string_equal(duet_store_at(store, duet_store_count(store) - 1)->name, "bool");
    duet_store_close(store);
    duet_bytes first = {0}, second = {0};
    assert_int_equal(duet_file_read(&first, PATH), DUET_OK);
    write_all_types(PATH);
    assert_int_equal(duet_file_read(&second, PATH), DUET_OK);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, (size_t)first.size);
    duet_bytes_free(&first);
    duet_bytes_free(&second);
}

static void long_conversion(void **unused) {
    (void)unused;
    enum { N = 10001 };
    static float in[N], out[N];
    for (int i = 0; i < N; i++) in[i] = (float)(i - 5000);
    const duet_store_item item = {.name = "x",
                                  .dtype = DUET_F32,
                                  .stored = DUET_F64,
                                  .shape = {.rank = 1, .dim = {N}},
                                  .data = in};
    assert_int_equal(duet_store_write(PATH, "safetensors", &item, 1, NULL, 0), DUET_OK);
    duet_store *store = NULL;
    assert_int_equal(duet_store_open(&store, PATH), DUET_OK);
    assert_int_equal(duet_store_read(store, "x", DUET_F32, out), DUET_OK);
    assert_memory_equal(in, out, sizeof in);
    duet_store_close(store);
}

static void every_truncation_is_an_error(void **unused) {
    (void)unused;
    write_all_types(PATH);
    duet_bytes bytes = {0};
    assert_int_equal(duet_file_read(&bytes, PATH), DUET_OK);
    for (int64_t size = 0; size < bytes.size; size++) {
        assert_int_equal(duet_file_write(DUET_TEST_TMP "/cut.safetensors", bytes.data, size),
                         DUET_OK);
        duet_store *store = NULL;
        assert_int_equal(duet_store_open(&store, DUET_TEST_TMP "/cut.safetensors"), DUET_FORMAT);
        assert_null(store);
        assert_non_null(strstr(duet_error_message(), "cut.safetensors"));
    }
    duet_bytes_free(&bytes);
}

static void refuses_bad_items(void **unused) {
    (void)unused;
    const duet_store_item good = {.name = "a", .shape = {.rank = 1, .dim = {1}}, .data = values};
    duet_store_item bad = good;
    const duet_store_item twice[] = {good, good};
    assert_int_equal(duet_store_write(PATH, "safetensors", twice, 2, NULL, 0), DUET_ARG);
    assert_int_equal(duet_store_write(PATH, "tensorflow", &good, 1, NULL, 0), DUET_ARG);
    bad.name = "__metadata__";
    assert_int_equal(duet_store_write(PATH, "safetensors", &bad, 1, NULL, 0), DUET_ARG);
    bad.name = "\xFF";
    assert_int_equal(duet_store_write(PATH, "safetensors", &bad, 1, NULL, 0), DUET_ARG);
    bad.name = "";
    assert_int_equal(duet_store_write(PATH, "safetensors", &bad, 1, NULL, 0), DUET_ARG);
    bad = good;
    bad.data = NULL;
    assert_int_equal(duet_store_write(PATH, "safetensors", &bad, 1, NULL, 0), DUET_ARG);
    bad = good;
    bad.shape.dim[0] = -1;
    assert_int_not_equal(duet_store_write(PATH, "safetensors", &bad, 1, NULL, 0), DUET_OK);
    const duet_store_pair pairs[] = {{"k", "1"}, {"k", "2"}};
    assert_int_equal(duet_store_write(PATH, "safetensors", &good, 1, pairs, 2), DUET_ARG);
    assert_int_equal(
        duet_store_write(DUET_TEST_TMP "/no/such/folder/x", "safetensors", &good, 1, NULL, 0),
        DUET_NOT_FOUND);
}

static void tells_what_a_file_is(void **unused) {
    (void)unused;
    static const struct {
        const char *bytes;
        int64_t size;
        const char *message;
    } cases[] = {
        {"", 0, "is empty"},
        {"\x89PNG\r\n\x1A\n....", 12, "is a PNG image, not a model"},
        {"\xFF\xD8\xFF\xE0....", 8, "is a JPEG image, not a model"},
        {"\x80\x02}q.", 5, "is a pickle, but not of PyTorch's tensors"},
        {"<!DOCTYPE html>", 15, "is an HTML page, as servers send instead of a file"},
        {"\xEF\xBB\xBF <!-- x", 9, "is an HTML page, as servers send instead of a file"},
        {"<?xml version='1.0'?>", 21, "is an XML file, not a model"},
        {"version https://git-lfs.github.com/spec/v1\n", 43,
         "is a Git LFS pointer whose file was not downloaded ('git lfs pull')"},
        {"GGUF\3\0\0\0", 8, "is a GGUF file: not supported by this version"},
        {"\x89HDF\r\n\x1A\n", 8, "is an HDF5 file: not supported by this version"},
        {"\x1F\x8B\x08\0", 4, "is a gzip file; unpack it first"},
        {"\x7F\x45LF\2\1\1", 7, "is a program, not a model"},
        {"Rar!\x1A\7", 6, "is a RAR archive, not a model"},
        {"\x93NUMPY\1\0....", 12, "is cut off"},
        {"PK\3\4..........................archive/data.pkl", 46, "damaged or cut-off zip archive"},
        {"{\"a\": 1}", 8, "is a JSON text, not a model"},
        {"hello, world", 12, "is a text, not a model"},
        {"\1\2\3\4\5\6", 6, "(it starts with 01 02 03 04)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t file[64];
        memcpy(file, cases[i].bytes, (size_t)cases[i].size);
        if (memcmp(file, "PK\3\4", 4) == 0) memcpy(file + 26, "\x10\0", 2); /* the name's length */
        assert_int_equal(duet_file_write(PATH, file, cases[i].size), DUET_OK);
        assert_refused(DUET_FORMAT, cases[i].message);
    }
    duet_store *store = NULL;
    assert_int_equal(duet_store_open(&store, DUET_TEST_TMP "/absent"), DUET_NOT_FOUND);
    assert_int_equal(duet_store_open(&store, DUET_TEST_TMP), DUET_ARG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_by_every_rule), cmocka_unit_test(refuses_deep_nesting),
        cmocka_unit_test(accepts_edge_cases),    cmocka_unit_test(round_trip),
        cmocka_unit_test(long_conversion),       cmocka_unit_test(every_truncation_is_an_error),
        cmocka_unit_test(refuses_bad_items),     cmocka_unit_test(tells_what_a_file_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
