/* SPDX-License-Identifier: MIT
 * The record of images that cannot be read: rows in order, once each; a loader with one delivers
 * the other rows, whatever the workers, and packed sets lack them. */
#include "fixtures.h"

#include "base/error.h"
#include "data/bad_images.h"

enum { SIDE = 12, ROW = SIDE * SIDE * 3, ROWS = 10, GOOD = 7 };

static const int64_t good[GOOD] = {0, 1, 2, 5, 6, 7, 8};
static char folder[DUET_PATH_SIZE];

static void put_bad(const char *name) {
    put_file(folder, name, "\x89PNG\r\n\x1a\nbut then nothing", 24);
}

/* Two classes of five images whose grey value is 10 * row; rows 3, 4 and 9 are corrupt. */
static duet_dataset *damaged(const char *name) {
    duet_dataset *dataset = NULL;
    fresh_folder(folder, name);
    for (int i = 0; i < ROWS; i++) {
        char file[32];
        snprintf(file, sizeof file, "%c/%d.png", i < 5 ? 'a' : 'b', i);
        put_png(folder, file, SIDE, (uint8_t)(10 * i));
        if (i == 3 || i == 4 || i == 9) put_bad(file);
    }
    OK(duet_dataset_open(NULL, &dataset, folder));
    return dataset;
}

static void rows_stand_in_order_and_once(void **state) {
    (void)state;
    duet_bad_images *bad = NULL;
    OK(duet_bad_images_new(&bad));
    assert_int_equal(duet_bad_images_count(NULL, DUET_TRAIN), 0);
    assert_null(duet_bad_images_reason(NULL, DUET_TRAIN, 0));
    assert_string_equal(duet_bad_images_first(NULL), "");
    assert_string_equal(duet_bad_images_first(bad), "");
    static const int64_t order[] = {7, 2, 9, 2, 0, 7};
    for (int i = 0; i < 6; i++) {
        (void)duet_fail(DUET_FORMAT, "row %d, time %d", (int)order[i], i);
        OK(duet_bad_images_add(bad, order[i] == 9 ? DUET_TEST : DUET_TRAIN, order[i]));
    }
    assert_int_equal(duet_bad_images_count(bad, DUET_TRAIN), 3);
    assert_int_equal(duet_bad_images_count(bad, DUET_VAL), 0);
    assert_int_equal(duet_bad_images_count(bad, DUET_TEST), 1);
    assert_string_equal(duet_bad_images_first(bad), "row 0, time 4");
    assert_string_equal(duet_bad_images_reason(bad, DUET_TRAIN, 2), "row 2, time 1");
    assert_null(duet_bad_images_reason(bad, DUET_TRAIN, 9));
    assert_null(duet_bad_images_reason(bad, DUET_TEST, 7));
    duet_bad_images_free(bad);
}

static void only_images_are_taken(void **state) {
    (void)state;
    duet_bad_images *bad = NULL;
    OK(duet_bad_images_new(&bad));
    const duet_status full = duet_fail(DUET_NO_MEMORY, "out of memory");
    assert_int_equal(duet_bad_images_take(bad, DUET_TRAIN, 1, full), DUET_NO_MEMORY);
    const duet_status image =
        duet_because(DUET_CAUSE_BAD_IMAGE, duet_fail(DUET_FORMAT, "no image"));
    assert_int_equal(duet_bad_images_take(NULL, DUET_TRAIN, 1, image), DUET_FORMAT);
    assert_int_equal(duet_bad_images_take(bad, DUET_TRAIN, 1, image), DUET_OK);
    assert_int_equal(duet_bad_images_count(bad, DUET_TRAIN), 1);
    duet_bad_images_free(bad);
}

/* All rows of a pass against `good`; the number of batches. */
static int check_pass(const duet_dataset *dataset, int workers, int64_t batch,
                      duet_bad_images *bad) {
    duet_view view = {0};
    duet_loader *loader = NULL;
    int64_t row = 0;
    int batches = 0;
    const duet_loader_options options = {.preprocess = {.size = SIDE, .channels = 3},
                                         .batch = batch,
                                         .workers = workers,
                                         .bad = bad};
    OK(duet_view_all(&view, dataset, DUET_TRAIN));
    OK(duet_loader_open(NULL, &loader, dataset, &view, &options));
    for (;;) {
        duet_batch got = {0};
        OK(duet_loader_next(loader, &got));
        if (got.count == 0) break;
        batches++;
        assert_int_equal(got.position % batch, 0);
        for (int64_t i = 0; i < got.count; i++, row++) {
            assert_true(row < GOOD);
            assert_int_equal(got.index[i], good[row]);
            assert_int_equal(got.labels[i], good[row] >= 5);
            assert_int_equal(got.pixels[i * ROW], 10 * good[row]);
        }
    }
    assert_int_equal(row, GOOD);
    duet_loader_close(loader);
    duet_view_free(&view);
    return batches;
}

