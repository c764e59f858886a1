/* SPDX-License-Identifier: MIT
 * Likelihoods: the divergence against finite differences, the parts of the bound, numbers that do
 * not depend on the batch, and the flow below the bound. */
#include "tiny_model.h"

#include <math.h>

#include <duet/likelihood.h>

#include "base/rng.h"
#include "diffusion/jacobian.h"

enum { SIDE = 8, DIM = SIDE * SIDE * 3, ROWS = 2, IMAGES = 5 };

static void divergence_is_that_of_finite_differences(void **state) {
    (void)state;
    static float x[ROWS * DIM], v[ROWS * DIM], moved[ROWS * DIM], eps[ROWS * DIM],
        above[ROWS * DIM], below[ROWS * DIM];
    double divergence[ROWS], ignored[ROWS];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_jacobian *j = NULL;
    OK(duet_jacobian_open(ctx, &j, model, ROWS + 1));
    const duet_level level = duet_noise_level(duet_jacobian_noise(j), 40);
    duet_rng_normal(duet_rng_make(1, "test", 0), 0, x, ROWS * DIM);
    duet_rng_normal(duet_rng_make(2, "test", 0), 0, v, ROWS * DIM);
    OK(duet_jacobian_run(j, x, v, level, NULL, ROWS, eps, divergence));
    const float h = 0.01F;
    for (int i = 0; i < ROWS * DIM; i++) moved[i] = x[i] + h * v[i];
    OK(duet_jacobian_run(j, moved, v, level, NULL, ROWS, above, ignored));
    for (int i = 0; i < ROWS * DIM; i++) moved[i] = x[i] - h * v[i];
    OK(duet_jacobian_run(j, moved, v, level, NULL, ROWS, below, ignored));
    for (int r = 0; r < ROWS; r++) {
        double sum = 0;
        for (int i = r * DIM; i < (r + 1) * DIM; i++)
            sum += (double)v[i] * (double)(above[i] - below[i]) / (2.0 * (double)h);
        assert_true(fabs(sum - divergence[r]) < 0.01 * fabs(sum) + 1e-3);
    }
    duet_jacobian_close(j);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void fill(uint8_t *pixels) {
    for (int i = 0; i < IMAGES * DIM; i++)
        pixels[i] = (uint8_t)duet_rng_below(duet_rng_make(3, "test", 0), (uint64_t)i, 256);
}

static void parts_add_up_whatever_the_batch(void **state) {
    (void)state;
    uint8_t pixels[IMAGES * DIM];
    duet_likelihood all[IMAGES], one[IMAGES];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 2);
    duet_likelihood_options options = {.levels = 12, .label = -1, .batch = 2, .flow = true};
    fill(pixels);
    OK(duet_likelihoods(ctx, all, model, pixels, 10, IMAGES, &options));
    options.batch = 3;
    OK(duet_likelihoods(ctx, one, model, pixels + 3 * DIM, 13, 2, &options));
    assert_memory_equal(one, all + 3, 2 * sizeof *one);
    for (int i = 0; i < IMAGES; i++) {
        assert_true(fabs(all[i].bound - all[i].prior - all[i].noise - all[i].bytes) < 1e-9);
        assert_true(all[i].prior > 0 && all[i].noise > 0 && all[i].bytes > 0);
        assert_true(isfinite(all[i].flow));
    }
    options.levels = 1;
    FAILS(DUET_ARG, "2 levels", duet_likelihoods(ctx, one, model, pixels, 0, 1, &options));
    duet_model_close(model);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(divergence_is_that_of_finite_differences),
        cmocka_unit_test(parts_add_up_whatever_the_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
