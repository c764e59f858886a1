/* SPDX-License-Identifier: MIT
 * The options of the task `denoise`: each trains, lowers its loss, and a resumed run is equal to
 * the bit to an uninterrupted one, whatever the task carries from step to step; levels drawn by
 * importance; classes withheld; wrong combinations are refused. */
#include "tiny_train.h"

#include <math.h>
#include <stdio.h>

#include <duet/sample.h>
#include <duet/train.h>

#include "base/file.h"
#include "train/task/denoise.h"
#include "train/trainer.h"

#define DATA "synth:size=8,classes=3,train=40,test=4"
#define UNET "adm_unet:num_channels=8,channel_mult=1/2,num_res_blocks=1,norm_groups=4"
enum { BATCH = 12 };

static char folder[4096];

static int setup(void **state) {
    (void)state;
    make_run_folder(folder, "denoise");
    return 0;
}

typedef struct recipe {
    const char *task, *arch, *noise, *predict, *precision, *recompute, *augment;
    int64_t accumulate;
} recipe;

static duet_train_options options_of(const recipe *r, int64_t steps) {
    duet_train_options o;
    duet_params_default(&duet_train_params, &o);
    duet_copy_text(o.task, sizeof o.task, r->task);
    duet_copy_text(o.arch, sizeof o.arch, r->arch != NULL ? r->arch : UNET);
    if (r->noise != NULL) duet_copy_text(o.noise, sizeof o.noise, r->noise);
    if (r->predict != NULL) duet_copy_text(o.predict, sizeof o.predict, r->predict);
    if (r->precision != NULL) duet_copy_text(o.precision, sizeof o.precision, r->precision);
    if (r->recompute != NULL) duet_copy_text(o.recompute, sizeof o.recompute, r->recompute);
    if (r->augment != NULL) duet_copy_text(o.augment, sizeof o.augment, r->augment);
    if (r->accumulate > 0) o.accumulate = r->accumulate;
    duet_copy_text(o.optim, sizeof o.optim, "adamw:rate=0.01");
    duet_copy_text(o.lr, sizeof o.lr, "constant:warmup=0");
    duet_copy_text(o.ema, sizeof o.ema, "0.5");
    o.batch = BATCH;
    o.steps = steps;
    o.seed = 5;
    return o;
}

static duet_status train(const duet_train_options *o, duet_train_result *result, bool resume) {
    return train_in(folder, DATA, 1, o, result, resume);
}

static uint64_t hash_of_run(void) {
    const uint64_t hash = hash_in(folder);
    empty_folder(folder);
    return hash;
}

static const recipe recipes[] = {
    {.task = "denoise"},
    {.task = "denoise:weight=(min_snr:gamma=5)"},
    {.task = "denoise:uncertainty=true", .noise = "edm", .predict = "edm"},
    {.task = "denoise", .noise = "flow:draw=logit_normal", .predict = "flow"},
    {.task = "denoise:importance=true,weight=p2", .noise = "linear:steps=40,beta_end=0.01"},
    {.task = "denoise", .arch = UNET ",learn_sigma=true", .accumulate = 2},
    {.task = "denoise", .arch = UNET ",self_cond=true", .noise = "cosine", .predict = "v"},
    {.task = "denoise", .arch = UNET ",self_cond=true", .augment = "geometric:p=0.5"},
    {.task = "denoise:drop=0.3",
     .arch = UNET ",self_cond=true,class_cond=true,num_classes=4,learn_sigma=true",
     .precision = "bf16"},
    {.task = "denoise:dispersion=0.5,queue=40", .recompute = "blocks"},
    {.task = "denoise:dispersion=0.5,tap=2,uncertainty=true", .precision = "bf16"},
};

static void all_train_and_resume(void **state) {
    (void)state;
    for (int i = 0; i < DUET_COUNT(recipes); i++) {
        duet_train_result first, last;
        duet_train_options o = options_of(&recipes[i], 1);
        OK(train(&o, &first, false));
        empty_folder(folder);
        o = options_of(&recipes[i], 30);
        OK(train(&o, &last, false));
        if (!(last.loss < first.loss))
            fail_msg("%s: loss %g after %g", recipes[i].task, last.loss, first.loss);
        const uint64_t whole = hash_of_run();
        o = options_of(&recipes[i], 13);
        OK(train(&o, NULL, false));
        o = options_of(&recipes[i], 30);
        OK(train(&o, NULL, true));
        if (hash_of_run() != whole) fail_msg("%s: a resumed run differs", recipes[i].task);
    }
}

