/* SPDX-License-Identifier: MIT
 * The sections of map, taps and cka: complete steps, several of them, pictures that are missing or
 * none, odd types. Whatever the files hold, writing succeeds and the markup is well-formed. */
#include "unit/data/fixtures.h"

#include <duet/report.h>

#include "base/str.h"
#include "unit/report/markup.h"

static char run[DUET_PATH_SIZE];
static duet_str page;

static int begin(void **state) {
    (void)state;
    fresh_folder(run, "look-sections");
    put_file(run, "run.json", "{}", 2);
    return 0;
}

static int end(void **state) {
    (void)state;
    duet_str_free(&page);
    page = (duet_str){0};
    return 0;
}

static void put_text(const char *name, const char *text) {
    put_file(run, name, text, (int64_t)strlen(text));
}

static const char *build(void) {
    char path[DUET_PATH_SIZE];
    duet_bytes bytes = {0};
    OK(duet_report_write(path, run));
    OK(duet_file_read(&bytes, path));
    duet_str_free(&page);
    page = (duet_str){0};
    duet_str_bytes(&page, bytes.data, bytes.size);
    duet_bytes_free(&bytes);
    assert_true(markup_good(page.text));
    return page.text;
}

static void has(const char *text) {
    if (strstr(page.text, text) == NULL) fail_msg("the page lacks '%s'", text);
}

static const char svg[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 480\" width=\"640\" "
    "height=\"480\" font-family=\"system-ui,-apple-system,'Segoe UI',Roboto,sans-serif\" "
    "role=\"img\" aria-label=\"a picture that is longer than its head\"></svg>";
static const char map[] =
    "{\"rows\":1000,\"split\":\"test\",\"reader\":\"model\",\"setting\":{\"t\":5,\"tap\":2,"
    "\"pool\":1},\"method_title\":\"t-SNE\",\"trust\":0.9812,\"values\":[{\"name\":\"kl\","
    "\"title\":\"divergence <KL>\",\"unit\":\"nats\",\"value\":0.66644}],\"picture_svg\":"
    "\"map.svg\"}";
static const char cka[] =
    "{\"rows\":500,\"pool\":4,\"models\":[{\"name\":\"a<b\",\"arch\":\"vit\",\"columns\":[{\"t\":1,"
    "\"tap\":1},{\"t\":1,\"tap\":2},{\"t\":-1,\"tap\":1}]}],\"cka\":[[1,0.5,null],[0.5,1,0.25],"
    "[null,0.25,1]]}";

/* The books: sets are told apart by name, split and rows; lines that are no objects are counted. */
static void books(void **state) {
    (void)state;
    put_text(
        "tests.jsonl",
        "{\"date\":\"2026-01-31\",\"command\":\"probe\",\"step\":\"probe-001\",\"data\":\"a<b\","
        "\"split\":\"test\",\"head\":\"linear\",\"t\":5,\"tap\":2,\"pool\":1,\"rows\":24,\"heads\":"
        "86,"
        "\"top1\":37.5}\n"
        "{\"command\":\"classify\",\"data\":\"a<b\",\"split\":\"test\",\"rows\":24,\"heads\":1}\n"
        "{\"command\":\"probe\",\"reader\":\"random\",\"data\":\"a<b\",\"split\":\"test\","
        "\"rows\":25,\"heads\":\"x\"}\n"
        "[1]\n\n{\"cut");
    build();
    has("<section id=\"tests\">");
    has("<li>a&lt;b, split test (24 images): looked at 2 times, by 87 heads in all</li>");
    has("<li>a&lt;b, split test (25 images): looked at once, by 0 heads in all</li>");
    has("<td>probe-001</td><td>a&lt;b</td><td>linear</td><td>t = 5, tap 2, pool 1</td>");
    has("<td>random weights</td>");
    has("2 lines of tests.jsonl are damaged");
    put_text("tests.jsonl", "");
    build();
    assert_null(strstr(page.text, "Looks at test images"));
    put_text("tests.jsonl", "{}\n");
    build();
    has("<section id=\"tests\">");
}

static void complete(void **state) {
    (void)state;
    put_text("map-001/result.json", map);
    put_text("map-001/map.svg", svg);
    put_text("map-002/result.json", map);
    put_text("map-002/map.svg", svg);
    put_text("taps-001/result.json",
             "{\"images\":[\"a\",\"b\"],\"picture_svg\":\"taps.svg\",\"seconds\":1}");
    put_text("taps-001/taps.svg", svg);
    put_text("cka-001/result.json", cka);
    build();
    has("<section id=\"map\">");
    has("1,000 images of the split test");
    has("at t = 5, tap 2, pool 1");
    has("trustworthiness 0.981 (1:");
    has("divergence &lt;KL&gt; 0.6664 nats");
    has("viewBox=\"0 0 640 480\" width=\"640\" height=\"480\" role=\"img\" aria-label=\"Images as "
        "points in the plane of their features\">");
    has("href=\"data:image/svg+xml;base64,PHN2Zy");
    has("<summary>Earlier ones</summary>");
    has("<section id=\"taps\">");
    has("Feature maps of 2 images");
    has("<section id=\"cka\">");
    has("How alike the layers of a&lt;b are");
    has("t = 1</text>");
    has("clean</text>");
    has("<title>t = 1, 1 – t = 1, 2: 0.50</title>");
    has("<title>t = 1, 1 – clean, 1: –</title>");
    assert_null(strstr(page.text, "class=\"missing\""));
    assert_null(strstr(page.text, "http:"));
}

static void two_models(void **state) {
    (void)state;
    put_text("cka-001/result.json",
             "{\"models\":[{\"name\":\"m\",\"arch\":\"vit\",\"columns\":[{\"t\":1,\"tap\":1}]},"
             "{\"name\":\"m\",\"arch\":\"resnet\",\"columns\":[{\"t\":-1,\"tap\":7}]}],"
             "\"cka\":[[0.75]]}");
    build();
    has("tap of m (vit)");
    has("tap of m (resnet)");
    has(">0.75</text>");
}

static void pictures(void **state) {
    (void)state;
    static const char *const names[] = {"../run.json", ".hidden", "", "map.svg", "x.svg"};
    put_text("map-001/x.svg", "<html><script></script></html>");
    for (int i = 0; i < 5; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"rows\":5,\"picture_svg\":\"%s\"}", names[i]);
        put_text("map-001/result.json", text);
        build();
        has(i < 3    ? "no picture is named"
            : i == 3 ? "&#39;map-001/map.svg&#39; is missing"
                     : "no SVG picture in");
        assert_null(strstr(page.text, "image/svg+xml"));
    }
}

