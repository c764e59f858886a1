/* SPDX-License-Identifier: MIT
 * Conformance of the family `store`: every member that can write gives back every element type at
 * every rank to 4, empty tensors, long and odd names; it converts on reading, replaces a file whole
 * or not at all, and refuses what cannot be. */
#include "unit/data/fixtures.h"

#include <duet/store.h>

#include "base/mem.h"
#include "io/store/store.h"

extern const duet_family duet_family_store;

enum { MOST = 24, TENSORS = DUET_DTYPE_COUNT * 6 };

static const duet_shape shapes[] = {{0, {0}},       {1, {7}},          {2, {2, 3}},
                                    {3, {2, 3, 4}}, {4, {1, 2, 3, 4}}, {3, {5, 0, 2}}};

static const duet_store_member *member(int index) {
    return duet_store_of(duet_family_store.entries[index]);
}

static bool stores(const duet_store_member *store, duet_dtype dtype) {
    /* numpy has no bfloat16 */
    return !(dtype == DUET_BF16 && strcmp(store->info.name, "npz") == 0);
}

/* Small values that every type holds. */
static void fill(void *out, duet_dtype dtype, int64_t count) {
    double values[MOST];
    for (int64_t i = 0; i < count; i++)
        values[i] = dtype == DUET_BOOL ? (double)(i % 2) : (double)((i * 5 + 3) % 64);
    duet_convert(out, dtype, values, DUET_F64, count);
}

static void path_of(char out[DUET_PATH_SIZE], const char *folder, const duet_store_member *store) {
    char name[64];
    snprintf(name, sizeof name, "case.%s", store->info.name);
    OK(duet_path_join(out, folder, name));
}

static void assert_alone(const char *folder, int64_t files) {
    duet_listing listing = {0};
    OK(duet_folder_list(&listing, folder));
    assert_int_equal(listing.count, files); /* nothing temporary is left */
    duet_listing_free(&listing);
}

static void members_are_described(void **unused) {
    (void)unused;
    assert_true(duet_family_store.count >= 2);
    for (int i = 0; i < duet_family_store.count; i++) {
        const duet_store_member *store = member(i);
        assert_true(strlen(store->info.name) > 0 && strlen(store->info.help) > 10);
        assert_true(store->detect != NULL && store->open != NULL && store->close != NULL &&
                    store->read != NULL);
        const uint8_t zeros[64] = {0};
        assert_false(store->detect(zeros, 0, 0) || store->detect(zeros, sizeof zeros, 64));
    }
}

static void check_types_and_ranks(const duet_store_member *store, const char *path) {
    static uint8_t data[TENSORS][MOST * 8];
    static char names[TENSORS][32];
    duet_store_item items[TENSORS];
    int64_t count = 0;
    for (int dtype = 0; dtype < DUET_DTYPE_COUNT; dtype++) {
        for (int s = 0; s < DUET_COUNT(shapes) && stores(store, (duet_dtype)dtype); s++) {
            snprintf(names[count], sizeof names[count], "%s.%d", duet_dtype_name((duet_dtype)dtype),
                     s);
            fill(data[count], (duet_dtype)dtype, duet_shape_count(&shapes[s]));
            items[count] = (duet_store_item){names[count], (duet_dtype)dtype, (duet_dtype)dtype,
                                             shapes[s], data[count]};
            count++;
        }
    }
    OK(duet_store_write(path, store->info.name, items, count, NULL, 0));
    duet_store *file = NULL;
    OK(duet_store_open(&file, path));
    assert_string_equal(duet_store_format(file), store->info.name);
    assert_int_equal(duet_store_count(file), count);
    for (int64_t i = 0; i < count; i++) {
        const duet_store_entry *entry = duet_store_find(file, names[i]);
        const int64_t elements = duet_shape_count(&items[i].shape);
        uint8_t same[MOST * 8] = {0};
        double wide[MOST], want[MOST];
        assert_non_null(entry);
        assert_int_equal(entry->dtype, items[i].dtype);
        if (!duet_shape_equal(&entry->shape, &items[i].shape))
            fail_msg("%s: '%s' has another shape", store->info.name, names[i]);
        OK(duet_store_read(file, names[i], entry->dtype, same));
        assert_memory_equal(same, data[i], (size_t)elements * duet_dtype_size(entry->dtype));
        OK(duet_store_read(file, names[i], DUET_F64, wide));
        duet_convert(want, DUET_F64, data[i], items[i].dtype, elements);
        assert_memory_equal(wide, want, (size_t)elements * sizeof *want);
        const void *borrowed = duet_store_data(file, names[i]);
        if (borrowed != NULL && elements > 0)
            assert_memory_equal(borrowed, data[i],
                                (size_t)elements * duet_dtype_size(entry->dtype));
    }
    assert_null(duet_store_find(file, "no such"));
    assert_null(duet_store_at(file, count));
    assert_null(duet_store_at(file, -1));
    double nothing;
    FAILS(DUET_NOT_FOUND, "no tensor 'no such'",
          duet_store_read(file, "no such", DUET_F64, &nothing));
    duet_store_close(file);
}

