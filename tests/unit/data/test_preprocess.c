/* SPDX-License-Identifier: MIT
 * Pixels to floats and back, fit modes, augmentations. */
#include "fixtures.h"

#include <math.h>

#include "data/augment/augment.h"
#include "data/preprocess.h"
#include "io/resize.h"

static void pixels_survive_the_way(void **state) {
    (void)state;
    uint8_t in[256], out[256];
    float x[256];
    for (int i = 0; i < 256; i++) in[i] = (uint8_t)i;
    duet_pixels_to_float(x, in, 256);
    assert_true(x[0] == -1.0f && x[255] == 1.0f);
    for (int i = 0; i < 256; i++) assert_true(x[i] == (float)i / 127.5f - 1.0f);
    duet_float_to_pixels(out, x, 256);
    assert_memory_equal(in, out, 256);
    const float odd[6] = {-2.0f, 7.0f, NAN, 0.0f, INFINITY, -INFINITY};
    const uint8_t expected[6] = {0, 255, 0, 128, 255, 0}; /* 127.5 rounds up */
    duet_float_to_pixels(out, odd, 6);
    assert_memory_equal(out, expected, 6);
}

static char path[DUET_PATH_SIZE];

/* height x width grey image with pixel (y, x) = 10 y + x. */
static void put_ramp(int64_t height, int64_t width) {
    char folder[DUET_PATH_SIZE];
    snprintf(folder, sizeof folder, "%s", DUET_TEST_TMP);
    place(path, folder, "preprocess_ramp.png");
    duet_image image = {0};
    OK(duet_image_new(&image, width, height, 1));
    for (int64_t i = 0; i < width * height; i++)
        image.pixels[i] = (uint8_t)(10 * (i / width) + i % width);
    OK(duet_image_write_png(path, &image, NULL, 0));
    duet_image_free(&image);
}

static void padding_repeats_the_border(void **state) {
    (void)state;
    put_ramp(6, 7);
    uint8_t out[64 * 3];
    for (int k = 0; k < 2; k++) { /* auto pads too: 6 and 7 are within 20 % of 7 */
        duet_preprocess how = {.size = k == 0 ? 8 : 7, .channels = 1};
        snprintf(how.fit, sizeof how.fit, "%s", k == 0 ? "pad" : "auto");
        OK(duet_image_load(path, &how, out));
        for (int64_t y = 0; y < how.size; y++) {
            for (int64_t x = 0; x < how.size; x++) {
                const int64_t top = k == 0 ? 1 : 0;
                const int64_t sy = y - top < 0 ? 0 : y - top > 5 ? 5 : y - top, sx = x > 6 ? 6 : x;
                assert_int_equal(out[y * how.size + x], 10 * sy + sx);
            }
        }
    }
    OK(duet_image_load(path, &(duet_preprocess){.size = 8, .channels = 3, .fit = "pad"}, out));
    assert_int_equal(out[3 * 63 + 2], 56);
}

/* The short side to 8/7 of the size by a bicubic filter, then the centre. */
static void transformers_are_fed_by_a_cubic(void **state) {
    (void)state;
    duet_image image = {0}, resized = {0}, want = {0};
    uint8_t bytes[42 * 42], other[42 * 42];
    const duet_preprocess how = {.size = 42, .channels = 1, .fit = "imagenet_cubic"},
                          bilinear = {.size = 42, .channels = 1, .fit = "imagenet"};
    OK(duet_image_new(&image, 90, 60, 1));
    for (int i = 0; i < 90 * 60; i++) image.pixels[i] = (uint8_t)(i * 7919 % 251);
    OK(duet_preprocess_fit(bytes, &image, &how));
    OK(duet_image_resize(&resized, &image, 72, 48, DUET_FILTER_BICUBIC));
    OK(duet_image_crop(&want, &resized, 15, 3, 42, 42));
    assert_memory_equal(bytes, want.pixels, sizeof bytes);
    OK(duet_preprocess_fit(other, &image, &bilinear));
    assert_true(memcmp(bytes, other, sizeof bytes) != 0);
    duet_image_free(&image);
    duet_image_free(&resized);
    duet_image_free(&want);
}

