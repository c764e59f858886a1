/* SPDX-License-Identifier: MIT
 * GIF and APNG: exact bytes of a small one, and what a reader makes of larger ones: a decoder of
 * LZW for GIF, and for APNG each frame put together as a PNG of its own. */
#include "unit/data/fixtures.h"

#include <zlib.h>

#include "base/mem.h"
#include "io/animation.h"
#include "io/picture.h"

static void exact_bytes(void **unused) {
    (void)unused;
    static const uint8_t pixels[] = {0, 255, 255, 0};
    static const int ms[] = {80, 2000};
    static const uint8_t want[] =
        "GIF89a\x02\0\x01\0\xF1\0\0"
        "\0\0\0\xFF\xFF\xFF\0\0\0\0\0\0"               /* 4 colours, 2 of them used */
        "\x21\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0"        /* for ever */
        "\x21\xFE\x02hi\0"                             /* comment */
        "\x21\xF9\x04\x04\x08\0\0\0"                   /* 80 ms */
        "\x2C\0\0\0\0\x02\0\x01\0\0\x02\x02\x44\x0A\0" /* codes 4 (anew), 0, 1, 5 (end), 3 bits */
        "\x21\xF9\x04\x04\xC8\0\0\0"
        "\x2C\0\0\0\0\x02\0\x01\0\0\x02\x02\x0C\x0A\0" /* 4, 1, 0, 5 */
        "\x3B";
    const duet_frames frames = {
        .pixels = pixels, .count = 2, .height = 1, .width = 2, .channels = 1, .ms = ms};
    duet_bytes gif = {0};
    OK(duet_gif_encode(&gif, &frames, "hi"));
    assert_int_equal(gif.size, sizeof want - 1);
    assert_memory_equal(gif.data, want, sizeof want - 1);
    duet_bytes_free(&gif);
    const duet_frames none = {.pixels = pixels, .height = 1, .width = 2, .channels = 1, .ms = ms};
    FAILS(DUET_ARG, "0 frames", duet_gif_encode(&gif, &none, NULL));
    FAILS(DUET_ARG, "at least one", duet_apng_encode(&gif, &none, NULL, 0));
}

/* ---- frames that fill the table of codes more than once ---- */

enum { WIDTH = 331, HEIGHT = 97, FRAMES = 3, PIXELS = WIDTH * HEIGHT };

/* Noise above, few colours in the middle, a line of one colour below. */
static uint8_t *draw(int channels) {
    uint8_t *pixels = NULL;
    OK(duet_alloc(&pixels, (int64_t)FRAMES * PIXELS * channels, 1));
    for (int64_t i = 0; i < (int64_t)FRAMES * PIXELS * channels; i++) {
        const int64_t y = i / channels / WIDTH % HEIGHT;
        const uint32_t noise = (uint32_t)((uint64_t)i * 2654435761U % 4294967291U) >> 13;
        pixels[i] = (uint8_t)(y < 50 ? noise : y < 80 ? noise % 5 * 50 : 77);
    }
    return pixels;
}

typedef struct bits {
    const uint8_t *at;
    int block, pending, count;
} bits;

static int take(bits *b, int size) {
    while (b->count < size) {
        if (b->block == 0) b->block = *b->at++;
        assert_true(b->block > 0);
        b->pending |= *b->at++ << b->count;
        b->count += 8;
        b->block--;
    }
    const int code = b->pending & ((1 << size) - 1);
    b->pending >>= size;
    b->count -= size;
    return code;
}

/* The decoder of the specification's appendix F; returns what is behind the blocks. */
static const uint8_t *lzw(const uint8_t *at, uint8_t *out, int64_t want) {
    static int prefix[4096];
    static uint8_t last[4096];
    uint8_t word[4096];
    const int first = *at++, clear = 1 << first;
    bits b = {.at = at};
    int size = first + 1, next = clear + 2, before = -1;
    int64_t done = 0;
    for (int i = 0; i < clear; i++) prefix[i] = -1;
    for (int i = 0; i < clear; i++) last[i] = (uint8_t)i;
    for (int code; (code = take(&b, size)) != clear + 1;) {
        if (code == clear) {
            size = first + 1;
            next = clear + 2;
            before = -1;
            continue;
        }
        assert_true(code <= next);
        int length = 0;
        for (int c = code == next ? before : code; c >= 0; c = prefix[c]) word[length++] = last[c];
        const uint8_t head = word[length - 1];
        for (int i = length - 1; i >= 0; i--) out[done++] = word[i];
        if (code == next) out[done++] = head;
        assert_true(done <= want);
        if (before >= 0 && next < 4096) {
            prefix[next] = before;
            last[next++] = head;
        }
        if (next == 1 << size && size < 12) size++;
        before = code;
    }
    assert_int_equal(done, want);
    assert_int_equal(b.block, 0);
    assert_int_equal(*b.at, 0);
    return b.at + 1;
}

