/* SPDX-License-Identifier: MIT
 * Specs of families: parsed and spelled, one within the other, of any length. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/choice.h"
#include "base/error.h"

typedef struct task_options {
    char head[DUET_SPEC_SIZE], note[DUET_TEXT_SIZE];
    int64_t epochs;
    duet_int_list sizes;
} task_options;

static const duet_param task_rows[] = {
    DUET_TEXT(task_options, head, "linear", NULL, "a head"),
    DUET_INT(task_options, epochs, "1", 1, 100, "passes"),
    DUET_INTS(task_options, sizes, "1,2", 0, 100, "sizes"),
    DUET_TEXT(task_options, note, "", NULL, "words"),
};

typedef struct head_options {
    int64_t heads;
    char pool[DUET_TEXT_SIZE];
} head_options;

static const duet_param head_rows[] = {
    DUET_INT(head_options, heads, "1", 1, 64, "heads"),
    DUET_TEXT(head_options, pool, "mean", NULL, "a pool"),
};

static const duet_entry classify = {
    .name = "classify", .help = "", .params = DUET_TABLE(task_rows, task_options)};
static const duet_entry attention = {
    .name = "attention", .help = "", .params = DUET_TABLE(head_rows, head_options)};
static const duet_entry linear = {
    .name = "linear", .help = "", .params = DUET_TABLE_EMPTY, .aliases = "plain straight-line"};
static const duet_entry *const tasks[] = {&classify}, *const heads[] = {&linear, &attention};
static const duet_family task_family = {"task", "", tasks, 1}, head_family = {"head", "", heads, 2};

static const task_options *task_of(const duet_choice *choice) {
    return (const task_options *)&choice->options;
}

static void assert_spelled(const duet_choice *choice, const char *text) {
    char spelled[4 * DUET_SPEC_SIZE];
    assert_int_equal(duet_choice_spell(choice, spelled, sizeof spelled), DUET_OK);
    assert_string_equal(spelled, text);
}

static void nested(void **state) {
    (void)state;
    duet_choice task = {0}, head = {0}, again = {0};
    char spelled[DUET_SPEC_SIZE];
    assert_int_equal(duet_choice_parse(&task, &task_family,
                                       "classify:head=(attention:heads=4,pool=(a:b=1,c=2)),"
                                       "epochs=3,sizes=5/6/7"),
                     DUET_OK);
    assert_string_equal(task_of(&task)->head, "attention:heads=4,pool=(a:b=1,c=2)");
    assert_int_equal(task_of(&task)->epochs, 3);
    assert_int_equal(task_of(&task)->sizes.count, 3);
    assert_int_equal(duet_choice_parse(&head, &head_family, task_of(&task)->head), DUET_OK);
    assert_ptr_equal(head.entry, &attention);
    assert_string_equal(((const head_options *)&head.options)->pool, "a:b=1,c=2");
    assert_spelled(&head, "attention:heads=4,pool=(a:b=1,c=2)");
    assert_spelled(&task, "classify:head=(attention:heads=4,pool=(a:b=1,c=2)),epochs=3,"
                          "sizes=5/6/7,note=");
    assert_int_equal(duet_choice_spell(&task, spelled, sizeof spelled), DUET_OK);
    assert_int_equal(duet_choice_parse(&again, &task_family, spelled), DUET_OK);
    assert_string_equal(task_of(&again)->head, task_of(&task)->head);
    assert_int_equal(task_of(&again)->sizes.v[2], 7);
}

static void texts_round_trip(void **state) {
    (void)state;
    static const struct {
        const char *value, *text;
    } rows[] = {{"plain", "plain"},   {"(a)", "a"},         {"((a))", "(a)"},
                {"(x,y:z)", "x,y:z"}, {"f(x,y)", "f(x,y)"}, {"(f(x),g)", "f(x),g"},
                {"()", ""},           {"a:b", "a:b"}};
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        char spec[128], spelled[2 * DUET_SPEC_SIZE];
        duet_choice one = {0}, two = {0};
        snprintf(spec, sizeof spec, "classify:note=%s,epochs=2", rows[i].value);
        assert_int_equal(duet_choice_parse(&one, &task_family, spec), DUET_OK);
        assert_string_equal(task_of(&one)->note, rows[i].text);
        assert_int_equal(task_of(&one)->epochs, 2);
        assert_int_equal(duet_choice_spell(&one, spelled, sizeof spelled), DUET_OK);
        assert_int_equal(duet_choice_parse(&two, &task_family, spelled), DUET_OK);
        assert_string_equal(task_of(&two)->note, rows[i].text);
    }
}

/* Each message names the key or the text at fault, and the member it belongs to. */
static void errors_name_the_place(void **state) {
    (void)state;
    static const struct {
        const char *spec, *message;
    } rows[] = {
        {"classify:epochs=2,head=(attention:heads=4",
         "the ')' is missing behind 'head=(attention:heads=4' in task 'classify'"},
        {"classify:head=attention),epochs=2",
         "a '(' is missing before the ')' of 'head=attention),epochs=2' in task 'classify'"},
        {"classify:head=(linear)x,epochs=2",
         "'x' stands behind the ')' of 'head' in task 'classify'; write a ','"},
        {"classify:head=(linear),epoch=2",
         "no key 'epoch' in task 'classify'; did you mean 'epochs'?"},
        {"classify:=(linear)", "a key is missing in '=(linear)' of task 'classify'; write "
                               "key=value,key=value"}};
    duet_choice task = {0};
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        assert_int_equal(duet_choice_parse(&task, &task_family, rows[i].spec), DUET_ARG);
        assert_string_equal(duet_error_message(), rows[i].message);
        assert_null(task.entry);
    }
}

/* Longer than the usual storage of a text, both ways; what does not fit is refused by number. */
static void long_specs(void **state) {
    (void)state;
    char value[1000], spec[1100], spelled[2 * DUET_SPEC_SIZE];
    duet_choice task = {0};
    memset(value, 'a', sizeof value);
    value[sizeof value - 1] = '\0';
    snprintf(spec, sizeof spec, "classify:head=%s", value);
    assert_int_equal(duet_choice_parse(&task, &task_family, spec), DUET_OK);
    assert_string_equal(task_of(&task)->head, value);
    assert_int_equal(duet_choice_spell(&task, spelled, sizeof spelled), DUET_OK);
    assert_true(strlen(spelled) > 1000);
    assert_int_equal(duet_choice_spell(&task, spelled, DUET_TEXT_SIZE), DUET_ARG);
    assert_string_equal(duet_error_message(),
                        "the options of 'classify' are 1038 bytes long, at most 255 fit");
}

/* Other names of a member are found where no member has them; '-' and '_' are the same. */
static void test_aliases(void **state) {
    (void)state;
    assert_ptr_equal(duet_family_find(&head_family, "linear"), &linear);
    assert_ptr_equal(duet_family_find(&head_family, "plain"), &linear);
    assert_ptr_equal(duet_family_find(&head_family, "straight_line"), &linear);
    assert_null(duet_family_find(&head_family, "straight"));
    assert_null(duet_family_find(&head_family, "plain straight-line"));
    assert_null(duet_family_find(&head_family, ""));
    duet_choice choice;
    assert_int_equal(duet_choice_parse(&choice, &head_family, "plain"), DUET_OK);
    assert_ptr_equal(choice.entry, &linear);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_aliases), cmocka_unit_test(nested),
                                       cmocka_unit_test(texts_round_trip),
                                       cmocka_unit_test(errors_name_the_place),
                                       cmocka_unit_test(long_specs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
