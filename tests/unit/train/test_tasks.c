/* SPDX-License-Identifier: MIT
 * Tasks: a variational autoencoder trains, resumes to the bit, draws and reconstructs; a task of
 * two programs runs them in its order, each on its own weights; groups have rates of their own; a
 * meter changes nothing. */
#include "tiny_train.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include <duet/sample.h>
#include <duet/train.h>

#include "base/error.h"
#include "base/file.h"
#include "base/rng.h"
#include "train/trainer.h"

#define DATA "synth:size=8,classes=3,train=40,test=4"
#define ARCH "vae:channels=8,channel_mult=1/2,latents=4,norm_groups=4"
enum { BATCH = 12, LONGEST = 4096 };

static char folder[4096];

static int setup(void **state) {
    (void)state;
    make_run_folder(folder, "tasks");
    return 0;
}

static duet_train_options options_of(int64_t steps) {
    duet_train_options o;
    duet_params_default(&duet_train_params, &o);
    duet_copy_text(o.task, sizeof o.task, "vae");
    duet_copy_text(o.arch, sizeof o.arch, ARCH);
    duet_copy_text(o.optim, sizeof o.optim, "adamw:rate=0.01");
    duet_copy_text(o.lr, sizeof o.lr, "constant");
    duet_copy_text(o.ema, sizeof o.ema, "0.5");
    o.batch = BATCH;
    o.steps = steps;
    o.seed = 5;
    return o;
}

static duet_status train(const duet_train_options *o, duet_train_result *result, bool resume) {
    return train_in(folder, DATA, 1, o, result, resume);
}

static void read_text(char out[LONGEST], const char *name) {
    char path[DUET_PATH_SIZE];
    duet_bytes file = {0};
    OK(duet_path_join(path, folder, name));
    OK(duet_file_read(&file, path));
    assert_true(file.size < LONGEST);
    memcpy(out, file.data, (size_t)file.size);
    out[file.size] = '\0';
    duet_bytes_free(&file);
}

/* ---- one program ---- */

static void a_vae_learns(void **state) {
    (void)state;
    char curve[LONGEST], path[DUET_PATH_SIZE];
    duet_train_result short_run, result;
    duet_train_options o = options_of(1);
    OK(train(&o, &short_run, false));
    empty_folder(folder);
    o = options_of(120);
    OK(train(&o, &result, false));
    assert_true(result.loss < 0.6 * short_run.loss);
    read_text(curve, "loss.csv");
    static const char header[] =
        "step,images,seconds,loss,squared_error,divergence,grad_norm,lr,images_per_second\n";
    assert_memory_equal(curve, header, strlen(header));
    OK(duet_path_join(path, folder, "reconstruction.png"));
    assert_true(duet_path_exists(path));
    read_text(curve, "run.json");
    assert_non_null(strstr(curve, "\"task\": \"vae\""));
    OK(duet_path_join(path, folder, "denoise.png"));
    assert_false(duet_path_exists(path));
}

/* Image i depends on (seed, i) alone. */
static void a_vae_draws(void **state) {
    (void)state;
    enum { IMAGE = 8 * 8 * 3 };
    uint8_t all[6 * IMAGE], part[6 * IMAGE];
    duet_train_options o = options_of(20);
    duet_model *model = NULL;
    duet_context *ctx = make_context(2, true);
    OK(train(&o, NULL, false));
    OK(duet_model_open(ctx, &model, folder));
    assert_null(duet_model_refusal(model));
    duet_sample_options wanted = {.count = 6, .seed = 3};
    OK(duet_sample(ctx, model, &wanted, all));
    wanted = (duet_sample_options){.first = 2, .count = 3, .seed = 3, .batch = 2};
    OK(duet_sample(ctx, model, &wanted, part));
    assert_memory_equal(all + 2 * IMAGE, part, 3 * IMAGE);
    assert_memory_not_equal(all, all + IMAGE, IMAGE);
    wanted.seed = 4;
    OK(duet_sample(ctx, model, &wanted, part));
    assert_memory_not_equal(all + 2 * IMAGE, part, 3 * IMAGE);
    duet_copy_text(wanted.sampler, sizeof wanted.sampler, "ddim");
    assert_int_equal(duet_sample(ctx, model, &wanted, part), DUET_ARG);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void a_vae_resumes(void **state) {
    (void)state;
    duet_model *whole = NULL, *resumed = NULL;
    duet_train_options o = options_of(9);
    OK(train(&o, NULL, false));
    OK(duet_model_open(NULL, &whole, folder));
    const uint64_t hash = duet_model_hash(whole); /* before its file goes */
    duet_model_close(whole);
    empty_folder(folder);
    o = options_of(4);
    OK(train(&o, NULL, false));
    o = options_of(9);
    OK(train(&o, NULL, true));
    OK(duet_model_open(NULL, &resumed, folder));
    assert_true(duet_model_hash(resumed) == hash);
    duet_model_close(resumed);
}

static void refusals(void **state) {
    (void)state;
    duet_train_options o = options_of(1);
    duet_copy_text(o.noise, sizeof o.noise, "cosine");
    assert_int_equal(train(&o, NULL, false), DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "'vae' trains without noise"));
    o = options_of(1);
    duet_copy_text(o.arch, sizeof o.arch, "adm_unet");
    assert_int_equal(train(&o, NULL, false), DUET_UNSUPPORTED);
    assert_non_null(strstr(duet_error_message(), "no part that generates"));
    o = options_of(1);
    duet_copy_text(o.task, sizeof o.task, "denoise");
    assert_int_equal(train(&o, NULL, false), DUET_UNSUPPORTED);
    assert_non_null(strstr(duet_error_message(), "no part that denoises"));
    o = options_of(1);
    duet_copy_text(o.groups, sizeof o.groups, "nothing*=adamw");
    assert_int_equal(train(&o, NULL, false), DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "'nothing*'"));
}

