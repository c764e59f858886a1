/* SPDX-License-Identifier: MIT
 * The whole page: complete runs, empty runs, hostile names, damaged and missing files, wrong types,
 * many classes. Whatever the files hold, writing succeeds and the markup is well-formed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <duet/report.h>

#include "base/file.h"
#include "base/str.h"
#include "run/grid.h"
#include "unit/report/markup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char run[DUET_PATH_SIZE];
static duet_bytes page;

static void open_run(void) {
    char template[DUET_PATH_SIZE];
    snprintf(template, sizeof template, "%s/report-XXXXXX", DUET_TEST_TMP);
    assert_non_null(mkdtemp(template));
    memcpy(run, template, sizeof run);
}

static void put(const char *name, const char *text) {
    char path[DUET_PATH_SIZE], folder[DUET_PATH_SIZE];
    assert_int_equal(duet_path_join(path, run, name), DUET_OK);
    memcpy(folder, path, sizeof folder);
    *strrchr(folder, '/') = 0;
    assert_int_equal(duet_folder_make(folder), DUET_OK);
    assert_int_equal(duet_file_write(path, text, (int64_t)strlen(text)), DUET_OK);
}

static void put_picture(const char *name) {
    char path[DUET_PATH_SIZE];
    const uint8_t pixels[64] = {1, 2, 3};
    duet_image sheet = {0};
    assert_int_equal(duet_path_join(path, run, name), DUET_OK);
    assert_int_equal(duet_grid(&sheet, pixels, 4, 4, 4, 1, 2, 1, 1), DUET_OK);
    assert_int_equal(duet_image_write_png(path, &sheet, NULL, 0), DUET_OK);
    duet_image_free(&sheet);
}

/* Writes the report and reads it back into page.data as text. */
static const char *build(void) {
    char path[4096];
    duet_bytes_free(&page);
    assert_int_equal(duet_report_write(path, run), DUET_OK);
    assert_string_equal(duet_path_base(path), "report.html");
    assert_int_equal(path[0], '/');
    assert_int_equal(duet_file_read(&page, path), DUET_OK);
    duet_str text = {0};
    duet_str_bytes(&text, page.data, page.size);
    duet_bytes_free(&page);
    page = (duet_bytes){.data = (uint8_t *)text.text, .size = text.size};
    assert_true(markup_good(text.text));
    assert_null(strstr(text.text, "<script"));
    assert_null(strstr(text.text, "http:"));
    assert_null(strstr(text.text, "https:"));
    return text.text;
}

static int clean(void **state) {
    (void)state;
    duet_bytes_free(&page);
    return 0;
}

static const char good_run[] =
    "{\"command\":\"train\",\"name\":\"my <run> & "
    "co\",\"status\":\"done\",\"created\":\"2026-01-31T12:00:00Z\",\"settings\":{\"batch\":"
    "\"64\",\"lr\":\"0.0004\",\"resume\":\"\"},\"data\":{\"name\":\"fashion\",\"height\":28,"
    "\"width\":28,\"channels\":1,"
    "\"classes\":3,"
    "\"train\":60000},\"model\":{\"arch\":\"adm_unet\",\"parameters\":1190000,\"macs\":61000000,"
    "\"taps\":17,\"size\":32,"
    "\"channels\":1},"
    "\"denoise_t\":[10,50],\"machine\":{\"cpu\":\"a "
    "cpu\",\"threads\":2,\"isa\":\"avx2\"},\"images\":330000,\"steps\":5156,"
    "\"seconds\":1200.0,\"final_loss\":0.0312,\"peak_memory\":734003200}";
static const char good_loss[] =
    "step,images,seconds,loss,loss_q0,loss_q1,loss_q2,loss_q3,grad_norm,lr,images_per_second\n"
    "10,640,2.5,0.9,1.2,0.9,0.7,0.5,3.1,0.0001,256\n20,1280,5,0.5,,0.5,nan,0.3,2.0,0.0002,257\n"
    "30,1920,7.5,0.2,0.4,0.2,0.1,0.1,1.0,0.0003,255\n";
