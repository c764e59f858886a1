/* SPDX-License-Identifier: MIT
 * Edits: known pixels come back byte by byte, small pictures agree with their large ones, answers
 * depend on seed, number and picture only, variations stay near, steps that are walked again. */
#include "tiny_model.h"

#include <math.h>

#include <duet/edit.h>

enum { SIDE = 8, DIM = SIDE * SIDE * 3, PICTURES = 3, ANSWERS = 2, ALL = PICTURES * ANSWERS };
#define SAMPLER "ddpm:steps=6"

static void draw_pictures(uint8_t *pixels) {
    for (int i = 0; i < PICTURES * DIM; i++) pixels[i] = (uint8_t)(40 + 97 * i % 180);
}

static duet_edit *open_edit(duet_context *ctx, duet_model *model, duet_edit_options options) {
    duet_edit *edit = NULL;
    if (options.strength == 0) options.strength = 1;
    if (options.answers == 0) options.answers = ANSWERS;
    options.label = -1;
    memcpy(options.sampler, SAMPLER, sizeof SAMPLER);
    OK(duet_edit_open(ctx, &edit, model, &options));
    return edit;
}

static void known_pixels_come_back(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    uint8_t mask[SIDE * SIDE] = {0}, whole[PICTURES * DIM], got[ALL * DIM];
    float measured[PICTURES * DIM];
    int changed = 0;
    for (int i = 18; i < 46; i++) mask[i] = 1;
    draw_pictures(whole);
    for (int64_t again = 0; again < 3; again++) {
        duet_edit *e =
            open_edit(ctx, model, (duet_edit_options){.mask = mask, .again = again, .jump = 2});
        duet_edit_degrade(e, whole, 0, PICTURES, measured);
        OK(duet_edit_run(e, measured, 0, PICTURES, got));
        for (int a = 0; a < ALL; a++)
            for (int i = 0; i < DIM; i++) {
                const uint8_t was = whole[a / ANSWERS * DIM + i], is = got[a * DIM + i];
                if (!mask[i / 3]) assert_int_equal(is, was);
                changed += is != was;
            }
        assert_true(duet_edit_residual(e, measured, got) < 1e-3);
        duet_edit_close(e);
    }
    assert_true(changed > ALL * 28);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void small_pictures_are_agreed_with(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 2);
    uint8_t whole[PICTURES * DIM], got[ALL * DIM], plain[PICTURES * DIM];
    float measured[PICTURES * DIM];
    int64_t side, colours;
    draw_pictures(whole);
    duet_edit *e =
        open_edit(ctx, model, (duet_edit_options){.operators = "downsample:factor=4+grey"});
    duet_edit_measured(e, &side, &colours);
    assert_int_equal(side, 2);
    assert_int_equal(colours, 1);
    duet_edit_degrade(e, whole, 0, PICTURES, measured);
    OK(duet_edit_run(e, measured, 0, PICTURES, got));
    OK(duet_edit_plain(e, measured, PICTURES, plain));
    for (int a = 0; a < ALL; a++) /* values are rounded to bytes: at most half a byte each */
        assert_true(duet_edit_residual(e, measured + a / ANSWERS * 4, got + a * DIM) <= 0.76);
    duet_edit_close(e);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void answers_depend_on_seed_and_number_only(void **state) {
    (void)state;
    duet_context *one = make_context(1, true), *two = make_context(2, true);
    duet_model *model = make_model(one, TINY_ARCH, 3), *same = make_model(two, TINY_ARCH, 3);
    uint8_t whole[PICTURES * DIM], want[ALL * DIM], got[ALL * DIM];
    float measured[PICTURES * DIM];
    const duet_edit_options options = {.operators = "blur+noise", .again = 1, .jump = 3, .seed = 5};
    draw_pictures(whole);
    duet_edit *a = open_edit(one, model, options);
    duet_edit_options small = options;
    small.batch = 2;
    duet_edit *b = open_edit(two, same, small);
    duet_edit_degrade(a, whole, 0, PICTURES, measured);
    OK(duet_edit_run(a, measured, 0, PICTURES, want));
    OK(duet_edit_run(b, measured + DIM, 1, PICTURES - 1, got + ANSWERS * DIM));
    OK(duet_edit_run(b, measured, 0, 1, got));
    assert_memory_equal(got, want, sizeof want);
    duet_edit_close(a);
    duet_edit_close(b);
    duet_model_close(model);
    duet_model_close(same);
    duet_context_free(one);
    duet_context_free(two);
}

/* Models with an encoder and a decoder: chains of latents. */
static void latents_fill_holes_too(void **state) {
    (void)state;
    static const char *const archs[] = {
        "vae:image_size=8,in_channels=3,channels=8,channel_mult=1/2,latents=4,norm_groups=4",
        "patchvae:image_size=8,in_channels=3"};
    uint8_t mask[SIDE * SIDE] = {0}, whole[PICTURES * DIM], got[ALL * DIM], other[ALL * DIM];
    float measured[PICTURES * DIM];
    for (int i = 18; i < 46; i++) mask[i] = 1;
    draw_pictures(whole);
    for (int k = 0; k < DUET_COUNT(archs); k++) {
        duet_context *ctx = make_context(1, true);
        duet_model *model = make_model(ctx, archs[k], 1);
        int changed = 0, differ = 0;
        duet_edit *e = open_edit(ctx, model, (duet_edit_options){.mask = mask});
        duet_edit *one = open_edit(ctx, model, (duet_edit_options){.mask = mask, .batch = 1});
        duet_edit_degrade(e, whole, 0, PICTURES, measured);
        OK(duet_edit_run(e, measured, 0, PICTURES, got));
        OK(duet_edit_run(one, measured, 0, PICTURES, other));
        assert_memory_equal(got, other, sizeof got);
        for (int a = 0; a < ALL; a++)
            for (int i = 0; i < DIM; i++) {
                const uint8_t was = whole[a / ANSWERS * DIM + i], is = got[a * DIM + i];
                if (!mask[i / 3]) assert_int_equal(is, was);
                changed += is != was;
                differ += is != got[a / ANSWERS * ANSWERS * DIM + i];
            }
        assert_true(changed > 0 && differ > 0);
        duet_edit_close(e);
        duet_edit_close(one);
        duet_model_close(model);
        duet_context_free(ctx);
    }
}

/* … and what their codes' means give, whatever the seed: no noise is drawn. */
static void latents_rebuild(void **state) {
    (void)state;
    static const char *const archs[] = {
        "vae:image_size=8,in_channels=3,channels=8,channel_mult=1/2,latents=4,norm_groups=4",
        "bigbigan:image_size=8,in_channels=3,channels=8,channel_mult=1,latents=4"};
    const duet_edit_options none = {.answers = 1}, other = {.answers = 1, .seed = 5, .batch = 2};
    uint8_t whole[PICTURES * DIM], got[PICTURES * DIM], again[PICTURES * DIM], vary[PICTURES * DIM];
    float measured[PICTURES * DIM];
    draw_pictures(whole);
    for (int k = 0; k < DUET_COUNT(archs); k++) {
        duet_context *ctx = make_context(1, true);
        duet_model *model = make_model(ctx, archs[k], 1);
        duet_edit *e[3] = {NULL},
                  *near =
                      open_edit(ctx, model, (duet_edit_options){.strength = 1e-6, .answers = 1});
        OK(duet_edit_open(ctx, &e[0], model, &none));
        OK(duet_edit_open(ctx, &e[1], model, &other));
        duet_edit_degrade(e[0], whole, 0, PICTURES, measured);
        OK(duet_edit_run(e[0], measured, 0, PICTURES, got));
        OK(duet_edit_run(e[1], measured, 0, PICTURES, again));
        OK(duet_edit_run(near, measured, 0, PICTURES, vary));
        assert_memory_equal(got, again, sizeof got);
        for (int i = 0; i < PICTURES * DIM; i++) assert_in_range(got[i] - vary[i] + 1, 0, 2);
        assert_true(memcmp(got, got + DIM, DIM) != 0); /* the picture counts */
        duet_edit_close(e[0]);
        duet_edit_close(e[1]);
        duet_edit_close(near);
        duet_model_close(model);
        duet_context_free(ctx);
    }
}

static double distance(const uint8_t *a, const uint8_t *b) {
    double sum = 0;
    for (int i = 0; i < DIM; i++) sum += fabs((double)a[i] - (double)b[i]) / DIM;
    return sum;
}

static void variations_are_nearer_the_weaker(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 4);
    uint8_t whole[PICTURES * DIM], got[ALL * DIM];
    float measured[PICTURES * DIM];
    double far[2];
    draw_pictures(whole);
    for (int k = 0; k < 2; k++) {
        duet_edit *e = open_edit(ctx, model, (duet_edit_options){.strength = k == 0 ? 0.15 : 0.9});
        duet_edit_degrade(e, whole, 0, PICTURES, measured);
        OK(duet_edit_run(e, measured, 0, PICTURES, got));
        far[k] = distance(whole, got);
        duet_edit_close(e);
    }
    assert_true(far[0] > 0 && far[0] < far[1]);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void ways_have_their_ends(void **state) {
    (void)state;
    enum { FRAMES = 5 };
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 5);
    uint8_t whole[PICTURES * DIM], got[FRAMES * DIM];
    const duet_interpolate_options options = {.frames = FRAMES, .steps = 25, .refine = 6};
    draw_pictures(whole);
    for (int i = 0; i < DIM; i++) whole[i] = (uint8_t)(255 - whole[DIM + i]);
    OK(duet_interpolate(ctx, model, whole, &options, got));
    const double apart = distance(whole, whole + DIM);
    assert_true(distance(whole, got) < 0.5 * apart);
    assert_true(distance(whole + DIM, got + (FRAMES - 1) * DIM) < 0.5 * apart);
    assert_true(distance(whole, got) < distance(whole, got + (FRAMES - 1) * DIM));
    duet_model_close(model);
    duet_context_free(ctx);
}

static void refuses_what_is_nothing(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_edit *edit = NULL;
    duet_edit_options options = {.strength = 1, .answers = 1, .label = -1};
    FAILS(DUET_ARG, "nothing is to be changed", duet_edit_open(ctx, &edit, model, &options));
    options.strength = 0.5;
    options.answers = 0;
    FAILS(DUET_ARG, "at least 1 is needed", duet_edit_open(ctx, &edit, model, &options));
    options.answers = 1;
    options.again = -1;
    FAILS(DUET_ARG, "walked again", duet_edit_open(ctx, &edit, model, &options));
    assert_null(edit);
    duet_model_close(model);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_pixels_come_back),
        cmocka_unit_test(small_pictures_are_agreed_with),
        cmocka_unit_test(answers_depend_on_seed_and_number_only),
        cmocka_unit_test(latents_fill_holes_too),
        cmocka_unit_test(latents_rebuild),
        cmocka_unit_test(variations_are_nearer_the_weaker),
        cmocka_unit_test(ways_have_their_ends),
        cmocka_unit_test(refuses_what_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
