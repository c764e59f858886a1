/* SPDX-License-Identifier: MIT
 * Whole trainings of a tiny network: a resumed run has the bits of an uninterrupted one, damaged
 * states are noticed, failures leave what is needed to go on. */
#include "unit/data/fixtures.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <duet/report.h>
#include <duet/store.h>
#include <duet/train.h>

#include "base/file.h"
#include "base/str.h"
#include "train/trainer.h"

#define DATA "synth:size=8,classes=3,train=40,test=4"
#define ARCH                                  \
    "adm_unet:num_channels=8,channel_mult=1/" \
    "2,num_res_blocks=1,attention_resolutions=4,num_heads=2,norm_groups=4,dropout=0.1"
enum { STEPS = 12, BATCH = 12 };

typedef struct watcher {
    int threads; /* 0 = 1; spinning threads are slow where other tests run beside this one */
    bool exact;
    int polls, cancel_at, warnings;
    char warning[1024];
} watcher;

static bool cancelled(void *user) {
    watcher *w = user;
    return w->cancel_at > 0 && ++w->polls >= w->cancel_at;
}

static void note(duet_log_level level, const char *message, void *user) {
    watcher *w = user;
    if (level != DUET_LOG_WARNING || strstr(message, "reference code") != NULL) return;
    w->warnings++;
    duet_copy_text(w->warning, sizeof w->warning, message);
}

static void new_folder(char out[4096], const char *name) {
    snprintf(out, 4096, "%s/train-%s-%d", DUET_TEST_TMP, name, (int)getpid());
    assert_int_equal(duet_folder_make(out), DUET_OK);
    empty_folder(out);
}

static void remove_folder(const char *folder) {
    empty_folder(folder);
    rmdir(folder);
}

static duet_train_options tiny(void) {
    duet_train_options o;
    duet_params_default(&duet_train_params, &o);
    duet_copy_text(o.arch, sizeof o.arch, ARCH);
    duet_copy_text(o.augment, sizeof o.augment, "flip");
    duet_copy_text(o.lr, sizeof o.lr, "cosine:warmup=2");
    o.batch = BATCH;
    o.steps = STEPS;
    o.seed = 5;
    return o;
}

static duet_status train_on(const char *data, watcher *w, duet_train_result *result,
                            const duet_train_options *o, const char *run, bool resume) {
    const duet_context_options options = {.threads = w->threads > 0 ? w->threads : 1,
                                          .exact = w->exact,
                                          .log = note,
                                          .cancelled = cancelled,
                                          .user = w};
    duet_context *ctx = NULL;
    duet_dataset *dataset = NULL;
    duet_train_result ignored = {0};
    assert_int_equal(duet_context_new(&ctx, &options), DUET_OK);
    assert_int_equal(duet_dataset_open(ctx, &dataset, data), DUET_OK);
    const duet_status status =
        duet_train(ctx, result != NULL ? result : &ignored, dataset, o, run, resume);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
    return status;
}

static duet_status train(watcher *w, duet_train_result *result, const duet_train_options *o,
                         const char *run, bool resume) {
    return train_on(DATA, w, result, o, run, resume);
}

static void must_train(const duet_train_options *o, const char *run, bool resume) {
    watcher w = {0};
    const duet_status status = train(&w, NULL, o, run, resume);
    if (status != DUET_OK) print_message("%s\n", duet_error_message());
    assert_int_equal(status, DUET_OK);
}

static void file_of(char out[4096], const char *run, const char *prefix, int64_t images) {
    char name[64];
    snprintf(name, sizeof name, "%s%08lld.safetensors", prefix, (long long)images);
    assert_int_equal(duet_path_join(out, run, name), DUET_OK);
}

static bool has(const char *run, const char *prefix, int64_t images) {
    char path[4096];
    file_of(path, run, prefix, images);
    return duet_path_exists(path);
}

