/* SPDX-License-Identifier: MIT
 * What a model knows, on procedural images with untrained tiny networks: CKA of one and of two
 * models from the features that duet_features gives, with images that cannot be read; maps, taps
 * and explanations of the right rows, whatever the number of threads. */
#include "tiny_model.h"

#include <math.h>
#include <jansson.h>

#include <duet/look.h>

#include "metric/hsic.h"

#define DATA                "synth:size=8,classes=3,train=30,test=24"
#define JUDGE               "resnet:image_size=8,base=4,classes=3,blocks=1/1,small=true"
#define NUMBER(object, key) json_number_value(json_object_get((object), (key)))
enum { ROWS = 24, PART = 8 };

static json_t *json_of(duet_look *look) {
    json_t *const object = json_loads(duet_look_json(look), 0, NULL);
    assert_non_null(object);
    duet_look_free(look);
    return object;
}

static const json_t *at(const json_t *array, size_t i) {
    assert_true(json_is_array(array) && i < json_array_size(array));
    return json_array_get(array, i);
}

static duet_model *make_judge(duet_context *ctx) {
    duet_model *judge = NULL;
    OK(duet_model_new(ctx, &judge, JUDGE, 5));
    duet_copy_text(duet_model_card(judge)->noise, 16, "none");
    return judge;
}

static duet_look_rows all_rows(void) {
    return (duet_look_rows){.split = DUET_TEST, .rows = ROWS};
}

/* ---- CKA ---- */

static duet_feature_table *read_table(duet_context *ctx, duet_model *model,
                                      const duet_dataset *data, int64_t t, int64_t tap,
                                      int64_t pool) {
    const duet_reader_options options = {.settings = duet_settings_of(t, tap, pool)};
    const duet_features_options plain = {.stored = DUET_F32};
    duet_reader *reader = NULL;
    duet_feature_table *table = NULL;
    duet_view view = {0};
    int64_t count = 0;
    OK(duet_view_all(&view, data, DUET_TEST));
    OK(duet_reader_open(ctx, &reader, "model", model, NULL, &options));
    OK(duet_features(ctx, &table, &count, reader, data, &view, &plain));
    duet_reader_close(reader);
    duet_view_free(&view);
    return table;
}

/* Of two tables in parts of PART rows. */
static double cka_of(const duet_feature_table *a, const duet_feature_table *b) {
    double value = 0;
    duet_hsic h;
    OK(duet_hsic_new(&h, 1, 1, PART));
    for (int64_t from = 0; from < ROWS; from += PART) {
        const float *x = a->x + from * a->dim, *y = b->x + from * b->dim;
        const duet_hsic_rows first = {.x = &x, .dim = &a->dim}, second = {.x = &y, .dim = &b->dim};
        OK(duet_hsic_add(&h, &first, &second, PART, 1));
    }
    duet_hsic_cka(&h, &value);
    duet_hsic_free(&h);
    return value;
}

static duet_cka_options cka_options(void) {
    return (duet_cka_options){
        .rows = all_rows(),
        .side = {{.times = {.count = 2, .v = {0, 50}}, .taps = {.count = 3, .v = {2, 4, 9}}}},
        .pool = 3,
        .batch_rows = PART};
}

static json_t *run_cka(int threads, duet_model *a, duet_model *b, const duet_dataset *data,
                       const duet_cka_options *options) {
    duet_context *ctx = make_context(threads, true);
    duet_look *look = NULL;
    OK(duet_cka(ctx, &look, a, b, data, options));
    duet_context_free(ctx);
    return json_of(look);
}

static void one_model(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *data = open_data(DATA);
    const duet_cka_options options = cka_options();
    json_t *r = run_cka(1, model, NULL, data, &options),
           *three = run_cka(3, model, NULL, data, &options);
    const json_t *columns = json_object_get(at(json_object_get(r, "models"), 0), "columns"),
                 *cka = json_object_get(r, "cka");
    assert_int_equal(json_array_size(columns), 6);
    assert_true(json_equal(cka, json_object_get(three, "cka")));
    assert_true(NUMBER(r, "rows") == ROWS && NUMBER(r, "batches") == ROWS / PART);
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j <= i; j += 2) {
            const json_t *a = at(columns, i), *b = at(columns, j);
            duet_feature_table *x = read_table(ctx, model, data, (int64_t)NUMBER(a, "t"),
                                               (int64_t)NUMBER(a, "tap"),
                                               (int64_t)NUMBER(a, "pool")),
                               *y = read_table(ctx, model, data, (int64_t)NUMBER(b, "t"),
                                               (int64_t)NUMBER(b, "tap"),
                                               (int64_t)NUMBER(b, "pool"));
            assert_true(NUMBER(a, "dim") == (double)x->dim && NUMBER(a, "pool") == 3);
            const double want = i == j ? 1 : cka_of(x, y),
                         got = json_number_value(at(at(cka, i), j));
            if (!(fabs(got - want) < 1e-9)) fail_msg("%zu, %zu: %.12g, not %.12g", i, j, got, want);
            assert_true(got == json_number_value(at(at(cka, j), i)));
            duet_features_free(x, 1);
            duet_features_free(y, 1);
        }
    json_decref(r);
    json_decref(three);
    duet_dataset_close(data);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* A classifier is read at its own size, without noise, and its logits too. */
