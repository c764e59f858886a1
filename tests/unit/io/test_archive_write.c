/* SPDX-License-Identifier: MIT
 * Zip archives that are written member after member: what libzip reads back, with more members than
 * fit into the plain end record, and refusals. */
#include "unit/data/fixtures.h"

#include "base/mem.h"
#include "io/archive.h"

enum { MANY = 66000 };

static void many_members(void **unused) {
    (void)unused;
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE], name[32];
    duet_archive_writer *w = NULL;
    zip_t *zip = NULL;
    duet_archive_member member;
    fresh_folder(folder, "archive-many");
    OK(duet_path_join(path, folder, "x.zip"));
    OK(duet_archive_writer_open(&w, path));
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%d", i);
        OK(duet_archive_begin_member(w, name, 4));
        duet_archive_put(w, &i, 1); /* in parts */
        duet_archive_put(w, (const uint8_t *)&i + 1, 3);
    }
    OK(duet_archive_writer_commit(w, NULL));
    OK(duet_archive_open(&zip, path));
    assert_int_equal(zip_get_num_entries(zip, 0), MANY);
    for (int i = 0; i < MANY; i += 6599) {
        char *bytes = NULL;
        OK(duet_archive_at(&member, zip, i));
        assert_true(member.stored);
        assert_int_equal(member.size, 4);
        assert_int_equal(atoi(member.name), i);
        OK(duet_archive_load(&bytes, zip, &member)); /* checks the CRC */
        assert_memory_equal(bytes, &i, 4);
        duet_release(bytes);
    }
    zip_discard(zip);
}

static void refusals(void **unused) {
    (void)unused;
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    duet_archive_writer *w = NULL;
    duet_listing list = {0};
    fresh_folder(folder, "archive-refusals");
    OK(duet_path_join(path, folder, "x.zip"));
    OK(duet_archive_writer_open(&w, path));
    OK(duet_archive_begin_member(w, "a", 5));
    duet_archive_put(w, "abc", 3);
    FAILS(DUET_ARG, "lacks 2 bytes", duet_archive_begin_member(w, "b", 1));
    FAILS(DUET_ARG, "lacks 2 bytes", duet_archive_writer_commit(w, NULL));
    const duet_archive_part twice[] = {{.name = "a"}, {.name = "b"}, {.name = "a"}};
    FAILS(DUET_ARG, "'a' is given twice", duet_archive_write(path, twice, 3, NULL));
    OK(duet_folder_list(&list, folder));
    assert_int_equal(list.count, 0); /* nothing is left */
    duet_listing_free(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_members), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
