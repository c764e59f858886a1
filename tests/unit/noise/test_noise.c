/* SPDX-License-Identifier: MIT
 * The linear schedule against its formula and against published levels; noise of images; adding
 * noise. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "noise/noise.h"

static duet_noise *open_noise(const char *spec) {
    duet_noise *noise = NULL;
    assert_int_equal(duet_noise_new(&noise, spec), DUET_OK);
    return noise;
}

static void check_formula(const char *spec, int steps, double first, double last) {
    duet_noise *noise = open_noise(spec);
    assert_int_equal(noise->steps, steps);
    long double abar = 1.0L;
    for (int t = 0; t < steps; t++) {
        abar *= 1.0L -
                ((long double)first + ((long double)last - (long double)first) * t / (steps - 1));
        const duet_level level = duet_noise_level(noise, t);
        assert_true(fabsl((long double)level.alpha - sqrtl(abar)) < 1e-13L);
        assert_true(fabsl((long double)level.sigma - sqrtl(1.0L - abar)) < 1e-13L);
        assert_true(level.t == t && level.net_t == t && level.in_scale == 1.0);
    }
    duet_noise_free(noise);
}

static void test_formula(void **state) {
    (void)state;
    check_formula("linear", 1000, 1e-4, 2e-2);
    check_formula("linear:steps=250", 250, 4e-4, 8e-2); /* betas grow as the steps get fewer */
    check_formula("linear:steps=10,beta_start=0.0005,beta_end=0.001", 10, 0.05, 0.1);
}

/* sqrt(abar) and sigma/alpha of the DDPM schedule, three digits. */
static void test_published(void **state) {
    (void)state;
    static const struct {
        int t;
        double alpha, ratio;
    } known[] = {{10, .999, .047},  {30, .994, .112},   {90, .956, .308},
                 {150, .887, .522}, {300, .628, 1.240}, {500, .279, 3.443}};
    duet_noise *noise = open_noise("linear");
    for (int i = 0; i < DUET_COUNT(known); i++) {
        const duet_level level = duet_noise_level(noise, known[i].t);
        assert_true(fabs(level.alpha - known[i].alpha) < 6e-4);
        assert_true(fabs(level.sigma / level.alpha - known[i].ratio) < 6e-4);
    }
    duet_noise_free(noise);
}

static void test_clean_level(void **state) {
    (void)state;
    duet_noise *noise = open_noise("linear");
    const duet_level level = duet_noise_level(noise, -1);
    assert_true(level.t == -1.0 && level.alpha == 1.0 && level.sigma == 0.0 &&
                level.in_scale == 1.0 && level.net_t == 0.0);
    duet_noise_free(noise);
}

/* Karras et al. 2022: 18 levels of EDM at 32 pixels from 80 down to 0.002; inputs of unit variance
 * for images of deviation 0.5. */
static void test_karras(void **state) {
    (void)state;
    static const struct {
        int t;
        double sigma;
    } known[] = {{0, 0.002}, {1, 0.00752801996}, {8, 1.92333984}, {16, 57.5859847}, {17, 80.0}};
    duet_noise *noise = open_noise("karras:steps=18");
    for (int i = 0; i < DUET_COUNT(known); i++) {
        const duet_level level = duet_noise_level(noise, known[i].t);
        if (!(fabs(level.sigma - known[i].sigma) < 1e-6 * known[i].sigma))
            fail_msg("t %d: sigma %.9g", known[i].t, level.sigma);
        assert_true(level.alpha == 1.0 &&
                    fabs(level.in_scale * sqrt(level.sigma * level.sigma + 0.25) - 1.0) < 1e-12);
        assert_true(fabs(exp(level.net_t / 250.0) - level.sigma) < 1e-9 * level.sigma);
    }
    const duet_level clean = duet_noise_level(noise, -1);
    assert_true(clean.sigma == 0.0 && clean.alpha == 1.0 && fabs(clean.in_scale - 2.0) < 1e-4 &&
                clean.net_t < -1500.0);
    duet_noise_free(noise);
}