static void larger_images_are_cropped(void **state) {
    (void)state;
    put_ramp(4, 6);
    uint8_t out[16];
    const uint8_t centre[16] = {1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24, 31, 32, 33, 34};
    static const char *const fits[] = {"auto", "center_crop", "pad", ""};
    for (int k = 0; k < 4; k++) {
        duet_preprocess how = {.size = 4, .channels = 1};
        snprintf(how.fit, sizeof how.fit, "%s", fits[k]);
        OK(duet_image_load(path, &how, out));
        assert_memory_equal(out, centre, 16);
    }
}

/* 4 of 5 is 20 % smaller: enlarged, not padded. */
static void much_smaller_images_are_enlarged(void **state) {
    (void)state;
    put_ramp(4, 4);
    uint8_t automatic[25], cropped[25], padded[25];
    OK(duet_image_load(path, &(duet_preprocess){.size = 5, .channels = 1, .fit = "auto"},
                       automatic));
    OK(duet_image_load(path, &(duet_preprocess){.size = 5, .channels = 1, .fit = "center_crop"},
                       cropped));
    OK(duet_image_load(path, &(duet_preprocess){.size = 5, .channels = 1, .fit = "pad"}, padded));
    assert_memory_equal(automatic, cropped, 25);
    assert_memory_not_equal(automatic, padded, 25);
}

static void options_are_checked(void **state) {
    (void)state;
    uint8_t out[4];
    FAILS(DUET_ARG, "size 0",
          duet_image_load(path, &(duet_preprocess){.size = 0, .channels = 1}, out));
    FAILS(DUET_ARG, "2 channels",
          duet_image_load(path, &(duet_preprocess){.size = 2, .channels = 2}, out));
    FAILS(
        DUET_ARG, "unknown fit 'stretch'",
        duet_image_load(path, &(duet_preprocess){.size = 2, .channels = 1, .fit = "stretch"}, out));
    FAILS(DUET_NOT_FOUND, "nowhere.png",
          duet_image_load("nowhere.png", &(duet_preprocess){.size = 2, .channels = 1}, out));
}

/* ---- augmentations ---- */

static void chain(duet_augment_chain *out, const char *spec) {
    OK(duet_augment_chain_parse(out, spec));
}

static void flip_mirrors(void **state) {
    (void)state;
    duet_augment_chain always, half;
    chain(&always, "flip:p=1");
    chain(&half, "flip");
    uint8_t scratch[18], x[18] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
    const uint8_t mirrored[18] = {4, 5, 2, 3, 0, 1, 10, 11, 8, 9, 6, 7, 16, 17, 14, 15, 12, 13};
    duet_augment_chain_apply(&always, 0, 0, x, scratch, 3, 2);
    assert_memory_equal(x, mirrored, 18);
    int flips = 0;
    for (uint64_t position = 0; position < 1000; position++) {
        uint8_t pair[4] = {0, 1, 0, 1};
        duet_augment_chain_apply(&half, 9, position, pair, scratch, 2, 1);
        flips += pair[0];
    }
    assert_in_range(flips, 430, 570);
}

static void crop_shifts_by_reflection(void **state) {
    (void)state;
    duet_augment_chain crop;
    chain(&crop, "crop:pad=2");
    int places[25] = {0};
    for (uint64_t position = 0; position < 1000; position++) {
        uint8_t x[25], scratch[25];
        for (int i = 0; i < 25; i++) x[i] = (uint8_t)(10 * (i / 5) + i % 5);
        duet_augment_chain_apply(&crop, 1, position, x, scratch, 5, 1);
        const int dy = x[12] / 10 - 2, dx = x[12] % 10 - 2; /* where the centre came from */
        places[5 * (dy + 2) + dx + 2]++;
        for (int i = 0; i < 25; i++) {
            int sy = abs(i / 5 + dy), sx = abs(i % 5 + dx);
            sy = sy > 4 ? 8 - sy : sy;
            sx = sx > 4 ? 8 - sx : sx;
            assert_int_equal(x[i], 10 * sy + sx);
        }
    }
    for (int i = 0; i < 25; i++) assert_in_range(places[i], 10, 80);
    chain(&crop, "crop:pad=400");
    uint8_t one[1] = {7}, scratch[4], four[4] = {1, 2, 3, 4};
    duet_augment_chain_apply(&crop, 1, 0, one, scratch, 1, 1);
    assert_int_equal(one[0], 7);
    duet_augment_chain_apply(&crop, 1, 0, four, scratch, 2, 1);
    for (int i = 0; i < 4; i++) assert_in_range(four[i], 1, 4);
}

