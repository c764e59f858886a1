/* SPDX-License-Identifier: MIT
 * The loader: what it delivers depends on (seed, start) only, never on the number of workers; short
 * last batch; corrupt images; cancellation. */
#include "fixtures.h"

#include "base/rng.h"

static duet_dataset *synth(void) {
    duet_dataset *dataset = NULL;
    OK(duet_dataset_open(NULL, &dataset, "synth:size=12,train=53,test=0,classes=7"));
    return dataset;
}

static duet_loader_options options_of(bool shuffle, int workers, int64_t start) {
    return (duet_loader_options){.preprocess = {.size = 12, .channels = 3},
                                 .batch = 8,
                                 .shuffle = shuffle,
                                 .seed = 5,
                                 .start = start,
                                 .workers = workers};
}

#define ROW (12 * 12 * 3)

typedef struct record {
    int64_t rows;
    int64_t index[400];
    int32_t labels[400];
    uint8_t pixels[400][ROW];
} record;

/* Up to `batches` batches into the record. */
static void take(record *out, const duet_dataset *dataset, const duet_loader_options *options,
                 int batches) {
    duet_view view = {0};
    duet_loader *loader = NULL;
    OK(duet_view_all(&view, dataset, DUET_TRAIN));
    OK(duet_loader_open(NULL, &loader, dataset, &view, options));
    duet_view_free(&view);
    out->rows = 0;
    for (int b = 0; b < batches; b++) {
        duet_batch batch = {0};
        OK(duet_loader_next(loader, &batch));
        if (batch.count == 0) break;
        assert_int_equal(batch.position, options->start + out->rows);
        for (int64_t i = 0; i < batch.count; i++, out->rows++) {
            out->index[out->rows] = batch.index[i];
            out->labels[out->rows] = batch.labels[i];
            memcpy(out->pixels[out->rows], batch.pixels + i * ROW, ROW);
        }
    }
    duet_loader_close(loader);
}

static void assert_same(const record *a, int64_t from, const record *b, int64_t rows) {
    assert_memory_equal(a->index + from, b->index, (size_t)rows * sizeof(int64_t));
    assert_memory_equal(a->labels + from, b->labels, (size_t)rows * sizeof(int32_t));
    assert_memory_equal(a->pixels[from], b->pixels, (size_t)rows * ROW);
}

static void order_is_the_permutation(void **state) {
    (void)state;
    duet_dataset *dataset = synth();
    record *got = calloc(1, sizeof *got);
    const duet_loader_options options = options_of(true, 2, 0);
    take(got, dataset, &options, 20); /* 160 rows: three epochs */
    assert_int_equal(got->rows, 160);
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        int64_t order[53];
        duet_rng_permutation(duet_rng_make(5, "order", (uint64_t)epoch), order, 53);
        assert_memory_equal(got->index + 53 * epoch, order, sizeof order);
    }
    for (int64_t i = 0; i < got->rows; i++) {
        uint8_t pixels[ROW];
        OK(duet_dataset_read(dataset, DUET_TRAIN, got->index[i], &options.preprocess, pixels));
        assert_memory_equal(got->pixels[i], pixels, ROW);
        assert_int_equal(got->labels[i], got->index[i] % 7);
    }
    free(got);
    duet_dataset_close(dataset);
}

static void workers_and_start_change_nothing(void **state) {
    (void)state;
    duet_dataset *dataset = synth();
    record *whole = calloc(1, sizeof *whole), *part = calloc(1, sizeof *part);
    duet_loader_options options = options_of(true, 1, 0);
    snprintf(options.augment, sizeof options.augment, "flip+crop:pad=2");
    take(whole, dataset, &options, 40);
    for (int workers = 1; workers <= 4; workers++) {
        options.workers = workers;
        options.start = 0;
        take(part, dataset, &options, 40);
        assert_same(whole, 0, part, 320);
        options.start = 13 * workers; /* 52 is the last row of epoch 0 */
        take(part, dataset, &options, 20);
        assert_same(whole, options.start, part, 160);
    }
    options.batch = 120; /* more than the view: over three epochs in one batch */
    options.start = 0;
    take(part, dataset, &options, 2);
    assert_same(whole, 0, part, 240);
    free(whole);
    free(part);
    duet_dataset_close(dataset);
}

static void pass_ends_short(void **state) {
    (void)state;
    duet_dataset *dataset = synth();
    record *got = calloc(1, sizeof *got);
    duet_loader_options options = options_of(false, 3, 0);
    take(got, dataset, &options, 100);
    assert_int_equal(got->rows, 53); /* 6 batches of 8 and one of 5 */
    for (int64_t i = 0; i < 53; i++) assert_int_equal(got->index[i], i);
    options.start = 50;
    take(got, dataset, &options, 100);
    assert_int_equal(got->rows, 3);
    assert_int_equal(got->index[0], 50);
    options.start = 53;
    take(got, dataset, &options, 100);
    assert_int_equal(got->rows, 0);
    free(got);
    duet_dataset_close(dataset);
}