static void odd(void **state) {
    (void)state;
    static const char *const odd[] = {"null",
                                      "true",
                                      "-1",
                                      "1e308",
                                      "\"<&>\"",
                                      "[]",
                                      "{}",
                                      "[[]]",
                                      "[null,\"x\",[1]]",
                                      "[{\"columns\":[1,{}]}]",
                                      "[{\"columns\":[{\"t\":\"x\"}]},3]"};
    static const char *const keys[] = {"rows",  "split",  "reader",      "setting", "method_title",
                                       "trust", "values", "picture_svg", "images",  "models",
                                       "cka",   "pool",   "data",        "metrics"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        duet_str text = {0};
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            duet_str_format(&text, "%c\"%s\":%s", k == 0 ? '{' : ',', keys[k], odd[i]);
        duet_str_add(&text, "}");
        put_text("map-001/result.json", text.text);
        put_text("taps-001/result.json", text.text);
        put_text("cka-001/result.json", text.text);
        duet_str_free(&text);
        build();
        assert_null(strstr(page.text, "<script"));
    }
    put_text("cka-001/result.json",
             "{\"models\":[{\"columns\":[{\"t\":1,\"tap\":1}]}],\"cka\":[]}");
    build();
    has("cka-001: a result of cka with 0 rows of 1.");
    put_text("cka-001/result.json", "{");
    put_text("map-001/result.json", "[");
    put_text("taps-001/result.json", "");
    build();
    has("taps-001/result.json");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(books, begin, end),
        cmocka_unit_test_setup_teardown(complete, begin, end),
        cmocka_unit_test_setup_teardown(two_models, begin, end),
        cmocka_unit_test_setup_teardown(pictures, begin, end),
        cmocka_unit_test_setup_teardown(odd, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
