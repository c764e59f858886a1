/* SPDX-License-Identifier: MIT
 * Conformance of the family `reader`: every member has a card, columns and rows; the rows do not
 * depend on the batch, on what else is selected or on whether they are joined; a network keeps its
 * rows in the cache, another reader needs none. */
#include "tiny_model.h"

#include <math.h>

#include <duet/feature.h>

#include "base/mem.h"
#include "feature/reader/reader.h"

#define DATA "synth:size=8,classes=3,train=12,test=9"
enum { ROWS = 5, PIXELS = 8 * 8 * 3, MOST = 8 };

static uint8_t pixels[ROWS * PIXELS];
static const int64_t ids[ROWS] = {4, 0, 7, 2, 9};

static duet_reader_options options_of(int64_t batch) {
    return (duet_reader_options){
        .settings = {.count = 3,
                     .v = {{.t = 20, .tap = 6, .pool = 2},
                           {.t = 5, .tap = 6, .pool = 2},
                           {.t = 20, .tap = 3, .pool = 1, .draws = 2, .flip = true}}},
        .noise_seed = 5,
        .weight_seed = 8,
        .batch = batch};
}

/* x[ROWS, D] of the joined columns. */
static float *read_joined(duet_context *ctx, const char *name, duet_model *model, int64_t batch) {
    const duet_reader_options options = options_of(batch);
    duet_reader *reader = NULL;
    float *x = NULL;
    OK(duet_reader_open(ctx, &reader, name, model, NULL, &options));
    const int64_t dim = duet_reader_dim(reader), most = duet_reader_batch(reader);
    OK(duet_alloc(&x, ROWS * dim, sizeof *x));
    for (int64_t row = 0; row < ROWS; row += most)
        OK(duet_reader_join(reader, pixels + row * PIXELS, ids + row,
                            ROWS - row < most ? ROWS - row : most, x + row * dim));
    duet_reader_close(reader);
    return x;
}

/* Each column alone, selected, has the bits of its place in the joined rows. */
static void check_columns(duet_context *ctx, const char *name, duet_model *model, const float *all,
                          int64_t dim) {
    const duet_reader_options options = options_of(ROWS);
    duet_reader *reader = NULL;
    int64_t at = 0;
    OK(duet_reader_open(ctx, &reader, name, model, NULL, &options));
    const duet_reader_info info = duet_reader_describe(reader);
    assert_int_equal(duet_reader_columns(reader), info.settings ? options.settings.count : 1);
    for (int64_t c = 0; c < duet_reader_columns(reader); c++) {
        duet_setting setting;
        int64_t own = 0;
        float *x = NULL;
        duet_reader_column(reader, c, &setting, &own);
        assert_true(!info.settings || duet_setting_equal(&setting, &options.settings.v[c]));
        OK(duet_alloc(&x, ROWS * own, sizeof *x));
        OK(duet_reader_select(reader, &c, 1));
        assert_int_equal(duet_reader_dim(reader), own);
        OK(duet_reader_run(reader, pixels, ids, ROWS, &x));
        for (int64_t r = 0; r < ROWS; r++) {
            assert_memory_equal(x + r * own, all + r * dim + at, (size_t)own * sizeof *x);
            for (int64_t i = 0; i < own; i++) assert_true(isfinite(x[r * own + i]));
        }
        duet_reader_rest(reader); /* and it can be run again */
        OK(duet_reader_run(reader, pixels, ids, ROWS, &x));
        assert_memory_equal(x, all + at, (size_t)own * sizeof *x);
        duet_release(x);
        at += own;
    }
    assert_int_equal(at, dim);
    assert_true((duet_reader_seconds(reader) > 0) == info.network);
    duet_reader_close(reader);
}

static void check_cache(duet_context *ctx, const char *name, duet_model *model, bool kept) {
    const duet_reader_options reading = options_of(0);
    duet_features_options options = {.stored = DUET_F32};
    duet_dataset *dataset = open_data(DATA);
    duet_view view = {0};
    fresh_folder(options.cache, "conform-readers");
    OK(duet_view_all(&view, dataset, DUET_TEST));
    for (int turn = 0; turn < 2; turn++) {
        duet_reader *reader = NULL;
        duet_feature_set *set = NULL;
        duet_feature_table table;
        OK(duet_reader_open(ctx, &reader, name, model, NULL, &reading));
        OK(duet_feature_set_open(ctx, &set, reader, dataset, &view, &options));
        OK(duet_feature_set_join(set, &view, &table));
        const duet_features_work work = duet_feature_set_work(set);
        assert_int_equal(work.computed == 0, kept && turn == 1);
        assert_string_equal(table.reader, name);
        assert_true(table.model_hash == duet_reader_describe(reader).hash);
        assert_int_equal(table.settings.count,
                         duet_reader_describe(reader).settings ? reading.settings.count : 0);
        duet_feature_table_free(&table);
        duet_feature_set_close(set);
        duet_reader_close(reader);
    }
    duet_view_free(&view);
    duet_dataset_close(dataset);
}

static void every_reader(void **unused) {
    (void)unused;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    assert_true(duet_family_reader.count >= 3);
    for (int i = 0; i < duet_family_reader.count; i++) {
        const duet_entry *entry = duet_family_reader.entries[i];
        const duet_reader_options options = options_of(0);
        duet_reader *reader = NULL;
        assert_true(strlen(entry->name) < 16 && strlen(entry->help) > 10);
        OK(duet_reader_open(ctx, &reader, entry->name, model, NULL, &options));
        const duet_reader_info info = duet_reader_describe(reader);
        const int64_t dim = duet_reader_dim(reader);
        assert_string_equal(info.name, entry->name);
        assert_true(info.network == duet_reader_is_network(entry));
        assert_true((info.hash != 0) == info.network && info.preprocess.size == 8);
        duet_reader_close(reader);
        float *all = read_joined(ctx, entry->name, model, ROWS),
              *parts = read_joined(ctx, entry->name, model, 2);
        assert_memory_equal(all, parts, (size_t)(ROWS * dim) * sizeof *all);
        check_columns(ctx, entry->name, model, all, dim);
        check_cache(ctx, entry->name, model, info.network);
        duet_release(all);
        duet_release(parts);
        if (!info.network) continue;
        FAILS(DUET_ARG, "there is no model",
              duet_reader_open(ctx, &reader, entry->name, NULL, &duet_model_card(model)->preprocess,
                               &options));
    }
    duet_model_close(model);
    duet_context_free(ctx);
}

static int draw(void **unused) {
    (void)unused;
    for (int i = 0; i < ROWS * PIXELS; i++) pixels[i] = (uint8_t)(i * 7919 % 251);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_reader)};
    return cmocka_run_group_tests(tests, draw, NULL);
}
