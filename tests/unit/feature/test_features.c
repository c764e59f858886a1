/* SPDX-License-Identifier: MIT
 * Whole tables: rows are those of the reader whatever the batch, raw pixels are the images, the
 * cache gives back the bits it was given, keeps settings apart, survives damage, kills and a full
 * disk, and tables go through files of both formats. */
#include "tiny_model.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <duet/feature.h>
#include <duet/store.h>

#include "base/hash.h"
#include "base/mem.h"
#include "feature/shelf.h"
#include "model/model.h"

#define DATA "synth:size=8,classes=3,train=20,test=9"
enum { ROWS = 7, DIM = 16, PIXELS = 8 * 8 * 3 };

static const int64_t rows_at[ROWS] = {0, 2, 3, 7, 11, 12, 19};

typedef struct setup {
    duet_context *ctx;
    duet_model *model;
    duet_dataset *dataset;
    duet_view view;
    duet_reader_options reading; /* t 20, tap 5, pool 1 */
    duet_features_options options;
} setup;

static void note(duet_log_level level, const char *message, void *user) {
    int *warnings = user;
    if (level == DUET_LOG_WARNING && strstr(message, "cached") != NULL) ++*warnings;
}

static setup make_setup(bool exact, int *warnings) {
    const duet_context_options options = {
        .threads = 1, .exact = exact, .log = warnings != NULL ? note : NULL, .user = warnings};
    setup s = {.dataset = open_data(DATA),
               .reading = {.times = {.count = 1, .v = {20}},
                           .taps = {.count = 1, .v = {5}},
                           .pools = {.count = 1, .v = {1}},
                           .batch = 3}};
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

static duet_reader *open_reader(const setup *s) {
    duet_reader *reader = NULL;
    OK(duet_reader_open(s->ctx, &reader, "model", s->model, NULL, &s->reading));
    return reader;
}

/* The tables of the setup. */
static int64_t read_tables(const setup *s, duet_feature_table **tables) {
    duet_reader *reader = open_reader(s);
    int64_t count = 0;
    OK(duet_features(s->ctx, tables, &count, reader, s->dataset, &s->view, &s->options));
    duet_reader_close(reader);
    return count;
}

/* The one table of the setup. */
static duet_feature_table read_table(const setup *s) {
    duet_feature_table *tables = NULL, table;
    const int64_t count = read_tables(s, &tables);
    assert_int_equal(count, 1);
    table = tables[0];
    tables[0] = (duet_feature_table){0};
    duet_features_free(tables, count);
    assert_true(table.rows == s->view.count && table.dim == DIM);
    return table;
}

static bool is_setting(const duet_feature_table *t, int64_t level, int64_t tap, int64_t pool) {
    const duet_settings want = duet_settings_of(level, tap, pool);
    return t->settings.count == 1 && duet_setting_equal(&t->settings.v[0], &want.v[0]);
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
        duet_reader *reader = open_reader(&s);
        for (int64_t i = 0; i < table.rows; i++) {
            uint8_t pixels[PIXELS];
            float want[DIM], *out = want;
            /* splits have noise of their own */
            const int64_t id = (int64_t)s.view.split << 40 | s.view.index[i];
            OK(duet_dataset_read(s.dataset, s.view.split, s.view.index[i],
                                 &duet_model_card(s.model)->preprocess, pixels));
            OK(duet_reader_run(reader, pixels, &id, 1, &out));
            assert_memory_equal(want, table.x + i * DIM, sizeof want);
            assert_int_equal(table.labels[i],
                             duet_dataset_label(s.dataset, s.view.split, s.view.index[i]));
            assert_int_equal(table.index[i], s.view.index[i]);
        }
        assert_true(is_setting(&table, 20, 5, 1) && table.split == s.view.split);
        assert_true(table.model_hash == duet_model_hash(s.model) &&
                    table.data_hash == duet_dataset_describe(s.dataset)->hash);
        assert_string_equal(table.reader, "model");
        duet_feature_table_free(&table);
        duet_reader_close(reader);
    }
    end(&s);
}