/* diffusers' alphas_cumprod (f32) for the betas of latent diffusion, along a sigmoid, and for
 * others. */
static void test_diffusers(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        int t;
        double abar;
    } known[] = {{"scaled_linear", 0, 0.99915},
                 {"scaled_linear", 250, 0.673792303},
                 {"scaled_linear", 500, 0.276332468},
                 {"scaled_linear", 999, 0.00466009509},
                 {"scaled_linear:steps=400,beta_start=0.001,beta_end=0.02", 399, 0.0327404477},
                 {"sigmoid", 0, 0.99985081},
                 {"sigmoid", 250, 0.90279901},
                 {"sigmoid", 500, 0.298887581},
                 {"sigmoid", 999, 3.96818214e-05},
                 {"sigmoid:steps=200,beta_start=1e-5,beta_end=0.002", 199, 0.817775428}};
    for (int i = 0; i < DUET_COUNT(known); i++) {
        duet_noise *noise = open_noise(known[i].spec);
        const duet_level level = duet_noise_level(noise, known[i].t);
        if (!(fabs(level.alpha * level.alpha - known[i].abar) < 1e-5 * known[i].abar))
            fail_msg("%s at %d: %.9g", known[i].spec, known[i].t, level.alpha * level.alpha);
        assert_true(fabs(level.alpha * level.alpha + level.sigma * level.sigma - 1.0) < 1e-12 &&
                    level.net_t == known[i].t);
        duet_noise_free(noise);
    }
}

/* Every schedule is continuous and rises: levels between two whole t lie between theirs, whole t
 * are the table's, and the level of a ratio has it. */
static void test_continuous(void **state) {
    (void)state;
    static const char *const more[] = {"linear:zero_snr=true", "cosine:zero_snr=true,steps=50",
                                       "flow:shift=3,steps=7", "linear:steps=50", "edm:rho=3"};
    for (int k = 0; k < duet_family_noise.count + DUET_COUNT(more); k++) {
        const char *const spec = k < duet_family_noise.count ? duet_family_noise.entries[k]->name
                                                             : more[k - duet_family_noise.count];
        duet_noise *noise = open_noise(spec);
        const double most = (double)(noise->steps - 1);
        double before = -1.0;
        for (int i = 0; i <= 4000 && noise->steps > 1; i++) {
            const double t = most * (double)i / 4000.0;
            const duet_level level = duet_noise_at(noise, t);
            const double ratio = duet_level_ratio(level);
            if (!(ratio > before)) fail_msg("%s at %g: %g after %g", spec, t, ratio, before);
            assert_true(fabs(level.t - t) < 1e-9 && level.alpha >= 0.0 && isfinite(level.net_t));
            before = ratio;
            if (!isfinite(ratio)) continue;
            const duet_level found = duet_noise_find(noise, ratio);
            if (!(fabs(found.t - t) < 1e-7 * most))
                fail_msg("%s at %.12g: found %.12g", spec, t, found.t);
        }
        assert_true(duet_noise_at(noise, -3.0).t == duet_noise_level(noise, 0).t);
        assert_true(duet_noise_at(noise, most + 1.0).t == duet_noise_level(noise, noise->steps).t);
        duet_noise_free(noise);
    }
}

/* abar of diffusers' rescale_zero_terminal_snr for linear betas, whose last is 0. */
static void test_zero_snr(void **state) {
    (void)state;
    static const struct {
        int t;
        double abar;
    } known[] = {{0, 0.9999},
                 {250, 0.518860537},
                 {500, 0.0752462157},
                 {750, 0.00264410592},
                 {998, 4.21326247e-9}};
    duet_noise *noise = open_noise("linear:zero_snr=true");
    for (int i = 0; i < DUET_COUNT(known); i++) {
        const double abar = pow(duet_noise_level(noise, known[i].t).alpha, 2.0);
        if (!(fabs(abar - known[i].abar) < 1e-4 * known[i].abar))
            fail_msg("t %d: %.9g", known[i].t, abar);
    }
    assert_true(duet_noise_level(noise, 999).alpha == 0.0 &&
                duet_noise_level(noise, 999).sigma == 1.0);
    duet_noise_free(noise);
}

