/* SPDX-License-Identifier: MIT
 * Training on from a model: where it begins, which weights stay, what is refused, and that a
 * resumed run needs the model no more. */
#include "unit/data/fixtures.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <duet/train.h>

#include "base/file.h"
#include "base/str.h"
#include "train/trainer.h"

#define DATA "synth:size=8,classes=3,train=40,test=4"
#define ARCH                                               \
    "adm_unet:image_size=8,num_channels=8,channel_mult=1/" \
    "2,num_res_blocks=1,norm_groups=4"
enum { BATCH = 12 };

static char folder[4096];

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s/init-%d", DUET_TEST_TMP, (int)getpid());
    OK(duet_folder_make(folder));
    empty_folder(folder);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    empty_folder(folder);
    rmdir(folder);
    return 0;
}

/* A model with weights that none of its trainings draws, every one of them other than zero. */
static duet_model *make_init(void) {
    duet_model *plain = NULL, *model = NULL;
    OK(duet_model_new(NULL, &plain, ARCH, 1));
    duet_copy_text(duet_model_card(plain)->noise, DUET_TEXT_SIZE, "cosine");
    duet_copy_text(duet_model_card(plain)->predict, DUET_TEXT_SIZE, "v");
    OK(duet_model_random(NULL, &model, plain, 77));
    duet_model_close(plain);
    return model;
}

static duet_train_options options_of(const duet_model *init, int64_t steps) {
    duet_train_options o;
    duet_params_default(&duet_train_params, &o);
    o.init = init;
    o.batch = BATCH;
    o.steps = steps;
    o.seed = 5;
    return o;
}

static duet_status train(const duet_train_options *o, bool resume) {
    const duet_context_options one = {.threads = 1};
    duet_context *ctx = NULL;
    duet_dataset *dataset = NULL;
    OK(duet_context_new(&ctx, &one));
    OK(duet_dataset_open(ctx, &dataset, DATA));
    const duet_status status = duet_train(ctx, NULL, dataset, o, folder, resume);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
    return status;
}

static duet_model *open_model(int64_t steps) {
    char path[DUET_PATH_SIZE], name[64];
    duet_model *model = NULL;
    snprintf(name, sizeof name, "model-%08lld.safetensors", (long long)(steps * BATCH));
    OK(duet_path_join(path, folder, name));
    OK(duet_model_open(NULL, &model, path));
    return model;
}

/* Elements of a slot that differ between the models. */
static int64_t changed(const duet_model *a, const duet_model *b, int64_t slot) {
    const float *const x = duet_slot_data(&a->slots->list[slot]), *const y = duet_slot_data(
                                                                      &b->slots->list[slot]);
    int64_t count = 0;
    for (int64_t i = 0; i < a->slots->list[slot].count; i++) count += x[i] != y[i];
    return count;
}

/* All weights move, by at most the rate a step, from where the model has them. */
static void begins_with_the_model(void **state) {
    (void)state;
    duet_model *init = make_init();
    duet_train_options o = options_of(init, 1);
    duet_copy_text(o.optim, sizeof o.optim, "adamw:rate=0.001,weight_decay=0");
    duet_copy_text(o.lr, sizeof o.lr, "constant:warmup=0");
    duet_copy_text(o.ema, sizeof o.ema, "0");
    OK(train(&o, false));
    duet_model *model = open_model(1);
    assert_string_equal(duet_model_config(model), duet_model_config(init));
    assert_true(duet_starts_with(duet_model_card(model)->noise, "cosine"));
    assert_string_equal(duet_model_card(model)->predict, "v");
    for (int64_t k = 0; k < init->slots->count; k++) {
        const float *const x = duet_slot_data(&init->slots->list[k]), *const y = duet_slot_data(
                                                                          &model->slots->list[k]);
        assert_true(changed(init, model, k) > 0);
        for (int64_t i = 0; i < init->slots->list[k].count; i++)
            assert_true(y[i] - x[i] < 0.0011F && x[i] - y[i] < 0.0011F);
    }
    duet_model_close(model);
    duet_model_close(init);
}

static void frozen_weights_stay(void **state) {
    (void)state;
    duet_model *init = make_init();
    duet_train_options o = options_of(init, 3);
    duet_copy_text(o.freeze, sizeof o.freeze, "input_blocks.*+*.bias");
    OK(train(&o, false));
    duet_model *model = open_model(3);
    int64_t stay = 0, move = 0;
    for (int64_t k = 0; k < init->slots->count; k++) {
        const char *const name = init->slots->list[k].name;
        const bool frozen =
            duet_starts_with(name, "input_blocks.") || duet_ends_with(name, ".bias");
        if ((changed(init, model, k) == 0) != frozen) fail_msg("'%s'", name);
        stay += frozen;
        move += !frozen;
    }
    assert_true(stay > 10 && move > 10);
    duet_model_close(model);
    duet_model_close(init);
}

