/* SPDX-License-Identifier: MIT
 * What is measured while a model is trained: which columns a model gets, values that do not depend
 * on the calls before, lines that a resumed training writes again. */
#include "tiny_model.h"

#include <stdio.h>
#include <string.h>

#include <duet/study.h>

#include "base/file.h"

#define DATA "synth:size=8,classes=3,train=90,test=9"

static char folder[4096];

static int setup(void **state) {
    (void)state;
    char path[DUET_PATH_SIZE];
    snprintf(folder, sizeof folder, "%s/meters", DUET_TEST_TMP);
    OK(duet_folder_make(folder));
    OK(duet_path_join(path, folder, "meters.csv"));
    if (duet_path_exists(path)) OK(duet_folder_remove_file(path));
    return 0;
}

static void read_lines(char out[4096]) {
    char path[DUET_PATH_SIZE];
    duet_bytes file = {0};
    OK(duet_path_join(path, folder, "meters.csv"));
    OK(duet_file_read(&file, path));
    assert_true(file.size < 4096);
    memcpy(out, file.data, (size_t)file.size);
    out[file.size] = '\0';
    duet_bytes_free(&file);
}

/* The values of the line of `images`: own, probe, judge, random; -1 = empty. */
static void values_of(int64_t images, double out[4]) {
    char text[4096], begin[32];
    read_lines(text);
    snprintf(begin, sizeof begin, "\n%lld,", (long long)images);
    const char *at = strstr(text, begin);
    if (at == NULL) fail_msg("no line of %lld images in '%s'", (long long)images, text);
    at++;
    for (int k = 0; k < 3; k++) at = strchr(at, ',') + 1;
    for (int k = 0; k < 4; k++) {
        out[k] = *at == ',' || *at == '\n' ? -1.0 : strtod(at, NULL);
        at += strcspn(at, ",\n") + 1;
    }
}

static int lines_of(void) {
    char text[4096];
    int lines = 0;
    read_lines(text);
    for (const char *c = text; *c != '\0'; c++) lines += *c == '\n';
    return lines - 1;
}

static duet_meters *open_meters(duet_context *ctx, const duet_dataset *dataset, duet_model *judge,
                                int64_t hold_out) {
    duet_meters *meters = NULL;
    duet_train_options training;
    duet_params_default(&duet_train_params, &training);
    training.hold_out = hold_out;
    duet_meters_options options = {.fit_rows = 40, .val_rows = 30, .samples = 6, .judge = judge};
    duet_copy_text(options.sampler, sizeof options.sampler, "ddim:steps=2");
    OK(duet_meters_open(ctx, &meters, dataset, &training, &options, folder));
    return meters;
}

static duet_train_moment at(int64_t images) {
    return (duet_train_moment){.images = images, .steps = images / 4, .seconds = 1.5};
}

static void a_denoiser(void **state) {
    (void)state;
    double first[4], again[4];
    duet_context *ctx = make_context(1, true);
    duet_dataset *dataset = open_data(DATA);
    duet_model *model = make_model(ctx, TINY_ARCH, 3), *other = make_model(ctx, TINY_ARCH, 4);
    duet_meters *meters = open_meters(ctx, dataset, NULL, 0);
    duet_train_moment moment = at(8);
    OK(duet_meters_measure(meters, model, &moment));
    moment = at(16);
    OK(duet_meters_measure(meters, other, &moment));
    moment = at(24);
    OK(duet_meters_measure(meters, model, &moment));
    values_of(8, first);
    assert_true(first[0] == -1.0 && first[2] == -1.0);
    assert_true(first[1] >= 0.0 && first[1] <= 100.0 && first[3] > 0.0);
    values_of(24, again);
    assert_memory_equal(first, again, sizeof first);
    values_of(16, again);
    assert_true(first[3] != again[3]);
    /* a training that was resumed at 8 measures 16 again */
    moment = at(16);
    OK(duet_meters_measure(meters, model, &moment));
    assert_int_equal(lines_of(), 2);
    values_of(16, again);
    assert_memory_equal(first, again, sizeof first);
    duet_meters_close(meters);
    duet_model_close(model);
    duet_model_close(other);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

static void a_classifier_and_a_judge(void **state) {
    (void)state;
    double values[4];
    duet_context *ctx = make_context(1, true);
    duet_dataset *dataset = open_data(DATA);
    duet_model *model = make_model(ctx, TINY_ARCH, 3), *judge = NULL;
    OK(duet_model_new(ctx, &judge,
                      "resnet:small=true,blocks=1/1,base=4,image_size=8,in_channels=3,classes=3",
                      1));
    duet_copy_text(duet_model_card(judge)->noise, 16, "none");
    duet_meters *meters = open_meters(ctx, dataset, judge, 20);
    duet_train_moment moment = at(8);
    OK(duet_meters_measure(meters, model, &moment));
    values_of(8, values);
    assert_true(values[0] == -1.0 && values[1] >= 0.0 && values[2] > 0.0 && values[3] == -1.0);
    moment = at(16);
    OK(duet_meters_measure(meters, judge, &moment)); /* it draws nothing */
    values_of(16, values);
    assert_true(values[0] >= 0.0 && values[1] == -1.0 && values[2] == -1.0);
    duet_meters_close(meters);
    /* what takes noise is no judge */
    duet_train_options training;
    duet_params_default(&duet_train_params, &training);
    const duet_meters_options wrong = {.judge = model};
    assert_int_equal(duet_meters_open(ctx, &meters, dataset, &training, &wrong, folder),
                     DUET_UNSUPPORTED);
    duet_model_close(model);
    duet_model_close(judge);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

static void a_failure_leaves_what_was_measured(void **state) {
    (void)state;
    double values[4];
    duet_context *ctx = make_context(1, true);
    duet_dataset *dataset = open_data(DATA);
    duet_model *model = make_model(ctx, TINY_ARCH, 3);
    duet_meters *meters = NULL;
    duet_train_options training;
    duet_params_default(&duet_train_params, &training);
    duet_meters_options options = {.fit_rows = 40, .val_rows = 30, .samples = 6};
    duet_copy_text(options.sampler, sizeof options.sampler, "nothing");
    OK(duet_meters_open(ctx, &meters, dataset, &training, &options, folder));
    const duet_train_moment moment = at(8);
    assert_int_not_equal(duet_meters_measure(meters, model, &moment), DUET_OK);
    assert_non_null(strstr(duet_error_message(), "nothing"));
    values_of(8, values);
    assert_true(values[1] >= 0.0 && values[3] == -1.0);
    duet_meters_close(meters);
    duet_model_close(model);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_denoiser, setup),
        cmocka_unit_test_setup(a_classifier_and_a_judge, setup),
        cmocka_unit_test_setup(a_failure_leaves_what_was_measured, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
