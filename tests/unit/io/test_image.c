/* SPDX-License-Identifier: MIT
 * Image decoding against Pillow 9.4 (tests/golden/images), damaged files, conversions, limits and
 * PNG writing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <duet/store.h>

#include "base/mem.h"
#include "io/image.h"

#define FOLDER DUET_SOURCE_DIR "/tests/golden/images/"

static duet_bytes load(const char *name) {
    char path[512];
    snprintf(path, sizeof path, FOLDER "%s", name);
    duet_bytes bytes = {0};
    assert_int_equal(duet_file_read(&bytes, path), DUET_OK);
    return bytes;
}

/* Decodes every picture of an archive of expected pixels. */
static void compare_all(const char *archive, int64_t count_of_images) {
    duet_store *store = NULL;
    assert_int_equal(duet_store_open(&store, archive), DUET_OK);
    assert_int_equal(duet_store_count(store), count_of_images);
    for (int64_t i = 0; i < duet_store_count(store); i++) {
        const duet_store_entry *e = duet_store_at(store, i);
        char path[512];
        snprintf(path, sizeof path, FOLDER "%s", e->name);
        duet_image image = {0};
        if (duet_image_read(&image, path, 0) != DUET_OK) fail_msg("%s", duet_error_message());
        assert_int_equal(image.height, e->shape.dim[0]);
        assert_int_equal(image.width, e->shape.dim[1]);
        assert_int_equal(image.channels, e->shape.dim[2]);
        const int64_t count = duet_shape_count(&e->shape);
        uint8_t *want = NULL;
        assert_int_equal(duet_alloc(&want, count, 1), DUET_OK);
        assert_int_equal(duet_store_read(store, e->name, DUET_U8, want), DUET_OK);
        for (int64_t k = 0; k < count; k++)
            if (image.pixels[k] != want[k])
                fail_msg("%s: byte %d is %d, not %d", e->name, (int)k, image.pixels[k], want[k]);
        duet_release(want);
        duet_image_free(&image);
    }
    duet_store_close(store);
}

static void equals_pillow(void **unused) {
    (void)unused;
    compare_all(FOLDER "images.npz", 24);
    compare_all(FOLDER "webp.npz", 4);
    compare_all(FOLDER "exif.npz", 9); /* each orientation; PNG and WebP too */
    duet_image image = {0};
    assert_int_equal(duet_image_read(&image, FOLDER "animated.webp", 0), DUET_UNSUPPORTED);
    assert_non_null(strstr(duet_error_message(), "animated"));
}

static void every_truncation_is_an_error(void **unused) {
    (void)unused;
    const char *const names[] = {"grey.jpg",  "rgb_420.jpg",    "rgb_444_progressive.jpg",
                                 "cmyk.jpg",  "palette.png",    "rgba.png",
                                 "rgb16.png", "interlaced.png", "rgb.ppm",
                                 "wide.ppm",  "lossless.webp",  "alpha.webp"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        duet_bytes bytes = load(names[i]);
        for (int64_t size = 0; size < bytes.size; size++) {
            duet_image image = {0};
            /* a block of exactly this size, so that a sanitizer sees every step too far */
            uint8_t *part = NULL;
            assert_int_equal(duet_alloc(&part, size, 1), DUET_OK);
            memcpy(part, bytes.data, (size_t)size);
            const duet_status status = duet_image_decode(&image, part, size, 3, "cut");
            if (status != DUET_FORMAT)
                fail_msg("%s cut to %d bytes: %s", names[i], (int)size, duet_status_name(status));
            assert_non_null(strstr(duet_error_message(), "'cut'"));
            assert_null(image.pixels);
            duet_release(part);
        }
        duet_bytes_free(&bytes);
    }
}

