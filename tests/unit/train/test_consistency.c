/* SPDX-License-Identifier: MIT
 * The task `consistency`: its loss is the formula, worked out by a denoiser one row at a time; its
 * gradient is that of the formula with the lower level held (no gradient flows there); it trains,
 * resumes to the bit, and its models draw in one evaluation unless told otherwise. */
#include "tiny_train.h"

#include <math.h>
#include <stdio.h>

#include <duet/sample.h>
#include <duet/train.h>

#include "base/file.h"
#include "base/rng.h"
#include "train/trainer.h"

#define DATA "synth:size=8,classes=3,train=40,test=4"
#define UNET "adm_unet:num_channels=8,channel_mult=1/2,num_res_blocks=1,norm_groups=4"
enum { BATCH = 6, DIM = 8 * 8 * 3, SEED = 5 };
#define STAGE 1000
#define HUBER 0.01

static char folder[4096];

static int setup(void **state) {
    (void)state;
    make_run_folder(folder, "consistency");
    return 0;
}

static duet_train_options options_of(int64_t steps) {
    duet_train_options o;
    duet_params_default(&duet_train_params, &o);
    snprintf(o.task, sizeof o.task, "consistency:stage=%d,huber=%g", STAGE, HUBER);
    duet_copy_text(o.arch, sizeof o.arch, UNET);
    duet_copy_text(o.predict, sizeof o.predict, "v");
    duet_copy_text(o.optim, sizeof o.optim, "adamw:rate=0.005");
    duet_copy_text(o.lr, sizeof o.lr, "constant:warmup=0");
    duet_copy_text(o.ema, sizeof o.ema, "0.5");
    o.batch = BATCH;
    o.steps = steps;
    o.seed = SEED;
    return o;
}

/* ---- the formula ---- */

typedef struct lab {
    duet_context *ctx;
    duet_dataset *dataset;
    duet_trainer trainer;
    duet_denoiser *denoiser;
    uint8_t pixels[BATCH * DIM];
    float low[BATCH * DIM]; /* x0 of the lower levels, as the weights were at first */
} lab;

static void open_lab(lab *l) {
    *l = (lab){.ctx = make_context(1, true), .dataset = open_data(DATA)};
    l->trainer = (duet_trainer){
        .ctx = l->ctx, .dataset = l->dataset, .run = folder, .options = options_of(1)};
    duet_copy_text(l->trainer.options.optim, sizeof l->trainer.options.optim,
                   "sgd:rate=1,momentum=0,weight_decay=0");
    l->trainer.options.accumulate = 1;
    l->trainer.options.clip = 0;
    OK(duet_trainer_open(&l->trainer));
    duet_slots *const slots = l->trainer.slots;
    for (int64_t k = 0; k < slots->count; k++) /* layers that begin as zeros too */
        for (int64_t i = 0; slots->list[k].role == DUET_WEIGHT && i < slots->list[k].count; i++)
            slots->list[k].own[i] +=
                0.1F *
                (float)(duet_rng_uniform(duet_rng_make(3, "w", (uint64_t)k), (uint64_t)i) - 0.5);
    duet_trainer_touch(&l->trainer);
    OK(duet_denoiser_new(l->ctx, &l->denoiser, l->trainer.model, 1));
    for (int i = 0; i < BATCH * DIM; i++) l->pixels[i] = (uint8_t)(i * 37 % 251);
}

static void close_lab(lab *l) {
    duet_denoiser_free(l->denoiser);
    duet_trainer_close(&l->trainer);
    duet_dataset_close(l->dataset);
    duet_context_free(l->ctx);
}

/* x0 of a level, of the weights as they are. */
static void name_x0(const lab *l, const float *clean, const float *eps, duet_level level,
                    float *out) {
    float x[DIM];
    for (int i = 0; i < DIM; i++)
        x[i] = (float)(level.alpha * (double)clean[i] + level.sigma * (double)eps[i]);
    OK(duet_denoiser_run(l->denoiser, x, level, NULL, 1, &(duet_denoised){.x0 = out}));
}

