/* SPDX-License-Identifier: MIT
 * Grids: every pixel of small sheets against the definition, and refusals. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "run/grid.h"

/* What the sheet holds at (x, y): white in gaps, else the pixel of the image whose cell that is. */
static int expected(const uint8_t *pixels, int64_t count, int64_t h, int64_t w, int c,
                    int64_t columns, int64_t gap, int64_t scale, int64_t x, int64_t y,
                    int channel) {
    const int64_t cell_x = w * scale + gap, cell_y = h * scale + gap;
    if (x < gap || y < gap) return 255;
    const int64_t i = (x - gap) / cell_x + (y - gap) / cell_y * columns;
    const int64_t in_x = (x - gap) % cell_x, in_y = (y - gap) % cell_y;
    if (in_x >= w * scale || in_y >= h * scale || (x - gap) / cell_x >= columns || i >= count)
        return 255;
    return pixels[((i * h + in_y / scale) * w + in_x / scale) * c + channel];
}

static void check(int64_t count, int64_t h, int64_t w, int c, int64_t columns, int64_t gap,
                  int64_t scale) {
    uint8_t pixels[600];
    duet_image sheet = {0};
    assert_true(count * h * w * c <= (int64_t)sizeof pixels);
    for (int i = 0; i < (int)sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37 % 251);
    assert_int_equal(duet_grid(&sheet, pixels, count, h, w, c, columns, gap, scale), DUET_OK);
    const int64_t across = columns < count ? columns : count, rows = (count + across - 1) / across;
    assert_int_equal(sheet.width, across * w * scale + (across + 1) * gap);
    assert_int_equal(sheet.height, rows * h * scale + (rows + 1) * gap);
    assert_int_equal(sheet.channels, c);
    for (int64_t y = 0; y < sheet.height; y++) {
        for (int64_t x = 0; x < sheet.width; x++) {
            for (int k = 0; k < c; k++) {
                assert_int_equal(sheet.pixels[(y * sheet.width + x) * c + k],
                                 expected(pixels, count, h, w, c, across, gap, scale, x, y, k));
            }
        }
    }
    duet_image_free(&sheet);
}

static void test_layout(void **state) {
    (void)state;
    check(1, 3, 4, 1, 1, 0, 1);
    check(6, 3, 4, 3, 3, 2, 2);
    check(5, 2, 2, 1, 3, 1, 3); /* short last row */
    check(2, 3, 5, 3, 8, 2, 1); /* fewer than columns */
    check(4, 1, 1, 1, 1, 3, 1);
}

static void test_refusals(void **state) {
    (void)state;
    const uint8_t pixels[16] = {0};
    duet_image sheet = {.width = 7};
    assert_int_equal(duet_grid(&sheet, pixels, 1, 2, 2, 2, 1, 0, 1), DUET_ARG);
    assert_int_equal(duet_grid(&sheet, pixels, 0, 2, 2, 1, 1, 0, 1), DUET_ARG);
    assert_int_equal(duet_grid(&sheet, pixels, 1, 2, 2, 1, 0, 0, 1), DUET_ARG);
    assert_int_equal(duet_grid(&sheet, pixels, 1, 2, 2, 1, 1, -1, 1), DUET_ARG);
    assert_int_equal(duet_grid(&sheet, pixels, 1, 2, 2, 1, 1, 0, 0), DUET_ARG);
    assert_int_equal(duet_grid(&sheet, pixels, 1, 2, 2, 1, 1, 0, INT64_MAX / 2), DUET_ARG);
    assert_int_equal(duet_grid(&sheet, pixels, INT64_MAX, 2, 2, 1, 1, 0, 1), DUET_ARG);
    assert_int_equal(duet_grid(&sheet, pixels, INT64_MAX, 2, 2, 1, INT64_MAX, INT64_MAX, 1),
                     DUET_ARG);
    assert_int_equal(sheet.width, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layout),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