static void two_models(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *a = make_model(ctx, TINY_ARCH, 1), *b = NULL;
    duet_dataset *data = open_data(DATA);
    duet_cka_options options = cka_options();
    b = make_judge(ctx);
    json_t *r = run_cka(2, a, b, data, &options);
    const json_t *columns = json_object_get(at(json_object_get(r, "models"), 1), "columns"),
                 *cka = json_object_get(r, "cka");
    const size_t last = json_array_size(columns) - 1;
    assert_true(last == (size_t)duet_model_tap_count(b) - 1 && json_array_size(cka) == 6);
    assert_true(NUMBER(at(columns, last), "dim") == 3 && NUMBER(at(columns, last), "t") == -1);
    duet_feature_table *x = read_table(ctx, a, data, 50, 4, 3),
                       *y = read_table(ctx, b, data, -1, (int64_t)last + 1, 1);
    assert_true(fabs(json_number_value(at(at(cka, 4), last)) - cka_of(x, y)) < 1e-9);
    duet_features_free(x, 1);
    duet_features_free(y, 1);
    json_decref(r);
    duet_look *look = NULL;
    options.batch_rows = 3;
    FAILS(DUET_ARG, "batches of 3 rows", duet_cka(ctx, &look, a, b, data, &options));
    options.batch_rows = PART;
    options.rows.rows = 3;
    FAILS(DUET_ARG, "too few", duet_cka(ctx, &look, a, b, data, &options));
    options.rows.split = DUET_VAL;
    FAILS(DUET_ARG, "no split 'val'", duet_cka(ctx, &look, a, b, data, &options));
    options = cka_options();
    options.side[0].taps.v[0] = 77;
    FAILS(DUET_ARG, "no tap 77", duet_cka(ctx, &look, a, NULL, data, &options));
    duet_dataset_close(data);
    duet_model_close(a);
    duet_model_close(b);
    duet_context_free(ctx);
}

/* A folder of images of which one is damaged. */
static duet_dataset *damaged_set(void) {
    char folder[DUET_PATH_SIZE], name[40];
    fresh_folder(folder, "looked-at");
    for (int i = 0; i < 13; i++) {
        snprintf(name, sizeof name, "test/%c/%02d.png", i % 2 ? 'a' : 'b', i);
        put_png(folder, name, 8, (uint8_t)(i * 19));
    }
    put_file(folder, "test/a/05.png", "\x89PNG\r\n\x1A\n cut off", 17);
    put_png(folder, "train/a/00.png", 8, 3);
    put_png(folder, "train/b/01.png", 8, 30);
    return open_data(folder);
}

static void unreadable(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *a = make_model(ctx, TINY_ARCH, 1), *b = make_model(ctx, TINY_ARCH, 2);
    duet_dataset *data = damaged_set();
    duet_cka_options options = cka_options();
    duet_look *look = NULL;
    duet_taps_options taps = {.rows = {.split = DUET_TEST, .rows = 13}};
    FAILS(DUET_FORMAT, "05.png", duet_cka(ctx, &look, a, b, data, &options));
    OK(duet_bad_images_new(&options.rows.bad));
    options.rows.batch = 4;
    json_t *r = run_cka(1, a, b, data, &options);
    assert_true(NUMBER(r, "rows") == 12 && NUMBER(json_object_get(r, "left_out"), "test") == 1);
    json_decref(r);
    taps.rows.bad = options.rows.bad;
    OK(duet_tap_pictures(ctx, &look, a, data, &taps));
    r = json_of(look);
    assert_int_equal(json_array_size(json_object_get(r, "images")), 12);
    json_decref(r);
    duet_bad_images_free(options.rows.bad);
    duet_dataset_close(data);
    duet_model_close(a);
    duet_model_close(b);
    duet_context_free(ctx);
}