static void gif_gives_the_frames(void **unused) {
    (void)unused;
    static const int ms[] = {10, 20, 30};
    uint8_t *const pixels = draw(1), *numbers = NULL;
    const duet_frames frames = {.pixels = pixels,
                                .count = FRAMES,
                                .height = HEIGHT,
                                .width = WIDTH,
                                .channels = 1,
                                .ms = ms};
    duet_bytes gif = {0};
    OK(duet_alloc(&numbers, PIXELS + 1, 1));
    OK(duet_gif_encode(&gif, &frames, NULL));
    assert_int_equal(gif.data[10] & 7, 7); /* 256 colours */
    const uint8_t *at = gif.data + 13 + 3 * 256 + 19;
    for (int f = 0; f < FRAMES; f++) {
        assert_memory_equal(at, "\x21\xF9\x04", 3);
        assert_int_equal(at[4], f + 1);
        at = lzw(at + 8 + 10, numbers, PIXELS);
        for (int i = 0; i < PIXELS; i++)
            assert_int_equal(gif.data[13 + 3 * numbers[i]], pixels[f * PIXELS + i]);
    }
    assert_int_equal(*at, 0x3B);
    assert_ptr_equal(at + 1, gif.data + gif.size);
    duet_bytes_free(&gif);
    duet_release(numbers);
    duet_release(pixels);
}

static uint32_t big(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_chunk(duet_bytes *png, int64_t *room, const char *name, const uint8_t *data,
                      uint32_t size) {
    OK(duet_grow(&png->data, room, png->size + size + 12, 1));
    uint8_t *const at = png->data + png->size;
    uLong crc = crc32(crc32(0, (const Bytef *)name, 4), data, size);
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(size >> (24 - 8 * i));
    memcpy(at + 4, name, 4);
    memcpy(at + 8, data, size);
    for (uint32_t i = 0; i < 4; i++) at[8 + size + i] = (uint8_t)(crc >> (24 - 8 * i));
    png->size += size + 12;
}

/* Frame `want` as a PNG: header, its pixels, end. Checks numbers and checksums of all chunks. */
static void frame_of(duet_bytes *png, const duet_bytes *apng, int want) {
    int64_t room = 0;
    int frame = -1;
    uint32_t number = 0;
    OK(duet_grow(&png->data, &room, 8, 1));
    memcpy(png->data, apng->data, 8);
    png->size = 8;
    for (const uint8_t *at = apng->data + 8; at < apng->data + apng->size;) {
        const uint32_t size = big(at);
        assert_int_equal(crc32(0, at + 4, size + 4), big(at + 8 + size));
        const bool control = memcmp(at + 4, "fcTL", 4) == 0, later = memcmp(at + 4, "fdAT", 4) == 0;
        if (control || later) assert_int_equal(big(at + 8), number++);
        if (control) frame++;
        if (control) assert_int_equal(big(at + 8 + 4), WIDTH);
        if (memcmp(at + 4, "IHDR", 4) == 0) put_chunk(png, &room, "IHDR", at + 8, size);
        if (memcmp(at + 4, "acTL", 4) == 0) assert_int_equal(big(at + 8), FRAMES);
        if (frame == want && memcmp(at + 4, "IDAT", 4) == 0)
            put_chunk(png, &room, "IDAT", at + 8, size);
        if (frame == want && later) put_chunk(png, &room, "IDAT", at + 12, size - 4);
        at += size + 12;
    }
    assert_int_equal(frame, FRAMES - 1);
    put_chunk(png, &room, "IEND", (const uint8_t *)"", 0);
}

static void apng_gives_the_frames(void **unused) {
    (void)unused;
    static const int ms[] = {10, 20, 30};
    static const duet_image_text text = {"key", "value"};
    for (int channels = 1; channels <= 3; channels += 2) {
        uint8_t *const pixels = draw(channels);
        const duet_frames frames = {.pixels = pixels,
                                    .count = FRAMES,
                                    .height = HEIGHT,
                                    .width = WIDTH,
                                    .channels = channels,
                                    .ms = ms};
        const int64_t bytes = (int64_t)PIXELS * channels;
        duet_bytes apng = {0};
        duet_image image = {0};
        OK(duet_apng_encode(&apng, &frames, &text, 1));
        OK(duet_image_decode(&image, apng.data, apng.size, 0, "apng")); /* the first, as a PNG */
        assert_memory_equal(image.pixels, pixels, (size_t)bytes);
        duet_image_free(&image);
        for (int f = 0; f < FRAMES; f++) {
            duet_bytes png = {0};
            frame_of(&png, &apng, f);
            OK(duet_image_decode(&image, png.data, png.size, 0, "frame"));
            assert_memory_equal(image.pixels, pixels + f * bytes, (size_t)bytes);
            duet_image_free(&image);
            duet_bytes_free(&png);
        }
        duet_bytes_free(&apng);
        duet_release(pixels);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_bytes),
        cmocka_unit_test(gif_gives_the_frames),
        cmocka_unit_test(apng_gives_the_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