/* Written as one type, stored as another. */
static void check_conversion(const duet_store_member *store, const char *path) {
    const float values[4] = {0.1f, -2.5f, 65504.0f, 3e-8f};
    const duet_dtype kinds[] = {DUET_F16, DUET_BF16, DUET_F64, DUET_I32};
    for (int k = 0; k < DUET_COUNT(kinds); k++) {
        if (!stores(store, kinds[k])) continue;
        const duet_store_item item = {"x", DUET_F32, kinds[k], {1, {4}}, values};
        uint8_t want[32], have[32];
        duet_store *file = NULL;
        OK(duet_store_write(path, store->info.name, &item, 1, NULL, 0));
        OK(duet_store_open(&file, path));
        assert_int_equal(duet_store_at(file, 0)->dtype, kinds[k]);
        duet_convert(want, kinds[k], values, DUET_F32, 4);
        OK(duet_store_read(file, "x", kinds[k], have));
        assert_memory_equal(have, want, 4 * duet_dtype_size(kinds[k]));
        duet_store_close(file);
    }
}

static void check_names(const duet_store_member *store, const char *path) {
    static char longest[3001];
    memset(longest, 'n', sizeof longest - 1);
    const float value[3] = {1, 2, 3};
    const char *const names[] = {longest, "a b.c/d", "\xC3\xA9\xE7\x8C\xAB"};
    duet_store_item items[3];
    for (int i = 0; i < 3; i++)
        items[i] = (duet_store_item){names[i], DUET_F32, DUET_F32, {0, {0}}, &value[i]};
    OK(duet_store_write(path, store->info.name, items, 3, NULL, 0));
    duet_store *file = NULL;
    OK(duet_store_open(&file, path));
    for (int i = 0; i < 3; i++) {
        float have = 0;
        OK(duet_store_read(file, names[i], DUET_F32, &have));
        assert_true(have == value[i]);
    }
    duet_store_close(file);
}

/* A refused write leaves what was there; one into a folder that is not there makes nothing. */
static void check_refusals(const duet_store_member *store, const char *folder, const char *path) {
    const float value[2] = {4, 5};
    const duet_store_item good = {"x", DUET_F32, DUET_F32, {1, {2}}, value};
    OK(duet_store_write(path, store->info.name, &good, 1, NULL, 0));
    const duet_store_item twice[] = {good, good};
    FAILS(DUET_ARG, "given twice", duet_store_write(path, store->info.name, twice, 2, NULL, 0));
    duet_store_item bad = good;
    bad.name = "";
    FAILS(DUET_ARG, "no name", duet_store_write(path, store->info.name, &bad, 1, NULL, 0));
    bad = good;
    bad.data = NULL;
    FAILS(DUET_ARG, "no data", duet_store_write(path, store->info.name, &bad, 1, NULL, 0));
    bad = good;
    bad.shape.dim[0] = -1;
    FAILS(DUET_FORMAT, "negative size", duet_store_write(path, store->info.name, &bad, 1, NULL, 0));
    bad.shape = (duet_shape){2, {INT64_MAX / 2, 4}};
    FAILS(DUET_FORMAT, "overflows", duet_store_write(path, store->info.name, &bad, 1, NULL, 0));
    float have[2] = {0};
    duet_store *file = NULL;
    OK(duet_store_open(&file, path));
    OK(duet_store_read(file, "x", DUET_F32, have));
    assert_memory_equal(have, value, sizeof have);
    duet_store_close(file);
    char nowhere[DUET_PATH_SIZE];
    OK(duet_path_join(nowhere, folder, "nowhere/case"));
    assert_int_not_equal(duet_store_write(nowhere, store->info.name, &good, 1, NULL, 0), DUET_OK);
    assert_non_null(strstr(duet_error_message(), "nowhere/case"));
}

static void every_store_keeps_what_it_is_given(void **unused) {
    (void)unused;
    for (int i = 0; i < duet_family_store.count; i++) {
        const duet_store_member *store = member(i);
        char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
        fresh_folder(folder, "store");
        path_of(path, folder, store);
        if (strcmp(store->info.name, "npy") == 0) continue; /* one array: unit/io/test_npy.c */
        if (store->write == NULL) {
            FAILS(DUET_UNSUPPORTED, "not written",
                  duet_store_write(path, store->info.name, NULL, 0, NULL, 0));
            continue;
        }
        check_types_and_ranks(store, path);
        assert_alone(folder, 1);
        check_conversion(store, path);
        check_names(store, path);
        check_refusals(store, folder, path);
        assert_alone(folder, 1);
    }
}

static void unknown_formats_are_refused(void **unused) {
    (void)unused;
    const float value = 1;
    const duet_store_item item = {"x", DUET_F32, DUET_F32, {0, {0}}, &value};
    FAILS(DUET_ARG, "unknown store format 'hdf5'",
          duet_store_write(DUET_TEST_TMP "/case.hdf5", "hdf5", &item, 1, NULL, 0));
    assert_false(duet_path_exists(DUET_TEST_TMP "/case.hdf5"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(members_are_described),
                                       cmocka_unit_test(every_store_keeps_what_it_is_given),
                                       cmocka_unit_test(unknown_formats_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
