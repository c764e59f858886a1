/* SPDX-License-Identifier: MIT
 * Images that cannot be read in sweeps and probes: every reader and every setting has the same rows
 * without them, also when one is found late, and results say so. */
#include "tiny_model.h"

#include <jansson.h>

#include <duet/study.h>

enum { CLASSES = 2, TRAIN = 30, TEST = 8 };

static char folder[DUET_PATH_SIZE];

static void put_bad(const char *name) {
    put_file(folder, name, "\x89PNG\r\n\x1a\nbut then nothing", 24);
}

static duet_dataset *make_set(const char *name, bool damaged) {
    fresh_folder(folder, name);
    for (int i = 0; i < TRAIN + TEST; i++) {
        char file[48];
        snprintf(file, sizeof file, "%s/%c/%02d.png", i < TRAIN ? "train" : "test",
                 'a' + i % CLASSES, i);
        put_png(folder, file, 8, (uint8_t)(i % CLASSES * 120 + 3 * i));
    }
    if (damaged) {
        put_bad("train/a/04.png");
        put_bad("train/b/17.png");
        put_bad("test/a/32.png");
    }
    return open_data(folder);
}

static duet_probe_options options_of(duet_bad_images *bad) {
    duet_probe_options o = {.settings = duet_settings_of(10, 5, 1),
                            .noise_seeds = 2,
                            .baselines = DUET_BASELINES,
                            .neighbours = 3,
                            .bad = bad};
    duet_copy_text(o.head, sizeof o.head, "linear");
    return o;
}

static void step_folder(char out[DUET_PATH_SIZE], const char *name) {
    char run[DUET_PATH_SIZE];
    snprintf(run, sizeof run, "%s/%s", DUET_TEST_TMP, name);
    OK(duet_path_join(out, run, "probe-001"));
    OK(duet_folder_make(run));
    OK(duet_folder_make(out));
}

/* "left_out" of a result file. */
static int64_t told(const char *step, const char *split) {
    char path[DUET_PATH_SIZE];
    OK(duet_path_join(path, step, "result.json"));
    json_t *root = json_load_file(path, 0, NULL);
    const int64_t count =
        json_integer_value(json_object_get(json_object_get(root, "left_out"), split));
    json_decref(root);
    return count;
}

