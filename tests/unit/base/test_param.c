/* SPDX-License-Identifier: MIT
 * Parameter tables, spec strings of families, and the nearest word. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <duet/registry.h>

typedef struct options {
    int64_t steps;
    double eta;
    bool clip_x0;
    char schedule[DUET_TEXT_SIZE];
    duet_int_list blocks;
    double level;
} options;

static const duet_param rows[] = {
    DUET_INT(options, steps, "50", 1, 1000000, "steps"),
    DUET_FLOAT(options, eta, "0.5", 0, 1, "share of fresh noise"),
    DUET_BOOLEAN(options, clip_x0, "true", "clip"),
    DUET_TEXT(options, schedule, "linear", "linear|cosine|karras", "schedule"),
    DUET_INTS(options, blocks, "1,2,4", 1, 99, "blocks"),
    DUET_FLOAT(options, level, NULL, 0, 0, "any number"),
};
static const duet_param_table table = DUET_TABLE(rows, options);
static const char where[] = "sampler 'ddim'";

static void test_defaults(void **state) {
    (void)state;
    options o;
    memset(&o, 0xFF, sizeof o);
    duet_params_default(&table, &o);
    assert_int_equal(o.steps, 50);
    assert_true(o.eta == 0.5 && o.level == 0);
    assert_true(o.clip_x0);
    assert_string_equal(o.schedule, "linear");
    assert_int_equal(o.blocks.count, 3);
    assert_int_equal(o.blocks.v[2], 4);
    const duet_param_table none = DUET_TABLE_EMPTY;
    duet_params_default(&none, NULL);
}

static void assert_set(options *o, const char *key, const char *text) {
    assert_int_equal(duet_params_set(&table, o, where, key, text), DUET_OK);
}

static void assert_refused(const char *key, const char *text, const char *message) {
    options o, before;
    duet_params_default(&table, &o);
    memcpy(&before, &o, sizeof o);
    assert_int_equal(duet_params_set(&table, &o, where, key, text), DUET_ARG);
    assert_string_equal(duet_error_message(), message);
    assert_memory_equal(&o, &before, sizeof o);
}

static void test_values(void **state) {
    (void)state;
    options o;
    duet_params_default(&table, &o);
    assert_set(&o, "steps", "60k");
    assert_int_equal(o.steps, 60000);
    assert_set(&o, "steps", "1e3");
    assert_int_equal(o.steps, 1000);
    assert_set(&o, "steps", "0.25m");
    assert_int_equal(o.steps, 250000);
    assert_set(&o, "clip-x0", "False");
    assert_false(o.clip_x0);
    assert_set(&o, "clip_x0", NULL);
    assert_true(o.clip_x0);
    assert_set(&o, "schedule", "karras");
    assert_string_equal(o.schedule, "karras");
    assert_set(&o, "blocks", "7/8;9,10");
    assert_int_equal(o.blocks.count, 4);
    assert_int_equal(o.blocks.v[3], 10);
    assert_set(&o, "blocks", "");
    assert_int_equal(o.blocks.count, 0);
    assert_set(&o, "level", "-inf");
    assert_true(isinf(o.level));
    assert_string_equal(duet_params_find(&table, "clip-x0")->name, "clip_x0");
    assert_null(duet_params_find(&table, "clip"));
}

static void test_refusals(void **state) {
    (void)state;
    assert_refused("etaa", "1", "no key 'etaa' in sampler 'ddim'; did you mean 'eta'?");
    assert_refused(
        "zzzzzz", "1",
        "no key 'zzzzzz' in sampler 'ddim'; it takes steps, eta, clip_x0, schedule, blocks, level");
    assert_refused("steps", "0",
                   "'steps' in sampler 'ddim' must be between 1 and 1000000, got '0'");
    assert_refused("steps", "2m",
                   "'steps' in sampler 'ddim' must be between 1 and 1000000, got '2m'");
    assert_refused("steps", "1.5", "'steps' in sampler 'ddim' must be a whole number, got '1.5'");
    assert_refused("steps", "", "'steps' in sampler 'ddim' must be a whole number, got ''");
    assert_refused("steps", "0x10", "'steps' in sampler 'ddim' must be a whole number, got '0x10'");
    assert_refused("steps", "1e-3", "'steps' in sampler 'ddim' must be a whole number, got '1e-3'");
    static const char *const beyond[] = {"-1",
                                         "1e7",
                                         "1e400",
                                         "9223372036854775808",
                                         "99e98m",
                                         "-99999999999999999999",
                                         "18446744073709551616"};
    for (int i = 0; i < DUET_COUNT(beyond); i++) {
        char message[160];
        snprintf(message, sizeof message,
                 "'steps' in sampler 'ddim' must be between 1 and 1000000, got '%s'", beyond[i]);
        assert_refused("steps", beyond[i], message);
    }
    assert_refused("eta", "1e999", "'eta' in sampler 'ddim' must be between 0 and 1, got '1e999'");
    assert_refused(
        "level", "-1e999",
        "'level' in sampler 'ddim' must be a number that 64 bits can hold, got '-1e999'");
    assert_refused("steps", "k", "'steps' in sampler 'ddim' must be a whole number, got 'k'");
    assert_refused("steps", NULL, "'steps' in sampler 'ddim' needs a value");
    assert_refused("eta", "1.1", "'eta' in sampler 'ddim' must be between 0 and 1, got '1.1'");
    assert_refused("eta", "nan", "'eta' in sampler 'ddim' must be a number, got 'nan'");
    assert_refused("clip_x0", "maybe",
                   "'clip_x0' in sampler 'ddim' must be true or false, got 'maybe'");
    assert_refused("schedule", "lin",
                   "'schedule' in sampler 'ddim' must be one of linear|cosine|karras, got 'lin'");
    assert_refused("blocks", "1,,2",
                   "'blocks' in sampler 'ddim' must be whole numbers like 1,2,4, got '1,,2'");
    assert_refused("blocks", "1,100",
                   "'blocks' in sampler 'ddim' must be between 1 and 99, got '100'");
    char many[300] = "1";
    for (int i = 0; i < DUET_LIST_SIZE; i++) snprintf(many + strlen(many), 3, ",1");
    assert_refused("blocks", many, "'blocks' in sampler 'ddim' takes at most 64 numbers");
    char text[300];
    memset(text, 'a', sizeof text);
    text[256] = '\0';
    assert_refused("schedule", text,
                   "'schedule' in sampler 'ddim' is 256 bytes long, at most 255 fit");
}

static void test_parse(void **state) {
    (void)state;
    options o;
    duet_params_default(&table, &o);
    assert_int_equal(duet_params_parse(&table, &o, where, "steps=7,clip-x0=no,blocks=3/5,eta=1"),
                     DUET_OK);
    assert_int_equal(o.steps, 7);
    assert_false(o.clip_x0);
    assert_int_equal(o.blocks.count, 2);
    assert_int_equal(o.blocks.v[1], 5);
    assert_true(o.eta == 1);
    assert_int_equal(duet_params_parse(&table, &o, where, "clip_x0"), DUET_OK);
    assert_true(o.clip_x0);
    assert_int_equal(duet_params_parse(&table, &o, where, ""), DUET_OK);
    assert_int_equal(duet_params_parse(&table, &o, where, NULL), DUET_OK);
    assert_int_equal(duet_params_parse(&table, &o, where, "steps=7,,eta=1"), DUET_ARG);
    assert_int_equal(duet_params_parse(&table, &o, where, "=7"), DUET_ARG);
    assert_int_equal(duet_params_parse(&table, &o, where, "steps"), DUET_ARG);
}

/* What is printed reads back as the same value. */
static void test_print(void **state) {
    (void)state;
    static const double values[] = {0.1, 1.0 / 3, 1e-300, -2.5, 1e22, 123456789.125, INFINITY};
    options o, back;
    char text[512];
    duet_params_default(&table, &o);
    o.steps = 123456;
    o.clip_x0 = false;
    o.blocks = (duet_int_list){.count = 2, .v = {11, 22}};
    for (int v = 0; v < DUET_COUNT(values); v++) {
        o.level = values[v];
        duet_params_default(&table, &back);
        for (int i = 0; i < table.count; i++) {
            const int size = duet_params_print(&table, &o, i, text, sizeof text);
            assert_int_equal(size, strlen(text));
            assert_set(&back, rows[i].name, text);
        }
        assert_memory_equal(&back.blocks, &o.blocks, sizeof o.blocks);
        assert_int_equal(back.steps, o.steps);
        assert_false(back.clip_x0);
        assert_string_equal(back.schedule, o.schedule);
        assert_true(back.level == o.level && back.eta == o.eta);
    }
    o.eta = 0.1;
    duet_params_print(&table, &o, 1, text, sizeof text);
    assert_string_equal(text, "0.1");
    assert_int_equal(duet_params_print(&table, &o, 3, text, 3),
                     6); /* as snprintf: the size it would have */
    assert_string_equal(text, "li");
}

