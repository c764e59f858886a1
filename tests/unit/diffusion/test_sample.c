/* SPDX-License-Identifier: MIT
 * The denoiser, samples and denoising strips of tiny networks: a row depends on its own seed,
 * number and label only. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include <duet/sample.h>

#include "base/mem.h"
#include "base/str.h"
#include "diffusion/denoiser.h"

enum { SIDE = 8, DIM = SIDE * SIDE };
#define ARCH                                                             \
    "adm_unet:image_size=8,in_channels=1,num_channels=8,channel_mult=1/" \
    "2,num_res_blocks=1,norm_groups=4"

typedef struct watcher {
    double done, total;
    int calls, cancel_at;
} watcher;

static void progress(const duet_progress *p, void *user) {
    watcher *w = user;
    assert_true(p->done > w->done && p->done <= p->total);
    assert_string_equal(p->unit, "images");
    w->done = p->done;
    w->total = p->total;
    w->calls++;
}

static bool cancelled(void *user) {
    const watcher *w = user;
    return w->cancel_at > 0 && w->calls >= w->cancel_at;
}

static watcher watch;
static duet_context *ctx;

static int setup(void **state) {
    (void)state;
    const duet_context_options options = {
        .threads = 1, .exact = true, .progress = progress, .cancelled = cancelled, .user = &watch};
    return duet_context_new(&ctx, &options) != DUET_OK;
}

static int teardown(void **state) {
    (void)state;
    duet_context_free(ctx);
    return 0;
}

/* A fresh network gives zero everywhere (its last layer starts so); random: everything is non-zero.
 */
static duet_model *tiny(const char *more, bool random) {
    duet_model *fresh = NULL, *model = NULL;
    char spec[DUET_TEXT_SIZE] = ARCH;
    duet_copy_text(spec + strlen(spec), sizeof spec - strlen(spec), more);
    const duet_status status = duet_model_new(ctx, &fresh, spec, 1);
    if (status != DUET_OK) print_message("%s\n", duet_error_message());
    assert_int_equal(status, DUET_OK);
    duet_copy_text(duet_model_card(fresh)->noise, DUET_TEXT_SIZE, "linear");
    duet_copy_text(duet_model_card(fresh)->predict, DUET_TEXT_SIZE, "eps");
    if (!random) return fresh;
    assert_int_equal(duet_model_random(ctx, &model, fresh, 2), DUET_OK);
    duet_model_close(fresh);
    return model;
}

static duet_status sample(duet_model *model, int64_t first, int64_t count, int64_t batch,
                          uint64_t seed, int64_t label, uint8_t *pixels) {
    const duet_sample_options options = {.sampler = "ddim:steps=4,eta=0.5",
                                         .count = count,
                                         .first = first,
                                         .seed = seed,
                                         .batch = batch,
                                         .label = label};
    watch.done = 0.0;
    watch.calls = 0;
    return duet_sample(ctx, model, &options, pixels);
}

static void test_independent(void **state) {
    (void)state;
    duet_model *model = tiny("", true);
    uint8_t five[5 * DIM], other[5 * DIM];
    assert_int_equal(sample(model, 0, 5, 5, 9, -1, five), DUET_OK);
    assert_true(watch.done == 5.0 && watch.total == 5.0 && watch.calls == 4);
    assert_int_equal(sample(model, 0, 5, 2, 9, -1, other), DUET_OK);
    assert_true(watch.done == 5.0 && watch.calls == 12);
    assert_memory_equal(five, other, sizeof five);
    assert_int_equal(sample(model, 3, 1, 0, 9, -1, other), DUET_OK);
    assert_memory_equal(other, five + 3 * DIM, DIM);
    assert_memory_not_equal(five, five + DIM, DIM);
    assert_int_equal(sample(model, 3, 1, 0, 10, -1, other), DUET_OK);
    assert_memory_not_equal(other, five + 3 * DIM, DIM);
    duet_model_close(model);
}

typedef struct taken {
    const uint8_t *want;
    int64_t next, calls, end_at;
} taken;

static duet_status take(const uint8_t *pixels, int64_t first, int64_t count, void *user) {
    taken *t = user;
    assert_int_equal(first, t->next);
    if (t->want != NULL) assert_memory_equal(pixels, t->want + first * DIM, (size_t)(count * DIM));
    t->next += count;
    t->calls++;
    return t->end_at > 0 && t->next >= t->end_at ? DUET_IO : DUET_OK;
}

/* Batches come in order with the images of duet_sample, and memory does not grow with their number.
 */
