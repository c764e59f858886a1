/* SPDX-License-Identifier: MIT
 * Settings as text and in JSON: what is written comes back, what is usual is left out, the keys of
 * older files are read, and what is wrong is named. */
#include "unit/data/fixtures.h"

#include <jansson.h>

#include "base/str.h"
#include "model/setting.h"

static void assert_same(const duet_settings *a, const duet_settings *b) {
    assert_int_equal(a->count, b->count);
    for (int i = 0; i < a->count; i++) assert_true(duet_setting_equal(&a->v[i], &b->v[i]));
}

static void text_comes_back(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "t=10,tap=9,pool=2",
        "t=-1,tap=1,pool=64",
        "t=5,tap=7,pool=7+t=5,tap=10,pool=4",
        "sigma=0.05,tap=9,pool=2",
        "tap=9",
        "t=5,tap=7,pool=1,draws=4,flip=true+t=50,tap=7,pool=1",
        "t=-1,tap=9,pool=17,channels=7",
    };
    for (int i = 0; i < DUET_COUNT(texts); i++) {
        duet_settings read, again;
        char text[DUET_SETTINGS_SIZE];
        OK(duet_settings_parse(&read, texts[i]));
        assert_int_equal(duet_settings_print(&read, text, sizeof text), strlen(texts[i]));
        assert_string_equal(text, texts[i]);
        OK(duet_settings_parse(&again, text));
        assert_same(&read, &again);
    }
    duet_settings read;
    const duet_settings want = duet_settings_of(0, 3, 1);
    OK(duet_settings_parse(&read, "pool=1,t=0,draws=1,tap=3,flip=false")); /* in any order */
    assert_same(&read, &want);
    OK(duet_settings_parse(&read, "tap=9"));
    assert_true(read.v[0].t == DUET_LEVEL_UNSET && read.v[0].pool == 0 && read.v[0].draws == 1);
}

static void wrong_text_is_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"t=5,tpa=3", "no key 'tpa' in setting 't=5,tpa=3'; did you mean 'tap'?"},
        {"t=5,tap=x", "'tap' in setting 't=5,tap=x' must be a whole number, got 'x'"},
        {"t=5,tap=3,pool=65", "'pool' in setting 't=5,tap=3,pool=65' must be between 0 and 64"},
        {"t=5,sigma=1", "has both t and sigma; give one of them"},
        {"sigma=0", "must be between 1e-06 and 1e+06"},
        {"t=5+", "a setting is missing"},
        {"+t=5", "a setting is missing"},
        {"draws=0", "must be between 1 and 64"},
        {"t=1+t=2+t=3+t=4+t=5+t=6+t=7+t=8+t=9+t=1+t=2+t=3+t=4+t=5+t=6+t=7+t=8",
         "more than 16 settings"},
    };
    for (int i = 0; i < DUET_COUNT(wrong); i++) {
        duet_settings read = duet_settings_of(1, 2, 3);
        FAILS(DUET_ARG, wrong[i].words, duet_settings_parse(&read, wrong[i].text));
        assert_true(read.count == 1 && read.v[0].pool == 3); /* unchanged */
    }
}

static void assert_keys(const duet_settings *settings, const char *want) {
    json_t *object = json_object();
    duet_settings read;
    duet_settings_put(object, settings);
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, want);
    free(text);
    char printed[512];
    json_t *again = NULL;
    assert_true(duet_settings_print_json(settings, printed, sizeof printed) ==
                (int)strlen(printed));
    again = json_loads(printed, 0, NULL);
    assert_true(json_equal(again, object));
    json_decref(again);
    assert_true(duet_settings_print_json(settings, printed, 8) > 8 && strlen(printed) < 8);
    OK(duet_settings_get(&read, object));
    if (settings->count > 0) assert_same(&read, settings);
    json_decref(object);
}

static void json_has_the_keys_of_one(void **state) {
    (void)state;
    duet_settings settings = {.count = 0};
    assert_keys(&settings, "{\"pool\":0,\"t\":0,\"tap\":0}");
    settings = duet_settings_of(5, 7, 2);
    assert_keys(&settings, "{\"pool\":2,\"t\":5,\"tap\":7}");
    settings.v[0].draws = 3;
    settings.v[0].flip = true;
    assert_keys(&settings, "{\"draws\":3,\"flip\":true,\"pool\":2,\"t\":5,\"tap\":7}");
    settings = duet_settings_of(5, 7, 2);
    settings.v[settings.count++] = (duet_setting){.t = -1, .tap = 1, .pool = 4};
    assert_keys(&settings, "{\"settings\":[{\"pool\":2,\"t\":5,\"tap\":7},"
                           "{\"pool\":4,\"t\":-1,\"tap\":1}]}");
    json_t *bad = json_pack("{s:i,s:s,s:i}", "t", 1, "tap", "nine", "pool", 1);
    FAILS(DUET_ARG, "'tap' in a setting", duet_settings_get(&settings, bad));
    json_decref(bad);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_back),
        cmocka_unit_test(wrong_text_is_named),
        cmocka_unit_test(json_has_the_keys_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
