/* SPDX-License-Identifier: MIT
 * Charts and page parts: ticks, colours, quantities, escaping, base64, and markup that stays
 * well-formed for odd numbers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "report/html.h"
#include "report/quantity.h"
#include "figure/colours.h"
#include "report/svg.h"
#include "unit/report/markup.h"

#include <math.h>
#include <string.h>

static void check_ticks(double lo, double hi, bool log, const double *want, int count) {
    double tick[16];
    assert_int_equal(duet_svg_ticks(tick, 16, lo, hi, log), count);
    for (int i = 0; i < count; i++) assert_true(fabs(tick[i] - want[i]) <= 1e-12 * fabs(want[i]));
}

static void test_ticks(void **state) {
    (void)state;
    check_ticks(0, 100, false, (const double[]){0, 20, 40, 60, 80, 100}, 6);
    check_ticks(-0.3, 0.31, false, (const double[]){-0.2, 0, 0.2}, 3);
    check_ticks(0.004, 0.3, true, (const double[]){0.005, 0.01, 0.02, 0.05, 0.1, 0.2}, 6);
    check_ticks(1e-3, 1e3, true, (const double[]){1e-3, 1e-2, 1e-1, 1, 10, 100, 1000}, 7);
    check_ticks(31, 39, true, (const double[]){32, 34, 36, 38},
                4); /* too narrow for 1, 2, 5: linear */
    check_ticks(NAN, 1, false, NULL, 0);
    check_ticks(1, 1, false, NULL, 0);
    check_ticks(-INFINITY, INFINITY, false, NULL, 0);
    double tick[16];
    assert_true(duet_svg_ticks(tick, 16, 1e-300, 1e300, true) >= 2);
    assert_true(duet_svg_ticks(tick, 16, 1e20, nextafter(1e20, 2e20), false) <= 16);
}

static void test_viridis(void **state) {
    (void)state;
    int rgb[3];
    duet_viridis(rgb, 0);
    assert_true(rgb[0] == 68 && rgb[1] == 1 && rgb[2] == 84);
    duet_viridis(rgb, 2);
    assert_true(rgb[0] == 253 && rgb[1] == 231 && rgb[2] == 37);
    duet_viridis(rgb, NAN);
    assert_true(rgb[0] == 68 && rgb[1] == 1 && rgb[2] == 84);
    int last = 0;
    for (int i = 0; i <= 20;
         i++) { /* the luminance grows all the way: that is what makes it readable without colour */
        duet_viridis(rgb, i / 20.0);
        const int light = 299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2];
        assert_true(light > last);
        last = light;
    }
}

