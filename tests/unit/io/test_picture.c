/* SPDX-License-Identifier: MIT
 * What pictures say about themselves: texts of all kinds, limits against hostile files, and files
 * that are cut off anywhere. */
#include "unit/data/fixtures.h"

#include <zlib.h>

#include <duet/picture.h>

#include "base/mem.h"
#include "base/str.h"
#include "io/animation.h"

static char folder[DUET_PATH_SIZE];

static duet_picture *open_bytes(const void *bytes, int64_t size) {
    char path[DUET_PATH_SIZE];
    duet_picture *picture = NULL;
    put_file(folder, "x", bytes, size);
    OK(duet_path_join(path, folder, "x"));
    OK(duet_picture_open(&picture, path));
    return picture;
}

static void put_chunk(duet_str *png, const char *name, const void *data, int64_t size) {
    const uLong crc = crc32(crc32(0, (const Bytef *)name, 4), data, (uInt)size);
    for (int i = 24; i >= 0; i -= 8) duet_str_bytes(png, (char[]){(char)(size >> i)}, 1);
    duet_str_add(png, name);
    duet_str_bytes(png, data, size);
    for (int i = 24; i >= 0; i -= 8) duet_str_bytes(png, (char[]){(char)(crc >> i)}, 1);
}

static void put_head(duet_str *png, const char *depth_and_colour) {
    char head[13] = {0, 0, 0, 7, 0, 0, 0, 5};
    memcpy(head + 8, depth_and_colour, 2);
    duet_str_bytes(png, "\x89PNG\r\n\x1A\n", 8);
    put_chunk(png, "IHDR", head, 13);
}

static duet_picture *finish(duet_str *png) {
    put_chunk(png, "IDAT", "", 0);
    put_chunk(png, "IEND", "", 0);
    duet_picture *const picture = open_bytes(png->text, png->size);
    duet_str_free(png);
    return picture;
}

static void assert_text(const duet_picture *p, int64_t i, const char *key, const char *value) {
    assert_in_range(i, 0, p->text_count - 1);
    assert_string_equal(p->texts[i].key, key);
    assert_string_equal(p->texts[i].value, value);
}

static void put_deflated(duet_str *png, const char *name, const char *head, int64_t head_size,
                         const char *text, int64_t size) {
    uLongf bound = compressBound((uLong)size);
    uint8_t *packed = NULL;
    OK(duet_alloc(&packed, head_size + (int64_t)bound, 1));
    memcpy(packed, head, (size_t)head_size);
    assert_int_equal(compress(packed + head_size, &bound, (const Bytef *)text, (uLong)size), Z_OK);
    put_chunk(png, name, packed, head_size + (int64_t)bound);
    duet_release(packed);
}

static void png_texts(void **unused) {
    (void)unused;
    duet_str png = {0};
    put_head(&png, "\x08\x02");
    put_chunk(&png, "tEXt", "parameters\0a cat\nSteps: 20", 26);
    put_chunk(&png, "tEXt", "Author\0Ren\xE9", 11);                  /* Latin-1 */
    put_chunk(&png, "tEXt", "Title\0\xC3\xA9t\xC3\xA9", 11);         /* UTF-8, as many write it */
    put_chunk(&png, "iTXt", "Comment\0\0\0en\0C\0\xE2\x82\xAC", 18); /* language, translation */
    put_deflated(&png, "zTXt", "Long\0\0", 6, "deflated", 8);
    put_deflated(&png, "iTXt", "More\0\1\0\0\0", 9, "deflated too", 12);
    duet_picture *p = finish(&png);
    assert_string_equal(p->format, "png");
    assert_int_equal(p->width, 7);
    assert_int_equal(p->height, 5);
    assert_true(p->channels == 3 && p->bits == 8 && !p->palette && p->frames == 1);
    assert_int_equal(p->text_count, 6);
    assert_text(p, 0, "parameters", "a cat\nSteps: 20");
    assert_text(p, 1, "Author", "Ren\xC3\xA9");
    assert_text(p, 2, "Title", "\xC3\xA9t\xC3\xA9");
    assert_text(p, 3, "Comment", "\xE2\x82\xAC");
    assert_text(p, 4, "Long", "deflated");
    assert_text(p, 5, "More", "deflated too");
    assert_int_equal(p->texts_left_out, 0);
    duet_picture_close(p);
}

