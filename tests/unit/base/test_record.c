/* SPDX-License-Identifier: MIT
 * Structs as JSON objects by parameter tables, and back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/record.h"

typedef struct inner {
    int64_t wide;
    double share;
} inner;

typedef struct outer {
    int narrow;
    int64_t wide;
    uint64_t seed;
    double ratio;
    bool yes;
    char text[16];
    const char *word;
    duet_int_list list;
    inner within;
    json_t *extra, *absent;
} outer;

static const duet_param inner_rows[] = {
    DUET_FIELD_INT(inner, wide),
    DUET_FIELD_FLOAT(inner, share),
};
static const duet_param_table inner_table = DUET_TABLE(inner_rows, inner);

static const duet_param rows[] = {
    DUET_FIELD_WORD(outer, word),
    DUET_FIELD_INT(outer, narrow),
    DUET_FIELD_INT(outer, wide),
    DUET_FIELD_SEED(outer, seed),
    DUET_FIELD_FLOAT(outer, ratio),
    DUET_FIELD_BOOLEAN(outer, yes),
    DUET_FIELD_TEXT(outer, text),
    DUET_FIELD_INTS(outer, list),
    DUET_FIELD_RECORD(outer, within, &inner_table),
    DUET_FIELD_JSON(outer, extra),
    DUET_FIELD_JSON(outer, absent),
    DUET_FIELD(outer, within.wide, "again", DUET_PARAM_INT),
};
static const duet_param_table table = DUET_TABLE(rows, outer);

static outer example(void) {
    return (outer){.narrow = -3,
                   .wide = INT64_C(1) << 40,
                   .seed = UINT64_MAX,
                   .ratio = 0.25,
                   .yes = true,
                   .text = "a \"b\"",
                   .word = "größe",
                   .list = {.count = 2, .v = {7, -1}},
                   .within = {.wide = 5, .share = 1.5},
                   .extra = json_pack("[i]", 9)};
}

static const char written[] =
    "{\"word\":\"größe\",\"narrow\":-3,\"wide\":1099511627776,\"seed\":\"18446744073709551615\","
    "\"ratio\":0.25,\"yes\":true,\"text\":\"a \\\"b\\\"\",\"list\":[7,-1],\"within\":{\"wide\":5,"
    "\"share\":1.5},\"extra\":[9],\"again\":5}";

static void in_the_order_of_the_table(void **state) {
    (void)state;
    const outer one = example();
    json_t *object = duet_record_json(&table, &one);
    char *text = NULL;
    assert_int_equal(duet_json_text(&text, object, false), DUET_OK);
    assert_string_equal(text, written);
    duet_release(text);
    json_decref(object);
}

static void back(void **state) {
    (void)state;
    json_t *object = json_loads(written, 0, NULL);
    outer one = {.absent = NULL};
    duet_record_read(&table, &one, object);
    assert_int_equal(one.narrow, -3);
    assert_int_equal(one.wide, INT64_C(1) << 40);
    assert_true(one.seed == UINT64_MAX);
    assert_true(one.ratio == 0.25 && one.yes);
    assert_string_equal(one.text, "a \"b\"");
    assert_string_equal(one.word, "größe");
    assert_int_equal(one.list.count, 2);
    assert_int_equal(one.list.v[1], -1);
    assert_int_equal(one.within.wide, 5);
    assert_true(one.within.share == 1.5);
    assert_int_equal(json_array_size(one.extra), 1);
    json_decref(object);
}

/* What is missing or of another kind leaves its field. */
static void strange_values(void **state) {
    (void)state;
    json_t *object = json_loads("{\"narrow\":\"x\",\"wide\":1.5,\"ratio\":[],\"yes\":3,\"text\":7,"
                                "\"word\":null,\"list\":{},\"within\":4,\"seed\":\"12\"}",
                                0, NULL);
    outer one = example();
    json_t *const extra = one.extra;
    duet_record_read(&table, &one, object);
    assert_int_equal(one.narrow, -3);
    assert_int_equal(one.wide, INT64_C(1) << 40);
    assert_true(one.ratio == 0.25 && one.yes);
    assert_string_equal(one.text, "a \"b\"");
    assert_string_equal(one.word, "größe");
    assert_int_equal(one.list.count, 2);
    assert_int_equal(one.within.wide, 5);
    assert_true(one.seed == 12);
    assert_ptr_equal(one.extra, extra);
    json_decref(extra);
    json_decref(object);
}

static void what_json_has_no_word_for(void **state) {
    (void)state;
    outer one = example();
    one.ratio = NAN;
    json_t *object = duet_record_json(&table, &one);
    assert_true(json_is_null(json_object_get(object, "ratio")));
    json_decref(object);
    one.extra = NULL;
    one.word = "\xff";
    assert_null(duet_record_json(&table, &one));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_the_order_of_the_table),
                                       cmocka_unit_test(back), cmocka_unit_test(strange_values),
                                       cmocka_unit_test(what_json_has_no_word_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
