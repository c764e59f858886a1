/* SPDX-License-Identifier: MIT
 * Conformance of the families `dataset` and `augment`: every member has a name, one line of help,
 * and a parameter table whose defaults parse, print and parse back to the same. Members that need
 * no path open with their defaults and read. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <duet/data.h>

#include "data/augment/augment.h"
#include "data/dataset/dataset.h"

static void check_entry(const duet_family *family, const duet_entry *entry) {
    union {
        max_align_t align;
        uint8_t bytes[1024];
    } options, again;
    const duet_entry *found = NULL;
    memset(&options, 0, sizeof options);
    memset(&again, 0, sizeof again);
    assert_true(strlen(entry->name) > 0 && strlen(entry->help) > 10);
    assert_null(strchr(entry->help, '\n'));
    assert_true(entry->params.options_size <= sizeof options);
    assert_int_equal(duet_family_parse(family, &found, &options, sizeof options, entry->name),
                     DUET_OK);
    assert_ptr_equal(found, entry);
    duet_params_default(&entry->params, &again);
    for (int row = 0; row < entry->params.count; row++) {
        const duet_param *param = &entry->params.rows[row];
        char text[DUET_TEXT_SIZE];
        assert_non_null(param->help);
        assert_true(duet_params_print(&entry->params, &options, row, text, sizeof text) <
                    (int)sizeof text);
        if (duet_params_set(&entry->params, &again, entry->name, param->name, text) != DUET_OK) {
            fail_msg("%s: default of '%s': %s", entry->name, param->name, duet_error_message());
        }
    }
    assert_memory_equal(&options, &again, entry->params.options_size);
}

static void data_sets(void **state) {
    (void)state;
    assert_true(duet_family_dataset.count >= 5);
    for (int i = 0; i < duet_family_dataset.count; i++) {
        const duet_entry *entry = duet_family_dataset.entries[i];
        const duet_dataset_layout *layout = duet_dataset_of(entry);
        check_entry(&duet_family_dataset, entry);
        assert_true(layout->open != NULL && layout->read != NULL);
        duet_dataset *dataset = NULL;
        if (layout->detect != NULL) {
            assert_int_equal(layout->detect(DUET_TEST_TMP "/no such folder"), 0);
            assert_int_equal(duet_dataset_open(NULL, &dataset, entry->name), DUET_ARG);
            continue;
        }
        assert_int_equal(duet_dataset_open(NULL, &dataset, entry->name), DUET_OK);
        const duet_dataset_info *info = duet_dataset_describe(dataset);
        assert_string_equal(info->layout, entry->name);
        uint8_t pixels[16 * 16 * 3];
        const duet_preprocess how = {.size = 16, .channels = 3};
        assert_int_equal(
            duet_dataset_read(dataset, DUET_TRAIN, info->count[DUET_TRAIN] - 1, &how, pixels),
            DUET_OK);
        assert_int_equal(
            duet_dataset_read(dataset, DUET_TRAIN, info->count[DUET_TRAIN], &how, pixels),
            DUET_ARG);
        duet_dataset_close(dataset);
    }
}

/* Every augmentation with its defaults keeps the channels apart, whatever the size, and repeats
 * itself: values that are there are only moved, or, where it interpolates between pixels, a picture
 * of one colour stays as it is; brightness and erase give other values (test_resized_crop). */
static void augmentations(void **state) {
    (void)state;
    assert_true(duet_family_augment.count >= 2);
    for (int i = 0; i < duet_family_augment.count; i++) {
        check_entry(&duet_family_augment, duet_family_augment.entries[i]);
        duet_augment_chain chain = {0};
        const char *const name = duet_family_augment.entries[i]->name;
        assert_int_equal(duet_augment_chain_parse(&chain, name), DUET_OK);
        const bool recolours = strcmp(name, "brightness") == 0 || strcmp(name, "erase") == 0,
                   blends = strcmp(name, "resized_crop") == 0 ||
                            duet_augment_chain_conditions(&chain) > 0;
        for (int64_t size = 1; size <= 9; size++) {
            for (uint64_t position = 0; position < 20; position++) {
                uint8_t a[9 * 9 * 3], b[9 * 9 * 3], scratch[9 * 9 * 3];
                for (int p = 0; p < (int)sizeof a; p++)
                    a[p] = b[p] = (uint8_t)(1 + p % 3 + (blends ? 60 : 3 * (p % 7)));
                duet_augment_chain_apply(&chain, 7, position, a, scratch, size, 3);
                duet_augment_chain_apply(&chain, 7, position, b, scratch, size, 3);
                assert_memory_equal(a, b, sizeof a);
                for (int64_t p = 0; p < size * size * 3 && !recolours; p++)
                    assert_int_equal((a[p] - 1) % 3, p % 3); /* channels stay */
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(data_sets),
                                       cmocka_unit_test(augmentations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
