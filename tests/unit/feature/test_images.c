/* SPDX-License-Identifier: MIT
 * Images of any size and colour into a reader: grey ones are read like grey ones in colour, those
 * of another size like those that a loader has fitted, by the ways of judges like those that are
 * resized exactly; settings that read the first channels of a map. Values of the ways themselves:
 * test_resize, test_preprocess. */
#include "tiny_model.h"

#include <duet/feature.h>

#include "base/mem.h"
#include "data/preprocess.h"
#include "io/resize.h"

#define JUDGE "resnet:image_size=16,base=4,classes=3,blocks=1/1,small=true"
enum { ROWS = 3, MOST = 16 * 16 * 3 };

static uint8_t drawn[ROWS * MOST];

/* Rows of features; images of `size` and `channels`, 0 = the model's. Returns their number. */
static int64_t read_rows(duet_model *model, const char *spec, const duet_settings *settings,
                         const uint8_t *pixels, int64_t size, int channels, float out[4096]) {
    const duet_preprocess how = {.size = size, .channels = channels};
    const duet_reader_options options = {.settings = *settings, .batch = ROWS};
    const int64_t index[ROWS] = {0, 1, 2};
    duet_context *ctx = make_context(2, true);
    duet_reader *reader = NULL;
    OK(duet_reader_open(ctx, &reader, spec, model, size > 0 ? &how : NULL, &options));
    const int64_t dim = duet_reader_dim(reader);
    assert_true(ROWS * dim <= 4096);
    OK(duet_reader_join(reader, pixels, index, ROWS, out));
    duet_reader_close(reader);
    duet_context_free(ctx);
    return ROWS * dim;
}

static duet_model *make_judge(void) {
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, JUDGE, 3);
    duet_copy_text(duet_model_card(model)->noise, DUET_TEXT_SIZE, "none");
    duet_context_free(ctx);
    return model;
}

static void assert_rows(const float *have, const float *want, int64_t count) {
    assert_memory_equal(have, want, (size_t)count * sizeof *have);
}