static void chains_are_parsed(void **state) {
    (void)state;
    duet_augment_chain got = {0};
    chain(&got, "");
    assert_int_equal(got.count, 0);
    chain(&got, "flip+crop:pad=3+flip:p=0");
    assert_int_equal(got.count, 3);
    assert_string_equal(got.member[1]->info.name, "crop");
    FAILS(DUET_ARG, "did you mean 'pad'", duet_augment_chain_parse(&got, "crop:pas=1"));
    FAILS(DUET_ARG, "more than 8",
          duet_augment_chain_parse(&got, "flip+flip+flip+flip+flip+flip+flip+flip+flip"));
    assert_int_not_equal(duet_augment_chain_parse(&got, "flip+"), DUET_OK);
}

/* Two pixels to four: the ways of judges place them differently, and one overshoots. */
static void judges_resize(void **state) {
    (void)state;
    static const char *const ways[] = {"torch", "tensorflow", "clean"};
    static const float torch[] = {40, 80, 160, 200}, tensorflow[] = {40, 120, 200, 200};
    uint8_t pixels[] = {40, 200, 40, 200}, bytes[16];
    const duet_image image = {.width = 2, .height = 2, .channels = 1, .pixels = pixels};
    float gain[3], offset[3], out[16];
    for (int k = 0; k < 3; k++) {
        duet_preprocess how = {.size = 4, .channels = 1};
        snprintf(how.resize, sizeof how.resize, "%s", ways[k]);
        OK(duet_preprocess_check(&how));
        OK(duet_preprocess_resize(out, &image, &how));
        OK(duet_preprocess_fit(bytes, &image, &how));
        assert_true(duet_preprocess_colours(&how, gain, offset) == (k > 0));
        for (int i = 0; i < 16; i++) assert_int_equal(bytes[i], (uint8_t)(out[i] + 0.5F));
        for (int i = 0; i < 16 && k < 2; i++)
            assert_true(out[i] == (k == 0 ? torch : tensorflow)[i % 4]);
        if (k == 0) continue;
        assert_true(gain[2] == 1.0F / 128 && offset[2] == -1.0F);
        how.std[0] = how.std[1] = how.std[2] = 0.5; /* a network's own colours precede */
        assert_true(duet_preprocess_colours(&how, gain, offset) && gain[0] == 1.0F / 127.5F);
    }
    /* Keys' cubic: 40 w(1/4) + 200 w(5/4), over their sum */
    assert_true(fabs((double)out[0] - (40 * 0.8671875 - 200 * 0.0703125) / 0.796875) < 1e-5);
    assert_true(fabs((double)(out[0] + out[3]) - 240) < 1e-4 && out[0] < out[1]);
    duet_preprocess wrong = {.size = 4, .channels = 1, .resize = "clear"};
    FAILS(DUET_ARG, "unknown resize 'clear'", duet_preprocess_check(&wrong));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_survive_the_way),
        cmocka_unit_test(padding_repeats_the_border),
        cmocka_unit_test(transformers_are_fed_by_a_cubic),
        cmocka_unit_test(larger_images_are_cropped),
        cmocka_unit_test(much_smaller_images_are_enlarged),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(judges_resize),
        cmocka_unit_test(flip_mirrors),
        cmocka_unit_test(crop_shifts_by_reflection),
        cmocka_unit_test(chains_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