/* ---- corrupt images ---- */

static char folder[DUET_PATH_SIZE];

/* Two classes of five images whose grey value is 10 * row; rows 3, 4 and 9 are corrupt. */
static duet_dataset *damaged(const char *name) {
    fresh_folder(folder, name);
    for (int i = 0; i < 10; i++) {
        char file[32];
        snprintf(file, sizeof file, "%c/%d.png", i < 5 ? 'a' : 'b', i);
        put_png(folder, file, 12, (uint8_t)(10 * i));
        if (i == 3 || i == 4 || i == 9)
            put_file(folder, file, "\x89PNG\r\n\x1a\nbut then nothing", 24);
    }
    duet_dataset *dataset = NULL;
    OK(duet_dataset_open(NULL, &dataset, folder));
    return dataset;
}

static void corrupt_image_stops(void **state) {
    (void)state;
    duet_dataset *dataset = damaged("damaged_stop");
    duet_view view = {0};
    OK(duet_view_all(&view, dataset, DUET_TRAIN));
    for (int workers = 1; workers <= 4; workers += 3) {
        duet_loader_options options = options_of(false, workers, 0);
        options.batch = 2;
        duet_loader *loader = NULL;
        duet_batch batch = {0};
        OK(duet_loader_open(NULL, &loader, dataset, &view, &options));
        OK(duet_loader_next(loader, &batch));
        FAILS(DUET_FORMAT, "a/3.png", duet_loader_next(loader, &batch));
        FAILS(DUET_FORMAT, "a/3.png", duet_loader_next(loader, &batch));
        duet_loader_close(loader);
    }
    duet_view_free(&view);
    duet_dataset_close(dataset);
}

typedef struct heard {
    int count;
    char text[8][512];
} heard;

static void listen(duet_log_level level, const char *message, void *user) {
    heard *h = user;
    if (level == DUET_LOG_WARNING && h->count < 8)
        snprintf(h->text[h->count++], 512, "%s", message);
}

static void corrupt_image_is_skipped(void **state) {
    (void)state;
    duet_dataset *dataset = damaged("damaged_skip");
    duet_view view = {0};
    OK(duet_view_all(&view, dataset, DUET_TRAIN));
    for (int workers = 1; workers <= 4; workers += 3) {
        heard said = {0};
        duet_context *ctx = NULL;
        OK(duet_context_new(&ctx, &(duet_context_options){.log = listen, .user = &said}));
        duet_loader_options options = options_of(false, workers, 0);
        options.batch = 5;
        snprintf(options.on_bad, sizeof options.on_bad, "skip");
        duet_loader *loader = NULL;
        OK(duet_loader_open(ctx, &loader, dataset, &view, &options));
        static const int64_t expected[10] = {0, 1, 2, 5, 5,
                                             5, 6, 7, 8, 0}; /* 9 wraps around to 0 */
        for (int b = 0; b < 2; b++) {
            duet_batch batch = {0};
            OK(duet_loader_next(loader, &batch));
            assert_int_equal(batch.count, 5);
            for (int64_t i = 0; i < 5; i++) {
                assert_int_equal(batch.index[i], expected[5 * b + i]);
                assert_int_equal(batch.labels[i], expected[5 * b + i] >= 5);
                assert_int_equal(batch.pixels[i * ROW], 10 * expected[5 * b + i]);
            }
        }
        assert_int_equal(duet_loader_skipped(loader), 3);
        assert_int_equal(said.count, 3);
        assert_non_null(strstr(said.text[0], "a/3.png"));
        assert_non_null(strstr(said.text[2], "b/9.png"));
        duet_loader_close(loader);
        duet_context_free(ctx);
    }
    duet_view_free(&view);
    duet_dataset_close(dataset);
}

static void nothing_readable_is_an_error(void **state) {
    (void)state;
    duet_dataset *dataset = damaged("damaged_all");
    int64_t rows[3] = {3, 4, 9};
    const duet_view view = {.split = DUET_TRAIN, .count = 3, .index = rows};
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        duet_loader_options options = options_of(shuffle == 1, 2, 0);
        snprintf(options.on_bad, sizeof options.on_bad, "skip");
        duet_loader *loader = NULL;
        duet_batch batch = {0};
        OK(duet_loader_open(NULL, &loader, dataset, &view, &options));
        FAILS(DUET_FORMAT, "none of the 3 images", duet_loader_next(loader, &batch));
        duet_loader_close(loader);
    }
    duet_dataset_close(dataset);
}

