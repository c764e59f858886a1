/* SPDX-License-Identifier: MIT
 * Palettes: all colours where they are few, close ones where they are many. */
#include "unit/data/fixtures.h"

#include "base/mem.h"
#include "io/palette.h"

static void few_colours_are_kept(void **unused) {
    (void)unused;
    uint8_t grey[256 * 2], numbers[256 * 2];
    duet_palette palette;
    for (int i = 0; i < 512; i++) grey[i] = (uint8_t)(255 - i / 2);
    OK(duet_palette_make(&palette, grey, 512, 1));
    assert_int_equal(palette.count, 256);
    duet_palette_apply(&palette, grey, 512, 1, numbers);
    for (int i = 0; i < 512; i++)
        for (int c = 0; c < 3; c++) assert_int_equal(palette.colour[numbers[i]][c], grey[i]);
    duet_palette_free(&palette);
    const uint8_t two[] = {9, 8, 7, 1, 2, 3, 9, 8, 7};
    OK(duet_palette_make(&palette, two, 3, 3));
    assert_int_equal(palette.count, 2);
    assert_memory_equal(palette.colour[0], two + 3, 3); /* in order */
    duet_palette_free(&palette);
    FAILS(DUET_ARG, "no pixels", duet_palette_make(&palette, two, 0, 3));
}

/* A cube of 32^3 colours, and one colour that fills half of the image. */
static void many_colours_are_close(void **unused) {
    (void)unused;
    enum { SIDE = 32, CUBE = SIDE * SIDE * SIDE };
    uint8_t *pixels = NULL, *numbers = NULL;
    duet_palette palette;
    int64_t squares = 0;
    OK(duet_alloc(&pixels, 2 * CUBE, 3));
    OK(duet_alloc(&numbers, 2 * CUBE, 1));
    for (int i = 0; i < CUBE; i++) {
        pixels[3 * i] = (uint8_t)(8 * (i % SIDE));
        pixels[3 * i + 1] = (uint8_t)(8 * (i / SIDE % SIDE));
        pixels[3 * i + 2] = (uint8_t)(8 * (i / SIDE / SIDE));
    }
    for (int i = 3 * CUBE; i < 6 * CUBE; i++) pixels[i] = (uint8_t)(101 + i % 3);
    OK(duet_palette_make(&palette, pixels, 2 * CUBE, 3));
    assert_int_equal(palette.count, 256);
    duet_palette_apply(&palette, pixels, 2 * CUBE, 3, numbers);
    for (int i = 0; i < 3 * CUBE; i++) {
        const int off = palette.colour[numbers[i / 3]][i % 3] - pixels[i];
        squares += off * off;
    }
    /* 256 equal boxes of 8 x 8 x 2 cells of side 8 have 3 x (64^2 - 8^2) / 12 / 3 or so */
    assert_in_range(squares / (3 * CUBE), 50, 400);
    for (int c = 0; c < 3; c++) /* the frequent colour is not drawn to its neighbours */
        assert_in_range(palette.colour[numbers[CUBE]][c], 99 + c, 103 + c);
    duet_palette_free(&palette);
    duet_release(pixels);
    duet_release(numbers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_colours_are_kept),
        cmocka_unit_test(many_colours_are_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