/* The draws of training: whole t alike; ln sigma normal; u uniform, or the logistic of a normal. */
static void test_draws(void **state) {
    (void)state;
    enum { N = 20000 };
    static const struct {
        const char *spec;
        double mean, deviation; /* of t/999, ln sigma, sigma, logit sigma */
    } known[] = {{"linear", 0.5, 0.2887},
                 {"edm:mean=-0.5,std=0.8", -0.5, 0.8},
                 {"flow", 0.5, 0.2887},
                 {"flow:draw=logit_normal,mean=0.3,std=0.5", 0.3, 0.5}};
    for (int k = 0; k < DUET_COUNT(known); k++) {
        duet_noise *noise = open_noise(known[k].spec);
        double sum = 0.0, squares = 0.0;
        for (int i = 0; i < N; i++) {
            const duet_level level = duet_noise_draw(noise, duet_rng_make(3, "t", (uint64_t)i));
            const double value = k == 0   ? level.t / 999.0
                                 : k == 1 ? log(level.sigma)
                                 : k == 2 ? level.sigma
                                          : log(level.sigma / (1.0 - level.sigma));
            sum += value;
            squares += value * value;
        }
        const double mean = sum / N, deviation = sqrt(squares / N - mean * mean);
        if (!(fabs(mean - known[k].mean) < 4.0 * known[k].deviation / sqrt(N)) ||
            !(fabs(deviation - known[k].deviation) < 0.02 * known[k].deviation))
            fail_msg("%s: mean %g, deviation %g", known[k].spec, mean, deviation);
        duet_noise_free(noise);
    }
}

static void test_refusals(void **state) {
    (void)state;
    duet_noise *noise = NULL;
    assert_int_equal(duet_noise_new(&noise, "linear:steps=20"),
                     DUET_ARG); /* the last beta would be 1 */
    assert_non_null(strstr(duet_error_message(), "20 steps"));
    assert_int_equal(duet_noise_new(&noise, "linear:steps=0"), DUET_ARG);
    assert_int_equal(duet_noise_new(&noise, "liner"), DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "'linear'"));
    assert_null(noise);
}

static void test_add(void **state) {
    (void)state;
    const float x0[3] = {1.0F, -0.5F, 0.25F}, eps[3] = {2.0F, 0.5F, -1.0F};
    const duet_level level = {.alpha = 0.75, .sigma = 0.5, .in_scale = 2.0};
    float out[3];
    duet_add_noise(out, x0, eps, level, 3);
    for (int i = 0; i < 3; i++) assert_true(out[i] == 1.5F * x0[i] + 1.0F * eps[i]);
    memcpy(out, x0, sizeof out);
    duet_add_noise(out, out, eps, level, 3); /* in place */
    assert_true(out[1] == 1.5F * x0[1] + 1.0F * eps[1]);
}

static void test_image_noise(void **state) {
    (void)state;
    enum { N = 4096 };
    static float a[N], b[N];
    double mean = 0.0, square = 0.0, cross = 0.0;
    duet_image_noise(a, 7, 3, N);
    duet_image_noise(b, 7, 3, 100); /* an image's noise does not depend on how much is asked for */
    assert_memory_equal(a, b, 100 * sizeof(float));
    duet_image_noise(b, 7, 4, N);
    for (int i = 0; i < N; i++) {
        mean += (double)a[i] / N;
        square += (double)a[i] * (double)a[i] / N;
        cross += (double)a[i] * (double)b[i] / N;
    }
    /* 5 standard errors */
    assert_true(fabs(mean) < 0.08 && fabs(square - 1.0) < 0.11 && fabs(cross) < 0.08);
    duet_image_noise(b, 8, 3, N);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),     cmocka_unit_test(test_published),
        cmocka_unit_test(test_clean_level), cmocka_unit_test(test_karras),
        cmocka_unit_test(test_diffusers),   cmocka_unit_test(test_continuous),
        cmocka_unit_test(test_zero_snr),    cmocka_unit_test(test_draws),
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_add),
        cmocka_unit_test(test_image_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
