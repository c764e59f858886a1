/* SPDX-License-Identifier: MIT
 * Where settings come from: given, else the card's, else a sweep; and the best of a sweep goes into
 * the card of the model's file. */
#include "tiny_model.h"

#include <jansson.h>

#include <duet/study.h>

#define DATA "synth:size=8,classes=2,train=36,test=12"

static duet_settings parse(const char *text) {
    duet_settings settings;
    OK(duet_settings_parse(&settings, text));
    return settings;
}

/* What is found for `given`, as text. */
static void check(duet_model *model, const char *given, const char *want, const char *want_from) {
    duet_settings settings = parse(given);
    const char *from = NULL;
    char text[DUET_SETTINGS_SIZE];
    OK(duet_settings_find(NULL, &settings, &from, model));
    duet_settings_print(&settings, text, sizeof text);
    assert_string_equal(text, want);
    assert_string_equal(from, want_from);
}

static void given_else_the_cards(void **state) {
    (void)state;
    duet_model *model = make_model(NULL, TINY_ARCH, 1);
    duet_settings *best = &duet_model_card(model)->recommended.settings;
    duet_settings settings = parse("tap=4");
    const char *from = NULL;
    check(model, "", "", "");
    check(model, "tap=4", "tap=4", "");
    check(model, "t=5,tap=4,pool=1", "t=5,tap=4,pool=1", "given");
    *best = parse("t=7,tap=3,pool=2");
    check(model, "", "t=7,tap=3,pool=2", "card");
    check(model, "draws=4", "t=7,tap=3,pool=2,draws=4", "card");
    check(model, "t=5,tap=4,pool=1+pool=4", "t=5,tap=4,pool=1+t=7,tap=3,pool=4", "card");
    check(model, "t=5,tap=4,pool=1", "t=5,tap=4,pool=1", "given");
    *best = parse("t=7,tap=3,pool=2+t=7,tap=5,pool=1");
    check(model, "", "t=7,tap=3,pool=2+t=7,tap=5,pool=1", "card");
    FAILS(DUET_ARG, "recommends 2 settings together",
          duet_settings_find(NULL, &settings, &from, model));
    settings = parse("t=5,tap=99,pool=1");
    FAILS(DUET_ARG, "no tap 99", duet_settings_find(NULL, &settings, &from, model));
    settings = parse("t=5");
    OK(duet_settings_guess(NULL, &settings, model));
    assert_true(settings.v[0].t == 5 && settings.v[0].tap == TINY_TAPS / 2 + 1 &&
                settings.v[0].pool == 2);
    duet_model_close(model);
}

static void else_those_of_a_sweep(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *dataset = open_data(DATA);
    duet_probe_options options = {.settings = parse("pool=2"), .setting_from = ""};
    OK(duet_probe_sweep(ctx, &options, model, dataset));
    assert_string_equal(options.setting_from, "sweep");
    assert_int_equal(options.settings.count, 1);
    const duet_setting *found = &options.settings.v[0];
    assert_true(found->pool == 2 && found->tap >= 1 && found->tap <= TINY_TAPS);
    assert_true(found->t == 1 || found->t == 5 || found->t == 10 || found->t == 25);
    duet_dataset_close(dataset);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void the_best_goes_into_the_card(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *made = make_model(ctx, TINY_ARCH, 1), *model = NULL, *again = NULL;
    duet_dataset *dataset = open_data(DATA);
    const duet_sweep_options options = {.t = {.count = 1, .v = {5}},
                                        .pools = {.count = 1, .v = {1}},
                                        .taps = {.count = 2, .v = {3, 4}},
                                        .fit_rows = 24,
                                        .val_rows = 12,
                                        .head = "linear"};
    duet_sweep_result r;
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    const char *file = NULL;
    duet_status wrote = DUET_IO;
    fresh_folder(folder, "find-settings");
    OK(duet_path_join(path, folder, "m.safetensors"));
    OK(duet_model_save(made, path, DUET_F32));
    OK(duet_model_open(ctx, &model, path));
    OK(duet_sweep(ctx, &r, model, dataset, &options));
    OK(duet_sweep_save(&r, &options, model, dataset, folder));
    duet_recommendation what;
    duet_sweep_recommends(&what, &r, dataset);
    OK(duet_recommend(&what, model, folder, &file, &wrote));
    assert_int_equal(wrote, DUET_OK);
    assert_string_equal(file, path);
    OK(duet_model_open(ctx, &again, path));
    const duet_recommendation *kept = &duet_model_card(again)->recommended;
    assert_int_equal(kept->settings.count, 1);
    assert_true(duet_setting_equal(&kept->settings.v[0], &r.best.setting) &&
                kept->top1 == r.best.top1);
    assert_string_equal(kept->data, "synth");
    OK(duet_path_join(path, folder, "result.json"));
    json_t *root = json_load_file(path, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "recommended_in")), file);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "best"), "t")), 5);
    json_decref(root);
    duet_sweep_result_free(&r);
    duet_dataset_close(dataset);
    duet_model_close(again);
    duet_model_close(model);
    duet_model_close(made);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(given_else_the_cards),
        cmocka_unit_test(else_those_of_a_sweep),
        cmocka_unit_test(the_best_goes_into_the_card),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