static void test_each(void **state) {
    (void)state;
    duet_model *model = tiny("", true);
    uint8_t five[5 * DIM];
    taken t = {.want = five};
    int64_t peak[2];
    assert_int_equal(sample(model, 0, 5, 2, 9, -1, five), DUET_OK);
    duet_sample_options options = {
        .sampler = "ddim:steps=4,eta=0.5", .count = 5, .seed = 9, .batch = 2, .label = -1};
    watch.done = 0.0;
    assert_int_equal(duet_sample_each(ctx, model, &options, take, &t), DUET_OK);
    assert_true(t.next == 5 && t.calls == 3);
    t = (taken){.end_at = 3};
    watch.done = 0.0;
    assert_int_equal(duet_sample_each(ctx, model, &options, take, &t), DUET_IO);
    assert_true(t.next == 4 && t.calls == 2);
    for (int i = 0; i < 2; i++) {
        t = (taken){.next = 0};
        options.count = i == 0 ? 4 : 100;
        watch.done = 0.0;
        (void)duet_alloc_peak(true);
        const int64_t before = duet_alloc_peak(false);
        assert_int_equal(duet_sample_each(ctx, model, &options, take, &t), DUET_OK);
        assert_int_equal(t.next, options.count);
        peak[i] = duet_alloc_peak(false) - before;
    }
    assert_true(peak[0] > 0);
    assert_int_equal(peak[1], peak[0]);
    duet_model_close(model);
}

static void test_labels(void **state) {
    (void)state;
    duet_model *model = tiny(",class_cond=true,num_classes=3", true);
    uint8_t cycled[5 * DIM], one[DIM];
    assert_int_equal(sample(model, 0, 5, 3, 1, -1, cycled), DUET_OK);
    assert_int_equal(sample(model, 4, 1, 0, 1, 1, one), DUET_OK); /* 4 mod 3 */
    assert_memory_equal(one, cycled + 4 * DIM, DIM);
    assert_int_equal(sample(model, 4, 1, 0, 1, 2, one), DUET_OK);
    assert_memory_not_equal(one, cycled + 4 * DIM, DIM);
    assert_int_equal(sample(model, 0, 1, 0, 1, 3, one), DUET_ARG);
    duet_denoiser *denoiser = NULL;
    const float x[DIM] = {0};
    float x0[DIM];
    assert_int_equal(duet_denoiser_new(ctx, &denoiser, model, 1), DUET_OK);
    const duet_level level = duet_noise_level(duet_denoiser_noise(denoiser), 5);
    assert_int_equal(duet_denoiser_run(denoiser, x, level, NULL, 1, &(duet_denoised){.x0 = x0}),
                     DUET_ARG);
    duet_denoiser_free(denoiser);
    duet_model_close(model);
}

/* No sampler chosen: ancestral sampling in 50 steps, whose noise damps what the network gets wrong.
 */
static void draw(duet_model *model, const char *sampler, uint8_t *pixels) {
    duet_sample_options options = {.count = 2, .seed = 4, .label = -1};
    duet_copy_text(options.sampler, sizeof options.sampler, sampler);
    watch.done = 0.0;
    watch.calls = 0;
    assert_int_equal(duet_sample(ctx, model, &options, pixels), DUET_OK);
    assert_int_equal(watch.calls, 50);
}

static void test_default(void **state) {
    (void)state;
    duet_model *model = tiny("", true);
    uint8_t pixels[2 * DIM], other[2 * DIM];
    draw(model, "", pixels);
    draw(model, "ddpm:steps=50", other);
    assert_memory_equal(pixels, other, sizeof pixels);
    draw(model, "ddim:steps=50", other);
    assert_memory_not_equal(pixels, other, sizeof pixels);
    duet_model_close(model);
}

static void test_refusals(void **state) {
    (void)state;
    duet_model *model = tiny("", false);
    uint8_t pixels[DIM];
    duet_denoiser *denoiser = NULL;
    assert_int_equal(sample(model, 0, 0, 0, 1, -1, pixels), DUET_ARG);
    assert_int_equal(duet_denoiser_new(ctx, &denoiser, model, 0), DUET_ARG);
    duet_sample_options options = {.sampler = "ddimm", .count = 1};
    assert_int_equal(duet_sample(ctx, model, &options, pixels), DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "'ddim'"));
    watch.cancel_at = 2;
    assert_int_equal(sample(model, 0, 1, 0, 1, -1, pixels), DUET_CANCELLED);
    watch.cancel_at = 0;
    duet_model_close(model);
}

static void test_denoiser_rows(void **state) {
    (void)state;
    duet_model *model = tiny("", true);
    duet_denoiser *denoiser = NULL;
    float x[4 * DIM], x0[4 * DIM], eps[4 * DIM], one[DIM];
    assert_int_equal(duet_denoiser_new(ctx, &denoiser, model, 4), DUET_OK);
    const duet_level level = duet_noise_level(duet_denoiser_noise(denoiser), 200);
    for (int r = 0; r < 4; r++) duet_image_noise(x + r * DIM, 1, r, DIM);
    assert_int_equal(
        duet_denoiser_run(denoiser, x, level, NULL, 4, &(duet_denoised){.x0 = x0, .eps = eps}),
        DUET_OK);
    double size = 0.0;
    for (int i = 0; i < 4 * DIM; i++) {
        size += fabs((double)eps[i]);
        assert_true(
            fabs(level.alpha * (double)x0[i] + level.sigma * (double)eps[i] - (double)x[i]) < 1e-5);
    }
    assert_true(size > 1.0);
    for (int r = 0; r < 4; r++) { /* alone, filled up with zeros */
        assert_int_equal(
            duet_denoiser_run(denoiser, x + r * DIM, level, NULL, 1, &(duet_denoised){.x0 = one}),
            DUET_OK);
        assert_memory_equal(one, x0 + r * DIM, sizeof one);
    }
    assert_int_equal(
        duet_denoiser_run(denoiser, x, level, NULL, 5, &(duet_denoised){.x0 = x0, .eps = eps}),
        DUET_ARG);
    duet_denoiser_free(denoiser);
    duet_model_close(model);
}

