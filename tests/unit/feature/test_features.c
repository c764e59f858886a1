/* SPDX-License-Identifier: MIT
 * Whole tables: rows are those of the reader whatever the batch, raw pixels are the images, the cache gives back the bits it
 * was given, keeps settings apart and survives damage, and tables go through files of both formats. */
#include "tiny_model.h"

#include <math.h>

#include <duet/feature.h>
#include <duet/store.h>

#include "base/mem.h"

#define DATA "synth:size=8,classes=3,train=20,test=9"
enum { ROWS = 7, DIM = 16, PIXELS = 8 * 8 * 3 };

static const int64_t rows_at[ROWS] = {0, 2, 3, 7, 11, 12, 19};

typedef struct setup {
    duet_context *ctx;
    duet_model *model;
    duet_dataset *dataset;
    duet_view view;
    duet_features_options options; /* t 20, tap 5, pool 1 */
} setup;

static void note(duet_log_level level, const char *message, void *user) {
    int *warnings = user;
    if (level == DUET_LOG_WARNING && strstr(message, "cached") != NULL) ++*warnings;
}

static setup make_setup(bool exact, int *warnings) {
    const duet_context_options options = {.threads = 1, .exact = exact, .log = warnings ? note : NULL, .user = warnings};
    setup s = {.dataset = open_data(DATA),
               .options = {.reader = {.t = 20, .taps = {.count = 1, .v = {5}}, .pools = {.count = 1, .v = {1}}, .batch = 3}}};
    OK(duet_context_new(&s.ctx, &options));
    s.model = make_model(s.ctx, TINY_ARCH, 1);
    s.view = (duet_view){.split = DUET_TRAIN, .count = ROWS};
    OK(duet_alloc(&s.view.index, ROWS, sizeof *s.view.index));
    memcpy(s.view.index, rows_at, sizeof rows_at);
    return s;
}

static void end(setup *s) {
    duet_view_free(&s->view);
    duet_dataset_close(s->dataset);
    duet_model_close(s->model);
    duet_context_free(s->ctx);
}

/* The one table of the setup. */
static duet_feature_table read_table(const setup *s) {
    duet_feature_table *tables = NULL, table;
    int64_t count = 0;
    OK(duet_features(s->ctx, &tables, &count, s->model, &duet_model_card(s->model)->preprocess, s->dataset, &s->view, &s->options));
    assert_int_equal(count, 1);
    table = tables[0];
    tables[0] = (duet_feature_table){0};
    duet_features_free(tables, count);
    assert_true(table.rows == s->view.count && table.dim == DIM);
    return table;
}

static void assert_same_rows(const duet_feature_table *a, const duet_feature_table *b) {
    assert_true(a->rows == b->rows && a->dim == b->dim);
    assert_memory_equal(a->x, b->x, (size_t)(a->rows * a->dim) * sizeof *a->x);
    assert_memory_equal(a->labels, b->labels, (size_t)a->rows * sizeof *a->labels);
    assert_memory_equal(a->index, b->index, (size_t)a->rows * sizeof *a->index);
}

static void rows_are_those_of_the_reader(void **unused) {
    (void)unused;
    setup s = make_setup(true, NULL);
    for (int split = 0; split < 2; split++) {
        s.view.split = split == 0 ? DUET_TRAIN : DUET_TEST;
        s.view.count = split == 0 ? ROWS : 3;
        duet_feature_table table = read_table(&s);
        duet_reader *reader = NULL;
        OK(duet_reader_new(s.ctx, &reader, s.model, &s.options.reader));
        for (int64_t i = 0; i < table.rows; i++) {
            uint8_t pixels[PIXELS];
            float want[DIM], *out = want;
            const int64_t id = (int64_t)s.view.split << 40 | s.view.index[i]; /* splits have noise of their own */
            OK(duet_dataset_read(s.dataset, s.view.split, s.view.index[i], &duet_model_card(s.model)->preprocess, pixels));
            OK(duet_reader_run(reader, pixels, &id, 1, &out));
            assert_memory_equal(want, table.x + i * DIM, sizeof want);
            assert_int_equal(table.labels[i], duet_dataset_label(s.dataset, s.view.split, s.view.index[i]));
            assert_int_equal(table.index[i], s.view.index[i]);
        }
        assert_true(table.t == 20 && table.tap == 5 && table.pool == 1 && table.split == s.view.split);
        assert_true(table.model_hash == duet_model_hash(s.model) && table.data_hash == duet_dataset_describe(s.dataset)->hash);
        assert_string_equal(table.reader, "model");
        duet_feature_table_free(&table);
        duet_reader_free(reader);
    }
    end(&s);
}

