/* SPDX-License-Identifier: MIT
 * Figures: shapes, images and letters where they belong, in pixels and as well-formed SVG; colours
 * of classes that can be told apart; heat maps small and large. */
#include "unit/data/fixtures.h"

#include <math.h>

#include "base/str.h"
#include "figure/colours.h"
#include "figure/letters.h"
#include "figure/matrix.h"
#include "unit/report/markup.h"

static int shade(const duet_image *image, int64_t x, int64_t y) {
    return image->pixels[(y * image->width + x) * 3];
}

static void shapes(void **state) {
    (void)state;
    duet_figure *f = NULL;
    duet_image image = {0};
    const uint8_t two[2] = {0, 200};
    const duet_figure_pixels pixels = {.pixels = two, .rows = 1, .columns = 2, .channels = 1};
    OK(duet_figure_new(&f, 60, 40, "shapes"));
    duet_figure_box(f, 5, 5, 10, 10, (duet_pen){.colour = 0x000000});
    duet_figure_box(f, 20, 5, 10, 10, (duet_pen){.colour = 0x000000, .line = 2});
    duet_figure_dot(f, 45, 10, 5, (duet_pen){.colour = 0x000000, .alpha = 0.5});
    duet_figure_line(f, 5, 25, 25, 25, (duet_pen){.colour = 0x000000, .line = 2});
    duet_figure_image(f, 40, 20, 10, 10, &pixels);
    OK(duet_figure_draw(f, 2, &image));
    assert_true(image.width == 120 && image.height == 80 && image.channels == 3);
    assert_int_equal(shade(&image, 20, 20), 0);   /* inside a box */
    assert_int_equal(shade(&image, 2, 2), 255);   /* the ground */
    assert_int_equal(shade(&image, 50, 20), 255); /* inside a frame */
    assert_int_equal(shade(&image, 41, 20), 0);   /* on it */
    assert_true(abs(shade(&image, 90, 20) - 127) <= 1);
    assert_int_equal(shade(&image, 30, 50), 0);
    assert_int_equal(shade(&image, 83, 50), 0); /* the left pixel of the image */
    assert_int_equal(shade(&image, 97, 50), 200);
    duet_image_free(&image);
    duet_figure_free(f);
}

/* Every character of ASCII has strokes; others and half ones end. */
static void letters(void **state) {
    (void)state;
    duet_letter letter;
    for (int c = '!'; c <= '~'; c++) {
        const char text[2] = {(char)c, '\0'};
        assert_int_equal(duet_letter_next(&letter, text), 1);
        assert_true(letter.strokes > 0 && letter.advance >= 4);
        for (int s = 0; s < letter.strokes; s++)
            for (int k = letter.from[s]; k < letter.from[s] + letter.count[s]; k++)
                assert_true(letter.x[k] >= 0 && letter.x[k] <= letter.advance &&
                            letter.y[k] >= -4 && letter.y[k] <= 17);
    }
    assert_int_equal(duet_letter_next(&letter, ""), 0);
    assert_int_equal(duet_letter_next(&letter, " "), 1);
    assert_int_equal(letter.strokes, 0);
    assert_int_equal(duet_letter_next(&letter, "×"), 2);
    assert_int_equal(duet_letter_next(&letter, "漢"), 3);
    assert_int_equal(duet_letter_next(&letter, "\xE6\xBC"), 2); /* cut off */
    assert_int_equal(duet_letter_next(&letter, "\xFF"), 1);
    assert_true(duet_letters_width("ö") == duet_letters_width("o"));
    assert_true(duet_letters_width("MM") == 2 * duet_letters_width("M"));
}

static int64_t ink(const duet_figure *f, int64_t left, int64_t right) {
    duet_image image = {0};
    int64_t sum = 0;
    OK(duet_figure_draw(f, 1, &image));
    for (int64_t y = 0; y < image.height; y++)
        for (int64_t x = left; x < right; x++) sum += 255 - shade(&image, x, y);
    duet_image_free(&image);
    return sum;
}

static void anchors(void **state) {
    (void)state;
    for (int a = DUET_START; a <= DUET_END; a++) {
        duet_figure *f = NULL;
        OK(duet_figure_new(&f, 200, 30, "words"));
        duet_figure_text(f, 100, 20, "Hamburg", (duet_words){.anchor = (duet_anchor)a});
        const int64_t before = ink(f, 0, 99), behind = ink(f, 101, 200);
        assert_true((before > 0) == (a != DUET_START) && (behind > 0) == (a != DUET_END));
        duet_figure_free(f);
    }
}

