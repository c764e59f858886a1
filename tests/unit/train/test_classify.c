/* SPDX-License-Identifier: MIT
 * The task classify: gradients, statistics and averages of a residual network are those of PyTorch
 * in float64 (tests/oracle/make_classify_golden.py); a training learns, holds rows out, resumes to
 * the bit and gives an ordinary classifier; what cannot be trained is refused. */
#include "tiny_train.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include <duet/metric.h>
#include <duet/store.h>
#include <duet/study.h>
#include <duet/train.h>

#include "base/file.h"
#include "train/trainer.h"

#define DATA "synth:size=8,classes=3,train=150,test=30"
#define EASY "synth:size=8,classes=2,train=300,test=90"
#define ARCH "resnet:small=true,blocks=1/1,base=4"
enum { STEPS = 6, ROWS = 8, IMAGE = 8 * 8 * 3, LARGEST = 1024 };

/* ---- against PyTorch ---- */

extern const duet_task duet_task_classify;

typedef struct lab {
    duet_store *golden;
    duet_model *model;
    duet_slots *slots;
    duet_choice task, optim;
    duet_task_setup setup;
    duet_program *program;
} lab;

static void open_lab(lab *l) {
    duet_graph *graph = NULL;
    duet_task_values values = {.loss = DUET_NONE, .rows = DUET_NONE};
    duet_averages averages;
    OK(duet_averages_parse(&averages, "0.5"));
    OK(duet_store_open(&l->golden, DUET_SOURCE_DIR "/tests/golden/classify.npz"));
    OK(duet_model_describe(&l->model, ARCH ",image_size=8,in_channels=3,classes=3"));
    OK(duet_choice_parse(&l->task, &duet_family_task, "classify:smoothing=0.1"));
    OK(duet_choice_parse(&l->optim, &duet_family_optim,
                         "adamw:rate=0.01,beta1=0.9,beta2=0.99,eps=1e-8,weight_decay=0.1"));
    l->setup = (duet_task_setup){.model = l->model, .batch = ROWS, .threads = 1};
    OK(duet_graph_new(&graph));
    OK(duet_task_classify.build(&l->task.options, &l->setup, 0, graph, &values));
    const duet_value outputs[] = {values.loss, values.scalars[0]};
    const duet_group group = {.optim = &l->optim};
    const duet_program_spec spec = {.loss = values.loss,
                                    .outputs = outputs,
                                    .output_count = 2,
                                    .groups = &group,
                                    .group_count = 1,
                                    .averages = &averages,
                                    .parts = 1,
                                    .options = {.threads = 2}};
    OK(duet_slots_describe(&l->slots, graph));
    const int64_t tensors = l->slots->count;
    for (int64_t k = 0; k < tensors; k++)
        OK(duet_slots_accompany(l->slots, k, DUET_AVERAGE, DUET_EMA));
    OK(duet_program_add_slots(l->slots, graph, &spec));
    OK(duet_slots_alloc(l->slots));
    OK(duet_program_new(&l->program, graph, l->slots, &spec));
    duet_graph_free(graph);
}

static void close_lab(lab *l) {
    duet_program_free(l->program);
    duet_slots_free(l->slots);
    duet_model_close(l->model);
    duet_store_close(l->golden);
}

static int64_t golden(const lab *l, const char *folder, const duet_slot *slot, float *out) {
    char name[256];
    snprintf(name, sizeof name, "%s/%s", folder, slot->name);
    assert_true(slot->count <= LARGEST);
    OK(duet_store_read(l->golden, name, DUET_F32, out));
    return slot->count;
}

/* have[count] against the golden's tensor of that slot. */
static void compare(const lab *l, const char *folder, const duet_slot *slot, const float *have,
                    float limit) {
    float want[LARGEST];
    const int64_t count = golden(l, folder, slot, want);
    for (int64_t i = 0; i < count; i++)
        if (!(fabsf(have[i] - want[i]) < limit))
            fail_msg("%s/%s[%lld] is %.9g, not %.9g", folder, slot->name, (long long)i,
                     (double)have[i], (double)want[i]);
}