static void same_tensors(const char *a, const char *b) {
    duet_store *one = NULL, *two = NULL;
    assert_int_equal(duet_store_open(&one, a), DUET_OK);
    assert_int_equal(duet_store_open(&two, b), DUET_OK);
    assert_true(duet_store_count(one) > 20 && duet_store_count(one) == duet_store_count(two));
    for (int64_t i = 0; i < duet_store_count(one); i++) {
        const duet_store_entry *e = duet_store_at(one, i), *f = duet_store_at(two, i);
        assert_string_equal(e->name, f->name);
        const size_t size = (size_t)duet_shape_count(&e->shape) * duet_dtype_size(e->dtype);
        if (memcmp(duet_store_data(one, e->name), duet_store_data(two, e->name), size) != 0)
            fail_msg("'%s' differs", e->name);
    }
    duet_store_close(one);
    duet_store_close(two);
}

static void same_end(const char *run_a, const char *run_b, int64_t steps) {
    static const char *const prefix[] = {"state-", "model-"};
    char a[4096], b[4096];
    for (int i = 0; i < 2; i++) {
        file_of(a, run_a, prefix[i], steps * BATCH);
        file_of(b, run_b, prefix[i], steps * BATCH);
        same_tensors(a, b);
    }
}

static void check_status(const char *run, const char *wanted) {
    char path[4096], text[64];
    duet_bytes bytes = {0};
    duet_str content = {0};
    assert_int_equal(duet_path_join(path, run, "run.json"), DUET_OK);
    snprintf(text, sizeof text, "\"status\": \"%s\"", wanted);
    assert_int_equal(duet_file_read(&bytes, path), DUET_OK);
    duet_str_bytes(&content, bytes.data, bytes.size);
    assert_non_null(strstr(content.text, text));
    duet_bytes_free(&bytes);
    duet_str_free(&content);
}

/* The uninterrupted run that others are compared with. */
static char reference[4096];

static int make_reference(void **state) {
    (void)state;
    duet_train_options o = tiny();
    new_folder(reference, "reference");
    must_train(&o, reference, false);
    return 0;
}

static int drop_reference(void **state) {
    (void)state;
    remove_folder(reference);
    return 0;
}

static void test_files(void **state) {
    (void)state;
    static const char *const names[] = {"run.json", "loss.csv", "real.png", "denoise.png"};
    char path[4096];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(duet_path_join(path, reference, names[i]), DUET_OK);
        assert_true(duet_path_exists(path));
    }
    assert_true(duet_run_is(reference));
    assert_true(has(reference, "state-", STEPS * BATCH) && has(reference, "model-", STEPS * BATCH));
    check_status(reference, "done");
}

static void test_model_opens(void **state) {
    (void)state;
    duet_context *ctx = NULL;
    duet_model *model = NULL;
    assert_int_equal(duet_context_new(&ctx, NULL), DUET_OK);
    assert_int_equal(duet_model_open(ctx, &model, reference), DUET_OK);
    const duet_card *card = duet_model_card(model);
    assert_string_equal(card->noise,
                        "linear:steps=1000,beta_start=0.0001,beta_end=0.02,zero_snr=false");
    assert_string_equal(card->predict, "eps");
    assert_true(card->ema && card->images == STEPS * BATCH && card->steps == STEPS &&
                card->preprocess.size == 8);
    assert_int_equal(card->class_count, 3);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void test_interrupt_and_resume(void **state) {
    (void)state;
    char run[4096];
    watcher w = {.cancel_at = 6};
    duet_train_result result = {0};
    duet_train_options o = tiny();
    new_folder(run, "interrupt");
    assert_int_equal(train(&w, &result, &o, run, false), DUET_CANCELLED);
    assert_true(result.interrupted && result.steps > 0 && result.steps < STEPS);
    assert_true(has(run, "state-", result.images) && has(run, "model-", result.images));
    check_status(run, "interrupted");
    must_train(&o, run, true);
    same_end(reference, run, STEPS);
    check_status(run, "done");
    must_train(&o, run, true); /* nothing left to do */
    same_end(reference, run, STEPS);
    remove_folder(run);
}

/* Activations in bf16: it learns the same, goes on bit for bit, keeps f32 weights and tells its
 * precision. */
static void test_bf16(void **state) {
    (void)state;
    char run[4096], again[4096], path[4096];
    watcher w = {.cancel_at = 6};
    duet_train_result whole = {0}, part = {0}, plain = {0};
    duet_train_options o = tiny();
    new_folder(run, "plain");
    o.seed = 6;
    assert_int_equal(train(&(watcher){0}, &plain, &o, run, false), DUET_OK);
    remove_folder(run);
    duet_copy_text(o.precision, sizeof o.precision, "bf16");
    new_folder(run, "bf16");
    new_folder(again, "bf16-again");
    assert_int_equal(train(&(watcher){0}, &whole, &o, run, false), DUET_OK);
    assert_true(whole.loss != plain.loss && fabs(whole.loss - plain.loss) < 0.01 * plain.loss);
    assert_int_equal(train(&w, &part, &o, again, false), DUET_CANCELLED);
    must_train(&o, again, true);
    same_end(run, again, STEPS);
    duet_store *store = NULL;
    file_of(path, run, "state-", STEPS * BATCH);
    assert_int_equal(duet_store_open(&store, path), DUET_OK);
    for (int64_t i = 0; i < duet_store_count(store); i++)
        assert_int_equal(duet_store_at(store, i)->dtype, DUET_F32);
    duet_store_close(store);
    duet_copy_text(o.precision, sizeof o.precision, "f32");
    o.steps = STEPS + 1;
    assert_int_equal(train(&(watcher){0}, NULL, &o, again, true), DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "'precision' was 'bf16'"));
    char data[4096];
    assert_int_equal(duet_train_options_load(&o, data, run), DUET_OK);
    assert_string_equal(o.precision, "bf16");
    remove_folder(run);
    remove_folder(again);
}