/* View 0 is what a loader without views gives; the others are the same rows under other draws. */
static void views_of_rows(void **state) {
    (void)state;
    enum { VIEWS = 3 };
    duet_dataset *dataset = synth();
    duet_view view = {0};
    record *plain = calloc(1, sizeof *plain), *got = calloc(1, sizeof *got);
    duet_loader_options options = options_of(true, 2, 0);
    duet_loader *loader = NULL;
    snprintf(options.augment, sizeof options.augment, "crop:pad=4");
    take(plain, dataset, &options, 4);
    options.views = VIEWS;
    take(got, dataset, &options, 4);
    assert_same(plain, 0, got, 32);
    OK(duet_view_all(&view, dataset, DUET_TRAIN));
    OK(duet_loader_open(NULL, &loader, dataset, &view, &options));
    int64_t other[VIEWS] = {0}; /* rows that differ from view 0 */
    for (int b = 0; b < 4; b++) {
        duet_batch batch = {0};
        OK(duet_loader_next(loader, &batch));
        assert_int_equal(batch.views, VIEWS);
        assert_int_equal(batch.view_size, 8 * ROW);
        for (int v = 0; v < VIEWS; v++)
            for (int64_t i = 0; i < batch.count; i++)
                other[v] += memcmp(batch.pixels + i * ROW,
                                   batch.pixels + v * batch.view_size + i * ROW, ROW) != 0;
    }
    assert_true(other[0] == 0 && other[1] > 24 && other[2] > 24);
    duet_loader_close(loader);
    options.augment[0] = '\0'; /* without augmentation all views are the image */
    OK(duet_loader_open(NULL, &loader, dataset, &view, &options));
    duet_batch batch = {0};
    OK(duet_loader_next(loader, &batch));
    assert_memory_equal(batch.pixels, batch.pixels + 2 * batch.view_size, 8 * ROW);
    duet_loader_close(loader);
    options.views = 9;
    assert_int_equal(duet_loader_open(NULL, &loader, dataset, &view, &options), DUET_ARG);
    duet_view_free(&view);
    free(plain);
    free(got);
    duet_dataset_close(dataset);
}

/* ---- refusals ---- */

static void options_are_checked(void **state) {
    (void)state;
    duet_dataset *dataset = synth();
    duet_view view = {0};
    duet_loader *loader = NULL;
    OK(duet_view_all(&view, dataset, DUET_TRAIN));
    duet_loader_options options = options_of(true, 1, 0);
    options.batch = 0;
    FAILS(DUET_ARG, "batch", duet_loader_open(NULL, &loader, dataset, &view, &options));
    options = options_of(true, 1, -1);
    FAILS(DUET_ARG, "start", duet_loader_open(NULL, &loader, dataset, &view, &options));
    options = options_of(true, 1, 0);
    snprintf(options.on_bad, sizeof options.on_bad, "cry");
    FAILS(DUET_ARG, "'cry'", duet_loader_open(NULL, &loader, dataset, &view, &options));
    options = options_of(true, 1, 0);
    snprintf(options.augment, sizeof options.augment, "flip+krop");
    FAILS(DUET_ARG, "did you mean 'crop'",
          duet_loader_open(NULL, &loader, dataset, &view, &options));
    options = options_of(true, 1, 0);
    view.index[52] = 53;
    FAILS(DUET_ARG, "row 53 is outside", duet_loader_open(NULL, &loader, dataset, &view, &options));
    const duet_view empty = {.split = DUET_TEST};
    FAILS(DUET_ARG, "no rows", duet_loader_open(NULL, &loader, dataset, &empty, &options));
    options.shuffle = false;
    duet_batch batch = {.count = 1};
    OK(duet_loader_open(NULL, &loader, dataset, &empty, &options));
    OK(duet_loader_next(loader, &batch));
    assert_int_equal(batch.count, 0);
    duet_loader_close(loader);
    duet_loader_close(NULL);
    duet_view_free(&view);
    duet_dataset_close(dataset);
}

static bool is_cancelled(void *user) {
    return *(const bool *)user;
}

static void cancelling_ends_it(void **state) {
    (void)state;
    bool flag = false;
    duet_context *ctx = NULL;
    OK(duet_context_new(&ctx, &(duet_context_options){.cancelled = is_cancelled, .user = &flag}));
    duet_dataset *dataset = synth();
    duet_view view = {0};
    duet_loader *loader = NULL;
    duet_batch batch = {0};
    OK(duet_view_all(&view, dataset, DUET_TRAIN));
    const duet_loader_options options = options_of(true, 2, 0);
    OK(duet_loader_open(ctx, &loader, dataset, &view, &options));
    OK(duet_loader_next(loader, &batch));
    flag = true;
    assert_int_equal(duet_loader_next(loader, &batch), DUET_CANCELLED);
    duet_loader_close(loader); /* while workers may be filling */
    duet_view_free(&view);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_of_rows),
        cmocka_unit_test(order_is_the_permutation),
        cmocka_unit_test(workers_and_start_change_nothing),
        cmocka_unit_test(pass_ends_short),
        cmocka_unit_test(corrupt_image_stops),
        cmocka_unit_test(corrupt_image_is_skipped),
        cmocka_unit_test(nothing_readable_is_an_error),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(cancelling_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