static void step(const lab *l, int k, const uint8_t *pixels, const int32_t *labels) {
    float loss = 0, top1 = 0, want_loss[STEPS], want_top1[STEPS];
    int32_t columns[ROWS];
    const duet_batch batch = {.count = ROWS, .pixels = pixels, .labels = labels};
    const duet_task_feed feed = {
        .batch = &batch, .session = duet_program_session(l->program), .column = columns};
    OK(duet_store_read(l->golden, "losses", DUET_F32, want_loss));
    OK(duet_store_read(l->golden, "top1", DUET_F32, want_top1));
    OK(duet_task_classify.feed(&l->task.options, &l->setup, 0, &feed));
    OK(duet_program_run(l->program, 0, (double[]){1.0}, k + 1));
    assert_true(duet_program_ok(l->program));
    OK(duet_session_get(feed.session, 0, -1, &loss));
    OK(duet_session_get(feed.session, 1, -1, &top1));
    if (!(fabsf(loss - want_loss[k]) < 1e-4F && top1 == want_top1[k]))
        fail_msg("step %d: loss %g, top-1 %g; not %g, %g", k, (double)loss, (double)top1,
                 (double)want_loss[k], (double)want_top1[k]);
}

static void compare_gradients(const lab *l) {
    const duet_plan *plan = duet_program_plan(l->program);
    const float *block = duet_session_gradients(duet_program_session(l->program));
    int compared = 0;
    for (int64_t k = 0; k < l->slots->count; k++) {
        const int64_t at = duet_plan_grad_offset(plan, k);
        if (at < 0) continue;
        compare(l, "gradient", &l->slots->list[k], block + at, 2e-5F);
        compared++;
    }
    assert_int_equal(compared, 17); /* 5 filters, 10 gains and shifts, the classifier's two */
}

static void against_pytorch(void **state) {
    (void)state;
    static uint8_t pixels[STEPS][ROWS * IMAGE];
    int32_t labels[STEPS][ROWS];
    lab l = {0};
    open_lab(&l);
    int64_t size = 0;
    const duet_store_entry *entry = duet_store_find(l.golden, "pixels");
    assert_non_null(entry);
    size = duet_shape_count(&entry->shape);
    assert_int_equal(size, sizeof pixels);
    float *wide = malloc((size_t)size * sizeof *wide);
    assert_non_null(wide);
    OK(duet_store_read(l.golden, "pixels", DUET_F32, wide));
    for (int64_t i = 0; i < size; i++) (&pixels[0][0])[i] = (uint8_t)wide[i];
    free(wide);
    OK(duet_store_read(l.golden, "labels", DUET_I32, labels));
    for (int64_t k = 0; k < l.slots->count; k++) {
        const duet_slot *slot = &l.slots->list[k];
        if (slot->of < 0) golden(&l, "before", slot, slot->own);
        const int64_t average = slot->of < 0 ? duet_slots_beside(l.slots, k, DUET_EMA) : -1;
        if (average >= 0) golden(&l, "before", slot, l.slots->list[average].own);
    }
    for (int k = 0; k < STEPS; k++) {
        step(&l, k, pixels[k], labels[k]);
        if (k == 0) compare_gradients(&l);
    }
    for (int64_t k = 0; k < l.slots->count; k++) {
        const duet_slot *slot = &l.slots->list[k];
        if (slot->of < 0) compare(&l, "after", slot, slot->own, 1e-3F);
        if (slot->of >= 0 && slot->role == DUET_AVERAGE)
            compare(&l, "average", slot, slot->own, 1e-3F);
    }
    close_lab(&l);
}

/* ---- trainings ---- */

static char folder[4096];

static int setup(void **state) {
    (void)state;
    make_run_folder(folder, "classify");
    return 0;
}

