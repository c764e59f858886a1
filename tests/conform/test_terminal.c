/* SPDX-License-Identifier: MIT
 * Every way to show a picture in a terminal: exact bytes of a small one, and what a terminal would
 * see of a larger one. */
#include "unit/data/fixtures.h"

#include "base/mem.h"
#include "io/terminal/terminal.h"

enum { SIDE = 37 };

static void draw(duet_image *out, int channels) {
    OK(duet_image_new(out, SIDE, SIDE - 2, channels));
    for (int64_t i = 0; i < out->width * out->height * channels; i++)
        out->pixels[i] = (uint8_t)(i / channels % 11 < 6 ? 40 : (i * i * 7 + i) % 211);
}

static duet_str show(const char *name, const duet_image *image) {
    duet_str text = {0};
    const duet_terminal *const to = duet_terminal_of(duet_family_find(&duet_family_terminal, name));
    OK(to->show(&text, image));
    return text;
}

static void every_member_is_deterministic(void **unused) {
    (void)unused;
    for (int i = 0; i < duet_family_terminal.count; i++) {
        duet_image image;
        draw(&image, 3);
        const char *const name = duet_family_terminal.entries[i]->name;
        duet_str a = show(name, &image), b = show(name, &image);
        assert_string_equal(a.text, b.text);
        assert_int_equal(a.text[0], '\x1b');
        assert_int_equal(a.text[a.size - 1], '\n'); /* the cursor is below the picture */
        duet_str_free(&a);
        duet_str_free(&b);
        duet_image_free(&image);
    }
}

static void exact_bytes(void **unused) {
    (void)unused;
    static uint8_t pixels[] = {255, 0, 0, 0, 0, 255, 255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255};
    const duet_image image = {.width = 2, .height = 3, .channels = 3, .pixels = pixels};
    duet_str sixel = show("sixel", &image), blocks = show("blocks", &image);
    assert_string_equal(sixel.text, "\x1bP0;1q\"1;1;2;3#0;2;0;0;100#1;2;100;0;0"
                                    "#0C" /* lines 3; 1 and 3 */
                                    "D$#1BA\x1b\\\n");
    assert_string_equal(blocks.text, "\x1b[38;2;255;0;0m\x1b[48;2;255;0;0m\xE2\x96\x80"
                                     "\x1b[38;2;0;0;255m\xE2\x96\x80\x1b[0m\n"
                                     "\x1b[38;2;0;0;255m\xE2\x96\x80\xE2\x96\x80\x1b[0m\n");
    duet_str_free(&sixel);
    duet_str_free(&blocks);
}

/* ---- what is seen ---- */

static int digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *const at = strchr(digits, c);
    assert_non_null(at);
    return (int)(at - digits);
}

static void assert_png(const duet_image *image, const char *code, int64_t size) {
    uint8_t *bytes = NULL;
    int64_t count = 0;
    duet_image read;
    OK(duet_alloc(&bytes, size, 1));
    for (int64_t i = 0; i < size; i += 4) {
        const int pad = code[i + 2] == '=' ? 2 : code[i + 3] == '=' ? 1 : 0;
        const int word = digit(code[i]) << 18 | digit(code[i + 1]) << 12 |
                         (pad < 2 ? digit(code[i + 2]) << 6 : 0) |
                         (pad < 1 ? digit(code[i + 3]) : 0);
        for (int k = 0; k < 3 - pad; k++) bytes[count++] = (uint8_t)(word >> (16 - 8 * k));
    }
    OK(duet_image_decode(&read, bytes, count, 0, "picture"));
    assert_int_equal(read.width, image->width);
    assert_memory_equal(read.pixels, image->pixels,
                        (size_t)(image->width * image->height * image->channels));
    duet_image_free(&read);
    duet_release(bytes);
}

/* Large enough for several codes. */
static void kitty_carries_a_png(void **unused) {
    (void)unused;
    duet_image image;
    duet_str code = {0};
    OK(duet_image_new(&image, 90, 70, 3));
    for (int64_t i = 0; i < 90 * 70 * 3; i++) image.pixels[i] = (uint8_t)(i * i * 2654435761 >> 9);
    duet_str text = show("kitty", &image);
    int codes = 0;
    for (const char *at = text.text; *at == '\x1b'; codes++) {
        const char *const body = strchr(at, ';') + 1, *const end = strstr(body, "\x1b\\");
        assert_int_equal(at[1], '_');
        assert_memory_equal(at + 2, codes == 0 ? "Ga=T,f=100,q=2,m=" : "Gm=", codes == 0 ? 17 : 3);
        assert_int_equal(body[-2], end[2] == '\n' ? '0' : '1');
        assert_true(end - body <= 4096);
        duet_str_bytes(&code, body, end - body);
        at = end + 2;
    }
    assert_true(codes > 1);
    assert_png(&image, code.text, code.size);
    duet_str_free(&code);
    duet_str_free(&text);
    duet_image_free(&image);
}

