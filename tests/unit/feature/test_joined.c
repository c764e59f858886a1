/* SPDX-License-Identifier: MIT
 * Several settings at once: the joined rows are those of each one side by side, from one reading of
 * the images, with and without the cache; means over draws and views are those of their rows; a
 * level can be named by its sigma. */
#include "tiny_model.h"

#include <math.h>

#include <duet/feature.h>

#include "base/mem.h"
#include "model/model.h"
#include "noise/noise.h"

#define DATA   "synth:size=8,classes=3,train=20,test=9"
#define JOINED "t=20,tap=7,pool=2+t=5,tap=5,pool=1+t=20,tap=3,pool=4+t=-1,tap=7,pool=2"
enum { PIXELS = 8 * 8 * 3, TEST = 9 };

typedef struct setup {
    duet_context *ctx;
    duet_model *model;
    duet_dataset *dataset;
    duet_view view;
} setup;

static setup begin(void) {
    setup s = {.ctx = make_context(1, true), .dataset = open_data(DATA)};
    s.model = make_model(s.ctx, TINY_ARCH, 1);
    OK(duet_view_all(&s.view, s.dataset, DUET_TEST));
    return s;
}

static void end(setup *s) {
    duet_view_free(&s->view);
    duet_dataset_close(s->dataset);
    duet_model_close(s->model);
    duet_context_free(s->ctx);
}

static duet_feature_table join(const setup *s, const duet_settings *settings, const char *cache,
                               duet_features_work *work) {
    const duet_reader_options reading = {.settings = *settings, .noise_seed = 3, .batch = 4};
    duet_features_options options = {.stored = DUET_F32};
    duet_reader *reader = NULL;
    duet_feature_set *set = NULL;
    duet_feature_table table;
    duet_copy_text(options.cache, sizeof options.cache, cache);
    OK(duet_reader_open(s->ctx, &reader, "model", s->model, NULL, &reading));
    OK(duet_feature_set_open(s->ctx, &set, reader, s->dataset, &s->view, &options));
    OK(duet_feature_set_join(set, &s->view, &table));
    if (work != NULL) *work = duet_feature_set_work(set);
    duet_feature_set_close(set);
    duet_reader_close(reader);
    return table;
}

static duet_settings parse(const char *text) {
    duet_settings settings;
    OK(duet_settings_parse(&settings, text));
    return settings;
}

static void check_sides(const setup *s, const duet_feature_table *all) {
    int64_t at = 0;
    for (int i = 0; i < all->settings.count; i++) {
        const duet_settings one = {.count = 1, .v = {all->settings.v[i]}};
        duet_feature_table own = join(s, &one, "", NULL);
        for (int64_t r = 0; r < own.rows; r++)
            assert_memory_equal(own.x + r * own.dim, all->x + r * all->dim + at,
                                (size_t)own.dim * sizeof *own.x);
        assert_memory_equal(own.labels, all->labels, (size_t)own.rows * sizeof *own.labels);
        at += own.dim;
        duet_feature_table_free(&own);
    }
    assert_int_equal(at, all->dim);
}

static void joined_is_side_by_side(void **state) {
    (void)state;
    setup s = begin();
    char cache[DUET_PATH_SIZE];
    const duet_settings settings = parse(JOINED);
    duet_features_work work;
    fresh_folder(cache, "joined");
    for (int way = 0; way < 3; way++) { /* in memory, written, read */
        duet_feature_table all = join(&s, &settings, way == 0 ? "" : cache, &work);
        assert_true(all.rows == TEST && all.dim == 16 * 4 + 16 + 8 * 16 + 16 * 4);
        assert_int_equal(all.settings.count, 4);
        /* three levels, each read once for all its settings */
        assert_int_equal(work.computed, way < 2 ? 3 * TEST : 0);
        assert_int_equal(work.cached, way < 2 ? 0 : 3 * TEST);
        check_sides(&s, &all);
        duet_feature_table_free(&all);
    }
    /* The cache has a file for each setting: one of them alone is there. */
    const duet_settings one = parse("t=5,tap=5,pool=1");
    duet_feature_table table = join(&s, &one, cache, &work);
    assert_true(work.computed == 0 && work.cached == TEST);
    duet_feature_table_free(&table);
    end(&s);
}

static void tables_keep_their_settings(void **state) {
    (void)state;
    setup s = begin();
    const duet_settings settings = parse(JOINED);
    duet_feature_table all = join(&s, &settings, "", NULL), read;
    OK(duet_feature_table_save(&all, DUET_TEST_TMP "/joined.safetensors", DUET_F32));
    OK(duet_feature_table_load(&read, DUET_TEST_TMP "/joined.safetensors"));
    assert_int_equal(read.settings.count, 4);
    for (int i = 0; i < 4; i++)
        assert_true(duet_setting_equal(&read.settings.v[i], &settings.v[i]));
    assert_memory_equal(read.x, all.x, (size_t)(all.rows * all.dim) * sizeof *all.x);
    duet_feature_table_free(&read);
    duet_feature_table_free(&all);
    end(&s);
}