/* Once ten losses of each level are known, levels come in proportion to their root mean square, and
 * weights make up for it. */
static void importance_draws_large_losses(void **state) {
    (void)state;
    enum { T = 8, ROWS = 4000 };
    static duet_level levels[ROWS];
    static double weights[ROWS], chances[T];
    static float losses[ROWS];
    duet_noise *noise = NULL;
    const denoise_options o = {.importance = true};
    OK(duet_noise_new(&noise, "linear:steps=8,beta_end=0.001"));
    const int64_t floats = duet_denoise_history(&o, noise);
    float *kept = calloc((size_t)floats, sizeof *kept);
    const duet_task_setup setup = {.noise = noise, .batch = ROWS, .kept = kept};
    duet_denoise_draw(&o, &setup, 1, 0, levels, weights, chances);
    int counts[T] = {0};
    for (int r = 0; r < ROWS; r++) {
        assert_true(weights[r] == 1.0);
        counts[(int)levels[r].t]++;
        losses[r] = (float)(1.0 + levels[r].t); /* 1 .. 8 */
    }
    for (int t = 0; t < T; t++) assert_in_range(counts[t], 420, 580);
    duet_denoise_remember(&setup, levels, losses);
    duet_denoise_draw(&o, &setup, 1, ROWS, levels, weights, chances);
    memset(counts, 0, sizeof counts);
    double mean = 0.0;
    for (int r = 0; r < ROWS; r++) {
        counts[(int)levels[r].t]++;
        mean += weights[r] * (1.0 + levels[r].t) / ROWS;
    }
    for (int t = 0; t < T; t++) {
        const double want = ROWS * (0.999 * (t + 1.0) / 36.0 + 0.001 / T);
        if (!(fabs(counts[t] - want) < 4.0 * sqrt(want))) fail_msg("t %d: %d", t, counts[t]);
    }
    assert_true(fabs(mean - 4.5) < 0.05); /* that of uniform draws */
    free(kept);
    duet_noise_free(noise);
}

/* The card says that the last class is none, and images of the others are drawn in turn. */
static void withheld_classes(void **state) {
    (void)state;
    const recipe r = {.task = "denoise:drop=0.5", .arch = UNET ",class_cond=true,num_classes=4"};
    duet_train_options o = options_of(&r, 2);
    duet_model *model = NULL;
    duet_context *ctx = make_context(1, false);
    duet_source *source = NULL;
    duet_batch batch;
    OK(train(&o, NULL, false));
    OK(duet_model_open(ctx, &model, folder));
    assert_int_equal(duet_model_conditions(model), 3);
    assert_true(duet_model_card(model)->drop == 0.5);
    OK(duet_source_open_samples(
        ctx, &source, model,
        &(duet_sample_options){.sampler = "ddim:steps=1", .count = 8, .label = -1}));
    OK(duet_source_next(source, &batch));
    for (int i = 0; i < 8; i++) assert_int_equal(batch.labels[i], i % 3);
    duet_source_close(source);
    duet_model_close(model);
    duet_context_free(ctx);
    empty_folder(folder);
}

static void refused(void **state) {
    (void)state;
    static const struct {
        recipe r;
        const char *says;
    } wrong[] = {
        {{.task = "denoise:importance=true", .noise = "edm", .predict = "edm"}, "whole steps"},
        {{.task = "denoise:importance=true", .accumulate = 2}, "accumulate"},
        {{.task = "denoise:drop=0.1"}, "takes none"},
        {{.task = "denoise:drop=0.1", .arch = UNET ",class_cond=true,num_classes=3"},
         "conditioned on 2 classes"},
        {{.task = "denoise:dispersion=1,tap=90"}, "tap 90"},
        {{.task = "denoise:weight=min_snrr"}, "did you mean 'min_snr'"},
    };
    for (int i = 0; i < DUET_COUNT(wrong); i++) {
        const duet_train_options o = options_of(&wrong[i].r, 20);
        assert_int_equal(train(&o, NULL, false), DUET_ARG);
        if (strstr(duet_error_message(), wrong[i].says) == NULL)
            fail_msg("%s: %s", wrong[i].r.task, duet_error_message());
        empty_folder(folder);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_train_and_resume), cmocka_unit_test(importance_draws_large_losses),
        cmocka_unit_test(withheld_classes), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
