/* SPDX-License-Identifier: MIT
 * Networks that recognise only: files of torchvision's and timm's own blocks
 * (tests/golden/make_recogniser_goldens.py) are opened by names and shapes, and every tap, the
 * logits among them, is what PyTorch found. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <duet.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#define OK(call) assert_int_equal(call, DUET_OK)

/* Relative rms of two vectors. */
static double distance(const float *have, const float *want, int64_t count) {
    double difference = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        difference += ((double)have[i] - (double)want[i]) * ((double)have[i] - (double)want[i]);
        size += (double)want[i] * (double)want[i];
    }
    return sqrt(difference / size);
}

static double check_tap(duet_context *ctx, duet_model *model, duet_store *golden, const char *name,
                        const duet_tap_row *tap, const uint8_t *pixels) {
    const int64_t side = tap->height < 2 ? 1 : 2, count = side * side * tap->channels, index = 0;
    const duet_reader_options options = {.settings = duet_settings_of(-1, tap->block, side),
                                         .batch = 1};
    duet_reader *reader = NULL;
    float *have = NULL, *want = NULL;
    char key[64];
    snprintf(key, sizeof key, "%s.%d", name, tap->block);
    OK(duet_alloc(&have, count, sizeof *have));
    OK(duet_alloc(&want, count, sizeof *want));
    OK(duet_reader_open(ctx, &reader, "model", model, NULL, &options));
    OK(duet_reader_run(reader, pixels, &index, 1, &have));
    assert_int_equal(duet_shape_count(&duet_store_find(golden, key)->shape), count);
    OK(duet_store_read(golden, key, DUET_F32, want));
    const double error = distance(have, want, count);
    duet_reader_close(reader);
    duet_release(have);
    duet_release(want);
    return error;
}

/* Its features are those of this tap, pooled to one. */
static void check_features(const duet_model *model, int64_t tap) {
    duet_setting features = {.t = 3};
    assert_true(duet_model_feature_setting(model, &features));
    assert_int_equal(features.t, -1);
    assert_int_equal(features.tap, tap);
    assert_int_equal(features.pool, 1);
}