/* They are read where the model has them, and need neither memory nor an average. */
static void frozen_weights_are_lent(void **state) {
    (void)state;
    duet_model *init = make_init();
    duet_context *ctx = NULL;
    duet_dataset *dataset = NULL;
    OK(duet_context_new(&ctx, &(duet_context_options){.threads = 1}));
    OK(duet_dataset_open(ctx, &dataset, DATA));
    duet_trainer trainer = {
        .ctx = ctx, .dataset = dataset, .run = folder, .options = options_of(init, 1)};
    duet_copy_text(trainer.options.freeze, sizeof trainer.options.freeze, "input_blocks.*");
    duet_copy_text(trainer.options.optim, sizeof trainer.options.optim, "adamw");
    trainer.options.accumulate = 1;
    OK(duet_trainer_open(&trainer));
    int lent = 0, own = 0;
    for (int64_t k = 0; k < trainer.slots->count; k++) {
        const duet_slot *slot = &trainer.slots->list[k];
        if (slot->of >= 0) continue;
        const bool frozen = duet_starts_with(slot->name, "input_blocks.");
        const int64_t at = duet_slots_find(init->slots, "", slot->name);
        assert_true(frozen == (slot->lent == duet_slot_data(&init->slots->list[at])));
        assert_true(frozen == (slot->own == NULL));
        assert_true(frozen == (duet_slots_beside(trainer.slots, k, DUET_EMA) < 0));
        assert_true(frozen == (duet_slots_beside(trainer.slots, k, "adamw.m") < 0));
        lent += frozen;
        own += !frozen;
    }
    assert_true(lent > 10 && own > 10);
    duet_trainer_close(&trainer);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
    duet_model_close(init);
}

/* The state file has all that is needed: two steps and two more are four. */
static void resumes_without_the_model(void **state) {
    (void)state;
    duet_model *init = make_init();
    duet_train_options o = options_of(init, 4), stored;
    char data[4096];
    duet_copy_text(o.lr, sizeof o.lr, "constant");
    duet_copy_text(o.freeze, sizeof o.freeze, "time_embed.*");
    OK(train(&o, false));
    duet_model *whole = open_model(4);
    const uint64_t want = duet_model_hash(whole);
    duet_model_close(whole);
    empty_folder(folder);
    o.steps = 2;
    OK(train(&o, false));
    duet_model_close(init);
    OK(duet_train_options_load(&stored, data, folder));
    assert_null(stored.init);
    assert_string_equal(stored.freeze, "time_embed.*");
    stored.steps = 4;
    OK(train(&stored, true));
    duet_model *resumed = open_model(4);
    assert_true(duet_model_hash(resumed) == want);
    duet_model_close(resumed);
    duet_bytes run = {0};
    char path[DUET_PATH_SIZE];
    OK(duet_path_join(path, folder, "run.json"));
    OK(duet_file_read(&run, path));
    assert_non_null(memmem(run.data, (size_t)run.size, "\"init\": {", 9)); /* still said */
    duet_bytes_free(&run);
}

static void refuse(const duet_train_options *o, duet_status status, const char *words) {
    const duet_status have = train(o, false);
    if (have != status) fail_msg("%s", duet_error_message());
    if (strstr(duet_error_message(), words) == NULL) fail_msg("%s", duet_error_message());
}

static void refusals(void **state) {
    (void)state;
    duet_model *init = make_init(), *resnet = NULL;
    duet_train_options o = options_of(init, 1);
    duet_copy_text(o.freeze, sizeof o.freeze, "input_blocks.*+encoder.*");
    refuse(&o, DUET_ARG, "'encoder.*'");
    duet_copy_text(o.freeze, sizeof o.freeze, "*");
    refuse(&o, DUET_UNSUPPORTED, "any weight that is trained");
    o.freeze[0] = '\0';
    o.size = 16;
    refuse(&o, DUET_ARG, "8; 'size' is 16");
    o.size = 0;
    duet_copy_text(o.arch, sizeof o.arch, "adm_unet:num_channels=16");
    refuse(&o, DUET_ARG, "keeps its architecture");
    OK(duet_model_new(NULL, &resnet, "resnet", 1));
    o = options_of(resnet, 1);
    refuse(&o, DUET_UNSUPPORTED, "recognises images");
    duet_model_close(resnet);
    duet_model_close(init);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(begins_with_the_model, setup, teardown),
        cmocka_unit_test_setup_teardown(frozen_weights_are_lent, setup, teardown),
        cmocka_unit_test_setup_teardown(frozen_weights_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(resumes_without_the_model, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
