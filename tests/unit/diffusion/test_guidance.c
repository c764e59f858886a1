/* SPDX-License-Identifier: MIT
 * Guidance: gradients against finite differences, classes that are asked for become likelier, no
 * guidance is the model itself, and what does not fit is refused. */
#include "tiny_model.h"

#include <math.h>

#include <duet/guide.h>
#include <duet/sample.h>

#include "base/mem.h"
#include "base/rng.h"
#include "diffusion/guiding.h"
#include "diffusion/slope.h"

enum { SIDE = 8, DIM = SIDE * SIDE * 3, ROWS = 2, CLASSES = 3, MOST = 4096 };
#define DATA        "synth:size=8,train=220,test=10,classes=3"
#define CONDITIONAL TINY_ARCH ",class_cond=true,num_classes=4"

static void fill(float *x, int64_t count, uint64_t seed, float scale) {
    duet_rng_normal(duet_rng_make(seed, "test", 0), 0, x, count);
    for (int64_t i = 0; i < count; i++) x[i] *= scale;
}

static duet_level level_of(const duet_model *model, int64_t t) {
    duet_noise *noise = NULL;
    OK(duet_noise_new(&noise, duet_model_card((duet_model *)model)->noise));
    const duet_level level = duet_noise_level(noise, t);
    duet_noise_free(noise);
    return level;
}

static double sum_at(duet_slope *s, const float *x, duet_level level) {
    static const int32_t labels[ROWS] = {2, 0};
    const float *out;
    OK(duet_slope_run(s, x, level, labels, ROWS, &out));
    return duet_slope_sum(s);
}