/* As after a kill between two checkpoints: the newest is missing, half a file and later lines of
 * the curve are there. */
static void test_kill(void **state) {
    (void)state;
    char run[4096], path[4096], curve[4096];
    duet_bytes text = {0};
    duet_train_options o = tiny();
    o.save_minutes = 1e-9; /* after every step */
    new_folder(run, "kill");
    must_train(&o, run, false);
    assert_true(has(run, "state-", 11 * BATCH) && has(run, "model-", 11 * BATCH) &&
                !has(run, "state-", 10 * BATCH));
    assert_false(has(run, "model-", 10 * BATCH)); /* the newest two are kept */
    file_of(path, run, "state-", STEPS * BATCH);
    assert_int_equal(duet_folder_remove_file(path), DUET_OK);
    file_of(path, run, "model-", STEPS * BATCH);
    assert_int_equal(duet_folder_remove_file(path), DUET_OK);
    duet_copy_text(path + strlen(path), 16, ".tmp.1234");
    assert_int_equal(duet_file_write(path, "half", 4), DUET_OK);
    assert_int_equal(duet_path_join(curve, run, "loss.csv"), DUET_OK);
    assert_int_equal(duet_file_append(curve, "777,9324,1.0,1,,,,,1,1,1\n"), DUET_OK);
    must_train(&o, run, true);
    same_end(reference, run, STEPS);
    assert_false(duet_path_exists(path));
    assert_int_equal(duet_file_read(&text, curve), DUET_OK);
    assert_null(memmem(text.data, (size_t)text.size, "777,9324", 8));
    assert_non_null(memmem(text.data, (size_t)text.size, "\n12,144,", 8));
    duet_bytes_free(&text);
    remove_folder(run);
}

/* Changes one byte at `at` (from the end when negative), or cuts the file there. */
static void damage(const char *path, int64_t at, bool cut) {
    duet_bytes bytes = {0};
    assert_int_equal(duet_file_read(&bytes, path), DUET_OK);
    if (at < 0) at += bytes.size;
    bytes.data[at] ^= 0x10;
    assert_int_equal(duet_file_write(path, bytes.data, cut ? at : bytes.size), DUET_OK);
    duet_bytes_free(&bytes);
}