static const char good_sweep[] =
    "{\"fit_rows\":8000,\"val_rows\":4000,\"taps\":[{\"tap\":1,\"name\":\"in.0\",\"height\":28,"
    "\"width\":28},{\"tap\":2,\"name\":"
    "\"mid\","
    "\"height\":14,\"width\":14}],\"rows\":[{\"reader\":\"model\",\"t\":0,\"tap\":1,\"pool\":1,"
    "\"top1\":70.1},{\"reader\":"
    "\"model\","
    "\"t\":10,\"tap\":2,\"pool\":1,\"top1\":88.2,\"dim\":256},{\"reader\":\"model\",\"t\":10,"
    "\"tap\":2,\"pool\":2,\"top1\":81.3},"
    "{\"reader\":\"model\",\"t\":10,\"tap\":1,\"pool\":2,\"top1\":null},{\"reader\":\"random\","
    "\"t\":10,\"tap\":2,\"pool\":1,"
    "\"top1\":66.4},"
    "{\"reader\":\"pixels\",\"t\":0,\"tap\":0,\"pool\":0,\"top1\":77.5}],\"best\":{\"reader\":"
    "\"model\",\"t\":10,\"tap\":2,"
    "\"pool\":1,"
    "\"top1\":88.2},\"timings\":{\"features\":60.0,\"heads\":35}}";
static const char good_probe[] = "{\"head\":\"linear\",\"setting\":{\"t\":10,\"tap\":2,\"pool\":1},"
                                 "\"setting_from\":\"sweep\",\"top1\":90.4,\"top1_std\":0.05,"
                                 "\"noise_seeds\":[0,1,2],\"train_rows\":60000,\"test_rows\":30,"
                                 "\"class_names\":[\"<script>alert(1)</"
                                 "script>\",\"b\\\"'&\",\"c\"],"
                                 "\"per_class\":[80,90,100],\"confusion\":[[8,2,0],[1,9,0],[0,0,10]"
                                 "],\"rows\":[{\"reader\":\"model\",\"t\":10,\"tap\":2,"
                                 "\"pool\":1,"
                                 "\"dim\":256,\"strength\":0.01,\"top1\":90.4,\"val_top1\":90.9},{"
                                 "\"reader\":\"random\",\"top1\":82.7,\"dim\":256},{\"reader\":"
                                 "\"pixels\","
                                 "\"top1\":84.4,\"dim\":784}],\"neighbours\":\"neighbours.png\","
                                 "\"neighbours_k\":8,\"seconds\":95,"
                                 "\"labels\":{\"rows\":100,\"draws\":3,\"list\":\"a<b\"},"
                                 "\"calibration\":{\"temperature\":1.25,\"rows\":6000,"
                                 "\"from\":\"held\",\"ece_before\":0.0214,\"ece\":0.0096,"
                                 "\"sets\":[{\"level\":0.9,\"coverage\":91.25,"
                                 "\"mean_size\":1.07}],\"reliability_before\":[{\"rows\":0,"
                                 "\"accuracy\":null,\"confidence\":null},{\"rows\":20,"
                                 "\"accuracy\":0.5,\"confidence\":0.6}],\"reliability\":"
                                 "[{\"rows\":9,\"accuracy\":0.1,\"confidence\":0.2},"
                                 "{\"rows\":20,\"accuracy\":0.5,\"confidence\":0.5}]},"
                                 "\"few\":[{\"reader\":\"model\",\"shots\":1,\"draws\":10,"
                                 "\"top1\":45.5,\"top1_std\":5.5},{\"reader\":\"model\","
                                 "\"shots\":10,\"draws\":10,\"top1\":74.6,\"top1_std\":1.93},"
                                 "{\"reader\":\"x<y\",\"shots\":10,\"draws\":1,\"top1\":70.4,"
                                 "\"top1_std\":null}],\"few_head\":\"ridge\","
                                 "\"few_test_rows\":10000}";