/* ---- two programs ---- */

extern const duet_task duet_task_vae;

typedef struct call {
    int program, run;
    float encoder, decoder; /* a weight of each as the program begins */
} call;
static call calls[16];
static int call_count;
static const duet_trainer *watched;

static float weight_of(const char *name) {
    const int64_t k = duet_slots_find(watched->slots, "", name);
    assert_true(k >= 0);
    return watched->slots->list[k].own[0];
}

static duet_status watch_feed(const void *options, const duet_task_setup *setup, int program,
                              const duet_task_feed *to) {
    assert_true(call_count < 16);
    calls[call_count++] =
        (call){program, to->run, weight_of("encoder.mean.bias"), weight_of("decoder.out.bias")};
    return duet_task_vae.feed(options, setup, program, to);
}

/* Both programs have the loss of the autoencoder; the first trains its encoder, twice a step, the
 * second its decoder. */
static duet_task make_alternating(void) {
    duet_task task = duet_task_vae;
    task.programs[0] = (duet_task_program){.name = "code", .trains = "encoder.*", .runs = 2};
    task.programs[1] = (duet_task_program){.name = "draw", .trains = "decoder.*"};
    task.program_count = 2;
    task.feed = watch_feed;
    return task;
}

static void programs_in_order(void **state) {
    (void)state;
    char curve[LONGEST];
    const duet_task task = make_alternating();
    duet_context *ctx = make_context(1, false);
    duet_dataset *dataset = open_data(DATA);
    duet_trainer trainer = {
        .ctx = ctx, .dataset = dataset, .run = folder, .options = options_of(2), .task = &task};
    trainer.options.accumulate = 1;
    watched = &trainer;
    call_count = 0;
    OK(duet_trainer_open(&trainer));
    const uint8_t *one = duet_session_input(duet_program_session(trainer.programs[0].program), "x"),
                  *two = duet_session_input(duet_program_session(trainer.programs[1].program), "x");
    const int64_t slab = duet_plan_slab(duet_program_plan(trainer.programs[0].program));
    assert_true(one - two < slab && two - one < slab); /* memory in common */
    const float encoder = weight_of("encoder.mean.bias"), decoder = weight_of("decoder.out.bias");
    OK(duet_trainer_loop(&trainer));
    static const int order[][2] = {{0, 0}, {0, 1}, {1, 0}, {0, 0}, {0, 1}, {1, 0}};
    assert_int_equal(call_count, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(calls[i].program, order[i][0]);
        assert_int_equal(calls[i].run, order[i][1]);
    }
    assert_true(calls[0].encoder == encoder && calls[0].decoder == decoder);
    assert_true(calls[1].encoder != encoder && calls[1].decoder == decoder);
    assert_true(calls[2].encoder != calls[1].encoder && calls[2].decoder == decoder);
    assert_true(calls[3].encoder == calls[2].encoder && calls[3].decoder != decoder);
    read_text(curve, "loss.csv");
    static const char header[] = "step,images,seconds,loss,squared_error,divergence,grad_norm,"
                                 "grad_norm_draw,lr,images_per_second\n";
    assert_memory_equal(curve, header, strlen(header));
    duet_trainer_close(&trainer);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

/* ---- groups ---- */

static void groups_have_their_rates(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, false);
    duet_dataset *dataset = open_data(DATA);
    duet_trainer trainer = {
        .ctx = ctx, .dataset = dataset, .run = folder, .options = options_of(1)};
    trainer.options.accumulate = 1;
    duet_copy_text(trainer.options.groups, sizeof trainer.options.groups,
                   "encoder.mean.*=adamw:rate=0.001+encoder.*=adamw:rate=0.1");
    duet_copy_text(trainer.options.freeze, sizeof trainer.options.freeze, "decoder.z.*");
    watched = &trainer;
    OK(duet_trainer_open(&trainer));
    static const struct {
        const char *name;
        float step;
    } moved[] = {{"encoder.mean.bias", 0.001F}, /* the first pattern counts */
                 {"encoder.1.1.conv.bias", 0.1F},
                 {"decoder.out.bias", 0.01F},
                 {"decoder.z.bias", 0.0F}};
    float before[4];
    for (int i = 0; i < 4; i++) before[i] = weight_of(moved[i].name);
    OK(duet_trainer_loop(&trainer));
    for (int i = 0; i < 4; i++) /* Adam's first step is the rate */
        if (!(fabsf(fabsf(weight_of(moved[i].name) - before[i]) - moved[i].step) <=
              0.02F * moved[i].step))
            fail_msg("%s: %g, not %g", moved[i].name,
                     (double)(weight_of(moved[i].name) - before[i]), (double)moved[i].step);
    duet_trainer_close(&trainer);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

/* Of n blocks, block b learns by 0.5^(n - b + 1) of the rate, what is behind the last by all of it,
 * and what a pattern names as that says. */
static void rates_fall_towards_the_beginning(void **state) {
    (void)state;
    static const char *const blocks[] = {"input_blocks.0", "input_blocks.2", "middle_block",
                                         "output_blocks.1"};
    static const char *const biases[] = {"input_blocks.0.0.bias",
                                         "input_blocks.2.0.op.bias",
                                         "middle_block.0.out_layers.3.bias",
                                         "output_blocks.1.0.out_layers.3.bias",
                                         "out.2.bias",
                                         "time_embed.2.bias"};
    duet_context *ctx = make_context(1, false);
    duet_dataset *dataset = open_data(DATA);
    duet_model *init = make_model(ctx, TINY_ARCH, 4); /* no layer is zero */
    duet_trainer trainer = {
        .ctx = ctx, .dataset = dataset, .run = folder, .options = options_of(1)};
    duet_train_options *const o = &trainer.options;
    duet_copy_text(o->task, sizeof o->task, "denoise");
    duet_copy_text(o->groups, sizeof o->groups, "time_embed.*=adamw:rate=0.02");
    o->arch[0] = '\0';
    o->layer_decay = 0.5;
    o->init = init;
    watched = &trainer;
    OK(duet_trainer_open(&trainer));
    const int n = duet_model_tap_count(trainer.model);
    float before[6], want[6] = {0, 0, 0, 0, 0.01F, 0.02F};
    for (int b = 1; b <= n; b++)
        for (int i = 0; i < 4; i++)
            if (strcmp(duet_model_tap(trainer.model, b - 1)->name, blocks[i]) == 0)
                want[i] = 0.01F * powf(0.5F, (float)(n - b + 1));
    for (int i = 0; i < 6; i++) before[i] = weight_of(biases[i]);
    OK(duet_trainer_loop(&trainer));
    for (int i = 0; i < 6; i++) { /* Adam's first step is the rate */
        const float step = fabsf(weight_of(biases[i]) - before[i]);
        if (!(want[i] > 0 && fabsf(step - want[i]) <= 0.03F * want[i]))
            fail_msg("%s: %g, not %g", biases[i], (double)step, (double)want[i]);
    }
    duet_trainer_close(&trainer);
    duet_model_close(init);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

/* ---- meters ---- */

typedef struct meter {
    int calls;
    duet_train_moment last;
    float weight; /* of the averaged weights at the last call */
    duet_status answer;
    duet_train_moment moments[16];
} meter;

static duet_status count_call(void *user, duet_model *model, const duet_train_moment *moment) {
    meter *m = user;
    assert_true(m->calls < 16);
    m->moments[m->calls++] = *moment;
    m->weight = *(const float *)duet_slot_data(&model->slots->list[0]);
    return m->answer == DUET_OK ? DUET_OK : duet_fail(m->answer, "the meter is broken");
}

static uint64_t hash_with(const duet_train_meter *with, double minutes) {
    duet_model *model = NULL;
    duet_train_options o = options_of(6);
    empty_folder(folder);
    o.meter = with;
    o.meter_minutes = minutes;
    OK(train(&o, NULL, false));
    OK(duet_model_open(NULL, &model, folder));
    const uint64_t hash = duet_model_hash(model);
    duet_model_close(model);
    return hash;
}

/* A training has the same bits with a meter, also with one that fails, and without. */
static void meters_change_nothing(void **state) {
    (void)state;
    meter good = {.answer = DUET_OK}, bad = {.answer = DUET_IO}, idle = {.answer = DUET_OK};
    const duet_train_meter with_good = {count_call, NULL, &good},
                           with_bad = {count_call, NULL, &bad},
                           with_idle = {count_call, NULL, &idle};
    const uint64_t without = hash_with(NULL, 1e-9);
    assert_true(hash_with(&with_good, 1e-9) == without);
    assert_true(hash_with(&with_bad, 1e-9) == without);
    assert_true(hash_with(&with_idle, 0.0) == without);
    assert_true(good.calls >= 2 && bad.calls >= 2); /* the first step, and the end */
    assert_int_equal(idle.calls, 0);
    assert_int_equal(good.moments[0].images, BATCH);
    assert_int_equal(good.moments[good.calls - 1].steps, 6);
    assert_true(good.weight == bad.weight && good.weight != 0.0F);
    for (int i = 1; i < good.calls; i++)
        assert_true(good.moments[i].seconds >= good.moments[i - 1].seconds);
    /* in hours, so never due: not even at the end */
    assert_true(hash_with(&with_idle, 600.0) == without);
    assert_int_equal(idle.calls, 0);
}

/* Where it is slow, it is called rarely: 3 % of the time. */
static void meters_are_rare(void **state) {
    (void)state;
    duet_train_options o = options_of(1);
    o.meter_minutes = 0.5;
    assert_true(duet_metering_interval(&o, 0.0) == 30.0);
    assert_true(duet_metering_interval(&o, 0.5) == 30.0);
    assert_true(fabs(duet_metering_interval(&o, 6.0) - 200.0) < 1e-9);
}

static duet_status work_call(void *user, duet_model *model, const duet_train_moment *moment) {
    double *cost = user;
    (void)model, (void)moment;
    const double start = duet_clock();
    float *x = calloc(1 << 18, sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < 8; i++)
        duet_rng_normal(duet_rng_make(1, "work", (uint64_t)i), 0, x, 1 << 18);
    free(x);
    *cost = duet_clock() - start;
    return DUET_OK;
}

/* Its time is no training time. */
static void meters_cost_no_training_time(void **state) {
    (void)state;
    double cost = 0;
    const duet_train_meter with = {work_call, NULL, &cost};
    duet_context *ctx = make_context(1, false);
    duet_dataset *dataset = open_data(DATA);
    duet_trainer trainer = {
        .ctx = ctx, .dataset = dataset, .run = folder, .options = options_of(1)};
    trainer.options.accumulate = 1;
    trainer.options.meter = &with;
    trainer.options.meter_minutes = 1e-9;
    OK(duet_trainer_open(&trainer));
    trainer.started = duet_clock();
    duet_metering_begin(&trainer);
    trainer.metered_at = 0.0;
    const double before = duet_trainer_seconds(&trainer);
    duet_metering_run(&trainer, false);
    const double after = duet_trainer_seconds(&trainer);
    assert_true(cost > 0.0 && after - before < 0.5 * cost);
    assert_true(fabs(trainer.metered_at - before - cost / 0.03) < 0.5 * cost / 0.03);
    duet_trainer_close(&trainer);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_vae_learns, setup),
        cmocka_unit_test_setup(a_vae_draws, setup),
        cmocka_unit_test_setup(a_vae_resumes, setup),
        cmocka_unit_test_setup(refusals, setup),
        cmocka_unit_test_setup(programs_in_order, setup),
        cmocka_unit_test_setup(groups_have_their_rates, setup),
        cmocka_unit_test_setup(rates_fall_towards_the_beginning, setup),
        cmocka_unit_test_setup(meters_change_nothing, setup),
        cmocka_unit_test(meters_are_rare),
        cmocka_unit_test_setup(meters_cost_no_training_time, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