static void test_damaged_state(void **state) {
    (void)state;
    static const struct {
        int64_t at;
        bool cut;
    } ways[] = {{-2000, false}, {-1000, true}, {4, false}, {0, true}};
    char run[4096], path[4096];
    duet_train_options o = tiny();
    o.save_minutes = 1e-9;
    new_folder(run, "damaged");
    must_train(&o, run, false);
    for (int i = 0; i < 4; i++) {
        watcher w = {0};
        file_of(path, run, "state-", STEPS * BATCH);
        damage(path, ways[i].at, ways[i].cut);
        assert_int_equal(train(&w, NULL, &o, run, true), DUET_OK);
        assert_int_equal(w.warnings, 1);
        assert_non_null(strstr(w.warning, path));
        same_end(reference, run, STEPS);
    }
    for (int steps = STEPS - 1; steps <= STEPS; steps++) {
        file_of(path, run, "state-", steps * BATCH);
        damage(path, -2000, false);
    }
    watcher w = {0};
    assert_int_equal(train(&w, NULL, &o, run, true), DUET_FORMAT);
    assert_non_null(strstr(duet_error_message(), "no state of"));
    remove_folder(run);
}

static void test_refusals(void **state) {
    (void)state;
    watcher w = {0};
    duet_train_options o = tiny();
    assert_int_equal(train(&w, NULL, &o, reference, false), DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "resume"));
    o.batch = 13;
    assert_int_equal(train(&w, NULL, &o, reference, true), DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "'batch' was '12'"));
    o = tiny();
    assert_int_equal(
        train_on("synth:size=8,classes=3,train=41,test=4", &w, NULL, &o, reference, true),
        DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "data set"));
    assert_int_equal(train(&w, NULL, &o, DUET_TEST_TMP "/none-such", false), DUET_NOT_FOUND);
    assert_true(has(reference, "state-", STEPS * BATCH)); /* untouched */
    check_status(reference, "done");
}

static void test_longer_budget(void **state) {
    (void)state;
    char run[4096];
    duet_train_result result = {0};
    watcher w = {0};
    duet_train_options o = tiny();
    o.steps = 4;
    new_folder(run, "longer");
    must_train(&o, run, false);
    o.steps = 0;
    o.images = 7 * BATCH - 5; /* rounded up to whole steps */
    assert_int_equal(train(&w, &result, &o, run, true), DUET_OK);
    assert_int_equal(result.steps, 7);
    assert_true(has(run, "model-", 7 * BATCH));
    remove_folder(run);
}

static void test_divergence(void **state) {
    (void)state;
    char run[4096];
    watcher w = {0};
    duet_train_options o = tiny();
    duet_copy_text(o.optim, sizeof o.optim, "adamw:rate=1e30");
    o.save_minutes = 1e-9;
    new_folder(run, "diverge");
    assert_int_equal(train(&w, NULL, &o, run, false), DUET_NUMERIC);
    assert_non_null(strstr(duet_error_message(), "training diverged at step"));
    assert_non_null(strstr(duet_error_message(), "'"));
    check_status(run, "failed");
    remove_folder(run);
}

/* No room for another checkpoint: the failure is named, and the one before stays. */
static void test_disk_full(void **state) {
    (void)state;
    char run[4096];
    watcher w = {0};
    duet_train_options o = tiny();
    struct rlimit before, small;
    o.steps = 3;
    new_folder(run, "full");
    must_train(&o, run, false);
    o.steps = 5;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 20000; /* enough for run.json and pictures */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const duet_status status = train(&w, NULL, &o, run, true);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, DUET_IO);
    assert_non_null(strstr(duet_error_message(), "cannot save the checkpoint of 60 images"));
    assert_true(has(run, "state-", 3 * BATCH) && has(run, "model-", 3 * BATCH) &&
                !has(run, "state-", 5 * BATCH));
    check_status(run, "failed");
    must_train(&o, run, true); /* with room again it goes on */
    assert_true(has(run, "model-", 5 * BATCH));
    remove_folder(run);
}