static void svg(void **state) {
    (void)state;
    duet_figure *f = NULL;
    const uint8_t grey[1] = {7};
    const duet_figure_pixels pixels = {.pixels = grey, .rows = 1, .columns = 1, .channels = 1};
    OK(duet_figure_new(&f, 100, 50, "a <note> & \"more\""));
    duet_figure_text(f, 10, 10, "<b>&", (duet_words){.colour = DUET_INK, .turn = -90});
    duet_figure_image(f, 0, 0, 9, 9, &pixels);
    duet_figure_tip(f, "what's <this>\x01");
    duet_figure_box(f, 0, 0, 5, 5, (duet_pen){.colour = DUET_SOFT, .round = 2, .alpha = 0.5});
    duet_figure_line(f, 0, 0, 5, 5, (duet_pen){.colour = 0x123456});
    duet_figure_dot(f, 2, 2, 1, (duet_pen){.colour = DUET_WARM});
    for (int page = 0; page < 2; page++) {
        duet_str text = {0};
        OK(duet_figure_svg(f, page == 1, &text));
        assert_true(markup_good(text.text));
        assert_non_null(strstr(text.text, "&lt;b&gt;&amp;"));
        assert_true((strstr(text.text, "var(--ink)") != NULL) == (page == 1));
        assert_non_null(strstr(text.text, "<title>what's &lt;this&gt; </title></image>"));
        duet_str_free(&text);
    }
    duet_figure_free(f);
}

/* A large image is made smaller before it is kept. */
static void large(void **state) {
    (void)state;
    enum { SIDE = 300 };
    static uint8_t grey[SIDE * SIDE];
    duet_figure *f = NULL;
    duet_str text = {0};
    duet_image image = {0};
    const duet_figure_pixels pixels = {
        .pixels = grey, .rows = SIDE, .columns = SIDE, .channels = 1};
    for (int i = 0; i < SIDE * SIDE; i++) grey[i] = (uint8_t)(i * (i / 7) % 241 / 4 + 90);
    OK(duet_figure_new(&f, 30, 30, "large"));
    duet_figure_image(f, 5, 5, 20, 20, &pixels);
    OK(duet_figure_svg(f, false, &text));
    assert_true(text.size < 4000); /* 40 x 40 pixels, not 90,000 */
    OK(duet_figure_draw(f, 2, &image));
    assert_true(shade(&image, 30, 30) > 100 && shade(&image, 30, 30) < 140);
    duet_image_free(&image);
    duet_str_free(&text);
    duet_figure_free(f);
}

static void files(void **state) {
    (void)state;
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    duet_figure *f = NULL;
    duet_image image = {0};
    fresh_folder(folder, "figures");
    OK(duet_figure_new(&f, 30, 20, "a note"));
    OK(duet_path_join(path, folder, "x.png"));
    OK(duet_figure_write(f, path));
    OK(duet_image_read(&image, path, 0));
    assert_true(image.width == 60 && image.height == 40);
    duet_image_free(&image);
    OK(duet_path_join(path, folder, "x.svg"));
    OK(duet_figure_write(f, path));
    assert_true(duet_path_exists(path));
    OK(duet_path_join(path, folder, "x.gif"));
    FAILS(DUET_ARG, "end it in .png or .svg", duet_figure_write(f, path));
    assert_false(duet_path_exists(path));
    duet_figure_free(f);
}

static void class_colours(void **state) {
    (void)state;
    static const int counts[] = {10, 30};
    for (int n = 0; n < 2; n++)
        for (int a = 0; a < counts[n]; a++)
            for (int b = 0; b < a; b++) {
                const uint32_t p = duet_class_colour(a, counts[n]),
                               q = duet_class_colour(b, counts[n]);
                int apart = 0;
                for (int c = 0; c < 24; c += 8)
                    apart += abs((int)(p >> c & 255) - (int)(q >> c & 255));
                assert_true(apart >= 24);
            }
}

static void matrices(void **state) {
    (void)state;
    enum { MOST = 80 };
    static double value[MOST * MOST];
    const char *label[MOST], *group[MOST];
    static const int sizes[] = {1, 7, MOST};
    for (int i = 0; i < MOST; i++) {
        label[i] = i % 2 ? "a" : "12";
        group[i] = i < MOST / 2 ? "t = 1" : "t = 2";
    }
    for (int i = 0; i < MOST * MOST; i++) value[i] = i == 5 ? (double)NAN : (i % 11) / 10.0;
    for (int k = 0; k < 3; k++) {
        const duet_matrix_side side = {
            .count = sizes[k], .title = "tap", .label = label, .group = k == 1 ? NULL : group};
        const duet_matrix matrix = {.rows = side,
                                    .columns = side,
                                    .value = value,
                                    .hi = 1,
                                    .title = "a matrix",
                                    .note = "a note",
                                    .width = 700};
        duet_figure *f = NULL;
        duet_str text = {0};
        OK(duet_matrix_figure(&f, &matrix));
        OK(duet_figure_svg(f, true, &text));
        assert_true(markup_good(text.text));
        assert_true((strstr(text.text, "<image") != NULL));
        assert_true((strstr(text.text, "<title>12 – 12: 0.00</title>") != NULL) == (k == 1));
        duet_str_free(&text);
        duet_figure_free(f);
    }
    duet_figure *f = NULL;
    const duet_matrix none = {.title = "", .note = ""};
    FAILS(DUET_ARG, "nothing to draw", duet_matrix_figure(&f, &none));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),        cmocka_unit_test(letters),  cmocka_unit_test(anchors),
        cmocka_unit_test(svg),           cmocka_unit_test(large),    cmocka_unit_test(files),
        cmocka_unit_test(class_colours), cmocka_unit_test(matrices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