static void colour_types(void **unused) {
    (void)unused;
    static const struct {
        const char *head;
        int channels, bits;
        bool palette;
    } cases[] = {{"\x10\0", 1, 16, false},
                 {"\x08\x04", 2, 8, false},
                 {"\x08\x06", 4, 8, false},
                 {"\x04\x03", 3, 4, true}};
    for (int i = 0; i < DUET_COUNT(cases); i++) {
        duet_str png = {0};
        put_head(&png, cases[i].head);
        duet_picture *const p = finish(&png);
        assert_int_equal(p->channels, cases[i].channels);
        assert_int_equal(p->bits, cases[i].bits);
        assert_true(p->palette == cases[i].palette);
        assert_int_equal(p->text_count, 0);
        duet_picture_close(p);
    }
}

/* 64 MiB of zeros in 64 KiB; a text over the limit; too many; damaged; a length beyond the file. */
static void limits(void **unused) {
    (void)unused;
    enum { BOMB = 64 << 20, LARGE = (1 << 20) + 1 };
    duet_str png = {0};
    char *text = NULL;
    OK(duet_alloc(&text, BOMB, 1));
    memset(text, 'a', BOMB);
    put_head(&png, "\x08\0");
    put_deflated(&png, "zTXt", "Bomb\0\0", 6, text, BOMB);
    put_deflated(&png, "iTXt", "Bomb\0\1\0\0\0", 9, text, BOMB);
    memcpy(text, "Large", 6);
    put_chunk(&png, "tEXt", text, 6 + LARGE);
    put_chunk(&png, "zTXt", "Odd\0\7x", 6);   /* method 7 */
    put_chunk(&png, "zTXt", "Odd\0\0xyz", 8); /* not deflated */
    put_chunk(&png, "tEXt", "no zero", 7);
    put_chunk(&png, "iTXt", "Cut\0\0\0en", 8); /* ends in the language */
    put_chunk(&png, "tEXt", "\0empty key", 10);
    put_chunk(&png, "tEXt", "Key\0wrong sum", 13);
    png.text[png.size - 1] ^= 1;
    put_chunk(&png, "tEXt", "Key\0good", 8);
    (void)duet_alloc_peak(true);
    const int64_t before = duet_alloc_peak(false);
    const int64_t size = png.size;
    duet_picture *p = finish(&png);
    assert_true(duet_alloc_peak(false) - before < 3 * size + (4 << 20));
    assert_int_equal(p->text_count, 1);
    assert_text(p, 0, "Key", "good");
    assert_int_equal(p->texts_left_out, 9);
    duet_picture_close(p);

    put_head(&png, "\x08\0");
    for (int i = 0; i < 100; i++) put_chunk(&png, "tEXt", "Key\0many", 8);
    put_chunk(&png, "tEXt", text, 6 + (1 << 20) - 10);
    p = finish(&png);
    assert_int_equal(p->text_count, 64);
    assert_int_equal(p->texts_left_out, 37);
    duet_picture_close(p);

    put_head(&png, "\x08\0");
    for (int i = 0; i < 6; i++) put_chunk(&png, "tEXt", text, 6 + (1 << 20) - 10);
    p = finish(&png);
    assert_int_equal(p->text_count, 4); /* of 4 MiB in all */
    assert_int_equal(p->texts_left_out, 2);
    duet_picture_close(p);
    duet_release(text);

    put_head(&png, "\x08\0");
    duet_str_bytes(&png, "\xFF\xFF\xFF\xFFtEXtabc", 11);
    p = finish(&png);
    assert_int_equal(p->text_count, 0);
    duet_picture_close(p);
}

