/* SPDX-License-Identifier: MIT
 * Weights in several files: the list of them is a store with all tensors, of any format; a file
 * that is missing, a tensor that is not where the list has it and a name that leads outside are
 * refused by name. */
#include "unit/data/fixtures.h"

#include <duet/registry.h>
#include <duet/store.h>

static const float values[6] = {1, 2, 3, 4, 5, 6};

static void put_part(const char *folder, const char *file, const char *format, const char *name,
                     const float *data) {
    char path[DUET_PATH_SIZE];
    const duet_store_item item = {name, DUET_F32, DUET_F32, {1, {3}}, data};
    place(path, folder, file);
    OK(duet_store_write(path, format, &item, 1, NULL, 0));
}

static duet_status open_list(duet_store **out, const char *folder, const char *json) {
    char path[DUET_PATH_SIZE];
    put_file(folder, "model.safetensors.index.json", json, (int64_t)strlen(json));
    place(path, folder, "model.safetensors.index.json");
    return duet_store_open(out, path);
}

static void all_parts_are_one_store(void **unused) {
    (void)unused;
    static const char *const formats[] = {"safetensors", "torch_zip"};
    for (int f = 0; f < 2; f++) {
        char folder[DUET_PATH_SIZE];
        duet_store *store = NULL;
        float have[3];
        fresh_folder(folder, "parts");
        put_part(folder, "one", formats[f], "a", values);
        put_part(folder, "sub/two", formats[f], "b", values + 3);
        OK(open_list(&store, folder,
                     "\n{\"metadata\": {\"total_size\": NaN}, \"weight_map\": {\"b\": \"sub/two\", "
                     "\"a\": \"one\"}}"));
        assert_string_equal(duet_store_format(store), "shards");
        assert_int_equal(duet_store_count(store), 2);
        OK(duet_store_read(store, "b", DUET_F32, have));
        assert_memory_equal(have, values + 3, sizeof have);
        assert_true((duet_store_data(store, "a") != NULL) == (f == 0));
        if (f == 0) assert_memory_equal(duet_store_data(store, "a"), values, sizeof have);
        duet_store_close(store);
    }
}

static const struct {
    const char *json, *words;
    duet_status status;
} wrong[] = {
    {"{\"weight_map\": {\"a\": \"one\", \"b\": \"x\", \"c\": \"y\"}}",
     "2 of its 3 files are missing: 'x' and others", DUET_NOT_FOUND},
    {"{\"weight_map\": {\"a\": \"one\", \"c\": \"two\"}}", "tensor 'c' is not in 'two'",
     DUET_FORMAT},
    {"{\"weight_map\": {\"a\": \"../one\"}}", "leads outside", DUET_FORMAT},
    {"{\"weight_map\": {\"a\": \"/etc/passwd\"}}", "leads outside", DUET_FORMAT},
    {"{\"weight_map\": {\"a\": \"s/../../one\"}}", "leads outside", DUET_FORMAT},
    {"{\"weight_map\": {\"a\": \"model.safetensors.index.json\"}}", "a JSON text, not a model",
     DUET_FORMAT},
    {"{\"weight_map\": {\"a\": 7}}", "names no file for tensor 'a'", DUET_FORMAT},
    {"{\"weight_map\": {}}", "names no tensor", DUET_FORMAT},
    {"{\"weight_map\": [\"one\"]}", "is no JSON object", DUET_FORMAT},
    {"{\"weight_map\": {\"a\": \"one\"}", "no valid JSON", DUET_FORMAT},
};

static void wrong_lists_are_refused(void **unused) {
    (void)unused;
    char folder[DUET_PATH_SIZE];
    fresh_folder(folder, "wrong");
    put_part(folder, "one", "safetensors", "a", values);
    put_part(folder, "two", "safetensors", "b", values);
    for (int i = 0; i < DUET_COUNT(wrong); i++) {
        duet_store *store = NULL;
        FAILS(wrong[i].status, wrong[i].words, open_list(&store, folder, wrong[i].json));
        assert_null(store);
    }
}

/* A card goes into every format that models are written in, and comes out of it. */
static void metadata_stays(void **unused) {
    (void)unused;
    static const char *const formats[] = {"safetensors", "torch_zip", "npz"};
    const duet_store_item item = {"a.weight", DUET_F32, DUET_F32, {1, {3}}, values};
    const duet_store_pair pairs[] = {{"duet.card", "{\"name\": \"gr\xC3\xBC\xC3\x9F\x65\"}"},
                                     {"other", ""}};
    for (int f = 0; f < DUET_COUNT(formats); f++) {
        char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
        duet_store *store = NULL;
        fresh_folder(folder, "metadata");
        place(path, folder, "file");
        OK(duet_store_write(path, formats[f], &item, 1, pairs, 2));
        OK(duet_store_open(&store, path));
        assert_string_equal(duet_store_format(store), formats[f]);
        assert_int_equal(duet_store_count(store), 1);
        assert_string_equal(duet_store_at(store, 0)->name, "a.weight");
        for (int i = 0; i < 2; i++)
            assert_string_equal(duet_store_metadata(store, pairs[i].key), pairs[i].value);
        duet_store_close(store);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_parts_are_one_store),
                                       cmocka_unit_test(wrong_lists_are_refused),
                                       cmocka_unit_test(metadata_stays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