/* One channel, three equal ones: the same rows; with noise too. */
static void grey_is_read_in_colour(void **state) {
    (void)state;
    uint8_t colour[ROWS * 64 * 3];
    float have[4096], want[4096];
    const duet_settings settings = duet_settings_of(20, 5, 2);
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    for (int i = 0; i < ROWS * 64; i++) memset(colour + 3 * i, drawn[i], 3);
    const int64_t count = read_rows(model, "model", &settings, drawn, 8, 1, have);
    assert_int_equal(read_rows(model, "model", &settings, colour, 0, 0, want), count);
    assert_rows(have, want, count);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* Without a way of its own a reader fits images as the loader would. */
static void other_sizes_are_fitted(void **state) {
    (void)state;
    uint8_t fitted[ROWS * MOST];
    float have[4096], want[4096];
    const duet_settings settings = duet_settings_of(-1, 3, 1);
    duet_model *model = make_judge();
    const duet_preprocess how = duet_model_card(model)->preprocess;
    for (int i = 0; i < ROWS; i++) {
        const duet_image image = {
            .width = 10, .height = 10, .channels = 3, .pixels = drawn + i * 300};
        OK(duet_preprocess_fit(fitted + i * MOST, &image, &how));
    }
    const int64_t count = read_rows(model, "model", &settings, drawn, 10, 3, have);
    assert_int_equal(read_rows(model, "model", &settings, fitted, 0, 0, want), count);
    assert_rows(have, want, count);
    duet_model_close(model);
}

/* Colours are multiples of 16: twice as large, every value of the bilinear ways is a whole number,
 * and the rows are those of images that had this size from the start. */
static void judges_resize_exactly(void **state) {
    (void)state;
    static const char *const specs[] = {"model:resize=torch", "model:resize=tensorflow",
                                        "model:resize=clean", "model:resize=fit"};
    const duet_settings settings = duet_settings_of(-1, 3, 1);
    uint8_t small[ROWS * 64 * 3], large[ROWS * MOST];
    float values[MOST], have[4][4096], want[4096];
    int64_t count = 0;
    duet_model *model = make_judge();
    for (int i = 0; i < ROWS * 64 * 3; i++) small[i] = (uint8_t)(drawn[i] & 0xf0);
    for (int k = 0; k < 4; k++) {
        count = read_rows(model, specs[k], &settings, small, 8, 3, have[k]);
        for (int i = 0; i < ROWS && k < 2; i++) {
            const duet_image image = {
                .width = 8, .height = 8, .channels = 3, .pixels = small + i * 192};
            OK(duet_image_bilinear(values, &image, 16, 16,
                                   k == 0 ? DUET_BILINEAR_TORCH : DUET_BILINEAR_TF1));
            for (int v = 0; v < MOST; v++) {
                large[i * MOST + v] = (uint8_t)values[v];
                assert_true(values[v] == (float)large[i * MOST + v]);
            }
        }
        if (k >= 2) continue;
        assert_int_equal(read_rows(model, specs[k], &settings, large, 0, 0, want), count);
        assert_rows(have[k], want, count);
    }
    for (int k = 0; k < 4; k++) /* four ways, four results */
        for (int l = 0; l < k; l++)
            assert_true(memcmp(have[k], have[l], (size_t)count * sizeof(float)) != 0);
    duet_copy_text(duet_model_card(model)->preprocess.resize, 16, "clean"); /* as a card says */
    read_rows(model, "model", &settings, small, 8, 3, want);
    assert_rows(want, have[2], count);
    read_rows(model, "model:resize=torch", &settings, small, 8, 3, want);
    assert_rows(want, have[0], count);
    duet_model_close(model);
}

/* Whole tables: images of a set that are all of one size come as they are. */
static void tables_resize_too(void **state) {
    (void)state;
    const duet_reader_options options = {.settings = duet_settings_of(-1, 3, 1), .batch = 2};
    const duet_features_options features = {.stored = DUET_F32};
    const duet_preprocess as_is = {.size = 8, .channels = 3};
    uint8_t pixels[ROWS * 64 * 3];
    float want[4096];
    int64_t count = 0, index[ROWS] = {0, 1, 2};
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_judge();
    duet_dataset *data = open_data("synth:size=8,classes=3,train=9,test=3");
    duet_view view = {.split = DUET_TEST, .count = ROWS, .index = index};
    duet_reader *reader = NULL;
    duet_feature_table *table = NULL;
    OK(duet_reader_open(ctx, &reader, "model:resize=tensorflow", model, NULL, &options));
    assert_string_equal(duet_reader_describe(reader).preprocess.resize, "tensorflow");
    assert_int_equal(duet_reader_describe(reader).preprocess.size, 16);
    OK(duet_features(ctx, &table, &count, reader, data, &view, &features));
    assert_int_equal(duet_reader_describe(reader).preprocess.size, 8);
    for (int i = 0; i < ROWS; i++)
        OK(duet_dataset_read(data, DUET_TEST, i, &as_is, pixels + i * 192));
    read_rows(model, "model:resize=tensorflow", &options.settings, pixels, 8, 3, want);
    assert_rows(table->x, want, table->rows * table->dim);
    duet_features_free(table, count);
    duet_reader_close(reader);
    duet_dataset_close(data);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* The first channels of a map, of each of its pixels. */
static void settings_choose_channels(void **state) {
    (void)state;
    duet_settings all = duet_settings_of(-1, 2, 2), some = all, both = all;
    float whole[4096], part[4096], joined[4096];
    duet_model *model = make_judge();
    some.v[0].channels = 3;
    both.v[both.count++] = some.v[0];
    assert_int_equal(read_rows(model, "model", &all, drawn, 0, 0, whole), ROWS * 4 * 4);
    assert_int_equal(read_rows(model, "model", &some, drawn, 0, 0, part), ROWS * 4 * 3);
    assert_int_equal(read_rows(model, "model", &both, drawn, 0, 0, joined), ROWS * 4 * 7);
    for (int i = 0; i < ROWS * 4; i++)
        for (int c = 0; c < 3; c++) {
            assert_true(part[3 * i + c] == whole[4 * i + c]);
            assert_true(joined[i / 4 * 28 + 16 + i % 4 * 3 + c] == part[3 * i + c]);
        }
    some.v[0].channels = 5;
    FAILS(DUET_ARG, "channels is 5, but the map of tap 2 has 4", duet_settings_check(&some, model));
    duet_model_close(model);
}

static void what_cannot_be_read_is_refused(void **state) {
    (void)state;
    const duet_reader_options options = {.settings = duet_settings_of(-1, 2, 1)};
    const duet_preprocess none = {.size = 0, .channels = 3}, two = {.size = 8, .channels = 2};
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1), *judge = make_judge();
    duet_reader *reader = NULL;
    FAILS(DUET_ARG, "resize=clean is for networks that take no noise",
          duet_reader_open(ctx, &reader, "model:resize=clean", model, NULL, &options));
    FAILS(DUET_ARG, "must be one of",
          duet_reader_open(ctx, &reader, "model:resize=cleen", judge, NULL, &options));
    FAILS(DUET_ARG, "image size 0",
          duet_reader_open(ctx, &reader, "model", judge, &none, &options));
    FAILS(DUET_ARG, "2 channels", duet_reader_open(ctx, &reader, "random", judge, &two, &options));
    duet_model_close(model);
    duet_model_close(judge);
    duet_context_free(ctx);
}

static int draw(void **state) {
    (void)state;
    for (int i = 0; i < ROWS * MOST; i++) drawn[i] = (uint8_t)(i * 7919 % 251);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grey_is_read_in_colour),
        cmocka_unit_test(other_sizes_are_fitted),
        cmocka_unit_test(judges_resize_exactly),
        cmocka_unit_test(tables_resize_too),
        cmocka_unit_test(settings_choose_channels),
        cmocka_unit_test(what_cannot_be_read_is_refused),
    };
    return cmocka_run_group_tests(tests, draw, NULL);
}