/* The loss, the lower levels by the weights as they are (`fresh`) or as they were; how many of the
 * lower levels are images themselves. */
static double formula(lab *l, int64_t position, bool fresh, int *images) {
    const duet_noise *const noise = l->trainer.noise;
    const uint64_t seed = duet_rng_u64(duet_rng_make(SEED, "train", 0), 0);
    double sum = 0;
    *images = 0;
    for (int64_t r = 0; r < BATCH; r++) {
        float clean[DIM], eps[DIM], high[DIM], z = 0, *const low = l->low + r * DIM;
        duet_rng_normal(duet_rng_make(seed, "t", (uint64_t)(position + r)), 0, &z, 1);
        const duet_level level = duet_noise_find(noise, exp(-0.8 + 2.0 * (double)z));
        const double ratio = level.sigma / level.alpha, /* of a stage: pairs come closer */
            least = noise->table[0].sigma / noise->table[0].alpha,
                     gap = (1 + 8 / (1 + exp(ratio))) * pow(2, -(double)(1 + position / STAGE)),
                     wanted = ratio * fmax(0, 1 - gap);
        double next = 0, square = 0;
        for (int i = 0; i < DIM; i++) clean[i] = (float)l->pixels[r * DIM + i] / 127.5F - 1.0F;
        duet_image_noise(eps, seed, position + r, DIM);
        name_x0(l, clean, eps, level, high);
        if (wanted > least) next = duet_level_ratio(duet_noise_find(noise, wanted));
        if (fresh && next > 0) name_x0(l, clean, eps, duet_noise_find(noise, wanted), low);
        if (fresh && next <= 0) memcpy(low, clean, sizeof clean);
        *images += next <= 0;
        for (int i = 0; i < DIM; i++) square += pow((double)(high[i] - low[i]), 2) / DIM;
        sum += (sqrt(square + HUBER * HUBER) - HUBER) / (ratio - next);
    }
    return sum / BATCH;
}

static double step(lab *l, int64_t position) {
    float loss = 0;
    int32_t labels[BATCH] = {0};
    int64_t index[BATCH] = {0};
    const duet_batch batch = {.count = BATCH,
                              .pixels = l->pixels,
                              .labels = labels,
                              .index = index,
                              .position = position};
    duet_program *const program = l->trainer.programs[0].program;
    const duet_task_feed feed = {.batch = &batch,
                                 .scratch = l->trainer.scratch,
                                 .session = duet_program_session(program),
                                 .column = l->trainer.row_column};
    OK(l->trainer.task->feed(&l->trainer.task_choice.options, &l->trainer.setup, 0, &feed));
    OK(duet_program_run(program, 0, (double[]){1.0}, 1));
    OK(duet_session_get(feed.session, 0, -1, &loss));
    return (double)loss;
}

/* Copies the weights: to the slots, or from them; scaled by 1, or moved along `way`. */
static void move(lab *l, const float *from, const float *way, double by) {
    const duet_slots *const slots = l->trainer.slots;
    int64_t at = 0;
    for (int64_t k = 0; k < slots->count; k++)
        for (int64_t i = 0; slots->list[k].role == DUET_WEIGHT && i < slots->list[k].count; i++)
            slots->list[k].own[i] = from[at] + (float)(by * (double)way[at]), at++;
    duet_trainer_touch(&l->trainer);
}

static int64_t read(const lab *l, float *to, int64_t most) {
    const duet_slots *const slots = l->trainer.slots;
    int64_t at = 0;
    for (int64_t k = 0; k < slots->count; k++)
        for (int64_t i = 0; slots->list[k].role == DUET_WEIGHT && i < slots->list[k].count; i++) {
            assert_true(at < most);
            to[at++] = slots->list[k].own[i];
        }
    return at;
}