static void test_lines(void **state) {
    (void)state;
    const double x[6] = {1, 2, 3, 4, 5, 6}, y[6] = {1, NAN, 0, INFINITY, 0.5, 0.25};
    const duet_svg_series series[] = {
        {.name = "<b>\"", .style = "main", .x = x, .y = y, .count = 6, .label = true}};
    const duet_svg_lines chart = {.what = "a \"<chart>",
                                  .x_title = "x&y",
                                  .y_title = "<y>",
                                  .series = series,
                                  .count = 1,
                                  .log_y = true};
    duet_str out = {0};
    assert_true(duet_svg_line_chart(&out, &chart, 1000, 300));
    assert_true(duet_svg_line_chart(&out, &chart, 380, 300));
    assert_true(markup_good(out.text));
    assert_null(strstr(out.text, "nan"));
    assert_null(strstr(out.text, "inf"));
    const char *path = strstr(out.text, "class=\"line main\" d=\"M");
    assert_non_null(path); /* the lone first point is drawn as a dot, the gap starts a new line */
    assert_non_null(strstr(path, "h.1M"));
    duet_str_free(&out);

    const double none[2] = {NAN, -1}, one[1] = {3};
    const duet_svg_series empty[] = {{.name = "e", .style = "main", .x = x, .y = none, .count = 2}};
    const duet_svg_lines nothing = {
        .what = "", .x_title = "", .y_title = "", .series = empty, .count = 1, .log_y = true};
    assert_false(duet_svg_line_chart(&out, &nothing, 1000, 300));
    assert_int_equal(out.size, 0);
    const duet_svg_series single[] = {
        {.name = "s", .style = "main", .x = one, .y = one, .count = 1}};
    const duet_svg_lines point = {
        .what = "", .x_title = "", .y_title = "", .series = single, .count = 1};
    assert_true(duet_svg_line_chart(&out, &point, 1000, 300));
    assert_true(markup_good(out.text));
    assert_null(strstr(out.text, "nan"));
    duet_str_free(&out);

    /* a band: above the line, then back below it; no half width is none */
    const double at[3] = {1, 10, 100}, high[3] = {10, 20, 30}, half[3] = {10, NAN, 10};
    const duet_svg_series banded[] = {
        {.name = "b", .style = "model", .x = at, .y = high, .count = 3, .spread = half}};
    const duet_svg_lines band = {
        .what = "", .x_title = "", .y_title = "", .series = banded, .count = 1, .log_x = true};
    assert_true(duet_svg_line_chart(&out, &band, 1000, 300));
    assert_true(markup_good(out.text));
    static const char mark[] = "class=\"band model\" d=\"M";
    const char *const path_at = strstr(out.text, mark);
    double px[6], py[6];
    assert_non_null(path_at);
    assert_int_equal(sscanf(path_at + strlen(mark),
                            "%lf %lfL%lf %lfL%lf %lfL%lf %lfL%lf %lfL%lf %lfZ", &px[0], &py[0],
                            &px[1], &py[1], &px[2], &py[2], &px[3], &py[3], &px[4], &py[4], &px[5],
                            &py[5]),
                     12); /* the heights 20, 20, 40; 20, 20, 0 */
    assert_true(py[0] == py[1] && py[3] == py[1] && py[4] == py[1] && py[2] < py[1] &&
                py[5] > py[1]);
    assert_true(px[0] == px[5] && px[1] == px[4] && px[2] == px[3] && px[1] > px[0]);
    duet_str_free(&out);
}

static void test_heat(void **state) {
    (void)state;
    const double value[6] = {50, NAN, 1e300, -INFINITY, 99.96, 0};
    const char *const row[] = {"<r1>", "r2"}, *const column[] = {
                                                  "a very long column name & more of it", "b",
                                                  "\xFF"};
    const char *const group[] = {"g", "g", "h"};
    duet_svg_heat heat = {.what = "<w>",
                          .rows = 2,
                          .columns = 3,
                          .value = value,
                          .row_label = row,
                          .column_label = column,
                          .column_group = group,
                          .row_title = "r",
                          .column_title = "c",
                          .split_row = 1,
                          .mark_row = 1,
                          .mark_column = 1,
                          .lo = 0,
                          .hi = 100,
                          .decimals = 1,
                          .print = true,
                          .most_cell = 60};
    duet_str out = {0};
    duet_svg_heat_map(&out, &heat, 1000);
    assert_non_null(strstr(out.text, ">50.0<"));
    assert_non_null(strstr(out.text, "class=\"winner\""));
    assert_non_null(strstr(out.text, "rotate(-45)"));
    heat.print = false;
    heat.split_column = 1;
    duet_svg_heat_map(&out, &heat, 380);
    heat.confusion = heat.print = true;
    heat.lo = heat.hi = 0;
    duet_svg_heat_map(&out, &heat, 380);
    assert_true(markup_good(out.text));
    assert_null(strstr(out.text, "nan"));
    assert_null(strstr(out.text, "inf"));
    duet_str_free(&out);
    heat.rows = 0;
    duet_svg_heat_map(&out, &heat, 380);
    assert_int_equal(out.size, 0);
}

static void test_bar(void **state) {
    (void)state;
    duet_str out = {0};
    duet_svg_bar(&out, "model", 150, 100, 50);
    assert_non_null(strstr(out.text, "width=\"100.00\""));
    assert_non_null(strstr(out.text, "class=\"mark\" x=\"50.00\""));
    duet_svg_bar(&out, "model", NAN, 0, NAN);
    duet_svg_bar(&out, "model", -INFINITY, NAN, INFINITY);
    assert_true(markup_good(out.text));
    assert_null(strstr(out.text, "nan"));
    assert_null(strstr(out.text, "inf"));
    duet_str_free(&out);
}

