/* SPDX-License-Identifier: MIT
 * Ranges of shards: numbers with and without leading zeros, what is no range, too long names. */
#include "fixtures.h"

#include "base/error.h"
#include "data/dataset/shard_names.h"

static void names_count_up(void **state) {
    (void)state;
    duet_shards shards;
    char name[DUET_PATH_SIZE];
    assert_true(duet_shards_find(&shards, "a/x-{008..011}.tar"));
    assert_int_equal(shards.count, 4);
    OK(duet_shards_name(&shards, 0, name));
    assert_string_equal(name, "a/x-008.tar");
    OK(duet_shards_name(&shards, 3, name));
    assert_string_equal(name, "a/x-011.tar");
    assert_true(duet_shards_find(&shards, "{0..12}")); /* the last braces, no zeros */
    assert_int_equal(shards.count, 13);
    OK(duet_shards_name(&shards, 12, name));
    assert_string_equal(name, "12");
    assert_true(duet_shards_find(&shards, "{a}/{7..7}.tar"));
    OK(duet_shards_name(&shards, 0, name));
    assert_string_equal(name, "{a}/7.tar");
}

static void others_are_no_ranges(void **state) {
    (void)state;
    static const char *const paths[] = {
        "x.tar",
        "x-{}.tar",
        "x-{3}.tar",
        "x-{3..}.tar",
        "x-{..3}.tar",
        "x-{4..3}.tar",
        "x-{-1..3}.tar",
        "x-{0..3",
        "x-{0..3.tar}",
        "x-{0..100000}.tar",
        "x-{0..99999999999999999999999}.tar", /* more than an int64_t holds */
        "x-{99999999999999999999998..99999999999999999999999}.tar",
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        duet_shards shards;
        if (duet_shards_find(&shards, paths[i])) fail_msg("'%s' is taken for a range", paths[i]);
    }
}

static void long_names_are_refused(void **state) {
    (void)state;
    char path[DUET_PATH_SIZE + 8], name[DUET_PATH_SIZE];
    memset(path, 'x', sizeof path);
    memcpy(path + DUET_PATH_SIZE, "{0..1}", 7);
    duet_shards shards;
    assert_true(duet_shards_find(&shards, path));
    assert_int_equal(duet_shards_name(&shards, 0, name), DUET_ARG);
    duet_error_clear();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_count_up),
        cmocka_unit_test(others_are_no_ranges),
        cmocka_unit_test(long_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