static void put_all(void) {
    put("run.json", good_run);
    put("loss.csv", good_loss);
    put("sample-001/result.json", "{\"sampler\":\"ddim:steps=50\",\"count\":64,\"seed\":1,"
                                  "\"seconds\":12.3,\"grid\":\"grid.png\"}");
    put("sample-010/result.json",
        "{\"sampler\":\"newest\",\"count\":4,\"seed\":1,\"seconds\":1,\"grid\":\"grid.png\","
        "\"walk\":\"walk.png\","
        "\"damaged\":{\"count\":12,\"of\":200,\"rough\":8,\"flat\":4,\"real\":4000}}");
    put("sweep-001/result.json", good_sweep);
    put("probe-001/result.json", good_probe);
    put("eval-001/result.json",
        "{\"samples\":{\"rows\":1000},\"sampler\":\"heun\",\"reader\":{\"file\":\"models/"
        "a<b.safetensors\"},\"fid\":12.34,\"kid\":0.0123,\"precision\":0.5,\"damaged\":0.4,"
        "\"bounds\":{\"real\":{\"rows\":1000,\"split\":\"test\",\"fid\":0.87,\"top1\":93.02},"
        "\"noise\":{\"rows\":1000,\"fid\":301.4}}}");
    put_picture("real.png");
    put_picture("denoise.png");
    put_picture("sample-001/grid.png");
    put_picture("sample-010/grid.png");
    put_picture("sample-010/walk.png");
    put_picture("probe-001/neighbours.png");
}