/* The file's taps against those of the golden `name`. */
static void check_file(const char *path, const char *name, int taps, int64_t logits) {
    const duet_context_options exact = {.threads = 2, .exact = true};
    duet_context *ctx = NULL;
    duet_model *model = NULL;
    duet_store *golden = NULL;
    uint8_t *pixels = NULL;
    double worst = 0;
    OK(duet_context_new(&ctx, &exact));
    OK(duet_model_open(ctx, &model, path));
    OK(duet_store_open(&golden, DUET_SOURCE_DIR "/tests/golden/recognisers.npz"));
    assert_true(duet_model_recogniser(model));
    assert_int_equal(duet_model_logits(model), logits);
    assert_int_equal(duet_model_tap_count(model), taps);
    check_features(model, taps - (logits > 0));
    const int64_t size = duet_model_card(model)->preprocess.size, count = size * size * 3;
    OK(duet_alloc(&pixels, count, 1));
    for (int64_t i = 0; i < count; i++) pixels[i] = (uint8_t)(37 * i % 251);
    for (int i = 0; i < taps; i++)
        worst = fmax(worst, check_tap(ctx, model, golden, name, duet_model_tap(model, i), pixels));
    print_message("    %-18s %d taps, worst relative rms %.1e\n", name, taps, worst);
    assert_true(worst < 5e-6);
    duet_release(pixels);
    duet_store_close(golden);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void check_model(const char *name, int taps, int64_t logits) {
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/%s.pt", DUET_SOURCE_DIR, name);
    check_file(path, name, taps, logits);
}

static void test_files(void **state) {
    (void)state;
    check_model("resnet_basic", 6, 5);
    check_model("resnet_bottleneck", 6, 5);
    check_model("vit_timm", 4, 5);
    check_model("vit_torchvision", 4, 5);
    check_model("vit_dinov2", 3, 0);
}

/* The tensors of a golden file but those that begin with `without`. */
static void write_without(const char *path, const char *name, const char *without) {
    static duet_store_item items[100];
    char from[512];
    duet_store *store = NULL;
    duet_arena *arena = NULL;
    int64_t count = 0, left = 0;
    snprintf(from, sizeof from, "%s/tests/golden/%s.pt", DUET_SOURCE_DIR, name);
    OK(duet_arena_new(&arena));
    OK(duet_store_open(&store, from));
    for (int64_t i = 0; i < duet_store_count(store); i++) {
        const duet_store_entry *const entry = duet_store_at(store, i);
        void *const data =
            duet_arena_alloc(arena, duet_shape_count(&entry->shape) + 1, sizeof(double));
        left += strncmp(entry->name, without, strlen(without)) == 0;
        if (strncmp(entry->name, without, strlen(without)) == 0) continue;
        OK(duet_store_read(store, entry->name, entry->dtype, data));
        assert_true(count < DUET_COUNT(items));
        items[count++] = (duet_store_item){.name = entry->name,
                                           .dtype = entry->dtype,
                                           .stored = entry->dtype,
                                           .shape = entry->shape,
                                           .data = data};
    }
    assert_int_equal(left, 2); /* weights and biases */
    OK(duet_store_write(path, "safetensors", items, count, NULL, 0));
    duet_store_close(store);
    duet_arena_free(arena);
}

/* Files without their classifier are backbones: the same taps, but the last. The colours of the
 * transformer stand in timm's config.json only. */
static void test_backbones(void **state) {
    static const char config[] =
        "{\"architecture\": \"vit\", \"pretrained_cfg\": {\"mean\": [0.5, 0.5, 0.5], \"std\": "
        "[0.5, 0.5, 0.5]}}";
    (void)state;
    write_without(DUET_TEST_TMP "/backbone.safetensors", "resnet_basic", "fc.");
    check_file(DUET_TEST_TMP "/backbone.safetensors", "resnet_basic", 5, 0);
    write_without(DUET_TEST_TMP "/backbone.safetensors", "resnet_bottleneck", "fc.");
    check_file(DUET_TEST_TMP "/backbone.safetensors", "resnet_bottleneck", 5, 0);
    OK(duet_folder_make(DUET_TEST_TMP "/backbone"));
    OK(duet_file_write(DUET_TEST_TMP "/backbone/config.json", config, sizeof config - 1));
    write_without(DUET_TEST_TMP "/backbone/model.safetensors", "vit_timm", "head.");
    check_file(DUET_TEST_TMP "/backbone", "vit_timm", 3, 0);
    duet_model *model = NULL;
    OK(duet_model_open(NULL, &model, DUET_TEST_TMP "/backbone"));
    assert_int_equal(duet_model_card(model)->class_count, 0);
    assert_string_equal(duet_model_card(model)->says, "");
    duet_model_close(model);
}

/* They make no images, and say so. */
static void test_refusals(void **state) {
    (void)state;
    duet_context *ctx = NULL;
    duet_model *model = NULL;
    uint8_t pixel[24 * 24 * 3];
    duet_sample_options options = {.count = 1, .sampler = "ddim:steps=2"};
    OK(duet_context_new(&ctx, &(duet_context_options){.threads = 1}));
    OK(duet_model_open(ctx, &model, DUET_SOURCE_DIR "/tests/golden/vit_timm.pt"));
    assert_int_equal(duet_sample(ctx, model, &options, pixel), DUET_UNSUPPORTED);
    assert_non_null(strstr(duet_error_message(), "recognises images and cannot generate them"));
    duet_model_close(model);
    duet_context_free(ctx);
}

/* The judge of generated images has 23,850,960 weights (torchvision's count with 1008 classes) and
 * 34,432 running statistics; its taps are those that metrics use. Values at full size:
 * tools/parity/inception.py. */
static void test_inception(void **state) {
    duet_context *ctx = NULL;
    duet_model *model = NULL;
    (void)state;
    OK(duet_context_new(&ctx, NULL));
    OK(duet_model_new(ctx, &model, "inception", 1));
    assert_int_equal(duet_model_parameters(model), 23850960 + 34432);
    assert_int_equal(duet_model_tap_count(model), 14);
    assert_string_equal(duet_model_tap(model, 9)->name, "Mixed_6e");
    assert_int_equal(duet_model_tap(model, 9)->channels, 768);
    assert_int_equal(duet_model_tap(model, 9)->height, 17);
    assert_string_equal(duet_model_tap(model, 12)->name, "Mixed_7c");
    assert_int_equal(duet_model_tap(model, 12)->channels, 2048);
    assert_int_equal(duet_model_tap(model, 12)->width, 8);
    assert_int_equal(duet_model_logits(model), 1008);
    check_features(model, 13);
    duet_settings spatial = {.count = 1};
    char text[DUET_TEXT_SIZE];
    assert_true(duet_model_spatial_setting(model, &spatial.v[0]));
    duet_settings_print(&spatial, text, sizeof text);
    assert_string_equal(text, "t=-1,tap=9,pool=17,channels=7"); /* 2023 numbers */
    assert_string_equal(duet_model_tap(model, 8)->name, "Mixed_6d");
    duet_model_close(model);
    OK(duet_model_new(ctx, &model, "ddpm_little", 1)); /* takes noise */
    assert_false(duet_model_feature_setting(model, &(duet_setting){.t = 0}));
    assert_false(duet_model_spatial_setting(model, &(duet_setting){.t = 0}));
    duet_model_close(model);
    OK(duet_model_new(ctx, &model,
                      "vit:image_size=16,patch=8,width=16,depth=2,heads=1,hidden=16,classes=3,"
                      "fc_norm=true",
                      1)); /* its classifier reads the patches */
    check_features(model, 2);
    duet_model_close(model);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files), cmocka_unit_test(test_backbones),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_inception)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