static void batches_and_views_do_not_matter(void **unused) {
    (void)unused;
    setup s = make_setup(true, NULL);
    duet_feature_table want = read_table(&s); /* 7 rows in batches of 3: the last is padded */
    for (int64_t batch = 1; batch <= 8; batch += 7) {
        s.reading.batch = batch;
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
    duet_reader *reader = NULL;
    int64_t count = 0;
    OK(duet_reader_open(s.ctx, &reader, "pixels", NULL, &how, &s.reading));
    OK(duet_features(s.ctx, &tables, &count, reader, s.dataset, &s.view, &s.options));
    duet_reader_close(reader);
    assert_int_equal(count, 1);
    assert_true(tables->rows == ROWS && tables->dim == PIXELS && tables->model_hash == 0);
    assert_string_equal(tables->reader, "pixels");
    for (int64_t i = 0; i < ROWS; i++) {
        uint8_t pixels[PIXELS];
        OK(duet_dataset_read(s.dataset, DUET_TRAIN, rows_at[i], &how, pixels));
        for (int p = 0; p < PIXELS; p++)
            assert_true(fabs((double)tables->x[i * PIXELS + p] - (pixels[p] / 127.5 - 1)) < 1e-6);
        assert_int_equal(tables->labels[i], rows_at[i] % 3);
    }
    duet_features_free(tables, count);
    end(&s);
}

static void readers_need_what_they_read(void **unused) {
    (void)unused;
    setup s = make_setup(false, NULL);
    const duet_preprocess small = {.size = 4, .channels = 3};
    duet_reader *reader = NULL;
    FAILS(DUET_ARG, "there is no model",
          duet_reader_open(s.ctx, &reader, "model", NULL, &small, &s.reading));
    FAILS(DUET_ARG, "where there is no model",
          duet_reader_open(s.ctx, &reader, "pixels", NULL, NULL, &s.reading));
    FAILS(DUET_ARG, "did you mean 'pixels'",
          duet_reader_open(s.ctx, &reader, "pixel", s.model, NULL, &s.reading));
    assert_null(reader);
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

/* Adds 1 to element `at` of X, and makes the check of its row fit, or not. */
static void plant(const char *file, int64_t at, bool fitting) {
    duet_store *store = NULL;
    duet_bytes bytes = {0};
    OK(duet_store_open(&store, file));
    const duet_shape shape = duet_store_find(store, "X")->shape;
    duet_store_close(store);
    OK(duet_file_read(&bytes, file));
    const int64_t D = shape.dim[1], row = at / D;
    uint8_t *x = bytes.data + bytes.size - 4 * shape.dim[0] * D,
            *check = x - 8 * shape.dim[0] + 8 * row;
    float value;
    memcpy(&value, x + 4 * at, 4);
    value += 1.0f;
    memcpy(x + 4 * at, &value, 4);
    const uint64_t hash = duet_hash(x + 4 * row * D, (size_t)(4 * D), (uint64_t)row) | 1;
    if (fitting) memcpy(check, &hash, 8);
    OK(duet_file_write(file, bytes.data, bytes.size));
    duet_bytes_free(&bytes);
}

static duet_features_work work_of(const setup *s) {
    duet_reader *reader = open_reader(s);
    duet_feature_set *set = NULL;
    OK(duet_feature_set_open(s->ctx, &set, reader, s->dataset, &s->view, &s->options));
    const duet_features_work work = duet_feature_set_work(set);
    duet_feature_set_close(set);
    duet_reader_close(reader);
    return work;
}

/* Weights are hashed once for all columns and tables, and again only after they changed. */
static void weights_are_hashed_once(void **unused) {
    (void)unused;
    setup s = make_setup(true, NULL);
    duet_feature_table *tables = NULL;
    int64_t count = 0;
    const int64_t bytes = 4 * duet_model_parameters(s.model);
    s.reading.taps = (duet_int_list){.count = 0};
    s.reading.times = (duet_int_list){.count = 3, .v = {5, 20, 40}};
    s.reading.pools = (duet_int_list){.count = 2, .v = {1, 2}};
    fresh_folder(s.options.cache, "features-hashed");
    for (int turn = 0; turn < 2; turn++) {
        count = read_tables(&s, &tables);
        assert_true(count > 20);
        assert_int_equal(s.model->hashed->bytes, bytes);
        assert_true(tables[0].model_hash == duet_model_hash(s.model));
        duet_features_free(tables, count);
    }
    const uint64_t before = duet_model_hash(s.model);
    const float kept = s.model->slots->list[0].own[0];
    s.model->slots->list[0].own[0] = kept + 1.0F;
    duet_slots_touch(s.model->slots, -1);
    assert_true(duet_model_hash(s.model) != before);
    assert_int_equal(s.model->hashed->bytes, 2 * bytes);
    s.model->slots->list[0].own[0] = kept;
    duet_slots_touch(s.model->slots, -1);
    assert_true(duet_model_hash(s.model) == before);
    (void)duet_copy_text(duet_model_card(s.model)->noise, DUET_TEXT_SIZE, "cosine");
    assert_true(duet_model_hash(s.model) != before);
    end(&s);
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
    assert_true(again.model_hash == want.model_hash && is_setting(&again, 20, 5, 1));
    duet_feature_table_free(&again);
    duet_features_work work = work_of(&s);
    assert_true(work.computed == 0 && work.cached == ROWS && work.seconds_network == 0);
    /* That it was read from there: other values in the file are what comes back. Row 2 of the split
     * is row 1 of the view. */
    plant(file, 2 * DIM + 4, true);
    again = read_table(&s);
    assert_true(again.x[DIM + 4] == want.x[DIM + 4] + 1.0f);
    duet_feature_table_free(&again);
    duet_feature_table_free(&want);
    /* Another view computes only what is new: 0 3 11 19 are there. */
    s.view.count = 5;
    memcpy(s.view.index, (const int64_t[]){0, 1, 3, 11, 19}, 5 * sizeof *s.view.index);
    work = work_of(&s);
    assert_true(work.computed == 1 && work.cached == 4);
    end(&s);
}

/* Noise steps in one pass have the bits of one each; the noise of an image is that of all steps. */
static void steps_together_are_steps_alone(void **unused) {
    (void)unused;
    static const int64_t times[] = {20, -1, 5};
    setup s = make_setup(true, NULL);
    duet_feature_table *all = NULL, *one = NULL;
    s.reading.taps = (duet_int_list){.count = 2, .v = {5, 2}};
    s.reading.pools = (duet_int_list){.count = 2, .v = {2, 1}};
    s.reading.times = (duet_int_list){.count = 3, .v = {20, -1, 5}};
    const int64_t count = read_tables(&s, &all);
    assert_int_equal(count, 12);
    s.reading.times.count = 1;
    for (int l = 0; l < 3; l++) {
        s.reading.times.v[0] = times[l];
        const int64_t own = read_tables(&s, &one);
        assert_int_equal(own, 4);
        for (int c = 0; c < 4; c++) {
            assert_same_rows(&one[c], &all[4 * l + c]);
            assert_true(all[4 * l + c].settings.v[0].t == times[l] &&
                        duet_setting_equal(&all[4 * l + c].settings.v[0], &one[c].settings.v[0]));
        }
        duet_features_free(one, own);
    }
    duet_features_free(all, count);
    /* In the cache step 5 is known for some rows: the others are read without it. */
    fresh_folder(s.options.cache, "features-steps");
    s.reading.times.v[0] = 5;
    s.view.count = 3;
    duet_features_work work = work_of(&s);
    assert_true(work.computed == 3 && work.cached == 0);
    s.reading.times = (duet_int_list){.count = 3, .v = {20, -1, 5}};
    s.view.count = ROWS;
    work = work_of(&s);
    assert_true(work.computed == 3 * ROWS - 3 && work.cached == 3);
    s.reading.times = (duet_int_list){.count = 2, .v = {7, 7}};
    duet_reader *reader = NULL;
    FAILS(DUET_ARG, "t 7 is given twice",
          duet_reader_open(s.ctx, &reader, "model", s.model, NULL, &s.reading));
    end(&s);
}

static void settings_have_files_of_their_own(void **unused) {
    (void)unused;
    setup s = make_setup(false, NULL);
    char file[DUET_PATH_SIZE];
    fresh_folder(s.options.cache, "features-apart");
    duet_feature_table first = read_table(&s), table;
    int64_t files = 1;
#define APART(change, undo)                                         \
    do {                                                            \
        change;                                                     \
        table = read_table(&s);                                     \
        assert_int_equal(files_in(s.options.cache, file), ++files); \
        duet_feature_table_free(&table);                            \
        undo;                                                       \
    } while (0)
    APART(s.reading.times.v[0] = 21, s.reading.times.v[0] = 20);
    APART(s.reading.noise_seed = 1, s.reading.noise_seed = 0);
    APART(s.reading.taps.v[0] = 4, s.reading.taps.v[0] = 5);
    APART(s.options.stored = DUET_F16, s.options.stored = DUET_F32);
    APART(s.view.split = DUET_TEST; s.view.count = 3, s.view.split = DUET_TRAIN;
          s.view.count = ROWS);
    duet_model *other = make_model(s.ctx, TINY_ARCH, 2), *own = s.model;
    APART(s.model = other, s.model = own);
    duet_context *exact = make_context(1, true),
                 *fast = s.ctx; /* exact bits do not come from a pass that was not */
    const duet_context_options low = {.threads = 1, .bf16 = true};
    duet_context *bf16 = NULL;
    OK(duet_context_new(&bf16, &low));
    APART(s.ctx = exact, s.ctx = fast);
    APART(s.ctx = bf16, s.ctx = fast);
#undef APART
    table = read_table(&s);
    assert_same_rows(&table, &first);
    assert_int_equal(files_in(s.options.cache, file), files);
    duet_feature_table_free(&table);
    duet_feature_table_free(&first);
    duet_context_free(exact);
    duet_context_free(bf16);
    duet_model_close(other);
    end(&s);
}

static void damaged_files_are_computed_again(void **unused) {
    (void)unused;
    int warnings = 0;
    setup s = make_setup(true, &warnings);
    char file[DUET_PATH_SIZE];
    duet_bytes bytes = {0};
    fresh_folder(s.options.cache, "features-damaged");
    duet_feature_table want = read_table(&s), table;
    assert_int_equal(files_in(s.options.cache, file), 1);
    OK(duet_file_read(&bytes, file));
    const int64_t sizes[] = {0, 7, 100, bytes.size / 2, bytes.size - 1, bytes.size + 1};
    for (int i = 0; i < DUET_COUNT(sizes); i++) {
        uint8_t longer[1 << 14] = {0};
        assert_true(bytes.size < (int64_t)sizeof longer);
        memcpy(longer, bytes.data, (size_t)bytes.size);
        OK(duet_file_write(file, longer, sizes[i]));
        table = read_table(&s);
        assert_same_rows(&table, &want);
        /* Half of it: all rows lie behind the cut and are gone with their checks, or without. */
        assert_int_equal(warnings, i + 1);
        duet_feature_table_free(&table);
        table = read_table(&s); /* and it was written again */
        assert_same_rows(&table, &want);
        assert_int_equal(warnings, i + 1);
        duet_feature_table_free(&table);
    }
    plant(file, 7 * DIM, false); /* a flipped value */
    table = read_table(&s);
    assert_same_rows(&table, &want);
    assert_int_equal(warnings, DUET_COUNT(sizes) + 1);
    duet_feature_table_free(&table);
    bytes.data[60] ^= 1; /* a key that is not that of the name */
    OK(duet_file_write(file, bytes.data, bytes.size));
    table = read_table(&s);
    assert_same_rows(&table, &want);
    assert_int_equal(warnings, DUET_COUNT(sizes) + 2);
    duet_feature_table_free(&table);
    duet_feature_table_free(&want);
    duet_bytes_free(&bytes);
    end(&s);
}

/* A program that is killed in the middle leaves whole rows; the next goes on with the same bits. */
static void a_killed_run_goes_on(void **unused) {
    (void)unused;
    setup s = make_setup(true, NULL);
    s.view.count = 20;
    s.reading.batch = 1;
    duet_release(s.view.index);
    OK(duet_alloc(&s.view.index, 20, sizeof *s.view.index));
    for (int64_t i = 0; i < 20; i++) s.view.index[i] = i;
    duet_feature_table want = read_table(&s);
    fresh_folder(s.options.cache, "features-killed");
    for (int64_t written = 1; written <= 3;
         written++) { /* 1, 3, 6 rows, each in a process that dies between the writes of the next */
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            s.view.count = written * (written + 1) / 2;
            duet_feature_set *set = NULL;
            if (duet_feature_set_open(s.ctx, &set, open_reader(&s), s.dataset, &s.view,
                                      &s.options) != DUET_OK)
                _exit(1);
            char file[DUET_PATH_SIZE];
            if (files_in(s.options.cache, file) != 1) _exit(1);
            FILE *half = fopen(file, "r+b"); /* half a row behind them, its check not written */
            if (half == NULL ||
                fseek(half, -(long)sizeof(float) * DIM * (20 - (long)s.view.count), SEEK_END) !=
                    0 ||
                fwrite(want.x, sizeof(float), DIM / 2, half) != DIM / 2 || fflush(half) != 0)
                _exit(1);
            kill(getpid(), SIGKILL);
        }
        int state = 0;
        assert_int_equal(waitpid(child, &state, 0), child);
        assert_true(WIFSIGNALED(state) && WTERMSIG(state) == SIGKILL);
    }
    const duet_features_work work = work_of(&s);
    assert_true(work.cached == 6 && work.computed == 14);
    duet_feature_table table = read_table(&s);
    assert_same_rows(&table, &want);
    duet_feature_table_free(&table);
    duet_feature_table_free(&want);
    end(&s);
}

/* The file may not grow: what fits stays, the failure is told, and with room the rest is added. */
static void a_full_disk_is_told(void **unused) {
    (void)unused;
    setup s = make_setup(true, NULL);
    duet_feature_table want = read_table(&s), table;
    struct rlimit before, small;
    duet_reader *reader = open_reader(&s);
    duet_feature_set *set = NULL;
    fresh_folder(s.options.cache, "features-full");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    /* the last row of the split ends one byte later */
    small.rlim_cur = 2048 + 8 * 20 + 4 * 20 * DIM - 1;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const duet_status status =
        duet_feature_set_open(s.ctx, &set, reader, s.dataset, &s.view, &s.options);
    duet_reader_close(reader);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(status, DUET_IO);
    assert_non_null(strstr(duet_error_message(), "features-full"));
    assert_null(set);
    table = read_table(&s);
    assert_same_rows(&table, &want);
    duet_feature_table_free(&table);
    duet_feature_table_free(&want);
    end(&s);
}

static void half_precision_is_kept_and_read(void **unused) {
    (void)unused;
    setup s = make_setup(true, NULL);
    duet_feature_table want = read_table(&s);
    char file[DUET_PATH_SIZE];
    uint16_t half[ROWS * DIM];
    duet_convert(half, DUET_F16, want.x, DUET_F32, ROWS * DIM);
    duet_convert(want.x, DUET_F32, half, DUET_F16, ROWS * DIM);
    s.options.stored = DUET_F16;
    for (int way = 0; way < 3; way++) { /* in memory, written, read */
        if (way == 1) fresh_folder(s.options.cache, "features-half");
        duet_feature_table table = read_table(&s);
        assert_same_rows(&table, &want);
        duet_feature_table_free(&table);
    }
    assert_int_equal(files_in(s.options.cache, file), 1);
    duet_store *store = NULL;
    OK(duet_store_open(&store, file));
    assert_string_equal(duet_store_format(store), "safetensors");
    assert_true(duet_store_find(store, "X")->dtype == DUET_F16 &&
                duet_store_find(store, "X")->shape.dim[0] == 20);
    assert_non_null(strstr(duet_store_metadata(store, "duet.features"),
                           " t 20 tap 5 pool 1 noise 0 exact f16"));
    duet_store_close(store);
    duet_feature_table_free(&want);
    duet_reader *reader = open_reader(&s);
    duet_feature_set *set = NULL;
    s.options.stored = DUET_BF16;
    FAILS(DUET_ARG, "f32 or f16, not as bf16",
          duet_feature_set_open(s.ctx, &set, reader, s.dataset, &s.view, &s.options));
    duet_reader_close(reader);
    duet_shelf shelf;
    const float large[2] = {1, 70000};
    OK(duet_shelf_open(&shelf, "", "", 1, 2, DUET_F16));
    FAILS(DUET_NUMERIC, "70000, which f16 cannot hold",
          duet_shelf_put(&shelf, (int64_t[]){0}, 1, large));
    duet_shelf_close(&shelf);
    end(&s);
}

static void a_table_has_rows_of_its_set_only(void **unused) {
    (void)unused;
    setup s = make_setup(true, NULL);
    duet_feature_table want = read_table(&s), table;
    for (int way = 0; way < 2; way++) {
        duet_reader *reader = open_reader(&s);
        duet_feature_set *set = NULL;
        if (way == 1) fresh_folder(s.options.cache, "features-part");
        OK(duet_feature_set_open(s.ctx, &set, reader, s.dataset, &s.view, &s.options));
        int64_t part[2] = {12, 3}, other[1] = {1};
        const duet_view some = {.split = DUET_TRAIN, .count = 2, .index = part},
                        none = {.split = DUET_TRAIN, .count = 1, .index = other};
        OK(duet_feature_set_table(set, 0, &some, &table));
        assert_memory_equal(table.x, want.x + 5 * DIM, DIM * sizeof(float));
        assert_memory_equal(table.x + DIM, want.x + 2 * DIM, DIM * sizeof(float));
        assert_true(table.index[0] == 12 && table.labels[1] == 3 % 3);
        duet_feature_table_free(&table);
        if (way == 0)
            FAILS(DUET_ARG, "row 1 is not in the feature set",
                  duet_feature_set_table(set, 0, &none, &table));
        duet_feature_set_close(set);
        duet_reader_close(reader);
    }
    duet_feature_table_free(&want);
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
                                      .settings = duet_settings_of(-1, 3, 2),
                                      .noise_seed = 0xFFFFFFFFFFFFFFFFu,
                                      .model_hash = 0x8000000000000001u,
                                      .data_hash = 5,
                                      .split = DUET_TEST};
    duet_feature_table read;
    OK(duet_feature_table_save(&table, DUET_TEST_TMP "/table.safetensors", DUET_F32));
    OK(duet_feature_table_load(&read, DUET_TEST_TMP "/table.safetensors"));
    assert_same_rows(&read, &table);
    assert_string_equal(read.reader, "random");
    assert_true(is_setting(&read, -1, 3, 2) && read.split == DUET_TEST);
    assert_true(read.noise_seed == table.noise_seed && read.model_hash == table.model_hash &&
                read.data_hash == 5);
    duet_feature_table_free(&read);
    OK(duet_feature_table_save(&table, DUET_TEST_TMP "/table.npz", DUET_F32));
    OK(duet_feature_table_load(&read, DUET_TEST_TMP "/table.npz"));
    assert_same_rows(&read, &table); /* npz holds no provenance */
    duet_feature_table_free(&read);
    OK(duet_feature_table_save(&table, DUET_TEST_TMP "/table.npz", DUET_F16));
    OK(duet_feature_table_load(&read, DUET_TEST_TMP "/table.npz"));
    assert_true(read.x[1] == -2 && read.x[2] == 3.5f && read.x[3] == 0 && isinf(read.x[4]));
    duet_feature_table_free(&read);
    FAILS(DUET_ARG, "f32 or f16, not as i32",
          duet_feature_table_save(&table, DUET_TEST_TMP "/table.npz", DUET_I32));
    FAILS(DUET_ARG, "end it in .npz, .npy or .safetensors",
          duet_feature_table_save(&table, DUET_TEST_TMP "/table.csv", DUET_F32));
    const duet_shape three = {.rank = 1, .dim = {3}}, matrix = {.rank = 2, .dim = {2, 3}};
    const duet_store_item items[] = {{"X", DUET_F32, DUET_F32, matrix, x},
                                     {"y", DUET_F32, DUET_I64, three, x},
                                     {"index", DUET_F32, DUET_I64, three, x}};
    OK(duet_store_write(DUET_TEST_TMP "/table.npz", "npz", items, 3, NULL, 0));
    FAILS(DUET_FORMAT, "not a feature table",
          duet_feature_table_load(&read, DUET_TEST_TMP "/table.npz"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_of_the_reader),
        cmocka_unit_test(batches_and_views_do_not_matter),
        cmocka_unit_test(pixels_are_the_images),
        cmocka_unit_test(readers_need_what_they_read),
        cmocka_unit_test(the_second_read_comes_from_the_cache),
        cmocka_unit_test(weights_are_hashed_once),
        cmocka_unit_test(steps_together_are_steps_alone),
        cmocka_unit_test(settings_have_files_of_their_own),
        cmocka_unit_test(damaged_files_are_computed_again),
        cmocka_unit_test(a_killed_run_goes_on),
        cmocka_unit_test(a_full_disk_is_told),
        cmocka_unit_test(half_precision_is_kept_and_read),
        cmocka_unit_test(a_table_has_rows_of_its_set_only),
        cmocka_unit_test(tables_go_through_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
