/* SPDX-License-Identifier: MIT
 * Copies: near training rows they are found, new rows are not, whatever their scale; a chance
 * finding is no alarm; and the gap of a model that has seen nothing is about nothing. */
#include "tiny_model.h"

#include <math.h>

#include "base/rng.h"
#include "study/copies.h"

enum { DIM = 6, TRAINING = 400, HELD = 199, DRAWN = 150, PIXELS = 8 * 8 * 3, IMAGES = 24 };

static void normal(float *x, int64_t count, uint64_t seed) {
    duet_rng_normal(duet_rng_make(seed, "test", 0), 0, x, count);
}

/* drawn[DRAWN,2,DIM] */
static duet_copies count(const float *drawn) {
    static float training[TRAINING * DIM], held[HELD * 2 * DIM];
    duet_copies out;
    normal(training, TRAINING * DIM, 1);
    normal(held, HELD * 2 * DIM, 2);
    OK(duet_copies_count(&out, training, TRAINING, held, HELD, drawn, DRAWN, DIM));
    return out;
}

static void copies_are_found(void **state) {
    (void)state;
    static float drawn[DRAWN * 2 * DIM], training[TRAINING * DIM];
    normal(drawn, DRAWN * 2 * DIM, 3);
    duet_copies none = count(drawn);
    assert_int_equal(none.of, DRAWN);
    assert_true(fabs(none.chance - 0.01) < 1e-12); /* the second of 199 + 1 */
    assert_true(none.count < 8 && !none.alarm);
    normal(training, TRAINING * DIM, 1);
    for (int i = 0; i < 30; i++) /* nearly copied, every second one mirrored */
        for (int j = 0; j < DIM; j++) {
            float *const view = drawn + (2 * i + i % 2) * DIM;
            view[j] = training[(7 * i) * DIM + j] + 1e-3F * view[j];
        }
    duet_copies some = count(drawn);
    assert_true(some.count >= 30 && some.count < 38);
    assert_true(some.alarm && some.odds < 1e-10);
    for (int i = 0; i < 30; i++) /* symmetric: both views are of one training image */
        memcpy(drawn + (2 * i + 1 - i % 2) * DIM, drawn + (2 * i + i % 2) * DIM,
               sizeof(float[DIM]));
    some = count(drawn);
    assert_true(some.count >= 30 && some.count < 38);
}

static void needs_rows(void **state) {
    (void)state;
    static float x[DIM * 4];
    duet_copies out;
    FAILS(DUET_ARG, "2 training images or more", duet_copies_count(&out, x, 1, x, 1, x, 1, DIM));
    FAILS(DUET_ARG, "held out", duet_copies_count(&out, x, 2, x, 0, x, 1, DIM));
}

static void noise(uint8_t *pixels, uint64_t seed) {
    for (int i = 0; i < IMAGES * PIXELS; i++)
        pixels[i] = (uint8_t)duet_rng_below(duet_rng_make(seed, "test", 0), (uint64_t)i, 256);
}

static void a_gap_is_what_was_learnt_by_heart(void **state) {
    (void)state;
    static uint8_t seen[IMAGES * PIXELS], unseen[IMAGES * PIXELS];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    double same, gap;
    noise(seen, 4);
    noise(unseen, 5);
    OK(duet_denoising_gap(ctx, model, seen, IMAGES, seen, IMAGES, &same));
    OK(duet_denoising_gap(ctx, model, seen, IMAGES, unseen, IMAGES, &gap));
    assert_true(same == 0 && fabs(gap) < 0.05);
    memset(seen, 128, sizeof seen); /* easier images for what predicts them */
    (void)duet_copy_text(duet_model_card(model)->predict, DUET_TEXT_SIZE, "x0");
    OK(duet_denoising_gap(ctx, model, seen, IMAGES, unseen, IMAGES, &gap));
    assert_true(fabs(gap) > 0.05);
    duet_model_close(model);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_found),
        cmocka_unit_test(needs_rows),
        cmocka_unit_test(a_gap_is_what_was_learnt_by_heart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
