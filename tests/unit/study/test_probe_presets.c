/* SPDX-License-Identifier: MIT
 * Presets of probes: their heads can be read, and their settings fit the network and what was said
 * before. */
#include "tiny_model.h"

#include <duet/study.h>

#include "base/choice.h"
#include "head/head.h"

static const duet_probe_preset *find(const char *name) {
    const duet_probe_preset *preset = NULL;
    OK(duet_probe_preset_find(&preset, name));
    assert_string_equal(preset->name, name);
    return preset;
}

static void check(const duet_model *model, const char *name, const char *given, const char *want) {
    duet_settings settings;
    char text[DUET_SETTINGS_SIZE];
    OK(duet_settings_parse(&settings, given));
    duet_probe_preset_fill(find(name), &settings, model);
    duet_settings_print(&settings, text, sizeof text);
    assert_string_equal(text, want);
}

static void heads_can_be_read(void **unused) {
    (void)unused;
    int count = 0;
    const duet_probe_preset *const all = duet_probe_presets(&count), *none = NULL;
    assert_true(count >= 7);
    for (int i = 0; i < count; i++) {
        duet_choice choice;
        OK(duet_head_parse(&choice, all[i].head));
        assert_true(strlen(all[i].head) < DUET_TEXT_SIZE && strlen(all[i].help) > 20);
        find(all[i].name);
    }
    FAILS(DUET_ARG, "no preset 'clib'; there are diffssl-linear, ",
          duet_probe_preset_find(&none, "clib"));
}

/* Of 9 taps, block 24 of 37 is tap 6, 19 is 5, 30 is 7; maps there are at most 8 x 8. */
static void settings_fit_the_network(void **unused) {
    (void)unused;
    duet_model *model = make_model(NULL, TINY_ARCH, 1);
    check(model, "diffssl-linear", "", "t=150,tap=6,pool=2");
    check(model, "diffssl-linear", "t=40", "t=40,tap=6,pool=2");
    check(model, "diffssl-linear", "tap=3,pool=1", "t=150,tap=3,pool=1");
    check(model, "diffssl-attention", "tap=1", "t=150,tap=1,pool=8");
    check(model, "diffssl-attention", "tap=1,pool=16", "t=150,tap=1,pool=16");
    check(model, "ddae", "", "t=11,pool=1");
    check(model, "clip", "t=5,tap=2", "t=5,tap=2,pool=1");
    duet_settings settings = {.count = 0};
    duet_probe_preset_fill(find("difformer"), &settings, model);
    assert_int_equal(settings.count, 9);
    assert_true(settings.v[0].t == 90 && settings.v[0].tap == 5 && settings.v[8].t == 300 &&
                settings.v[8].tap == 7);
    duet_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(heads_can_be_read),
                                       cmocka_unit_test(settings_fit_the_network)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