static duet_train_options options_of(int64_t steps) {
    duet_train_options o;
    duet_params_default(&duet_train_params, &o);
    duet_copy_text(o.task, sizeof o.task, "classify:smoothing=0.1");
    duet_copy_text(o.arch, sizeof o.arch, ARCH);
    duet_copy_text(o.optim, sizeof o.optim, "adamw:rate=0.01");
    duet_copy_text(o.lr, sizeof o.lr, "constant");
    duet_copy_text(o.augment, sizeof o.augment, "flip+crop:pad=1");
    duet_copy_text(o.ema, sizeof o.ema, "0.8");
    o.batch = 16;
    o.steps = steps;
    o.hold_out = 30;
    o.seed = 5;
    return o;
}

static duet_status train_on(const char *data, const duet_train_options *o,
                            duet_train_result *result, bool resume) {
    return train_in(folder, data, 1, o, result, resume);
}

/* The saved model classifies the test images as the training says of the rows held out. */
static void it_learns(void **state) {
    (void)state;
    duet_train_result result = {0};
    duet_model *model = NULL;
    duet_evaluation test = {0};
    duet_train_options o = options_of(150);
    duet_copy_text(o.arch, sizeof o.arch, "resnet:small=true,blocks=1/1,base=8");
    duet_copy_text(o.lr, sizeof o.lr, "cosine:warmup=10");
    o.augment[0] = '\0';
    o.hold_out = 60;
    OK(train_on(EASY, &o, &result, false));
    assert_int_equal(result.top1_rows, 60);
    assert_int_equal(result.fallbacks, 0);
    assert_true(result.top1 > 75.0); /* chance: 50 */
    duet_context *ctx = make_context(1, false);
    duet_dataset *dataset = open_data(EASY);
    OK(duet_model_open(ctx, &model, folder));
    assert_int_equal(duet_model_logits(model), 2);
    assert_int_equal(duet_model_card(model)->class_count, 2);
    OK(duet_evaluate(ctx, &test, model, NULL, NULL, dataset, DUET_TEST, "", NULL, NULL));
    assert_int_equal(test.rows, 90);
    assert_true(duet_metric_find(&test.result, "top1", 0.0) > 75.0);
    duet_evaluation_free(&test);
    duet_model_close(model);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

/* No row is both trained on and held out, and all are one of them. */
static void rows_are_held_out(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, false);
    duet_dataset *dataset = open_data(DATA);
    duet_trainer trainer = {
        .ctx = ctx, .dataset = dataset, .run = folder, .options = options_of(1)};
    int of[3] = {0}, seen[150] = {0};
    OK(duet_trainer_choose_rows(&trainer));
    assert_int_equal(trainer.view.count, 120);
    assert_int_equal(trainer.validation.count, 30);
    for (int64_t i = 0; i < 120; i++) seen[trainer.view.index[i]]++;
    for (int64_t i = 0; i < 30; i++) {
        seen[trainer.validation.index[i]]++;
        of[duet_dataset_label(dataset, DUET_TRAIN, trainer.validation.index[i])]++;
    }
    for (int i = 0; i < 150; i++) assert_int_equal(seen[i], 1);
    for (int c = 0; c < 3; c++) assert_int_equal(of[c], 10);
    duet_view_free(&trainer.view);
    duet_view_free(&trainer.validation);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

static int64_t trained_rows(const duet_dataset *dataset, const duet_train_options *o, int each) {
    duet_view train = {0}, validation = {0};
    int of[3] = {0};
    OK(duet_train_views(&train, &validation, dataset, o));
    assert_int_equal(validation.count, 30);
    for (int64_t i = 0; i < train.count; i++) {
        of[duet_dataset_label(dataset, DUET_TRAIN, train.index[i])]++;
        for (int64_t k = 0; k < validation.count; k++)
            assert_true(validation.index[k] != train.index[i]);
    }
    for (int c = 0; c < 3; c++) assert_int_equal(of[c], each);
    const int64_t count = train.count;
    duet_view_free(&train);
    duet_view_free(&validation);
    return count;
}

/* A budget of labels is taken from the rows that are not held out, by class. */
static void few_labels(void **state) {
    (void)state;
    duet_dataset *dataset = open_data(DATA);
    duet_train_options o = options_of(1);
    duet_copy_text(o.labels, sizeof o.labels, "10%");
    assert_int_equal(trained_rows(dataset, &o, 4), 12);
    duet_copy_text(o.labels, sizeof o.labels, "30");
    assert_int_equal(trained_rows(dataset, &o, 10), 30);
    o.labels[0] = '\0';
    o.shots = 7;
    assert_int_equal(trained_rows(dataset, &o, 7), 21);
    duet_dataset_close(dataset);
}

/* The statistics too. */
static void it_resumes(void **state) {
    (void)state;
    duet_train_options o = options_of(9);
    OK(train_on(DATA, &o, NULL, false));
    const uint64_t hash = hash_in(folder); /* before its file goes */
    empty_folder(folder);
    o = options_of(4);
    OK(train_on(DATA, &o, NULL, false));
    o = options_of(9);
    OK(train_on(DATA, &o, NULL, true));
    assert_true(hash_in(folder) == hash);
}

/* Also of one channel, and of sides that are no power of two. */
static void the_usual_network(void **state) {
    (void)state;
    char spec[DUET_SPEC_SIZE];
    duet_train_options o = options_of(1);
    duet_context *ctx = make_context(1, false);
    duet_dataset *dataset = open_data("synth:size=12,classes=4,train=40,test=4");
    o.arch[0] = '\0';
    o.hold_out = 0;
    duet_trainer trainer = {.ctx = ctx, .dataset = dataset, .run = folder, .options = o};
    trainer.options.accumulate = 1;
    OK(duet_trainer_open(&trainer));
    snprintf(spec, sizeof spec, "%s", duet_model_config(trainer.model));
    assert_non_null(strstr(spec, "classes=4"));
    assert_non_null(strstr(spec, "image_size=12"));
    assert_int_equal(trainer.model->tap_count, 11); /* the stem, 9 blocks, the logits */
    duet_trainer_close(&trainer);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

static void refused(const char *data, const duet_train_options *o, duet_status status,
                    const char *says) {
    empty_folder(folder);
    assert_int_equal(train_on(data, o, NULL, false), status);
    if (strstr(duet_error_message(), says) == NULL)
        fail_msg("'%s' does not say '%s'", duet_error_message(), says);
}

static void refusals(void **state) {
    (void)state;
    duet_train_options o = options_of(1);
    refused(DUET_SOURCE_DIR "/tests/golden/sets/unlabelled.npz", &o, DUET_ARG, "has no labels");
    duet_copy_text(o.arch, sizeof o.arch, ARCH ",classes=7");
    refused(DATA, &o, DUET_ARG, "7 outputs, but the data set");
    o = options_of(1);
    duet_copy_text(o.arch, sizeof o.arch, "adm_unet");
    refused(DATA, &o, DUET_UNSUPPORTED, "no part that classifies");
    o = options_of(1);
    duet_copy_text(o.noise, sizeof o.noise, "linear");
    refused(DATA, &o, DUET_ARG, "trains without noise");
    o = options_of(1);
    o.accumulate = 2;
    refused(DATA, &o, DUET_UNSUPPORTED, "leave 'accumulate' at 1");
    o = options_of(1);
    o.hold_out = 150;
    refused(DATA, &o, DUET_ARG, "some must be left to train on");
    o = options_of(1);
    o.shots = 2;
    duet_copy_text(o.labels, sizeof o.labels, "10%");
    refused(DATA, &o, DUET_ARG, "exclude each other");
    duet_copy_text(o.labels, sizeof o.labels, "many");
    o.shots = 0;
    refused(DATA, &o, DUET_ARG, "many");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_pytorch),
        cmocka_unit_test_setup(it_learns, setup),
        cmocka_unit_test_setup(rows_are_held_out, setup),
        cmocka_unit_test_setup(few_labels, setup),
        cmocka_unit_test_setup(it_resumes, setup),
        cmocka_unit_test_setup(the_usual_network, setup),
        cmocka_unit_test_setup(refusals, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
