/* SPDX-License-Identifier: MIT
 * A training that its meter ends: the model is that of the last measurement before, on disk as in
 * the result, and going on from there gives the bits of a training that was never ended. */
#include "tiny_model.h"

#include <duet/run.h>
#include <duet/train.h>

#define DATA "synth:size=8,classes=3,train=40,test=4"
enum { BATCH = 8, LONGEST = 12 };

typedef struct watch {
    int calls, alarm; /* measurements; from this one on it says stop, 0 = never */
} watch;

static duet_status measure(void *user, duet_model *model, const duet_train_moment *moment) {
    (void)model, (void)moment;
    ((watch *)user)->calls++;
    return DUET_OK;
}

static bool stops(void *user) {
    const watch *w = user;
    return w->alarm > 0 && w->calls >= w->alarm;
}

static uint64_t train(const char *folder, int alarm, bool resume, duet_train_result *result) {
    watch w = {.alarm = alarm};
    const duet_train_meter meter = {.measure = measure, .stops = stops, .user = &w};
    duet_context *ctx = make_context(1, false);
    duet_dataset *dataset = open_data(DATA);
    duet_model *model = NULL;
    duet_train_options o;
    duet_params_default(&duet_train_params, &o);
    snprintf(o.arch, sizeof o.arch, "%s", TINY_ARCH);
    snprintf(o.stop, sizeof o.stop, "auto");
    o.batch = BATCH;
    o.steps = LONGEST;
    o.save_minutes = 1e-9; /* checkpoints are left to the measurements all the same */
    o.meter_minutes = 1e-9;
    o.meter = &meter;
    OK(duet_train(ctx, result, dataset, &o, folder, resume));
    OK(duet_model_open(ctx, &model, folder));
    const uint64_t hash = duet_model_hash(model);
    assert_int_equal(duet_run_number(folder, "steps"), result->steps);
    duet_model_close(model);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
    return hash;
}

static void the_model_is_that_from_before(void **state) {
    (void)state;
    char one[DUET_PATH_SIZE], two[DUET_PATH_SIZE];
    duet_train_result stopped, whole;
    fresh_folder(one, "stopped");
    fresh_folder(two, "whole");
    const uint64_t before = train(one, 4, false, &stopped);
    assert_int_equal(stopped.steps, 3);
    assert_int_equal(stopped.stopped, 4 * BATCH);
    const uint64_t after = train(one, 0, true, &stopped), straight = train(two, 0, false, &whole);
    assert_int_equal(stopped.steps, LONGEST);
    assert_int_equal(stopped.stopped, 0);
    assert_true(after == straight && after != before);
}

static void there_is_a_model_where_all_is_copied_at_once(void **state) {
    (void)state;
    char folder[DUET_PATH_SIZE];
    duet_train_result result;
    fresh_folder(folder, "at_once");
    (void)train(folder, 1, false, &result);
    assert_int_equal(result.steps, 1);
    assert_int_equal(result.stopped, BATCH);
}

static void needs_measurements(void **state) {
    (void)state;
    char folder[DUET_PATH_SIZE];
    duet_context *ctx = make_context(1, false);
    duet_dataset *dataset = open_data(DATA);
    duet_train_result result;
    duet_train_options o;
    duet_params_default(&duet_train_params, &o);
    snprintf(o.stop, sizeof o.stop, "auto");
    o.steps = 1;
    fresh_folder(folder, "none");
    FAILS(DUET_ARG, "needs measurements", duet_train(ctx, &result, dataset, &o, folder, false));
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_is_that_from_before),
        cmocka_unit_test(there_is_a_model_where_all_is_copied_at_once),
        cmocka_unit_test(needs_measurements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
