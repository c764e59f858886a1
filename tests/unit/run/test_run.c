/* SPDX-License-Identifier: MIT
 * Run folders: numbering, name cleaning, newest file, and folders that are no runs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <duet/run.h>

#include "base/file.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char root[DUET_PATH_SIZE];

static void make_root(const char *name) {
    char template[DUET_PATH_SIZE];
    snprintf(template, sizeof template, "%s/%s-XXXXXX", DUET_TEST_TMP, name);
    assert_non_null(mkdtemp(template));
    memcpy(root, template, sizeof root);
}

static void put(const char *folder, const char *name) {
    char path[DUET_PATH_SIZE];
    assert_int_equal(duet_path_join(path, folder, name), DUET_OK);
    assert_int_equal(duet_file_write(path, "{}", 2), DUET_OK);
}

static void test_numbers_grow(void **state) {
    (void)state;
    char path[4096], parent[DUET_PATH_SIZE];
    make_root("run");
    assert_int_equal(duet_path_join(parent, root, "deep/runs"), DUET_OK);
    assert_int_equal(duet_run_new(path, parent, "first"), DUET_OK);
    assert_string_equal(duet_path_base(path), "00001-first");
    assert_true(duet_path_is_folder(path));
    assert_int_equal(duet_run_new(path, parent, "second"), DUET_OK);
    assert_string_equal(duet_path_base(path), "00002-second");
    put(parent, "00041-left over");
    put(parent, "00090"); /* no dash: not a run's number */
    put(parent, "123456789012345678901234-x");
    assert_int_equal(duet_run_new(path, parent, ""), DUET_OK);
    assert_string_equal(duet_path_base(path), "00042-run");
    assert_int_equal(duet_run_new(path, parent, "a/../b c\xC3\xA4"), DUET_OK);
    assert_string_equal(duet_path_base(path), "00043-a-..-b-c--");
}

static void test_steps(void **state) {
    (void)state;
    char path[4096], other[DUET_PATH_SIZE];
    make_root("step");
    assert_int_equal(duet_run_step_new(path, root, "sample"), DUET_OK);
    assert_string_equal(duet_path_base(path), "sample-001");
    assert_int_equal(duet_run_step_new(path, root, "sample"), DUET_OK);
    assert_string_equal(duet_path_base(path), "sample-002");
    assert_int_equal(duet_run_step_new(path, root, "probe"), DUET_OK);
    assert_string_equal(duet_path_base(path), "probe-001");
    put(root, "sample-999");
    put(root, "sample-2000-copy");
    assert_int_equal(duet_run_step_new(path, root, "sample"), DUET_OK);
    assert_string_equal(duet_path_base(path), "sample-1000");
    assert_int_equal(duet_path_join(other, root, "absent"), DUET_OK);
    assert_int_equal(duet_run_step_new(path, other, "sample"), DUET_NOT_FOUND);
    assert_string_equal(duet_path_base(path), "sample-1000"); /* out is untouched on failure */
}

static void test_is_run(void **state) {
    (void)state;
    char path[DUET_PATH_SIZE];
    make_root("is");
    assert_false(duet_run_is(root));
    assert_false(duet_run_is(NULL));
    assert_false(duet_run_is("/definitely/not/here"));
    put(root, "run.json");
    assert_true(duet_run_is(root));
    assert_int_equal(duet_path_join(path, root, "run.json"), DUET_OK);
    assert_false(duet_run_is(path));
}

static void test_newest(void **state) {
    (void)state;
    char path[4096] = "untouched", folder[DUET_PATH_SIZE];
    make_root("newest");
    assert_int_equal(duet_run_newest(path, root, "model-", ".safetensors"), DUET_NOT_FOUND);
    assert_string_equal(path, "untouched");
    put(root, "model-00000064.safetensors");
    put(root, "model-00330000.safetensors");
    put(root, "model-00330001.safetensors.tmp");
    put(root, "model-latest.safetensors");
    put(root, "state-00990000.safetensors");
    assert_int_equal(duet_path_join(folder, root, "model-99999999.safetensors"), DUET_OK);
    assert_int_equal(duet_folder_make(folder), DUET_OK);
    assert_int_equal(duet_run_newest(path, root, "model-", ".safetensors"), DUET_OK);
    assert_string_equal(duet_path_base(path), "model-00330000.safetensors");
    put(root, "model-100330000.safetensors"); /* more digits is newer, though it sorts before */
    assert_int_equal(duet_run_newest(path, root, "model-", ".safetensors"), DUET_OK);
    assert_string_equal(duet_path_base(path), "model-100330000.safetensors");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers_grow),
                                       cmocka_unit_test(test_steps), cmocka_unit_test(test_is_run),
                                       cmocka_unit_test(test_newest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
