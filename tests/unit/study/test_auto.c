/* SPDX-License-Identifier: MIT
 * The search for the best setting: its rounds see what they say they see, what it chooses is the
 * best of what it tried, it costs less than a sweep, never looks at the test split, and a card
 * keeps it. */
#include "tiny_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <duet/auto.h>

#include "base/file.h"
#include "model/model.h"
#include "study/sweep.h"

#define DATA "synth:size=8,classes=3,train=700,test=24"
enum { TIMES = 3, POOLS = 2, COLUMNS = TIMES * TINY_TAPS * POOLS };

static char cache[DUET_PATH_SIZE];

static duet_auto_options options_of(void) {
    duet_auto_options o = {.sweep = {.t = {.count = TIMES, .v = {0, 40, 90}},
                                     .pools = {.count = POOLS, .v = {1, 2}},
                                     .fit_rows = 240,
                                     .val_rows = 120,
                                     .stored = DUET_F32,
                                     .baselines = DUET_BASELINES,
                                     .seed = 3,
                                     .batch = 16},
                           .joined = 3};
    duet_copy_text(o.sweep.head, sizeof o.sweep.head, "linear+mlp:hidden=8,epochs=4");
    fresh_folder(cache, "auto-cache");
    duet_copy_text(o.sweep.cache, sizeof o.sweep.cache, cache);
    return o;
}