static void batches_lack_bad_rows(void **state) {
    (void)state;
    duet_dataset *dataset = damaged("bad_loader");
    for (int workers = 1; workers <= 4; workers += 3) {
        duet_bad_images *bad = NULL;
        OK(duet_bad_images_new(&bad));
        assert_int_equal(check_pass(dataset, workers, 1, bad), GOOD); /* no empty batch is seen */
        assert_int_equal(duet_bad_images_count(bad, DUET_TRAIN), 3);
        assert_non_null(strstr(duet_bad_images_first(bad), "a/3.png"));
        assert_int_equal(check_pass(dataset, workers, 4, bad), 3);
        duet_bad_images_free(bad);
    }
    duet_dataset_close(dataset);
}

/* What was left out once stays so, though it can be read by now: the rows of all passes are the
 * same. */
static void known_rows_are_not_read_again(void **state) {
    (void)state;
    duet_dataset *dataset = damaged("bad_known");
    duet_bad_images *bad = NULL;
    OK(duet_bad_images_new(&bad));
    check_pass(dataset, 1, 4, bad);
    put_png(folder, "a/3.png", SIDE, 30);
    check_pass(dataset, 1, 4, bad);
    assert_int_equal(duet_bad_images_count(bad, DUET_TRAIN), 3);
    duet_bad_images_free(bad);
    duet_dataset_close(dataset);
}

static void shuffled_passes_take_no_record(void **state) {
    (void)state;
    duet_dataset *dataset = damaged("bad_shuffled");
    duet_bad_images *bad = NULL;
    duet_view view = {0};
    duet_loader *loader = NULL;
    OK(duet_bad_images_new(&bad));
    OK(duet_view_all(&view, dataset, DUET_TRAIN));
    const duet_loader_options options = {
        .preprocess = {.size = SIDE, .channels = 3}, .batch = 2, .shuffle = true, .bad = bad};
    FAILS(DUET_ARG, "shuffled", duet_loader_open(NULL, &loader, dataset, &view, &options));
    duet_view_free(&view);
    duet_bad_images_free(bad);
    duet_dataset_close(dataset);
}

static void packed_sets_lack_them(void **state) {
    (void)state;
    static const char *const names[] = {"bad_packed.zip", "bad_packed.tar"};
    duet_dataset *dataset = damaged("bad_pack");
    for (int i = 0; i < 2; i++) {
        char path[DUET_PATH_SIZE];
        duet_bad_images *bad = NULL;
        duet_dataset *again = NULL;
        snprintf(path, sizeof path, "%s/%s", DUET_TEST_TMP, names[i]);
        FAILS(DUET_FORMAT, "a/3.png",
              duet_dataset_pack(NULL, NULL, dataset, DUET_TRAIN, 0, path, NULL));
        assert_int_equal(duet_error_cause(), DUET_CAUSE_BAD_IMAGE);
        OK(duet_bad_images_new(&bad));
        OK(duet_dataset_pack(NULL, NULL, dataset, DUET_TRAIN, 0, path, bad));
        assert_int_equal(duet_bad_images_count(bad, DUET_TRAIN), 3);
        OK(duet_dataset_open(NULL, &again, path));
        assert_int_equal(duet_dataset_describe(again)->count[DUET_TRAIN], GOOD);
        for (int r = 0; r < GOOD; r++) {
            uint8_t pixels[ROW];
            const duet_preprocess how = {.size = SIDE, .channels = 3};
            OK(duet_dataset_read(again, DUET_TRAIN, r, &how, pixels));
            assert_int_equal(pixels[0], 10 * good[r]);
            assert_int_equal(duet_dataset_label(again, DUET_TRAIN, r), good[r] >= 5);
        }
        duet_dataset_close(again);
        duet_bad_images_free(bad);
    }
    duet_dataset_close(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_stand_in_order_and_once),
        cmocka_unit_test(only_images_are_taken),
        cmocka_unit_test(batches_lack_bad_rows),
        cmocka_unit_test(known_rows_are_not_read_again),
        cmocka_unit_test(shuffled_passes_take_no_record),
        cmocka_unit_test(packed_sets_lack_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