typedef struct wide {
    uint64_t seed, turned;
    int64_t any, most;
} wide;

static const duet_param wide_rows[] = {
    DUET_SEED(wide, seed, "0", "seed"),
    {.name = "turned", .type = DUET_PARAM_SEED, .offset = offsetof(wide, turned), .min = -0x1p63},
    DUET_INT(wide, any, "", 0, 0, "any"),
    DUET_INT(wide, most, "", 0, 0x1p63, "to the end"),
};
static const duet_param_table wide_table = DUET_TABLE(wide_rows, wide);

/* All 64 bits of a seed go in and come out, in every spelling; limits are named in full. */
static void test_wide(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
        const char *printed;
    } seeds[] = {{"0", 0, "0"},
                 {"-0", 0, "0"},
                 {"9007199254740993", 9007199254740993u, "9007199254740993"},
                 {"9223372036854775807", 9223372036854775807u, "9223372036854775807"},
                 {"9223372036854775808", 9223372036854775808u, "9223372036854775808"},
                 {"17982163893102248868", 17982163893102248868u, "17982163893102248868"},
                 {"18446744073709551615", UINT64_MAX, "18446744073709551615"},
                 {"1.8446744073709551615e19", UINT64_MAX, "18446744073709551615"},
                 {"1844674407370955161500e-2", UINT64_MAX, "18446744073709551615"},
                 {"18.4e18", 18400000000000000000u, "18400000000000000000"},
                 {"2m", 2000000, "2000000"}};
    wide w;
    char text[32];
    duet_params_default(&wide_table, &w);
    for (int i = 0; i < DUET_COUNT(seeds); i++) {
        assert_int_equal(duet_params_set(&wide_table, &w, NULL, "seed", seeds[i].text), DUET_OK);
        assert_true(w.seed == seeds[i].value);
        duet_params_print(&wide_table, &w, 0, text, sizeof text);
        assert_string_equal(text, seeds[i].printed);
    }
    static const char *const beyond[] = {"-1", "18446744073709551616", "1e20", "-5e18"};
    for (int i = 0; i < DUET_COUNT(beyond); i++) {
        assert_int_equal(duet_params_set(&wide_table, &w, NULL, "seed", beyond[i]), DUET_ARG);
        assert_non_null(strstr(duet_error_message(),
                               "'--seed' must be between 0 and 18446744073709551615, got '"));
    }
    assert_int_equal(duet_params_set(&wide_table, &w, NULL, "seed", "1.5"), DUET_ARG);
    assert_string_equal(duet_error_message(), "'--seed' must be a whole number, got '1.5'");
    assert_int_equal(duet_params_set(&wide_table, &w, NULL, "turned", "-2"), DUET_OK);
    assert_true(w.turned == UINT64_MAX - 1);
    assert_int_equal(duet_params_set(&wide_table, &w, NULL, "any", "-9223372036854775808"),
                     DUET_OK);
    assert_true(w.any == INT64_MIN);
    assert_int_equal(duet_params_set(&wide_table, &w, NULL, "any", "1e19"), DUET_ARG);
    assert_string_equal(duet_error_message(), "'--any' must be between -9223372036854775808 and "
                                              "9223372036854775807, got '1e19'");
    assert_int_equal(duet_params_set(&wide_table, &w, NULL, "most", "9223372036854775807"),
                     DUET_OK);
    assert_true(w.most == INT64_MAX);
    assert_int_equal(duet_params_set(&wide_table, &w, NULL, "most", "-1"), DUET_ARG);
    assert_string_equal(duet_error_message(),
                        "'--most' must be between 0 and 9223372036854775807, got '-1'");
}