/* ---- maps ---- */

static json_t *run_map(int threads, duet_model *model, const duet_dataset *data,
                       const char *reader) {
    duet_context *ctx = make_context(threads, true);
    duet_map_options options = {.rows = all_rows(), .settings = duet_settings_of(10, 4, 2)};
    duet_look *look = NULL;
    char path[DUET_PATH_SIZE];
    duet_copy_text(options.reader, sizeof options.reader, reader);
    duet_copy_text(options.method, sizeof options.method, "tsne:perplexity=4,steps=80");
    OK(duet_map_images(ctx, &look, model, data, &options));
    fresh_folder(path, "mapped");
    OK(duet_path_join(path, path, "x.svg"));
    OK(duet_look_write(look, path));
    duet_context_free(ctx);
    return json_of(look);
}

static void maps(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *data = open_data(DATA);
    json_t *one = run_map(1, model, data, ""), *three = run_map(3, model, data, "model"),
           *pixels = run_map(1, model, data, "pixels");
    const json_t *points = json_object_get(one, "points");
    assert_true(json_equal(points, json_object_get(three, "points")));
    assert_false(json_equal(points, json_object_get(pixels, "points")));
    assert_int_equal(json_array_size(points), ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        const json_t *p = at(points, i);
        assert_int_equal(json_integer_value(at(p, 3)), i);
        assert_int_equal(json_integer_value(at(p, 2)),
                         duet_dataset_label(data, DUET_TEST, (int64_t)i));
    }
    assert_true(NUMBER(one, "trust") > 0.5 &&
                json_array_size(json_object_get(one, "metrics")) == 2);
    json_decref(one);
    json_decref(three);
    json_decref(pixels);
    duet_map_options options = {.rows = all_rows(), .settings = duet_settings_of(10, 4, 2)};
    duet_look *look = NULL;
    duet_copy_text(options.method, sizeof options.method, "tsne:perplexityy=4");
    FAILS(DUET_ARG, "perplexityy", duet_map_images(ctx, &look, model, data, &options));
    duet_dataset_close(data);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* ---- taps ---- */

static void taps(void **state) {
    (void)state;
    duet_context *ctx = make_context(2, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    const char *paths[] = {path};
    duet_look *look = NULL;
    fresh_folder(folder, "tapped");
    put_png(folder, "one.png", 8, 90);
    OK(duet_path_join(path, folder, "one.png"));
    duet_taps_options options = {
        .times = {.count = 2, .v = {-1, 50}}, .paths = paths, .path_count = 1};
    OK(duet_tap_pictures(ctx, &look, model, NULL, &options));
    json_t *r = json_of(look);
    const json_t *list = json_object_get(r, "taps");
    assert_int_equal(json_array_size(list), TINY_TAPS);
    for (size_t i = 0; i < TINY_TAPS; i++) {
        const json_t *v = json_object_get(at(list, i), "variance");
        assert_true(NUMBER(at(list, i), "side") == NUMBER(at(list, i), "height"));
        assert_true(json_number_value(at(v, 0)) >= json_number_value(at(v, 1)));
        assert_true(json_number_value(at(v, 0)) <= 100 + 1e-9);
    }
    assert_int_equal(json_array_size(json_object_get(r, "images")), 1);
    json_decref(r);
    options.channels = 3;
    FAILS(DUET_ARG, "one tap", duet_tap_pictures(ctx, &look, model, NULL, &options));
    options.paths = NULL;
    FAILS(DUET_ARG, "no images", duet_tap_pictures(ctx, &look, model, NULL, &options));
    duet_model_close(model);
    duet_context_free(ctx);
}

/* Of one tap the channels of the largest variance over the images and places of its feature table,
 * in order; never more than there are. */
static void channels(void **state) {
    (void)state;
    enum { TAP = 4, T = 50, POOL = 4 };
    duet_context *ctx = make_context(2, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *data = open_data(DATA);
    duet_look *look = NULL;
    duet_taps_options options = {.rows = {.split = DUET_TEST, .rows = ROWS},
                                 .times = {.count = 1, .v = {T}},
                                 .taps = {.count = 1, .v = {TAP}},
                                 .channels = 64};
    const duet_tap_row *const tap = duet_model_tap(model, TAP);
    assert_true(tap->height == POOL && tap->channels > 3);
    duet_feature_table *table = read_table(ctx, model, data, T, TAP, POOL);
    OK(duet_tap_pictures(ctx, &look, model, data, &options));
    json_t *r = json_of(look);
    const json_t *list = json_object_get(r, "channels");
    assert_int_equal(json_array_size(list), tap->channels);
    double *variance = calloc((size_t)tap->channels, sizeof *variance), total = 0;
    for (int64_t c = 0; c < tap->channels; c++) {
        double sum = 0, squares = 0;
        const double n = (double)(table->rows * POOL * POOL);
        for (int64_t row = 0; row < table->rows; row++)
            for (int k = 0; k < POOL * POOL; k++) {
                const double v = table->x[row * table->dim + k * tap->channels + c];
                sum += v;
                squares += v * v;
            }
        variance[c] = squares / n - (sum / n) * (sum / n);
        total += variance[c];
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = at(list, i);
        const int64_t c = json_integer_value(json_object_get(one, "channel"));
        assert_true(fabs(NUMBER(one, "variance") - 100 * variance[c] / total) < 1e-3);
        assert_true(NUMBER(one, "low") <= NUMBER(one, "high"));
        assert_true(i == 0 || NUMBER(one, "variance") <= NUMBER(at(list, i - 1), "variance"));
    }
    free(variance);
    json_decref(r);
    duet_features_free(table, 1);
    options.channels = 2;
    OK(duet_tap_pictures(ctx, &look, model, data, &options));
    r = json_of(look);
    assert_int_equal(json_array_size(json_object_get(r, "channels")), 2);
    json_decref(r);
    duet_dataset_close(data);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* ---- explanations ---- */

/* The probability is that of duet_classify; covering plain ground changes nothing. */
static void why(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = NULL;
    char folder[DUET_PATH_SIZE], plain[DUET_PATH_SIZE], spot[DUET_PATH_SIZE], none[DUET_PATH_SIZE];
    const char *paths[] = {plain, spot, none}, *names[] = {"left", "right", "none"};
    duet_prediction found[2];
    duet_look *look = NULL;
    fresh_folder(folder, "explained");
    put_png(folder, "plain.png", 8, 60);
    duet_bytes png = png_of(8, 8, 250, 20, 90);
    duet_image image = {0};
    OK(duet_image_decode(&image, png.data, png.size, 3, "spot"));
    duet_bytes_free(&png);
    image.pixels[(3 * 8 + 4) * 3] = 0;
    OK(duet_image_encode_png(&png, &image, NULL, 0));
    put_file(folder, "spot.png", png.data, png.size);
    duet_bytes_free(&png);
    duet_image_free(&image);
    OK(duet_path_join(plain, folder, "plain.png"));
    OK(duet_path_join(spot, folder, "spot.png"));
    OK(duet_path_join(none, folder, "none.png"));
    model = make_judge(ctx);
    duet_why_options options = {
        .paths = paths, .path_count = 2, .class_names = names, .class_count = 3};
    OK(duet_classify(ctx, found, model, NULL, NULL, paths, 2));
    OK(duet_why(ctx, &look, model, NULL, NULL, &options));
    json_t *r = json_of(look);
    const json_t *images = json_object_get(r, "images");
    assert_true(NUMBER(r, "patch") == 2 && NUMBER(r, "places") == 14);
    double most[2] = {0};
    for (size_t i = 0; i < 2; i++) {
        const json_t *one = at(images, i), *fall = json_object_get(one, "fall");
        assert_int_equal(json_integer_value(json_object_get(one, "label")), found[i].label[0]);
        assert_string_equal(json_string_value(json_object_get(one, "name")),
                            names[found[i].label[0]]);
        assert_true(fabs(NUMBER(one, "probability") - found[i].probability[0]) < 1e-9);
        assert_int_equal(json_array_size(fall), 14 * 14);
        for (size_t k = 0; k < 14 * 14; k++)
            most[i] = fmax(most[i], fabs(json_number_value(at(fall, k))));
    }
    assert_true(most[0] == 0 && most[1] > 0);
    json_decref(r);
    options.path_count = 3;
    FAILS(DUET_NOT_FOUND, "none.png", duet_why(ctx, &look, model, NULL, NULL, &options));
    options.path_count = 17;
    FAILS(DUET_ARG, "17 images", duet_why(ctx, &look, model, NULL, NULL, &options));
    options.path_count = 1;
    options.patch = 9;
    FAILS(DUET_ARG, "a patch of 9 pixels", duet_why(ctx, &look, model, NULL, NULL, &options));
    duet_model_close(model);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_model), cmocka_unit_test(two_models), cmocka_unit_test(unreadable),
        cmocka_unit_test(maps),      cmocka_unit_test(taps),       cmocka_unit_test(channels),
        cmocka_unit_test(why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