static void slopes_are_those_of_finite_differences(void **state) {
    (void)state;
    static const int32_t labels[ROWS] = {2, 0};
    static float weight[MOST], bias[CLASSES], x[ROWS * DIM], slope[ROWS * DIM];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    const duet_slope_head head = {.tap = 5, .pool = 2, .classes = CLASSES};
    const duet_level level = level_of(model, 30);
    duet_slope *s = NULL;
    const float *out;
    OK(duet_slope_open(ctx, &s, model, ROWS + 1, &head)); /* one row is empty */
    fill(weight, CLASSES * duet_slope_dim(s), 2, 0.3F);
    fill(bias, CLASSES, 3, 0.3F);
    fill(x, ROWS * DIM, 4, 1.0F);
    duet_slope_set(s, weight, bias);
    OK(duet_slope_run(s, x, level, labels, ROWS, &out));
    memcpy(slope, out, sizeof slope);
    double most = 0, error = 0;
    for (int i = 0; i < ROWS * DIM; i += 7) {
        const float was = x[i], step = 0.02F;
        x[i] = was + step;
        const double above = sum_at(s, x, level);
        x[i] = was - step;
        const double below = sum_at(s, x, level);
        x[i] = was;
        error = fmax(error, fabs((above - below) / (2.0 * (double)step) - (double)slope[i]));
        most = fmax(most, fabs((double)slope[i]));
    }
    assert_true(most > 0 && error < 0.01 * most);
    duet_slope_close(s);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void make_guide(duet_context *ctx, duet_model *model, char path[DUET_PATH_SIZE]) {
    char folder[DUET_PATH_SIZE];
    duet_dataset *data = open_data(DATA);
    const duet_guide_options options = {.times = {.count = 3, .v = {5, 30, 70}},
                                        .tap = 2,
                                        .pool = 4,
                                        .fit_rows = 160,
                                        .val_rows = 60};
    duet_guide_result result;
    fresh_folder(folder, "guide");
    OK(duet_path_join(path, folder, "guide.safetensors"));
    OK(duet_guide_make(ctx, &result, model, data, &options, path));
    assert_int_equal(result.count, 3);
    assert_true(result.top1[0] > 45); /* of three classes */
    duet_dataset_close(data);
}

static double likelihood(duet_context *ctx, duet_model *model, const char *path, double scale) {
    const duet_sample_options options = {
        .sampler = "ddim:steps=8", .count = 6, .label = 1, .guidance = {.scale = scale}};
    duet_sample_options with = options;
    duet_guiding *guiding = NULL;
    uint8_t pixels[6 * DIM];
    float x[6 * DIM], x0[6 * DIM] = {0}, *moved = x0;
    int32_t labels[6] = {1, 1, 1, 1, 1, 1};
    snprintf(with.guidance.from, sizeof with.guidance.from, "%s", path);
    OK(duet_sample(ctx, model, &with, pixels));
    duet_pixels_to_float(x, pixels, 6 * DIM);
    duet_guidance judge = with.guidance;
    judge.scale = 1;
    OK(duet_guiding_open(ctx, &guiding, model, 6, &judge));
    assert_int_equal(duet_guiding_classes(guiding), CLASSES);
    OK(duet_guiding_steer(guiding, x, level_of(model, 5), labels, 6, moved));
    const double sum = duet_guiding_sum(guiding);
    duet_guiding_close(guiding);
    return sum;
}

static void the_own_features_lead_to_the_class(void **state) {
    (void)state;
    char path[DUET_PATH_SIZE];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 6);
    make_guide(ctx, model, path);
    const double without = likelihood(ctx, model, path, 0), with = likelihood(ctx, model, path, 3);
    assert_true(with > without);
    duet_model_close(model);
    model = make_model(ctx, TINY_ARCH, 7); /* other weights */
    duet_guidance guidance = {.scale = 1};
    duet_guiding *guiding = NULL;
    snprintf(guidance.from, sizeof guidance.from, "%s", path);
    FAILS(DUET_ARG, "other weights", duet_guiding_open(ctx, &guiding, model, 1, &guidance));
    guidance.from[0] = '\0';
    guidance.scale = 2;
    FAILS(DUET_UNSUPPORTED, "knows no classes",
          duet_guiding_open(ctx, &guiding, model, 1, &guidance));
    assert_null(guiding);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void draw(duet_context *ctx, duet_model *model, double scale, int64_t label,
                 uint8_t *pixels) {
    const duet_sample_options options = {
        .sampler = "ddim:steps=4", .count = 3, .label = label, .guidance = {.scale = scale}};
    OK(duet_sample(ctx, model, &options, pixels));
}

/* With x0_none + w (x0_class - x0_none), w = 1 is the model, w = 0 is the model without a class. */
static void without_a_classifier(void **state) {
    (void)state;
    uint8_t plain[3 * DIM], one[3 * DIM], strong[3 * DIM];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, CONDITIONAL, 8);
    const duet_guidance guidance = {.scale = 2};
    duet_guiding *guiding = NULL;
    FAILS(DUET_UNSUPPORTED, "always saw the label",
          duet_guiding_open(ctx, &guiding, model, 1, &guidance));
    duet_model_card(model)->drop = 0.1;
    draw(ctx, model, 0, 1, plain);
    draw(ctx, model, 1, 1, one);
    draw(ctx, model, 3, 1, strong);
    assert_memory_equal(plain, one, sizeof one);
    assert_true(memcmp(strong, one, sizeof one) != 0);
    OK(duet_guiding_open(ctx, &guiding, model, 3, &guidance));
    assert_int_equal(duet_guiding_classes(guiding), CLASSES);
    float x[DIM], x0[DIM], far[DIM], x1[DIM];
    fill(x, DIM, 9, 1.0F);
    fill(x0, DIM, 10, 1.0F);
    memcpy(far, x0, sizeof far);
    for (int i = 0; i < DIM; i++) x1[i] = x0[i] + 1.0F;
    OK(duet_guiding_mix(guiding, x, level_of(model, 50), 1, x0));
    OK(duet_guiding_mix(guiding, x, level_of(model, 50), 1, x1));
    for (int i = 0; i < DIM; i++) assert_true(fabsf(x1[i] - x0[i] - 2.0F) < 1e-5F);
    duet_guiding_close(guiding);
    duet_model_close(model);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slopes_are_those_of_finite_differences),
        cmocka_unit_test(the_own_features_lead_to_the_class),
        cmocka_unit_test(without_a_classifier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