static void batches_and_views_do_not_matter(void **unused) {
    (void)unused;
    setup s = make_setup(true, NULL);
    duet_feature_table want = read_table(&s); /* 7 rows in batches of 3: the last is padded */
    for (int64_t batch = 1; batch <= 8; batch += 7) {
        s.options.reader.batch = batch;
        duet_feature_table table = read_table(&s);
        assert_same_rows(&table, &want);
        duet_feature_table_free(&table);
    }
    s.view.count = 2;
    s.view.index[0] = rows_at[6];
    s.view.index[1] = rows_at[1];
    duet_feature_table part = read_table(&s);
    assert_memory_equal(part.x, want.x + 6 * DIM, DIM * sizeof(float));
    assert_memory_equal(part.x + DIM, want.x + 1 * DIM, DIM * sizeof(float));
    duet_feature_table_free(&part);
    duet_feature_table_free(&want);
    end(&s);
}

static void pixels_are_the_images(void **unused) {
    (void)unused;
    setup s = make_setup(false, NULL);
    const duet_preprocess how = {.size = 8, .channels = 3, .fit = "auto"};
    duet_feature_table *tables = NULL;
    int64_t count = 0;
    OK(duet_features(s.ctx, &tables, &count, NULL, &how, s.dataset, &s.view, &s.options));
    assert_int_equal(count, 1);
    assert_true(tables->rows == ROWS && tables->dim == PIXELS && tables->model_hash == 0);
    assert_string_equal(tables->reader, "pixels");
    for (int64_t i = 0; i < ROWS; i++) {
        uint8_t pixels[PIXELS];
        OK(duet_dataset_read(s.dataset, DUET_TRAIN, rows_at[i], &how, pixels));
        for (int p = 0; p < PIXELS; p++) assert_true(fabs((double)tables->x[i * PIXELS + p] - (pixels[p] / 127.5 - 1)) < 1e-6);
        assert_int_equal(tables->labels[i], rows_at[i] % 3);
    }
    duet_features_free(tables, count);
    end(&s);
}

static void preprocessing_must_be_the_models(void **unused) {
    (void)unused;
    setup s = make_setup(false, NULL);
    const duet_preprocess small = {.size = 4, .channels = 3}, grey = {.size = 8, .channels = 1};
    duet_feature_table *tables = NULL;
    int64_t count = 0;
    FAILS(DUET_ARG, "4 x 4 with 3 channels",
          duet_features(s.ctx, &tables, &count, s.model, &small, s.dataset, &s.view, &s.options));
    FAILS(DUET_ARG, "8 x 8 with 1 channels", duet_features(s.ctx, &tables, &count, s.model, &grey, s.dataset, &s.view, &s.options));
    FAILS(DUET_ARG, "no model", duet_features(s.ctx, &tables, &count, NULL, NULL, s.dataset, &s.view, &s.options));
    assert_null(tables);
    OK(duet_features(s.ctx, &tables, &count, s.model, NULL, s.dataset, &s.view, &s.options)); /* NULL: the card's */
    duet_feature_table want = read_table(&s);
    assert_same_rows(&tables[0], &want);
    duet_feature_table_free(&want);
    duet_features_free(tables, count);
    end(&s);
}

/* ---- the cache ---- */

static int64_t files_in(const char *folder, char first[DUET_PATH_SIZE]) {
    duet_listing listing = {0};
    OK(duet_folder_list(&listing, folder));
    const int64_t count = listing.count;
    if (count > 0) OK(duet_path_join(first, folder, listing.name[0]));
    duet_listing_free(&listing);
    return count;
}

static void the_second_read_comes_from_the_cache(void **unused) {
    (void)unused;
    setup s = make_setup(false, NULL);
    char file[DUET_PATH_SIZE];
    fresh_folder(s.options.cache, "features-second");
    duet_feature_table want = read_table(&s);
    assert_int_equal(files_in(s.options.cache, file), 1);
    duet_feature_table again = read_table(&s);
    assert_same_rows(&again, &want);
    assert_true(again.model_hash == want.model_hash && again.t == 20 && again.tap == 5 && again.pool == 1);
    duet_feature_table_free(&again);
    /* That it was read from there: other values in the file are what comes back. */
    duet_feature_table planted;
    OK(duet_feature_table_load(&planted, file));
    planted.x[4] += 1.0f;
    OK(duet_feature_table_save(&planted, file));
    again = read_table(&s);
    assert_same_rows(&again, &planted);
    duet_feature_table_free(&again);
    duet_feature_table_free(&planted);
    duet_feature_table_free(&want);
    end(&s);
}

static void settings_have_files_of_their_own(void **unused) {
    (void)unused;
    setup s = make_setup(false, NULL);
    char file[DUET_PATH_SIZE];
    fresh_folder(s.options.cache, "features-apart");
    duet_feature_table first = read_table(&s), table;
    int64_t files = 1;
#define APART(change, undo)                                                                                                        \
    do {                                                                                                                           \
        change;                                                                                                                    \
        table = read_table(&s);                                                                                                    \
        assert_int_equal(files_in(s.options.cache, file), ++files);                                                                \
        duet_feature_table_free(&table);                                                                                           \
        undo;                                                                                                                      \
    } while (0)
    APART(s.options.reader.t = 21, s.options.reader.t = 20);
    APART(s.options.reader.noise_seed = 1, s.options.reader.noise_seed = 0);
    APART(s.options.reader.taps.v[0] = 4, s.options.reader.taps.v[0] = 5);
    APART(s.view.count = 6, s.view.count = ROWS);
    APART(s.view.index[0] = 1, s.view.index[0] = rows_at[0]);
    duet_model *other = make_model(s.ctx, TINY_ARCH, 2), *own = s.model;
    APART(s.model = other, s.model = own);
    duet_context *exact = make_context(1, true), *fast = s.ctx; /* exact bits do not come from a pass that was not */
    APART(s.ctx = exact, s.ctx = fast);
#undef APART
    table = read_table(&s);
    assert_same_rows(&table, &first);
    assert_int_equal(files_in(s.options.cache, file), files);
    duet_feature_table_free(&table);
    duet_feature_table_free(&first);
    duet_context_free(exact);
    duet_model_close(other);
    end(&s);
}