static void iterm_carries_a_png(void **unused) {
    (void)unused;
    duet_image image;
    draw(&image, 1);
    duet_str text = show("iterm", &image);
    assert_memory_equal(text.text, "\x1b]1337;File=inline=1;size=", 26);
    assert_non_null(strstr(text.text, ";width=37px;height=35px:"));
    const char *const body = strchr(text.text, ':') + 1, *const end = strchr(body, '\a');
    assert_png(&image, body, end - body);
    duet_str_free(&text);
    duet_image_free(&image);
}

/* Paints a sixel text; colours in percent. */
static void paint(const char *at, int *out, int64_t width, int64_t height) {
    int palette[256] = {0}, colour = 0, repeat = 1;
    int64_t x = 0, top = 0;
    for (at = strchr(at, '#'); *at != '\x1b';) {
        if (*at == '#') {
            int r = 0, g = 0, b = 0, used = 0;
            assert_int_equal(sscanf(at, "#%d%n", &colour, &used), 1);
            at += used;
            if (*at == ';') {
                assert_int_equal(sscanf(at, ";2;%d;%d;%d%n", &r, &g, &b, &used), 3);
                palette[colour] = r << 16 | g << 8 | b;
                at += used;
            }
        } else if (*at == '!') {
            int used = 0;
            assert_int_equal(sscanf(at, "!%d%n", &repeat, &used), 1);
            at += used;
        } else if (*at == '$' || *at == '-') {
            x = 0;
            top += *at++ == '-' ? 6 : 0;
        } else {
            for (; repeat > 0; repeat--, x++)
                for (int y = 0; y < 6; y++)
                    if ((*at - '?') >> y & 1) {
                        assert_true(x < width && top + y < height);
                        out[(top + y) * width + x] = palette[colour];
                    }
            repeat = 1;
            at++;
        }
    }
}

static void sixels_show_every_pixel(void **unused) {
    (void)unused;
    for (int channels = 1; channels <= 3; channels += 2) {
        static int seen[SIDE * SIDE];
        duet_image image;
        draw(&image, channels);
        duet_str text = show("sixel", &image);
        memset(seen, -1, sizeof seen);
        paint(text.text, seen, image.width, image.height);
        for (int64_t i = 0; i < image.width * image.height; i++)
            for (int c = 0; c < 3; c++) {
                const int percent = seen[i] >> (16 - 8 * c) & 255,
                          value = image.pixels[i * channels + (channels == 3 ? c : 0)];
                assert_true(seen[i] >= 0);
                /* colours: 211 values a channel, so some share one; grey: all are there */
                assert_in_range(percent * 255 / 100 + 60, value + 60 - (channels == 3 ? 40 : 3),
                                value + 60 + (channels == 3 ? 40 : 3));
            }
        duet_str_free(&text);
        duet_image_free(&image);
    }
}

static void blocks_show_every_pixel(void **unused) {
    (void)unused;
    duet_image image;
    draw(&image, 3);
    duet_str text = show("blocks", &image);
    const char *at = text.text;
    int set[2][3] = {{0}};
    for (int64_t y = 0; y < image.height; y += 2) {
        for (int64_t x = 0; x < image.width; x++) {
            for (int which, used; *at == '\x1b'; at += used) {
                int rgb[3];
                assert_int_equal(
                    sscanf(at, "\x1b[%d;2;%d;%d;%dm%n", &which, &rgb[0], &rgb[1], &rgb[2], &used),
                    4);
                memcpy(set[which == 48], rgb, sizeof rgb);
            }
            assert_memory_equal(at, "\xE2\x96\x80", 3);
            at += 3;
            for (int64_t half = 0; half < 2 && y + half < image.height; half++)
                for (int c = 0; c < 3; c++)
                    assert_int_equal(set[half][c],
                                     image.pixels[((y + half) * image.width + x) * 3 + c]);
        }
        assert_memory_equal(at, "\x1b[0m\n", 5);
        at += 5;
    }
    assert_int_equal(*at, '\0');
    duet_str_free(&text);
    duet_image_free(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_deterministic), cmocka_unit_test(exact_bytes),
        cmocka_unit_test(kitty_carries_a_png),           cmocka_unit_test(iterm_carries_a_png),
        cmocka_unit_test(sixels_show_every_pixel),       cmocka_unit_test(blocks_show_every_pixel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