static void probes_leave_them_out(void **state) {
    (void)state;
    char step[DUET_PATH_SIZE];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *set = make_set("left-out-probe", true);
    duet_bad_images *bad = NULL;
    duet_probe_result r;
    step_folder(step, "left-out-probe-run");
    duet_probe_options options = options_of(NULL);
    FAILS(DUET_FORMAT, "train/a/04.png", duet_probe(ctx, &r, model, set, &options, step));
    assert_int_equal(duet_error_cause(), DUET_CAUSE_BAD_IMAGE);
    OK(duet_bad_images_new(&bad));
    options.bad = bad;
    OK(duet_probe(ctx, &r, model, set, &options, step));
    assert_int_equal(r.train_rows, TRAIN - 2);
    assert_int_equal(r.test_rows, TEST - 1);
    assert_int_equal(r.row_count, 3);
    int64_t counted = 0;
    for (int i = 0; i < CLASSES * CLASSES; i++) counted += r.confusion[i];
    assert_int_equal(counted, TEST - 1);
    assert_int_equal(told(step, "train"), 2);
    assert_int_equal(told(step, "test"), 1);
    duet_probe_result_free(&r);
    duet_bad_images_free(bad);
    duet_dataset_close(set);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* The features of the model are kept from before an image was lost: raw pixels find that it is, and
 * the model's row is made again without it. */
static void late_ones_leave_all_rows_the_same(void **state) {
    (void)state;
    char step[DUET_PATH_SIZE], cache[DUET_PATH_SIZE];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *set = make_set("left-out-late", false);
    duet_bad_images *bad = NULL;
    duet_probe_result r;
    step_folder(step, "left-out-late-run");
    fresh_folder(cache, "left-out-late-cache");
    duet_probe_options options = options_of(NULL);
    options.neighbours = 0;
    duet_copy_text(options.baselines, sizeof options.baselines, "pixels");
    duet_copy_text(options.cache, sizeof options.cache, cache);
    OK(duet_probe(ctx, &r, model, set, &options, step));
    assert_int_equal(r.train_rows, TRAIN);
    duet_probe_result_free(&r);
    put_bad("train/b/07.png");
    put_bad("test/b/31.png");
    OK(duet_bad_images_new(&bad));
    options.bad = bad;
    OK(duet_probe(ctx, &r, model, set, &options, step));
    assert_int_equal(r.train_rows, TRAIN - 1);
    assert_int_equal(r.test_rows, TEST - 1);
    assert_int_equal(r.row_count, 2);
    assert_int_equal(told(step, "train"), 1);
    duet_probe_result_free(&r);
    duet_bad_images_free(bad);
    duet_dataset_close(set);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void sweeps_leave_them_out(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *set = make_set("left-out-sweep", true);
    duet_bad_images *bad = NULL;
    duet_sweep_result r;
    duet_sweep_options options = {.t = {.count = 2, .v = {0, 20}},
                                  .taps = {.count = 2, .v = {4, 5}},
                                  .pools = {.count = 1, .v = {1}},
                                  .baselines = DUET_BASELINES};
    duet_copy_text(options.head, sizeof options.head, "linear");
    FAILS(DUET_FORMAT, "04.png", duet_sweep(ctx, &r, model, set, &options));
    OK(duet_bad_images_new(&bad));
    options.bad = bad;
    OK(duet_sweep(ctx, &r, model, set, &options));
    assert_int_equal(r.count, 4 + 2 + 1);
    assert_int_equal(r.fit_rows + r.val_rows, TRAIN - 2);
    assert_int_equal(r.features.computed, (TRAIN - 2) * (2 + 1 + 1));
    assert_int_equal(duet_bad_images_count(bad, DUET_TEST), 0); /* not looked at */
    duet_sweep_result_free(&r);
    duet_bad_images_free(bad);
    duet_dataset_close(set);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* Tables of all columns have the rows of one list, whatever was on the shelf. */
static void tables_have_the_same_rows(void **state) {
    (void)state;
    char cache[DUET_PATH_SIZE];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *set = make_set("left-out-tables", false);
    duet_view view = {0};
    duet_feature_table *tables = NULL;
    int64_t count = 0;
    fresh_folder(cache, "left-out-tables-cache");
    duet_reader_options reading = {.settings = duet_settings_of(10, 5, 1)};
    duet_features_options options = {.stored = DUET_F32};
    duet_reader *reader = NULL;
    OK(duet_reader_open(ctx, &reader, "model", model, NULL, &reading));
    duet_copy_text(options.cache, sizeof options.cache, cache);
    OK(duet_view_all(&view, set, DUET_TRAIN));
    OK(duet_features(ctx, &tables, &count, reader, set, &view, &options));
    assert_int_equal(tables[0].rows, TRAIN);
    duet_features_free(tables, count);
    put_bad("train/a/04.png"); /* row 2: kept at t 10, not at t 20 */
    OK(duet_bad_images_new(&options.bad));
    reading.settings.v[reading.settings.count++] = (duet_setting){.t = 20, .tap = 5, .pool = 1};
    OK(duet_reader_change(reader, &reading));
    OK(duet_features(ctx, &tables, &count, reader, set, &view, &options));
    assert_int_equal(count, 2);
    for (int c = 0; c < 2; c++) {
        assert_int_equal(tables[c].rows, TRAIN - 1);
        for (int i = 0; i < TRAIN - 1; i++) {
            assert_int_equal(tables[c].index[i], i < 2 ? i : i + 1);
            assert_int_equal(tables[c].labels[i],
                             duet_dataset_label(set, DUET_TRAIN, tables[c].index[i]));
        }
    }
    duet_features_free(tables, count);
    duet_reader_close(reader);
    duet_bad_images_free(options.bad);
    duet_view_free(&view);
    duet_dataset_close(set);
    duet_model_close(model);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_leave_them_out),
        cmocka_unit_test(late_ones_leave_all_rows_the_same),
        cmocka_unit_test(sweeps_leave_them_out),
        cmocka_unit_test(tables_have_the_same_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