/* Segments: comment; EXIF whose UserComment is UTF-16 as A1111's JPEGs have it; the frame. */
static const char jpeg[] =
    "\xFF\xD8"
    "\xFF\xFE\0\x07hello"
    "\xFF\xE1\0\x5C"
    "Exif\0\0MM\0*\0\0\0\x08"
    "\0\x02\x01\x31\0\x02\0\0\0\x04yes\0"              /* Software, in place */
    "\x87\x69\0\x04\0\0\0\x01\0\0\0\x26\0\0\0\0"       /* directory at 38 */
    "\0\x01\x92\x86\0\x07\0\0\0\x14\0\0\0\x38\0\0\0\0" /* UserComment: 20 bytes at 56 */
    "UNICODE\0\0c\0a\0t\xD8\x3D\xDE\x00\0!"
    "\0\0\0\0\0\0\0\0"
    "\xFF\xC2\0\x11\x08\0\x05\0\x07\x03\1\x22\0\2\x11\1\3\x11\1"
    "\xFF\xDA\0\x02";

static void jpeg_texts(void **unused) {
    (void)unused;
    duet_picture *const p = open_bytes(jpeg, sizeof jpeg - 1);
    assert_string_equal(p->format, "jpeg");
    assert_true(p->width == 7 && p->height == 5 && p->channels == 3 && p->bits == 8);
    assert_int_equal(p->text_count, 3);
    assert_text(p, 0, "Comment", "hello");
    assert_text(p, 1, "Software", "yes");
    assert_text(p, 2, "UserComment", "cat\xF0\x9F\x98\x80!");
    duet_picture_close(p);
}

static void gif_frames(void **unused) {
    (void)unused;
    static const uint8_t pixels[3 * 20] = {1, 2, 3};
    static const int ms[] = {10, 10, 10};
    const duet_frames frames = {
        .pixels = pixels, .count = 3, .height = 4, .width = 5, .channels = 1, .ms = ms};
    duet_bytes gif = {0};
    OK(duet_gif_encode(&gif, &frames, "how it was made"));
    duet_picture *const p = open_bytes(gif.data, gif.size);
    assert_string_equal(p->format, "gif");
    assert_true(p->width == 5 && p->height == 4 && p->frames == 3 && p->palette);
    assert_text(p, 0, "Comment", "how it was made");
    duet_picture_close(p);
    duet_bytes_free(&gif);
}

static void cut_anywhere(void **unused) {
    (void)unused;
    char path[DUET_PATH_SIZE];
    duet_picture *p = NULL;
    OK(duet_path_join(path, folder, "x"));
    for (int64_t size = 0; size < (int64_t)sizeof jpeg - 1; size++) {
        uint8_t *exact = NULL; /* of that size, for sanitizers */
        OK(duet_alloc(&exact, size, 1));
        memcpy(exact, jpeg, (size_t)size);
        put_file(folder, "x", exact, size);
        duet_release(exact);
        if (duet_picture_open(&p, path) != DUET_OK) continue;
        assert_true(p->width == 7);
        duet_picture_close(p);
    }
    put_file(folder, "x", "\x89PNG\r\n\x1A\n", 8);
    FAILS(DUET_FORMAT, "has no header", duet_picture_open(&p, path));
    put_file(folder, "x", "GIF89a", 6);
    FAILS(DUET_FORMAT, "cut off", duet_picture_open(&p, path));
    put_file(folder, "x", "RIFF....WEBPVP8 ", 16);
    FAILS(DUET_FORMAT, "is not a PNG, JPEG or GIF picture: it is a WebP image",
          duet_picture_open(&p, path));
}

int main(void) {
    fresh_folder(folder, "picture");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_texts),  cmocka_unit_test(colour_types),
        cmocka_unit_test(limits),     cmocka_unit_test(jpeg_texts),
        cmocka_unit_test(gif_frames), cmocka_unit_test(cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