static void damaged_files_are_computed_again(void **unused) {
    (void)unused;
    int warnings = 0;
    setup s = make_setup(false, &warnings);
    char file[DUET_PATH_SIZE];
    duet_bytes bytes = {0};
    fresh_folder(s.options.cache, "features-damaged");
    duet_feature_table want = read_table(&s), table;
    assert_int_equal(files_in(s.options.cache, file), 1);
    OK(duet_file_read(&bytes, file));
    const int64_t sizes[] = {0, 7, 100, bytes.size / 2, bytes.size - 1};
    for (int i = 0; i < DUET_COUNT(sizes); i++) {
        OK(duet_file_write(file, bytes.data, sizes[i]));
        table = read_table(&s);
        assert_same_rows(&table, &want);
        assert_int_equal(warnings, i + 1);
        duet_feature_table_free(&table);
    }
    /* Whole, but rows of other images. */
    OK(duet_feature_table_load(&table, file));
    table.index[1]++;
    OK(duet_feature_table_save(&table, file));
    duet_feature_table_free(&table);
    table = read_table(&s);
    assert_same_rows(&table, &want);
    assert_int_equal(warnings, DUET_COUNT(sizes) + 1);
    duet_feature_table_free(&table);
    table = read_table(&s); /* and it was written again */
    assert_int_equal(warnings, DUET_COUNT(sizes) + 1);
    duet_feature_table_free(&table);
    duet_feature_table_free(&want);
    duet_bytes_free(&bytes);
    end(&s);
}

/* ---- files ---- */

static void tables_go_through_files(void **unused) {
    (void)unused;
    float x[6] = {1, -2, 3.5f, 1e-30f, 1e30f, 0};
    int32_t labels[2] = {4, -1};
    int64_t index[2] = {3, (int64_t)1 << 40};
    const duet_feature_table table = {.rows = 2,
                                      .dim = 3,
                                      .x = x,
                                      .labels = labels,
                                      .index = index,
                                      .reader = "random",
                                      .t = -1,
                                      .tap = 3,
                                      .pool = 2,
                                      .noise_seed = 0xFFFFFFFFFFFFFFFFu,
                                      .model_hash = 0x8000000000000001u,
                                      .data_hash = 5,
                                      .split = DUET_TEST};
    duet_feature_table read;
    OK(duet_feature_table_save(&table, DUET_TEST_TMP "/table.safetensors"));
    OK(duet_feature_table_load(&read, DUET_TEST_TMP "/table.safetensors"));
    assert_same_rows(&read, &table);
    assert_string_equal(read.reader, "random");
    assert_true(read.t == -1 && read.tap == 3 && read.pool == 2 && read.split == DUET_TEST);
    assert_true(read.noise_seed == table.noise_seed && read.model_hash == table.model_hash && read.data_hash == 5);
    duet_feature_table_free(&read);
    OK(duet_feature_table_save(&table, DUET_TEST_TMP "/table.npz"));
    OK(duet_feature_table_load(&read, DUET_TEST_TMP "/table.npz"));
    assert_same_rows(&read, &table); /* npz holds no provenance */
    duet_feature_table_free(&read);
    FAILS(DUET_ARG, "end it in .npz or .safetensors", duet_feature_table_save(&table, DUET_TEST_TMP "/table.csv"));
    const duet_shape three = {.rank = 1, .dim = {3}}, matrix = {.rank = 2, .dim = {2, 3}};
    const duet_store_item items[] = {
        {"X", DUET_F32, DUET_F32, matrix, x}, {"y", DUET_F32, DUET_I64, three, x}, {"index", DUET_F32, DUET_I64, three, x}};
    OK(duet_store_write(DUET_TEST_TMP "/table.npz", "npz", items, 3, NULL, 0));
    FAILS(DUET_FORMAT, "not a feature table", duet_feature_table_load(&read, DUET_TEST_TMP "/table.npz"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_of_the_reader),
        cmocka_unit_test(batches_and_views_do_not_matter),
        cmocka_unit_test(pixels_are_the_images),
        cmocka_unit_test(preprocessing_must_be_the_models),
        cmocka_unit_test(the_second_read_comes_from_the_cache),
        cmocka_unit_test(settings_have_files_of_their_own),
        cmocka_unit_test(damaged_files_are_computed_again),
        cmocka_unit_test(tables_go_through_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