static void test_options_round_trip(void **state) {
    (void)state;
    duet_train_options back, o = tiny();
    char data[4096];
    assert_int_equal(duet_train_options_load(&back, data, reference), DUET_OK);
    assert_string_equal(data, DATA);
    assert_true(duet_starts_with(back.arch, ARCH));
    assert_non_null(strstr(back.arch, "image_size=8"));
    assert_string_equal(back.optim, "muon"); /* empty: the usual one of the task */
    assert_true(back.batch == o.batch && back.steps == o.steps && back.seed == o.seed &&
                strcmp(back.ema, o.ema) == 0 && back.size == 8);
    must_train(&back, reference, true);
    assert_int_equal(duet_train_options_load(&back, data, DUET_TEST_TMP), DUET_NOT_FOUND);
}

/* It learns: the loss of predicting nothing is 1. */
static void test_learns(void **state) {
    (void)state;
    char run[4096];
    duet_train_result result = {0};
    watcher w = {0};
    duet_train_options o = tiny();
    duet_copy_text(o.arch, sizeof o.arch,
                   "adm_unet:num_channels=8,channel_mult=1/2,num_res_blocks=1,norm_groups=4");
    duet_copy_text(o.optim, sizeof o.optim, "adamw:rate=0.004");
    o.steps = 150;
    new_folder(run, "learns");
    assert_int_equal(train(&w, &result, &o, run, false), DUET_OK);
    print_message("loss after %lld steps: %.3f\n", (long long)result.steps, result.loss);
    assert_true(result.loss < 0.6);
    remove_folder(run);
}

/* The network chosen for a size exists at that size. */
static void test_presets(void **state) {
    (void)state;
    static const struct {
        int64_t height, width, size;
    } cases[] = {{28, 28, 28}, {32, 32, 32}, {30, 45, 32},  {9, 5, 8},
                 {13, 20, 12}, {37, 64, 36}, {500, 375, 64}};
    for (int i = 0; i < DUET_COUNT(cases); i++) {
        const duet_dataset_info info = {.height = cases[i].height, .width = cases[i].width};
        char arch[DUET_SPEC_SIZE];
        duet_model *model = NULL;
        assert_int_equal(duet_preset_size(&info), cases[i].size);
        duet_preset_arch(arch, cases[i].size, 3);
        assert_int_equal(duet_model_new(NULL, &model, arch, 0), DUET_OK);
        assert_true(model->shape.size == cases[i].size && model->shape.in_channels == 3 &&
                    model->shape.out_channels == 3);
        duet_model_close(model);
    }
}

static void test_exact_threads(void **state) {
    (void)state;
    char one[4096], two[4096];
    watcher w = {.threads = 1, .exact = true};
    duet_train_options o = tiny();
    o.steps = 3;
    new_folder(one, "threads1");
    new_folder(two, "threads2");
    assert_int_equal(train(&w, NULL, &o, one, false), DUET_OK);
    w.threads = 2;
    assert_int_equal(train(&w, NULL, &o, two, false), DUET_OK);
    same_end(one, two, 3);
    remove_folder(one);
    remove_folder(two);
}

/* Largest difference of the mean of gradients (AdamW's m after one step), relative to the largest
 * value of its tensor. */
static double gradient_difference(const char *run_a, const char *run_b) {
    char a[4096], b[4096];
    duet_store *one = NULL, *two = NULL;
    double worst = 0.0;
    int64_t tensors = 0;
    file_of(a, run_a, "state-", BATCH);
    file_of(b, run_b, "state-", BATCH);
    assert_int_equal(duet_store_open(&one, a), DUET_OK);
    assert_int_equal(duet_store_open(&two, b), DUET_OK);
    for (int64_t i = 0; i < duet_store_count(one); i++) {
        const duet_store_entry *e = duet_store_at(one, i);
        if (strstr(e->name, "adamw.m") == NULL) continue;
        const float *x = duet_store_data(one, e->name), *y = duet_store_data(two, e->name);
        double most = 1e-4,
               far = 0.0; /* some gradients are 0 but for rounding: a bias before a norm */
        for (int64_t k = 0; k < duet_shape_count(&e->shape); k++) {
            most = fmax(most, fabs((double)x[k]));
            far = fmax(far, fabs((double)x[k] - (double)y[k]));
        }
        worst = fmax(worst, far / most);
        tensors++;
    }
    assert_true(tensors > 20);
    duet_store_close(one);
    duet_store_close(two);
    return worst;
}