/* Rows of one pass of the reader, by hand: mirrored images, whose features [2,2,C] are mirrored
 * back, and noise of another draw. */
static void read_view(const setup *s, float *out, int64_t dim, bool mirrored, int64_t draw) {
    const duet_reader_options reading = {
        .settings = duet_settings_of(20, 7, 2), .noise_seed = 3, .batch = 1};
    duet_reader *reader = NULL;
    OK(duet_reader_open(s->ctx, &reader, "model", s->model, NULL, &reading));
    for (int64_t r = 0; r < TEST; r++) {
        uint8_t pixels[PIXELS], turned[PIXELS];
        const int64_t id = ((int64_t)DUET_TEST << 40 | r) + (draw << 48);
        OK(duet_dataset_read(s->dataset, DUET_TEST, r, &duet_model_card(s->model)->preprocess,
                             pixels));
        for (int i = 0; i < PIXELS; i++)
            turned[i] = pixels[(i / 24 * 8 + 7 - i / 3 % 8) * 3 + i % 3];
        OK(duet_reader_join(reader, mirrored ? turned : pixels, &id, 1, out + r * dim));
        for (int64_t c = 0; mirrored && c < dim / 2; c++) {
            const int64_t channels = dim / 4, place = c / channels * 2;
            float *const left = out + r * dim + place * channels + c % channels;
            const float kept = *left;
            *left = left[channels];
            left[channels] = kept;
        }
    }
    duet_reader_close(reader);
}

static void means_are_over_draws_and_views(void **state) {
    (void)state;
    setup s = begin();
    const duet_settings settings = parse("t=20,tap=7,pool=2,draws=3,flip=true");
    duet_feature_table mean = join(&s, &settings, "", NULL);
    const int64_t count = mean.rows * mean.dim;
    double *sum = NULL, apart = 0;
    float *one = NULL;
    OK(duet_alloc(&sum, count, sizeof *sum));
    OK(duet_alloc(&one, count, sizeof *one));
    for (int turn = 0; turn < 6; turn++) {
        read_view(&s, one, mean.dim, turn % 2 == 1, turn / 2);
        for (int64_t i = 0; i < count; i++) sum[i] += (double)one[i] / 6;
    }
    for (int64_t i = 0; i < count; i++) {
        assert_true(fabs(sum[i] - (double)mean.x[i]) < 1e-5);
        apart = fmax(apart, fabs(sum[i] - (double)one[i]));
    }
    assert_true(apart > 1e-3); /* a single pass is something else */
    duet_release(sum);
    duet_release(one);
    duet_feature_table_free(&mean);
    end(&s);
}

static void a_sigma_is_the_nearest_level(void **state) {
    (void)state;
    setup s = begin();
    duet_noise *noise = NULL;
    OK(duet_noise_new(&noise, duet_model_card(s.model)->noise));
    const double want = duet_noise_level(noise, 37).sigma;
    duet_settings settings = parse("tap=5,pool=1,sigma=0.001");
    settings.v[0].sigma = want + 1e-4;
    OK(duet_settings_resolve(s.ctx, &settings, s.model));
    assert_true(settings.v[0].t == 37 && settings.v[0].sigma == 0);
    settings = parse("sigma=0.000002,tap=5,pool=1+t=3,tap=5,pool=1"); /* below all of them */
    OK(duet_settings_resolve(s.ctx, &settings, s.model));
    assert_true(settings.v[0].t == 0 && settings.v[1].t == 3);
    settings = parse("sigma=7,tap=5,pool=1");
    FAILS(DUET_ARG, "(t 99)", duet_settings_resolve(s.ctx, &settings, s.model));
    duet_noise_free(noise);
    end(&s);
}

static void what_the_model_lacks_is_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"t=100,tap=5,pool=1", "the levels of the model's noise are 0 to 99"},
        {"t=5,tap=10,pool=1", "no tap 10; the model has taps 1 to 9"},
        {"t=5,tap=5,pool=5", "pool 5 is larger than the map of tap 5, which is 4 x 4"},
        {"t=-1,tap=5,pool=1,draws=2", "2 draws of the noise at t -1"},
        {"t=5,tap=5,pool=1+t=5,tap=5,pool=1", "'t=5,tap=5,pool=1' is given twice"},
        {"t=5,tap=5", "without pool"},
        {"tap=5,pool=1", "without its level t"},
    };
    setup s = begin();
    for (int i = 0; i < DUET_COUNT(wrong); i++) {
        const duet_reader_options reading = {.settings = parse(wrong[i].text)};
        duet_reader *reader = NULL;
        FAILS(DUET_ARG, wrong[i].words,
              duet_reader_open(s.ctx, &reader, "model", s.model, NULL, &reading));
        assert_null(reader);
    }
    end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined_is_side_by_side),
        cmocka_unit_test(tables_keep_their_settings),
        cmocka_unit_test(means_are_over_draws_and_views),
        cmocka_unit_test(a_sigma_is_the_nearest_level),
        cmocka_unit_test(what_the_model_lacks_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
