/* SPDX-License-Identifier: MIT
 * run.json and result.json: one form whoever writes them, read in one place. */
#include "unit/data/fixtures.h"

#include <string.h>

#include "base/error.h"
#include "run/run_record.h"

static void assert_text(const char *path, const char *text) {
    duet_bytes bytes = {0};
    OK(duet_file_read(&bytes, path));
    assert_int_equal(bytes.size, strlen(text));
    assert_memory_equal(bytes.data, text, strlen(text));
    duet_bytes_free(&bytes);
}

static void a_run(void **unused) {
    (void)unused;
    char folder[DUET_PATH_SIZE], file[DUET_PATH_SIZE];
    json_t *root = NULL;
    fresh_folder(folder, "run");
    OK(duet_path_join(file, folder, DUET_RUN_FILE));
    assert_int_equal(duet_run_number(folder, "steps"), 0);
    OK(duet_run_record_write(folder, &(duet_run_record){.command = "train",
                                                        .name = "x",
                                                        .version = "1",
                                                        .status = "done",
                                                        .created = "now",
                                                        .settings = json_pack("{s:s}", "a", "b"),
                                                        .steps = json_integer(12),
                                                        .seconds = json_real(0.1)}));
    assert_text(file,
                "{\n \"command\": \"train\",\n \"name\": \"x\",\n \"version\": \"1\",\n "
                "\"status\": \"done\",\n \"created\": \"now\",\n \"settings\": {\n  \"a\": \"b\"\n "
                "},\n \"steps\": 12,\n \"seconds\": 0.10000000000000001\n}\n");
    assert_int_equal(duet_run_number(folder, "steps"), 12);
    assert_int_equal(duet_run_number(folder, "images"), 0);
    OK(duet_run_record_read(&root, folder, NULL));
    assert_string_equal(json_string_value(json_object_get(root, "status")), "done");
    json_decref(root);
    assert_int_equal(duet_run_record_write(folder, &(duet_run_record){.command = "\xff"}),
                     DUET_FORMAT);
    assert_int_equal(duet_run_number(folder, "steps"), 12); /* the old file stays */
}

static void a_result(void **unused) {
    (void)unused;
    char folder[DUET_PATH_SIZE], file[DUET_PATH_SIZE];
    json_t *root = NULL;
    fresh_folder(folder, "step");
    OK(duet_path_join(file, folder, DUET_RESULT_FILE));
    assert_int_equal(duet_result_record_read(&root, folder, NULL), DUET_NOT_FOUND);
    OK(duet_result_record_write(folder, json_pack("{s:f,s:i}", "top1", 1.0 / 3, "rows", 2)));
    assert_text(file, "{\n \"top1\": 0.3333333333,\n \"rows\": 2\n}");
    /* a program that has no json_t writes the same file */
    OK(duet_result_write(folder, "{\"top1\":0.33333333333333331,\"rows\":2}"));
    assert_text(file, "{\n \"top1\": 0.3333333333,\n \"rows\": 2\n}");
    assert_int_equal(duet_result_write(folder, "{"), DUET_ARG);
    assert_int_equal(duet_result_record_write(folder, NULL), DUET_FORMAT);
    OK(duet_result_record_read(&root, folder, NULL));
    assert_int_equal(json_object_size(root), 2);
    json_decref(root);
}

static void damaged(void **unused) {
    (void)unused;
    static const char *const bad[] = {"", "{", "[1]", "{\"a\":1,\"a\":2}"};
    char folder[DUET_PATH_SIZE], file[DUET_PATH_SIZE];
    fresh_folder(folder, "bad");
    OK(duet_path_join(file, folder, DUET_RESULT_FILE));
    for (int i = 0; i < DUET_COUNT(bad); i++) {
        json_t *root = NULL;
        OK(duet_file_write(file, bad[i], (int64_t)strlen(bad[i])));
        assert_int_equal(duet_result_record_read(&root, folder, "bad-001/result.json"),
                         DUET_FORMAT);
        assert_null(root);
        assert_non_null(strstr(duet_error_message(), "'bad-001/result.json'"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_run), cmocka_unit_test(a_result),
                                       cmocka_unit_test(damaged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