/* Reuse: on the same images the map of the run before is the one a whole run would compute; on
 * others it is the old one; a whole run takes no notice of it; duet_denoiser_begin makes the next
 * one whole. */
static void test_reuse(void **state) {
    (void)state;
    duet_model *model = tiny("", true);
    duet_denoiser *whole = NULL, *saving = NULL;
    float x[2][2 * DIM], want[2][2 * DIM], have[2 * DIM];
    assert_int_equal(duet_denoiser_new(ctx, &whole, model, 2), DUET_OK);
    assert_int_equal(duet_denoiser_new(ctx, &saving, model, 2), DUET_OK);
    assert_int_equal(duet_denoiser_reuse(saving, 3, 0), DUET_OK);
    const duet_level level = duet_noise_level(duet_denoiser_noise(whole), 200);
    for (int k = 0; k < 2; k++) {
        for (int r = 0; r < 2; r++) duet_image_noise(x[k] + r * DIM, 1, 2 * k + r, DIM);
        assert_int_equal(
            duet_denoiser_run(whole, x[k], level, NULL, 2, &(duet_denoised){.x0 = want[k]}),
            DUET_OK);
    }
    static const struct {
        int image;
        bool begin, same;
    } runs[] = {{0, true, true},   {0, false, true}, {1, false, false}, {1, false, true},
                {0, false, false}, {0, true, true},  {1, true, true}};
    for (int i = 0; i < DUET_COUNT(runs); i++) {
        const int k = runs[i].image;
        if (runs[i].begin) duet_denoiser_begin(saving);
        assert_int_equal(
            duet_denoiser_run(saving, x[k], level, NULL, 2, &(duet_denoised){.x0 = have}), DUET_OK);
        int off = 0;
        for (int e = 0; e < 2 * DIM; e++) off += fabsf(have[e] - want[k][e]) > 1e-5F;
        if ((off == 0) != runs[i].same) fail_msg("run %d: %d values differ", i, off);
    }
    assert_int_equal(duet_denoiser_reuse(whole, 0, 0), DUET_ARG);
    assert_int_equal(duet_denoiser_reuse(whole, 2, 99), DUET_ARG);
    duet_denoiser_free(whole);
    duet_denoiser_free(saving);
    duet_model_close(model);
}

/* Of a network that predicts no noise: x_t by the formula, and x_t / alpha behind it. */
static void test_strip(void **state) {
    (void)state;
    enum { COUNT = 3, T = 2, COLUMNS = 1 + 2 * T };
    const int64_t t[T] = {20, 100}, wrong = 1000;
    duet_model *model = tiny("", false);
    duet_noise *noise = NULL;
    uint8_t images[COUNT * DIM], strip[COUNT * COLUMNS * DIM], column[DIM];
    for (int i = 0; i < COUNT * DIM; i++) images[i] = (uint8_t)(i * 37 % 256);
    assert_int_equal(duet_noise_new(&noise, "linear"), DUET_OK);
    assert_int_equal(duet_denoise_strip(ctx, model, images, COUNT, t, T, 6, strip), DUET_OK);
    for (int r = 0; r < COUNT; r++) {
        const uint8_t *row = strip + r * COLUMNS * DIM;
        assert_memory_equal(row, images + r * DIM, DIM);
        for (int k = 0; k < T; k++) {
            const duet_level level = duet_noise_level(noise, t[k]);
            float x0[DIM], eps[DIM], x[DIM];
            duet_pixels_to_float(x0, images + r * DIM, DIM);
            duet_image_noise(eps, 6, r, DIM);
            duet_add_noise(x, x0, eps, level, DIM);
            duet_float_to_pixels(column, x, DIM);
            assert_memory_equal(row + (1 + 2 * k) * DIM, column, DIM);
            for (int i = 0; i < DIM; i++) x[i] = (float)((double)x[i] / level.alpha);
            duet_float_to_pixels(column, x, DIM);
            assert_memory_equal(row + (2 + 2 * k) * DIM, column, DIM);
        }
    }
    assert_int_equal(duet_denoise_strip(ctx, model, images, COUNT, &wrong, 1, 6, strip), DUET_ARG);
    duet_noise_free(noise);
    duet_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_independent), cmocka_unit_test(test_each),
        cmocka_unit_test(test_labels),      cmocka_unit_test(test_default),
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_denoiser_rows),
        cmocka_unit_test(test_reuse),       cmocka_unit_test(test_strip),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