static void test_complete(void **state) {
    (void)state;
    open_run();
    put_all();
    const char *html = build();
    assert_non_null(strstr(html, "<title>my &lt;run&gt; &amp; co</title>"));
    assert_non_null(strstr(html, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    static const char *const part[] = {"It generates",
                                       "It recognises",
                                       "id=\"samples\"",
                                       "id=\"denoising\"",
                                       "id=\"readings\"",
                                       "id=\"recognition\"",
                                       "id=\"training\"",
                                       "id=\"settings\"",
                                       ">90.4<",
                                       "t = 50",
                                       ">−7.70<",
                                       ">330,000<",
                                       ">700 MiB<",
                                       "class=\"winner\"",
                                       "class=\"line q3\"",
                                       "href=\"#newest-grid\"",
                                       "over 3 draws of the labels",
                                       "the labels are those of <code>a&lt;b</code>, 3 draws",
                                       "With 10 labels of each class 74.6&#8239;%, against 70.4",
                                       "class=\"band model\"",
                                       ">74.60 ± 1.93<",
                                       ">70.40<",
                                       ">91.25&#8239;%<",
                                       "is 0.96&#8239;% (before 2.14&#8239;%)",
                                       "at temperature 1.250, fitted to 6,000 training images",
                                       ">random<",
                                       "77.5",
                                       "pool 2: at best 81.3",
                                       "12 of 200 images are damaged: 8 too rough, 4 too flat.",
                                       "<dt>Damaged</dt><dd>6 %</dd>",
                                       "<h3>From noise</h3>",
                                       "4,000 real images",
                                       "id=\"distance\"",
                                       "12.34<small>Fréchet distance",
                                       "Other real images lie at 0.87, random bytes at 301",
                                       "1,000 real images of the split test",
                                       "recognises 93.0 % of them",
                                       ">a&lt;b.safetensors<",
                                       ">0.0123<"};
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
        if (strstr(html, part[i]) == NULL) fail_msg("the page lacks '%s'", part[i]);
    }
    const char *first = strstr(html, "<code>newest</code>"),
               *second = strstr(html, "<code>ddim:steps=50</code>");
    assert_true(first != NULL && second != NULL && first < second);
    assert_null(strstr(html, "class=\"missing\""));
    assert_null(strstr(html, ">nan"));
}

static void test_empty(void **state) {
    (void)state;
    open_run();
    const char *html = build(); /* not even a run.json */
    assert_non_null(strstr(html, "run.json"));
    assert_non_null(strstr(html, "duet sample"));
    assert_non_null(strstr(html, "duet probe"));
    assert_null(strstr(html, "id=\"training\""));
    put("run.json", "{\"status\":\"running\"}");
    assert_non_null(strstr(build(), "still training"));
    assert_int_equal(duet_report_write(NULL, run), DUET_OK);
    char path[4096] = "untouched";
    assert_int_equal(duet_report_write(path, "/definitely/not/here"), DUET_NOT_FOUND);
    assert_string_equal(path, "untouched");
}

/* A network that makes no images is not said to, and its step of noise is in words. */
/* A command that no section shows has its time all the same. */
static void test_other_commands(void **state) {
    (void)state;
    open_run();
    put("run.json", good_run);
    put("swim-far-003/result.json", "{\"command\":\"swim-far\",\"seconds\":4}");
    put("swim-far-012/result.json", "{\"command\":\"swim-far\",\"seconds\":5}");
    put("dive-001/result.json", "{\"seconds\":6}");
    put("dive-/result.json", "{\"seconds\":7}");
    put("dive-1a/result.json", "{\"seconds\":8}");
    const char *html = build();
    const char *const dive = strstr(html, "dive-001"), *const newest = strstr(html, "swim-far-012"),
                      *const older = strstr(html, "swim-far-003");
    assert_true(dive != NULL && dive < newest && newest < older);
    assert_null(strstr(html, "dive-1a"));
    assert_null(strstr(html, "dive-:"));
}

static void test_recogniser(void **state) {
    (void)state;
    open_run();
    put("run.json", "{\"command\":\"sweep\",\"status\":\"done\",\"settings\":{\"model\":\"a/"
                    "net.th\"},\"model\":{\"arch\":\"resnet\","
                    "\"parameters\":1000,\"makes_no_images\":\"it is a classifier\"}}");
    put("sweep-001/result.json", "{\"rows\":[{\"reader\":\"model\",\"t\":-1,\"tap\":1,\"pool\":1,"
                                 "\"top1\":70}],\"best\":{\"reader\":\"model\","
                                 "\"t\":-1,\"tap\":1,\"pool\":1,\"top1\":70}}");
    const char *html = build();
    static const char *const part[] = {"It generates nothing: it is a classifier",
                                       "duet probe a/net.th", "on clean images, tap 1, pool 1",
                                       ">clean<", "<h3>Options</h3>"};
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        if (strstr(html, part[i]) == NULL) fail_msg("the page lacks '%s'", part[i]);
    static const char *const never[] = {
        "<h2>It generates</h2>", "duet sample", "does two jobs", ">-1<", "t = -1",
        "<h3>Training</h3>"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (strstr(strstr(html, "<body"), never[i]) != NULL)
            fail_msg("the page has '%s'", never[i]);
}

static void test_damaged(void **state) {
    (void)state;
    static const char *const bad[] = {
        "", "{", "[]", "null", "{\"top1\": NaN}", "\xFF\xFE", "{\"rows\": [1, 2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        open_run();
        put("run.json", bad[i]);
        put("loss.csv", bad[i]);
        put("sample-001/result.json", bad[i]);
        put("sweep-001/result.json", bad[i]);
        put("probe-001/result.json", bad[i]);
        put("real.png", bad[i]);
        put("denoise.png", bad[i]);
        const char *html = build();
        assert_non_null(strstr(html, "run.json"));
        assert_non_null(strstr(html, "loss.csv holds no training curve"));
        assert_non_null(strstr(html, "sweep-001/result.json"));
        assert_non_null(strstr(html, "probe-001/result.json"));
        assert_non_null(strstr(html, "denoise.png"));
    }
}

static void test_newest_damaged_falls_back(void **state) {
    (void)state;
    open_run();
    put_all();
    put("probe-002/result.json", "{\"top1\": 9");
    put("probe-003/notes.txt", "still running: no result.json");
    const char *html = build();
    assert_non_null(strstr(html, "probe-002/result.json"));
    assert_non_null(strstr(html, ">90.4<"));
}

static void test_missing_pictures(void **state) {
    (void)state;
    open_run();
    put("run.json", good_run);
    put("sample-001/result.json", "{\"grid\":\"grid.png\",\"count\":4}");
    put("sample-002/result.json", "{\"grid\":\"../../../etc/hostname\",\"count\":4}");
    put("probe-001/result.json", good_probe);
    const char *html = build();
    assert_non_null(strstr(html, "no picture is named"));
    assert_non_null(strstr(html, "&#39;real.png&#39; is missing"));
    assert_non_null(strstr(html, "&#39;probe-001/neighbours.png&#39; is missing"));
    assert_null(strstr(html, "<image"));
}

static void test_wrong_types(void **state) {
    (void)state;
    static const char *const odd[] = {
        "null",        "true", "-1", "1e308", "\"<&>\"", "[]", "{}", "[[]]", "[null,\"x\",[1]]",
        "{\"a\":[{}]}"};
    static const char *const run_key[] = {
        "name",    "status", "created", "settings", "data",       "model",       "denoise_t",
        "machine", "images", "steps",   "seconds",  "final_loss", "peak_memory", "version"};
    static const char *const step_key[] = {
        "sampler",     "count",        "seed",         "seconds",     "grid",      "model",
        "rows",        "best",         "taps",         "timings",     "top1",      "top1_std",
        "noise_seeds", "setting",      "head",         "class_names", "per_class", "confusion",
        "neighbours",  "neighbours_k", "train_rows",   "fit_rows",    "val_rows",  "samples",
        "reader",      "fid",          "kid",          "bounds",      "few",       "few_head",
        "labels",      "calibration",  "few_test_rows"};
    static const char *const inner[] = {"rows",  "from",        "temperature", "sets",  "level",
                                        "shots", "reliability", "draws",       "reader"};
    open_run();
    put_all();
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        duet_str text = {0}, step = {0};
        for (size_t k = 0; k < sizeof run_key / sizeof run_key[0]; k++) {
            duet_str_format(&text, "%c\"%s\":%s", k == 0 ? '{' : ',', run_key[k], odd[i]);
        }
        for (size_t k = 0; k < sizeof step_key / sizeof step_key[0]; k++) {
            duet_str_format(&step, "%c\"%s\":%s", k == 0 ? '{' : ',', step_key[k], odd[i]);
        }
        duet_str_add(&text, "}");
        duet_str_add(&step, "}");
        put("run.json", text.text);
        put("sample-010/result.json", step.text);
        put("sweep-002/result.json", step.text);
        put("probe-002/result.json", step.text);
        put("features-001/result.json", step.text);
        put("eval-002/result.json", step.text);
        duet_str_free(&text);
        duet_str_free(&step);
        assert_null(strstr(build(), ">nan"));
        for (int part = 0; part < 2; part++) {
            duet_str_add(&step, part == 0 ? "{\"calibration\":{\"a\":1" : "{\"few\":[{\"a\":1");
            for (size_t k = 0; k < sizeof inner / sizeof inner[0]; k++)
                duet_str_format(&step, ",\"%s\":%s", inner[k], odd[i]);
            duet_str_add(&step, part == 0 ? "}}" : "}]}");
            put("probe-002/result.json", step.text);
            duet_str_free(&step);
            assert_null(strstr(build(), ">nan"));
        }
    }
}

static void test_odd_rows(void **state) {
    (void)state;
    open_run();
    put("run.json", good_run);
    put("sweep-001/result.json", "{\"rows\":[1,null,{\"reader\":\"model\",\"t\":1e300,\"tap\":-5.5,"
                                 "\"pool\":1e-300,\"top1\":50},"
                                 "{\"reader\":\"model\",\"t\":0,\"tap\":1,\"pool\":1,\"top1\":-"
                                 "1e308}],\"taps\":[3,{\"tap\":1}],\"best\":7}");
    put("probe-001/result.json", "{\"confusion\":[[1,\"x\"],3,[1e308,1e308,1e308],[-4]],\"per_"
                                 "class\":[null,-5,1e300],\"class_names\":[1]}");
    assert_non_null(strstr(build(), "class 0"));
    put("eval-001/result.json",
        "{\"fid\":-1,\"bounds\":{\"real\":{\"fid\":0},\"noise\":{\"fid\":1e308}}}");
    put("eval-002/result.json",
        "{\"fid\":1e-300,\"bounds\":{\"real\":{\"fid\":1e300},\"noise\":{\"fid\":1e-5}}}");
    assert_null(strstr(build(), ">nan"));
    put("sweep-001/result.json", "{\"rows\":[{\"reader\":\"pixels\",\"top1\":50}]}");
    assert_non_null(strstr(build(), "sweep-001 has no row of the model"));
}

static void test_many_classes(void **state) {
    (void)state;
    duet_str text = {0};
    open_run();
    put("run.json", good_run);
    duet_str_add(&text, "{\"top1\":50,\"confusion\":[");
    for (int r = 0; r < 200; r++) {
        for (int c = 0; c < 200; c++) {
            const int count = r == c               ? 25
                              : c == (r + 1) % 200 ? 25 - r % 20
                              : c == (r + 2) % 200 ? r % 20
                                                   : 0;
            duet_str_format(&text, "%s%d", c == 0 ? (r == 0 ? "[" : ",[") : ",", count);
        }
        duet_str_add(&text, "]");
    }
    duet_str_add(&text, "]}");
    put("probe-001/result.json", text.text);
    duet_str_free(&text);
    const char *html = build();
    assert_null(strstr(html, "What is taken for what"));
    assert_non_null(strstr(html, "20 most frequent"));
    assert_non_null(strstr(html, "All 200 classes"));
    assert_non_null(strstr(html, "class 199"));
    assert_true(page.size < 400000);
}

static void test_odd_curves(void **state) {
    (void)state;
    open_run();
    put("run.json", good_run);
    put("loss.csv",
        "loss,images\r\n0.5,10\r\n,\r\nx,20\r\n0.25,30\r\n0.1"); /* columns in another order, a cut
                                                                    last line */
    assert_non_null(strstr(build(), "class=\"line main\""));
    put("loss.csv", "step,images,seconds,loss\n1,64,1,nan\n2,128,2,inf\n3,192,3,-1\n");
    assert_non_null(strstr(build(), "no finite loss"));
    put("loss.csv", "step,images,seconds,loss\n");
    assert_non_null(strstr(build(), "no training curve"));
    put("loss.csv", "a,b,c\n1,2,3\n");
    assert_non_null(strstr(build(), "no training curve"));
    duet_str text = {0};
    duet_str_add(&text, "images,loss\n");
    for (int i = 1; i < 20000; i++) duet_str_format(&text, "%d,%g\n", i, 1.0 / i);
    put("loss.csv", text.text);
    duet_str_free(&text);
    assert_non_null(strstr(build(), "class=\"line main\""));
    assert_true(page.size < 150000);
}

/* The accuracy of a classifier has a chart of its own, beside the loss. */
static void test_classifier(void **state) {
    (void)state;
    open_run();
    put("run.json", "{\"command\": \"train\", \"name\": \"x\", \"validation\": {\"split\": "
                    "\"held out\", \"rows\": 30, \"top1\": 93.25}}");
    put("loss.csv", "step,images,seconds,loss,top1,grad_norm,lr,images_per_second\n"
                    "1,8,1,2.5,10,1,0.1,8\n2,16,2,1.5,40,1,0.1,8\n3,24,3,0.5,80,1,0.1,8\n");
    const char *text = build();
    assert_non_null(strstr(text, "Accuracy on the training batches"));
    assert_null(strstr(text, "Coloured lines"));
    assert_non_null(strstr(text, "validation top-1"));
    assert_non_null(strstr(text, "93.25"));
}

/* Charts of what was measured; columns without numbers, lines cut off and other files do no harm.
 */
static void test_meters(void **state) {
    (void)state;
    open_run();
    put("run.json", "{\"command\": \"train\", \"name\": \"x\"}");
    put("loss.csv", "step,images,seconds,loss,grad_norm,lr,images_per_second\n1,8,1,0.5,1,0.1,8\n");
    put("meters.csv", "images,steps,seconds,own_top1,probe_top1,frechet_judge,frechet_random\n"
                      "8,1,0.1,,27,,\n16,2,0.2,,61,165.5,\n24,3,0.3,,62.5,160,\n");
    const char *text = build();
    assert_non_null(strstr(text, "Accuracy while training"));
    assert_non_null(strstr(text, "linear head"));
    assert_null(strstr(text, "its own classifier"));
    assert_non_null(strstr(text, "Frechet distance while training"));
    put("meters.csv", "images,steps,seconds,probe_top1\n8,1");
    text = build();
    assert_null(strstr(text, "Accuracy while training"));
    put("meters.csv", "nothing,of,this\n1,2,3\n");
    assert_non_null(strstr(build(), "meters.csv holds no measurement"));
    put("meters.csv", "");
    assert_non_null(strstr(build(), "meters.csv holds no measurement"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_complete, clean),
        cmocka_unit_test_teardown(test_empty, clean),
        cmocka_unit_test_teardown(test_other_commands, clean),
        cmocka_unit_test_teardown(test_recogniser, clean),
        cmocka_unit_test_teardown(test_damaged, clean),
        cmocka_unit_test_teardown(test_newest_damaged_falls_back, clean),
        cmocka_unit_test_teardown(test_missing_pictures, clean),
        cmocka_unit_test_teardown(test_wrong_types, clean),
        cmocka_unit_test_teardown(test_odd_rows, clean),
        cmocka_unit_test_teardown(test_many_classes, clean),
        cmocka_unit_test_teardown(test_odd_curves, clean),
        cmocka_unit_test_teardown(test_classifier, clean),
        cmocka_unit_test_teardown(test_meters, clean)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