/* Any single changed byte: an image or a clean error, never a crash. */
static void damaged_bytes_are_survived(void **unused) {
    (void)unused;
    const char *const names[] = {"rgb_420.jpg",        "rgb_444_progressive.jpg",
                                 "palette_alpha.png",  "interlaced.png",
                                 "max100.ppm",         "lossy.webp",
                                 "alpha_lossless.webp"};
    int failures = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        duet_bytes bytes = load(names[i]);
        for (int64_t at = 0; at < bytes.size; at++) {
            const uint8_t old = bytes.data[at];
            bytes.data[at] = (uint8_t)(old ^ (at % 2 ? 0xFF : 0x10));
            duet_image image = {0};
            const duet_status status =
                duet_image_decode(&image, bytes.data, bytes.size, 0, "damaged");
            assert_true(status == DUET_OK || status == DUET_FORMAT || status == DUET_NO_MEMORY);
            failures += status != DUET_OK;
            duet_image_free(&image);
            bytes.data[at] = old;
        }
        duet_bytes_free(&bytes);
    }
    assert_true(failures > 1000);
}

static void converts_channels(void **unused) {
    (void)unused;
    duet_image rgb = {0}, grey = {0}, spread = {0};
    assert_int_equal(duet_image_read(&rgb, FOLDER "rgb_420.jpg", 3), DUET_OK);
    assert_int_equal(duet_image_read(&grey, FOLDER "rgb_420.jpg", 1), DUET_OK);
    assert_int_equal(grey.channels, 1);
    for (int64_t i = 0; i < rgb.width * rgb.height; i++) {
        const uint8_t *p = rgb.pixels + 3 * i;
        assert_int_equal(grey.pixels[i],
                         (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16);
    }
    duet_image_free(&grey);
    assert_int_equal(duet_image_read(&grey, FOLDER "grey.jpg", 0), DUET_OK);
    assert_int_equal(duet_image_read(&spread, FOLDER "grey.jpg", 3), DUET_OK);
    assert_int_equal(spread.channels, 3);
    for (int64_t i = 0; i < spread.width * spread.height * 3; i++)
        assert_int_equal(spread.pixels[i], grey.pixels[i / 3]);
    duet_image none = {0};
    assert_int_equal(duet_image_read(&none, FOLDER "grey.jpg", 2), DUET_ARG);
    duet_image_free(&rgb);
    duet_image_free(&grey);
    duet_image_free(&spread);
}

static void knows_its_files(void **unused) {
    (void)unused;
    assert_true(duet_image_name_known("a/b.JPG"));
    assert_true(duet_image_name_known("x.jpeg"));
    assert_true(duet_image_name_known("x.JFIF"));
    assert_true(duet_image_name_known("x.pjpeg"));
    assert_true(duet_image_name_known("x.png"));
    assert_true(duet_image_name_known("x.pgm"));
    assert_false(duet_image_name_known("x.txt"));
    assert_false(duet_image_name_known("png"));
    assert_false(duet_image_name_known("x."));
    assert_false(duet_image_name_known("x.pn"));
    assert_false(duet_image_name_known("a.png/file"));
    duet_bytes bytes = load("grey.png");
    assert_true(duet_image_known(bytes.data, bytes.size));
    assert_false(duet_image_known((const uint8_t *)"hello world", 11));
    duet_bytes_free(&bytes);
    duet_image image = {0};
    assert_int_equal(duet_image_decode(&image, (const uint8_t *)"hello world", 11, 0, "note.txt"),
                     DUET_FORMAT);
    assert_string_equal(duet_error_message(),
                        "'note.txt' is not a JPEG, PNG, PPM or WebP image: it is a text");
    assert_int_equal(duet_image_read(&image, FOLDER "absent.png", 0), DUET_NOT_FOUND);
}

/* Sizes are refused from the header alone, before memory is asked for. */
static void refuses_huge_images(void **unused) {
    (void)unused;
    duet_image image = {0};
    const char *const ppm[] = {"P5 65501 1 255\n", "P5 1 70000 255\n", "P6 60000 60000 255\n",
                               "P6 1073741823 1073741823 255\n"};
    for (size_t i = 0; i < sizeof ppm / sizeof ppm[0]; i++)
        assert_int_equal(
            duet_image_decode(&image, (const uint8_t *)ppm[i], (int64_t)strlen(ppm[i]), 0, "huge"),
            DUET_NO_MEMORY);
    assert_int_equal(duet_image_decode(&image, (const uint8_t *)"P5 0 1 255\n", 11, 0, "none"),
                     DUET_FORMAT);
    assert_int_equal(duet_image_decode(&image, (const uint8_t *)"P5 99999999999999999999 1 255\n",
                                       30, 0, "none"),
                     DUET_FORMAT);
    /* A JPEG that claims 65000 x 65000: the frame header is FF C0, length 2, precision 1, height 2,
     * width 2. */
    duet_bytes bytes = load("grey.jpg");
    for (int64_t i = 0; i + 9 < bytes.size; i++) {
        if (bytes.data[i] != 0xFF || bytes.data[i + 1] != 0xC0) continue;
        memcpy(bytes.data + i + 5, "\xFD\xE8\xFD\xE8", 4);
        break;
    }
    assert_int_equal(duet_image_decode(&image, bytes.data, bytes.size, 0, "huge"), DUET_NO_MEMORY);
    assert_non_null(strstr(duet_error_message(), "65000 x 65000"));
    duet_bytes_free(&bytes);
    assert_int_equal(duet_image_new(&image, 65501, 1, 3), DUET_NO_MEMORY);
    assert_int_equal(duet_image_new(&image, 1, 1, 4), DUET_ARG);
    assert_null(image.pixels);
}

static bool contains(const duet_bytes *bytes, const char *text, size_t size) {
    return memmem(bytes->data, (size_t)bytes->size, text, size) != NULL;
}

static void png_round_trip(void **unused) {
    (void)unused;
    for (int channels = 1; channels <= 3; channels += 2) {
        duet_image image, again = {0};
        assert_int_equal(duet_image_new(&image, 13, 7, channels), DUET_OK);
        for (int i = 0; i < 13 * 7 * channels; i++) image.pixels[i] = (uint8_t)(i * 37 + i * i);
        const duet_image_text texts[] = {{"Software", "duet"}, {"Caption", "na\xC3\xAFve"}};
        duet_bytes bytes = {0};
        assert_int_equal(duet_image_encode_png(&bytes, &image, texts, 2), DUET_OK);
        assert_true(contains(&bytes, "tEXtSoftware\0duet", 17));
        assert_true(contains(&bytes, "iTXtCaption\0", 12));
        assert_int_equal(duet_image_decode(&again, bytes.data, bytes.size, 0, "again"), DUET_OK);
        assert_int_equal(again.channels, channels);
        assert_memory_equal(again.pixels, image.pixels, 13 * 7 * (size_t)channels);
        duet_image_free(&again);
        assert_int_equal(duet_image_write_png(DUET_TEST_TMP "/image.png", &image, NULL, 0),
                         DUET_OK);
        assert_int_equal(duet_image_read(&again, DUET_TEST_TMP "/image.png", 0), DUET_OK);
        assert_memory_equal(again.pixels, image.pixels, 13 * 7 * (size_t)channels);
        const duet_image_text bad = {"", "x"};
        assert_int_equal(duet_image_encode_png(&bytes, &image, &bad, 1), DUET_ARG);
        duet_bytes_free(&bytes);
        duet_image_free(&again);
        duet_image_free(&image);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pillow),     cmocka_unit_test(every_truncation_is_an_error),
        cmocka_unit_test(converts_channels), cmocka_unit_test(damaged_bytes_are_survived),
        cmocka_unit_test(knows_its_files),   cmocka_unit_test(refuses_huge_images),
        cmocka_unit_test(png_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
