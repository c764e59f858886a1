/* SPDX-License-Identifier: MIT
 * Sources of images on disk: each row once, with its label, the short last batch too; what 'duet
 * sample' writes comes back byte for byte, in order, from a folder, a zip and an npz. */
#include "fixtures.h"

#include <duet/sample.h>

#include "base/str.h"

enum { SIDE = 6, IMAGES = 7, PIXELS = SIDE * SIDE };

static duet_loader_options by(int64_t batch) {
    return (duet_loader_options){.batch = batch};
}

static void a_view_is_read_once(void **state) {
    (void)state;
    duet_dataset *set = NULL;
    duet_view view = {0};
    duet_source *source = NULL;
    duet_batch batch;
    bool seen[23] = {false};
    int64_t rows = 0;
    OK(duet_dataset_open(NULL, &set, "synth:size=12,train=23,test=0,classes=5"));
    OK(duet_view_all(&view, set, DUET_TRAIN));
    duet_loader_options options = by(10);
    options.preprocess = (duet_preprocess){.size = 12, .channels = 3};
    OK(duet_source_open_view(NULL, &source, set, &view, &options));
    duet_view_free(&view);
    assert_int_equal(duet_source_describe(source)->count, 23);
    while (more_of(source, &batch)) {
        assert_int_equal(batch.count, rows < 20 ? 10 : 3);
        for (int64_t i = 0; i < batch.count; i++, rows++) {
            assert_false(seen[batch.index[i]]);
            seen[batch.index[i]] = true;
            assert_int_equal(batch.labels[i], duet_dataset_label(set, DUET_TRAIN, batch.index[i]));
        }
    }
    assert_int_equal(rows, 23);
    OK(duet_source_next(source, &batch)); /* it stays at its end */
    assert_int_equal(batch.count, 0);
    duet_source_close(source);
    duet_dataset_close(set);
}

static void check_pictures(const char *path, const uint8_t *pixels, int channels) {
    duet_source *source = NULL;
    duet_batch batch;
    int64_t rows = 0;
    const duet_loader_options options = by(3);
    OK(duet_source_open_path(NULL, &source, path, &options));
    const duet_source_info *info = duet_source_describe(source);
    assert_true(info->size == SIDE && info->channels == channels && info->count == IMAGES);
    while (more_of(source, &batch)) {
        assert_int_equal(batch.position, rows);
        for (int64_t i = 0; i < batch.count; i++, rows++) {
            assert_int_equal(batch.index[i], rows);
            assert_int_equal(batch.labels[i], -1);
            for (int p = 0; p < PIXELS * channels; p++)
                assert_int_equal(batch.pixels[i * PIXELS * channels + p],
                                 pixels[rows * PIXELS + p / channels]);
        }
    }
    assert_int_equal(rows, IMAGES);
    duet_source_close(source);
}

static void what_was_written_comes_back(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int channels; /* an npz has three always */
    } sinks[] = {{"drawn", 1}, {"drawn.zip", 1}, {"drawn.npz", 3}};
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    uint8_t pixels[IMAGES * PIXELS];
    for (int i = 0; i < IMAGES * PIXELS; i++) pixels[i] = (uint8_t)(i * 37 % 251);
    fresh_folder(folder, "source");
    for (int k = 0; k < 3; k++) {
        OK(duet_path_join(path, folder, sinks[k].name));
        OK(duet_images_save(pixels, IMAGES, SIDE, 1, 1, path, NULL));
        check_pictures(path, pixels, sinks[k].channels);
    }
}

/* Splits follow each other and are numbered on. */
static void splits_are_one_sequence(void **state) {
    (void)state;
    duet_source *source = NULL;
    duet_batch batch;
    int64_t rows = 0;
    const duet_loader_options options = by(4);
    OK(duet_source_open_path(NULL, &source, "synth:size=8,train=6,test=3,classes=2", &options));
    assert_int_equal(duet_source_describe(source)->count, 9);
    while (more_of(source, &batch))
        for (int64_t i = 0; i < batch.count; i++) assert_int_equal(batch.index[i], rows++);
    assert_int_equal(rows, 9);
    duet_source_close(source);
    duet_loader_options shuffled = by(4);
    shuffled.shuffle = true;
    FAILS(DUET_ARG, "in order", duet_source_open_path(NULL, &source, "synth", &shuffled));
    const duet_loader_options nothing = by(0);
    FAILS(DUET_ARG, "batch size 0", duet_source_open_path(NULL, &source, "synth", &nothing));
    FAILS(DUET_NOT_FOUND, "nowhere", duet_source_open_path(NULL, &source, "nowhere", &options));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_is_read_once),
        cmocka_unit_test(what_was_written_comes_back),
        cmocka_unit_test(splits_are_one_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