static const duet_entry ddim = {
    .name = "ddim", .help = "deterministic", .params = DUET_TABLE(rows, options)};
static const duet_entry ddpm_full = {
    .name = "ddpm_full", .help = "ancestral", .params = DUET_TABLE_EMPTY};
static const duet_entry *const entries[] = {&ddim, &ddpm_full};
static const duet_family family = {"sampler", "samplers", entries, 2};

static void test_family(void **state) {
    (void)state;
    options o;
    const duet_entry *entry = NULL;
    memset(&o, 0xFF, sizeof o);
    assert_int_equal(duet_family_parse(&family, &entry, &o, sizeof o, "ddim:steps=20"), DUET_OK);
    assert_ptr_equal(entry, &ddim);
    assert_int_equal(o.steps, 20);
    assert_string_equal(o.schedule, "linear");
    assert_int_equal(duet_family_parse(&family, &entry, &o, sizeof o, "ddpm-full"), DUET_OK);
    assert_ptr_equal(entry, &ddpm_full);
    assert_int_equal(duet_family_parse(&family, &entry, NULL, 0, "ddim:eta=0.25"), DUET_OK);
    assert_ptr_equal(entry, &ddim);

    const options before = o;
    entry = NULL;
    assert_int_equal(duet_family_parse(&family, &entry, &o, sizeof o, "ddin"), DUET_ARG);
    assert_string_equal(duet_error_message(), "no sampler 'ddin'; did you mean 'ddim'?");
    assert_int_equal(duet_family_parse(&family, &entry, &o, sizeof o, "heun"), DUET_ARG);
    assert_string_equal(duet_error_message(), "no sampler 'heun'; there are: ddim, ddpm_full");
    assert_int_equal(duet_family_parse(&family, &entry, &o, sizeof o, "ddim:steps=20,etaa=1"),
                     DUET_ARG);
    assert_string_equal(duet_error_message(),
                        "no key 'etaa' in sampler 'ddim'; did you mean 'eta'?");
    assert_int_equal(duet_family_parse(&family, &entry, NULL, 0, "ddim:eta=2"), DUET_ARG);
    assert_int_equal(duet_family_parse(&family, &entry, &o, 8, "ddim"), DUET_ARG);
    assert_int_equal(duet_family_parse(&family, &entry, &o, sizeof o, ":steps=1"), DUET_ARG);
    assert_int_equal(duet_family_parse(&family, &entry, &o, sizeof o, "ddpm_full:steps=1"),
                     DUET_ARG);
    assert_string_equal(duet_error_message(),
                        "no key 'steps' in sampler 'ddpm_full'; it takes none");
    assert_null(entry);
    assert_memory_equal(&o, &before, sizeof o);
}

static void test_nearest(void **state) {
    (void)state;
    static const char *const words[] = {"sample",   "train", "transfer",
                                        "features", "x",     "base_channels"};
    const int count = DUET_COUNT(words);
    assert_string_equal(duet_nearest("sampel", words, count), "sample"); /* a swap is one step */
    assert_string_equal(duet_nearest("trian", words, count), "train");
    assert_string_equal(duet_nearest("feture", words, count), "features");
    assert_string_equal(duet_nearest("TRAIN", words, count), "train");
    assert_string_equal(duet_nearest("base-chanels", words, count), "base_channels");
    assert_null(duet_nearest("zzzz", words, count));
    assert_null(duet_nearest("tr", words, count));
    assert_null(duet_nearest("y", words, count));
    assert_null(duet_nearest("", words, count));
    assert_null(duet_nearest("sample", words, 0));
    char longer[100];
    memset(longer, 'a', sizeof longer);
    longer[99] = '\0';
    assert_null(duet_nearest(longer, words, count));
    const char *const other = longer;
    assert_null(duet_nearest("aaaa", &other, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_parse),
        cmocka_unit_test(test_print),    cmocka_unit_test(test_wide),
        cmocka_unit_test(test_family),   cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