static void check_at(int64_t position, int least, int most) {
    enum { MOST = 100000 };
    static float before[MOST], way[MOST];
    double size = 0;
    int images = 0;
    lab l;
    open_lab(&l);
    const double wanted = formula(&l, position, true, &images);
    if (images < least || images > most) fail_msg("%d pairs with the image itself", images);
    const int64_t count = read(&l, before, MOST);
    const double have = step(&l, position);
    if (!(fabs(have - wanted) <= 2e-4 * wanted)) fail_msg("loss %g, not %g", have, wanted);
    OK(duet_slots_pull(l.trainer.slots));
    read(&l, way, MOST);
    for (int64_t i = 0; i < count; i++) {
        way[i] = before[i] - way[i]; /* the gradient */
        size += pow((double)way[i], 2);
    }
    const double h = 2e-3 / sqrt(size);
    move(&l, before, way, h);
    const double up = formula(&l, position, false, &images);
    move(&l, before, way, -h);
    const double down = formula(&l, position, false, &images), slope = (up - down) / (2 * h);
    if (!(fabs(slope - size) <= 0.01 * size)) fail_msg("slope %g, not %g", slope, size);
    close_lab(&l);
}

static void loss_and_gradient(void **state) {
    (void)state;
    check_at(0, 1, BATCH);
    check_at(6 * STAGE, 0, 2);
}

/* ---- training ---- */

static duet_status train(const duet_train_options *o, duet_train_result *result, bool resume) {
    return train_in(folder, DATA, 1, o, result, resume);
}

static uint64_t hash_of_run(void) {
    const uint64_t hash = hash_in(folder);
    empty_folder(folder);
    return hash;
}

static void it_trains_and_resumes(void **state) {
    (void)state;
    duet_train_result first, last;
    duet_train_options o = options_of(1);
    OK(train(&o, &first, false));
    empty_folder(folder);
    o = options_of(60);
    if (train(&o, &last, false) != DUET_OK) fail_msg("%s", duet_error_message());
    assert_true(last.loss < first.loss);
    const uint64_t whole = hash_of_run();
    o = options_of(20);
    OK(train(&o, NULL, false));
    o = options_of(60);
    OK(train(&o, NULL, true));
    assert_true(hash_of_run() == whole);
}

static void it_draws_in_one_evaluation(void **state) {
    (void)state;
    static uint8_t usual[3 * DIM], one[3 * DIM], other[3 * DIM];
    duet_model *model = NULL;
    duet_train_options o = options_of(2);
    duet_sample_options how = {.count = 3, .seed = 4, .label = -1};
    OK(train(&o, NULL, false));
    duet_context *ctx = make_context(1, false);
    OK(duet_model_open(ctx, &model, folder));
    assert_string_equal(duet_model_sampler(model), "consistency");
    OK(duet_sample(ctx, model, &how, usual));
    duet_copy_text(how.sampler, sizeof how.sampler, "consistency:steps=1");
    OK(duet_sample(ctx, model, &how, one));
    assert_memory_equal(usual, one, sizeof one);
    duet_copy_text(how.sampler, sizeof how.sampler, "ddim:steps=4");
    OK(duet_sample(ctx, model, &how, other));
    assert_memory_not_equal(usual, other, sizeof other);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void refused(const char *arch, const char *predict, duet_status status, const char *says) {
    duet_train_options o = options_of(1);
    duet_copy_text(o.arch, sizeof o.arch, arch);
    duet_copy_text(o.predict, sizeof o.predict, predict);
    empty_folder(folder);
    assert_int_equal(train(&o, NULL, false), status);
    if (strstr(duet_error_message(), says) == NULL)
        fail_msg("'%s' does not say '%s'", duet_error_message(), says);
}

static void refusals(void **state) {
    (void)state;
    refused(UNET, "eps", DUET_ARG, "add --predict v");
    refused(UNET ",self_cond=true", "v", DUET_UNSUPPORTED, "self-conditioned");
    refused(UNET ",class_cond=true,num_classes=2", "v", DUET_ARG, "conditioned on 2 classes");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(loss_and_gradient, setup),
        cmocka_unit_test_setup(it_trains_and_resumes, setup),
        cmocka_unit_test_setup(it_draws_in_one_evaluation, setup),
        cmocka_unit_test_setup(refusals, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