static void test_accumulate(void **state) {
    (void)state;
    char whole[4096], parts[4096];
    duet_train_options o = tiny();
    watcher w = {.cancel_at = 6};
    o.steps = 1;
    duet_copy_text(o.optim, sizeof o.optim, "adamw");
    duet_copy_text(o.lr, sizeof o.lr, "constant");
    new_folder(whole, "whole");
    new_folder(parts, "parts");
    must_train(&o, whole, false);
    o.accumulate = 4;
    must_train(&o, parts, false);
    const double difference = gradient_difference(whole, parts);
    if (difference > 1e-5) fail_msg("the gradient of 4 parts is off by %g", difference);
    assert_true(difference > 0.0); /* else the parts were not computed apart */
    empty_folder(whole);
    empty_folder(parts);
    o = tiny();
    o.accumulate = 3;
    must_train(&o, whole, false);
    assert_int_equal(train(&w, NULL, &o, parts, false), DUET_CANCELLED);
    must_train(&o, parts, true);
    same_end(whole, parts, STEPS);
    o.accumulate = 5;
    assert_int_equal(train(&w, NULL, &o, parts, true), DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "5 equal parts"));
    remove_folder(whole);
    remove_folder(parts);
}

/* Dropout must draw the same again, and nothing else may differ: same bits. */
static void test_recompute(void **state) {
    (void)state;
    char run[4096];
    duet_train_options o = tiny();
    duet_copy_text(o.recompute, sizeof o.recompute, "blocks");
    new_folder(run, "recompute");
    must_train(&o, run, false);
    same_end(reference, run, STEPS);
    remove_folder(run);
}

/* Memory and repeated nodes of the plan. */
static void test_recompute_plan(void **state) {
    (void)state;
    int64_t slab[2], rows[2], whole[2];
    for (int i = 0; i < 2; i++) {
        duet_trainer trainer = {.options = tiny()};
        duet_dataset *dataset = NULL;
        assert_int_equal(duet_context_new(&trainer.ctx, NULL), DUET_OK);
        assert_int_equal(duet_dataset_open(trainer.ctx, &dataset, DATA), DUET_OK);
        trainer.dataset = dataset;
        if (i == 1)
            duet_copy_text(trainer.options.recompute, sizeof trainer.options.recompute, "blocks");
        assert_int_equal(duet_trainer_open(&trainer), DUET_OK);
        slab[i] = duet_plan_slab(duet_program_plan(duet_trainer_program(&trainer)));
        whole[i] = duet_plan_memory(duet_program_plan(duet_trainer_program(&trainer)));
        rows[i] = duet_plan_rows(duet_program_plan(duet_trainer_program(&trainer)));
        duet_context *ctx = trainer.ctx;
        duet_trainer_close(&trainer);
        duet_dataset_close(dataset);
        duet_context_free(ctx);
    }
    assert_true(rows[1] > rows[0] && 4 * slab[1] < 3 * slab[0]);
    /* packed weights are shared with the original */
    assert_true(whole[0] - whole[1] == slab[0] - slab[1]);
}

static void test_minutes(void **state) {
    (void)state;
    char run[4096];
    duet_train_result result = {0};
    watcher w = {0};
    duet_train_options o = tiny();
    o.steps = 0;
    o.minutes = 0.005;
    new_folder(run, "minutes");
    assert_int_equal(train(&w, &result, &o, run, false), DUET_OK);
    assert_true(result.steps > 0 && !result.interrupted);
    assert_true(has(run, "model-", result.images));
    remove_folder(run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_model_opens),
        cmocka_unit_test(test_interrupt_and_resume),
        cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_kill),
        cmocka_unit_test(test_damaged_state),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_longer_budget),
        cmocka_unit_test(test_divergence),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_options_round_trip),
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_presets),
        cmocka_unit_test(test_exact_threads),
        cmocka_unit_test(test_minutes),
        cmocka_unit_test(test_accumulate),
        cmocka_unit_test(test_recompute),
        cmocka_unit_test(test_recompute_plan),
    };
    return cmocka_run_group_tests(tests, make_reference, drop_reference);
}