static duet_status try_on(const char *data, const duet_auto_options *o, duet_auto_result *result) {
    duet_context *ctx = make_context(2, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *dataset = open_data(data);
    const duet_status status = duet_auto(ctx, result, model, dataset, o);
    duet_dataset_close(dataset);
    duet_model_close(model);
    duet_context_free(ctx);
    return status;
}

static bool same_pick(const duet_auto_pick *a, const duet_auto_pick *b) {
    bool same = a->settings.count == b->settings.count && strcmp(a->head, b->head) == 0 &&
                a->dim == b->dim && a->top1 == b->top1 && a->strength == b->strength;
    for (int i = 0; same && i < a->settings.count; i++)
        same = duet_setting_equal(&a->settings.v[i], &b->settings.v[i]);
    return same;
}

static void rounds_and_choice(void **unused) {
    (void)unused;
    const duet_auto_options o = options_of();
    duet_auto_result r;
    OK(try_on(DATA, &o, &r));
    /* few rows: all of them are in the last round */
    assert_true(r.rounds[0].fit_rows == 40 && r.rounds[0].val_rows == 20);
    assert_true(r.rounds[1].fit_rows == 120 && r.rounds[1].val_rows == 60);
    assert_true(r.rounds[2].fit_rows == 240 && r.rounds[2].val_rows == 120);
    assert_true(r.rounds[0].settings == COLUMNS && r.rounds[0].levels == TIMES);
    assert_true(r.rounds[1].levels <= 2 && r.rounds[2].levels <= r.rounds[1].levels);
    assert_int_equal(r.count, COLUMNS);
    /* each pass is one image at one level, none is made twice */
    assert_true(r.rounds[0].cost.passes == 60 * TIMES);
    assert_true(r.rounds[1].cost.passes == 120.0 * (double)r.rounds[1].levels);
    assert_true(r.rounds[2].cost.passes == 180.0 * (double)r.rounds[2].levels);
    assert_true(r.grid.passes == 360 * TIMES && r.spent.passes < r.grid.passes);
    bool joined = false, found = false;
    for (int64_t i = 0; i < r.pick_count; i++) {
        assert_true(r.picks[i].top1 <= r.best.top1);
        found |= same_pick(&r.picks[i], &r.best);
        joined |= r.picks[i].settings.count == 3;
    }
    assert_true(found && joined);
    assert_true(r.splits[0] == r.best.top1 && r.splits_std >= 0);
    assert_true(r.noise_rows == 120 && r.noise[0] == r.best.top1);
    assert_true(r.random > 0 && r.pixels > 0);
    duet_auto_result_free(&r);
}

/* The features of the second search are those that the first one kept. */
static void twice_the_same(void **unused) {
    (void)unused;
    duet_auto_options o = options_of();
    duet_auto_result first, again, without;
    OK(try_on(DATA, &o, &first));
    OK(try_on(DATA, &o, &again));
    assert_true(same_pick(&first.best, &again.best));
    assert_true(again.spent.passes == 0);
    o = options_of(); /* an empty cache, and no test split */
    OK(try_on("synth:size=8,classes=3,train=700,test=0", &o, &without));
    assert_true(same_pick(&first.best, &without.best));
    assert_true(first.pick_count == without.pick_count);
    duet_auto_result_free(&first);
    duet_auto_result_free(&again);
    duet_auto_result_free(&without);
}

/* The grid of random weights and the tables of its heads are of the same network: the cache has a
 * file a column, and those of other noise. */
static void random_weights(void **unused) {
    (void)unused;
    duet_auto_options o = options_of();
    duet_auto_result r;
    duet_listing listing = {0};
    duet_copy_text(o.reader, sizeof o.reader, "random");
    o.sweep.baselines[0] = '\0';
    OK(try_on(DATA, &o, &r));
    OK(duet_folder_list(&listing, cache));
    const int64_t other = (DUET_AUTO_REPEATS - 1) * (int64_t)r.best.settings.count;
    assert_int_equal(listing.count, COLUMNS + other);
    assert_string_equal(r.rows[0].reader, "random");
    duet_listing_free(&listing);
    duet_auto_result_free(&r);
}

/* Only one level, one tap and one setting: there is nothing to join. */
static void little_to_choose_from(void **unused) {
    (void)unused;
    duet_auto_options o = options_of();
    duet_auto_result r;
    o.sweep.t = (duet_int_list){.count = 1, .v = {40}};
    o.sweep.taps = (duet_int_list){.count = 1, .v = {5}};
    o.sweep.pools = (duet_int_list){.count = 1, .v = {2}};
    o.sweep.baselines[0] = '\0';
    OK(try_on(DATA, &o, &r));
    assert_true(r.pick_count == 2 && r.best.settings.count == 1 && r.best.settings.v[0].tap == 5);
    assert_true(isnan(r.random) && isnan(r.pixels));
    duet_auto_result_free(&r);
}

static void recommends(void **unused) {
    (void)unused;
    const duet_auto_options o = options_of();
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    const char *file = NULL;
    duet_status wrote = DUET_OK;
    duet_auto_result r;
    duet_recommendation what;
    duet_context *ctx = make_context(2, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1), *saved = NULL;
    duet_dataset *dataset = open_data(DATA);
    fresh_folder(folder, "auto");
    OK(duet_path_join(path, folder, "model.safetensors"));
    OK(duet_model_save(model, path, DUET_F32));
    duet_model_close(model);
    OK(duet_model_open(ctx, &model, path));
    OK(duet_auto(ctx, &r, model, dataset, &o));
    OK(duet_auto_save(&r, &o, model, dataset, folder));
    duet_auto_recommends(&what, &r, dataset);
    OK(duet_recommend(&what, model, folder, &file, &wrote));
    OK(wrote);
    OK(duet_model_open(ctx, &saved, path));
    const duet_recommendation *kept = &duet_model_card(saved)->recommended;
    assert_string_equal(kept->head, r.best.head);
    assert_int_equal(kept->settings.count, r.best.settings.count);
    assert_true(kept->top1 == r.best.top1);
    OK(duet_path_join(path, folder, "result.json"));
    json_t *root = json_load_file(path, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(root, "rows")), COLUMNS);
    const json_t *found = json_object_get(root, "auto");
    assert_int_equal(json_array_size(json_object_get(found, "picks")), r.pick_count);
    assert_int_equal(json_array_size(json_object_get(found, "rounds")), DUET_AUTO_ROUNDS);
    assert_string_equal(json_string_value(json_object_get(json_object_get(root, "best"), "head")),
                        r.best.head);
    json_decref(root);
    duet_auto_result_free(&r);
    duet_model_close(saved);
    duet_model_close(model);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

static void refusals(void **unused) {
    (void)unused;
    duet_auto_options o = options_of();
    duet_auto_result r;
    o.joined = 4;
    assert_int_equal(try_on(DATA, &o, &r), DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "1 to 3 are possible"));
    o = options_of();
    o.sweep.cache[0] = '\0';
    assert_int_equal(try_on(DATA, &o, &r), DUET_ARG);
    o = options_of();
    duet_copy_text(o.sweep.head, sizeof o.sweep.head, "linear+wrong");
    assert_int_equal(try_on(DATA, &o, &r), DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "wrong"));
}

static void lists_of_heads(void **unused) {
    (void)unused;
    duet_head_list list;
    OK(duet_head_list_parse(&list, "linear:strengths=(1/0.1)+mlp+cnn:width=8"));
    assert_int_equal(list.count, 3);
    assert_string_equal(list.v[2], "cnn:width=8");
    assert_int_equal(duet_spec_length("a:b=(c+d)+e"), 9);
    OK(duet_head_list_parse(&list, ""));
    assert_string_equal(list.v[0], "linear");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_and_choice), cmocka_unit_test(twice_the_same),
        cmocka_unit_test(random_weights),    cmocka_unit_test(little_to_choose_from),
        cmocka_unit_test(recommends),        cmocka_unit_test(refusals),
        cmocka_unit_test(lists_of_heads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