static void check_text(const char *in, const char *want) {
    duet_str out = {0};
    duet_html_text(&out, in);
    assert_string_equal(out.text, want);
    duet_str_free(&out);
}

static void test_escaping(void **state) {
    (void)state;
    check_text("<script>alert('x')&\"", "&lt;script&gt;alert(&#39;x&#39;)&amp;&quot;");
    check_text("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x91\x9F",
               "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x91\x9F");
    check_text("a\xFFz", "a\xEF\xBF\xBDz");
    check_text("a\xC0\xAF", "a\xEF\xBF\xBD\xEF\xBF\xBD");               /* overlong '/' */
    check_text("\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* surrogate */
    check_text("cut \xE2\x82", "cut \xEF\xBF\xBD\xEF\xBF\xBD");
    check_text("\x01\x1B", "\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void check_base64(const char *in, const char *want) {
    duet_str out = {0};
    duet_str_base64(&out, (const uint8_t *)in, (int64_t)strlen(in));
    assert_string_equal(out.text != NULL ? out.text : "", want);
    duet_str_free(&out);
}

static void test_base64(void **state) {
    (void)state; /* RFC 4648, section 10 */
    check_base64("", "");
    check_base64("f", "Zg==");
    check_base64("fo", "Zm8=");
    check_base64("foo", "Zm9v");
    check_base64("foobar", "Zm9vYmFy");
    static uint8_t zeros[9000];
    duet_str out = {0};
    duet_str_base64(&out, zeros, 9000);
    assert_int_equal(out.size, 12000);
    duet_str_free(&out);
}

static void test_quantities(void **state) {
    (void)state;
    duet_arena *a = NULL;
    assert_int_equal(duet_arena_new(&a), DUET_OK);
    assert_string_equal(duet_quantity_count(a, 330000), "330,000");
    assert_string_equal(duet_quantity_count(a, 999), "999");
    assert_string_equal(duet_quantity_count(a, -1234567), "-1,234,567");
    assert_string_equal(duet_quantity_count(a, NAN), "–");
    assert_string_equal(duet_quantity_short(a, 1190000), "1.19 M");
    assert_string_equal(duet_quantity_short(a, 61e6), "61.0 M");
    assert_string_equal(duet_quantity_short(a, 275.4), "275");
    assert_string_equal(duet_quantity_seconds(a, 0.0123), "12 ms");
    assert_string_equal(duet_quantity_seconds(a, 12.34), "12.3 s");
    assert_string_equal(duet_quantity_seconds(a, 231.9), "3 min 52 s");
    assert_string_equal(duet_quantity_seconds(a, 1200), "20 min");
    assert_string_equal(duet_quantity_seconds(a, 3599), "1 h 00 min");
    assert_string_equal(duet_quantity_seconds(a, 3900), "1 h 05 min");
    assert_string_equal(duet_quantity_seconds(a, -1), "–");
    assert_string_equal(duet_quantity_seconds(a, 1e300), "–");
    assert_string_equal(duet_quantity_bytes(a, 734003200), "700 MiB");
    assert_string_equal(duet_quantity_bytes(a, 1.5 * 1024), "1.5 KiB");
    assert_string_equal(duet_quantity_signed(a, -7.674, 2), "−7.67");
    assert_string_equal(duet_quantity_signed(a, 3, 1), "+3.0");
    assert_string_equal(duet_quantity_signed(a, -0.001, 2), "0.00");
    duet_arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticks),  cmocka_unit_test(test_viridis),
        cmocka_unit_test(test_lines),  cmocka_unit_test(test_heat),
        cmocka_unit_test(test_bar),    cmocka_unit_test(test_escaping),
        cmocka_unit_test(test_base64), cmocka_unit_test(test_quantities)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
