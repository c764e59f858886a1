/* SPDX-License-Identifier: MIT
 * The task `joint`: network and head learn together, the head is saved and classifies by the
 * ordinary way of reading; without denoising, what the head does not need stays; resuming to the
 * bit; what it refuses. */
#include "tiny_train.h"

#include <math.h>
#include <stdio.h>

#include <duet/head.h>
#include <duet/study.h>
#include <duet/train.h>

#include "base/error.h"
#include "base/file.h"
#include "model/model.h"

#define DATA    "synth:size=8,classes=2,train=260,test=60"
#define ARCH    TINY_ARCH
#define SETTING "setting=(t=5,tap=7,pool=4+t=20,tap=5,pool=2)"
enum { BATCH = 12 };

static char folder[4096];

static int setup(void **state) {
    (void)state;
    make_run_folder(folder, "joint");
    return 0;
}

static duet_train_options options_of(const char *task, int64_t steps) {
    duet_train_options o;
    duet_params_default(&duet_train_params, &o);
    duet_copy_text(o.task, sizeof o.task, task);
    duet_copy_text(o.arch, sizeof o.arch, ARCH);
    duet_copy_text(o.optim, sizeof o.optim, "adamw:rate=0.005");
    duet_copy_text(o.lr, sizeof o.lr, "constant:warmup=0");
    duet_copy_text(o.ema, sizeof o.ema, "0.9");
    o.batch = BATCH;
    o.steps = steps;
    o.seed = 5;
    o.hold_out = 60;
    return o;
}

static duet_status train_on(const char *data, const duet_train_options *o,
                            duet_train_result *result, bool resume) {
    return train_in(folder, data, 2, o, result, resume);
}

static duet_status train(const duet_train_options *o, duet_train_result *result, bool resume) {
    return train_on(DATA, o, result, resume);
}

/* Accuracy of the saved head on the test split, percent. */
static double test_head(void) {
    char path[DUET_PATH_SIZE];
    duet_context *ctx = make_context(1, false);
    duet_model *model = NULL;
    duet_head *head = NULL;
    duet_head_card card;
    duet_evaluation e = {0};
    duet_dataset *dataset = open_data(DATA);
    OK(duet_model_open(ctx, &model, folder));
    OK(duet_path_join(path, folder, "head.safetensors"));
    OK(duet_head_load(&head, &card, path));
    assert_int_equal(card.settings.count, 2);
    assert_int_equal(card.class_count, 2);
    OK(duet_evaluate(ctx, &e, model, head, &card, dataset, DUET_TEST, "", NULL, NULL));
    assert_int_equal(e.rows, 60);
    const double top1 = e.result.values[0].value;
    duet_evaluation_free(&e);
    duet_head_free(head);
    duet_model_close(model);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
    return top1;
}

static void both_learn(void **state) {
    (void)state;
    duet_train_result first, result;
    duet_train_options o = options_of("joint:head=(attention:width=16,heads=2)," SETTING, 1);
    OK(train(&o, &first, false));
    empty_folder(folder);
    o.steps = 70;
    OK(train(&o, &result, false));
    assert_true(result.loss < 0.8 * first.loss);
    assert_int_equal(result.top1_rows, 60);
    assert_true(result.top1 >= 62);
    assert_true(test_head() >= 62);
}

static void resumes(void **state) {
    (void)state;
    const char *const task = "joint:head=(cnn:width=8)," SETTING;
    char path[DUET_PATH_SIZE];
    duet_bytes whole = {0}, resumed = {0};
    duet_train_options o = options_of(task, 9);
    OK(duet_path_join(path, folder, "head.safetensors"));
    OK(train(&o, NULL, false));
    OK(duet_file_read(&whole, path));
    empty_folder(folder);
    o = options_of(task, 4);
    OK(train(&o, NULL, false));
    o = options_of(task, 9);
    OK(train(&o, NULL, true));
    OK(duet_file_read(&resumed, path));
    assert_int_equal(whole.size, resumed.size);
    assert_memory_equal(whole.data, resumed.data, (size_t)whole.size);
    duet_bytes_free(&whole);
    duet_bytes_free(&resumed);
}

static float weight_of(const duet_model *model, const char *name) {
    const int64_t k = duet_slots_find(model->slots, "", name);
    assert_true(k >= 0);
    return ((const float *)duet_slot_data(&model->slots->list[k]))[0];
}

/* The head reads tap 5, the middle: the encoder learns, the output layer does not. */
static void without_denoising(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, false);
    duet_model *init = make_model(ctx, ARCH, 3), *tuned = NULL;
    duet_train_result result;
    duet_train_options o = options_of("joint:share=0,head=mlp,setting=(t=5,tap=5,pool=2)", 50);
    o.arch[0] = '\0';
    o.init = init;
    duet_copy_text(o.groups, sizeof o.groups,
                   "head/out.*=adamw:rate=0.008"); /* of the head alone */
    OK(train(&o, &result, false));
    assert_true(result.top1 >= 62);
    OK(duet_model_open(ctx, &tuned, folder));
    assert_true(weight_of(tuned, "out.2.weight") == weight_of(init, "out.2.weight"));
    assert_true(weight_of(tuned, "input_blocks.0.0.weight") !=
                weight_of(init, "input_blocks.0.0.weight"));
    duet_model_close(tuned);
    duet_model_close(init);
    duet_context_free(ctx);
}

static void refusals(void **state) {
    (void)state;
    const struct {
        const char *task, *says;
    } wrong[] = {
        {"joint", "needs the features that its head reads"},
        {"joint:setting=(t=5,tap=5)", "says t, tap and pool"},
        {"joint:setting=(t=5,tap=99,pool=1)", "no tap 99"},
        {"joint:setting=(t=5,tap=5,pool=1,flip=true)", "have t, tap and pool only"},
        {"joint:head=knn,setting=(t=5,tap=5,pool=1)", "the head 'knn' has a solver of its own"},
        {"joint:denoise=(wait=none),setting=(t=5,tap=5,pool=1)", "no key 'wait' in task 'denoise'"},
        {"joint:setting=(t=1,tap=5,pool=1+t=2,tap=5,pool=1+t=3,tap=5,pool=1+t=4,tap=5,pool=1+t=5,"
         "tap=5,pool=1)",
         "4 levels at most"}};
    for (int i = 0; i < DUET_COUNT(wrong); i++) {
        const duet_train_options o = options_of(wrong[i].task, 1);
        assert_int_equal(train(&o, NULL, false), DUET_ARG);
        if (strstr(duet_error_message(), wrong[i].says) == NULL)
            fail_msg("'%s' says '%s'", wrong[i].task, duet_error_message());
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(both_learn, setup), cmocka_unit_test_setup(resumes, setup),
        cmocka_unit_test_setup(without_denoising, setup), cmocka_unit_test_setup(refusals, setup)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
