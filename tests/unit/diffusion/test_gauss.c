/* SPDX-License-Identifier: MIT
 * Samplers against exact solutions: the denoiser of Gaussian data is known, so is the flow that
 * DDIM follows and so are the moments of what ancestral sampling gives. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "base/rng.h"
#include "diffusion/spacing/spacing.h"
#include "gauss.h"
#include "mixture.h"

static const duet_sampler *find(const char *spec, void *options, size_t size) {
    const duet_entry *entry = NULL;
    assert_int_equal(duet_family_parse(&duet_family_sampler, &entry, options, size, spec), DUET_OK);
    return duet_sampler_of(entry);
}

static void sample(const char *spec, const duet_noise *noise, gauss *g, double *x, int64_t rows,
                   int64_t dim, uint64_t seed) {
    max_align_t options[64];
    int64_t id[64];
    for (int64_t r = 0; r < rows; r++) id[r] = 100 + r;
    g->cells = rows * dim;
    duet_sampler_state state = {.user = g,
                                .denoise = gauss_denoise,
                                .noise = noise,
                                .rows = rows,
                                .dim = dim,
                                .x = x,
                                .seed = seed,
                                .id = id,
                                .clip = true};
    assert_int_equal(duet_sampler_run(find(spec, options, sizeof options), options, &state),
                     DUET_OK);
}

/* Largest distance of DDIM from the end of the exact flow, where (x_t - alpha mean) / sqrt(alpha^2
 * s^2 + sigma^2) stays. */
static double ddim_error(const duet_noise *noise, int steps) {
    enum { N = 9 };
    gauss g = {.mean = 0.3, .spread = 0.5};
    double x[N], worst = 0.0;
    const duet_level top = duet_noise_level(noise, noise->steps - 1);
    for (int i = 0; i < N; i++) x[i] = -2.0 + 0.5 * i;
    char spec[64];
    snprintf(spec, sizeof spec, "ddim:steps=%d,clip=false", steps);
    sample(spec, noise, &g, x, 1, N, 0);
    assert_int_equal(g.calls, steps);
    for (int i = 0; i < N; i++) {
        const double at = sqrt(top.alpha * top.alpha * g.spread * g.spread + top.sigma * top.sigma);
        const double exact = g.mean + g.spread * (-2.0 + 0.5 * i - top.alpha * g.mean) / at;
        if (fabs(x[i] - exact) > worst) worst = fabs(x[i] - exact);
    }
    return worst;
}

static void test_ddim_order(void **state) {
    (void)state;
    duet_noise *noise = NULL;
    assert_int_equal(duet_noise_new(&noise, "linear"), DUET_OK);
    double before = ddim_error(noise, 16);
    for (int steps = 32; steps <= 256; steps *= 2) {
        const double error = ddim_error(noise, steps), order = log2(before / error);
        print_message("ddim: %3d steps, error %.2e, order %.2f\n", steps, error, order);
        assert_true(order > 0.8 && order < 1.25);
        before = error;
    }
    duet_noise_free(noise);
}

/* What a linear rule makes of a Gaussian is a Gaussian whose moments follow a recursion; here with
 * the coefficients of DDPM written by beta and abar (equation 7), kept values of abar as in
 * SpacedDiffusion. */
static void exact_moments(const duet_noise *noise, const gauss *g, int steps, bool large,
                          double *mean, double *variance) {
    int64_t t[1000];
    assert_int_equal(duet_respace(t, noise->steps, steps), DUET_OK);
    double m = 0.0, v = 1.0;
    for (int k = 0; k < steps; k++) {
        const duet_level now = duet_noise_level(noise, t[k]);
        const double abar = now.alpha * now.alpha;
        const double prev = k + 1 < steps ? pow(duet_noise_level(noise, t[k + 1]).alpha, 2.0) : 1.0;
        const double beta = 1.0 - abar / prev;
        const double c0 = beta * sqrt(prev) / (1.0 - abar),
                     c1 = (1.0 - prev) * sqrt(1.0 - beta) / (1.0 - abar);
        const double slope =
            gauss_x0(g, 1.0, now.alpha, now.sigma) - gauss_x0(g, 0.0, now.alpha, now.sigma);
        const double added = k + 1 == steps ? 0.0
                             : large        ? beta
                                            : beta * (1.0 - prev) / (1.0 - abar);
        m = c0 * gauss_x0(g, m, now.alpha, now.sigma) + c1 * m;
        v = (c0 * slope + c1) * (c0 * slope + c1) * v + added;
    }
    *mean = m;
    *variance = v;
}

static void check_moments(const char *spec, const duet_noise *noise, int steps, bool large,
                          double bias) {
    enum { ROWS = 64, DIM = 64, N = ROWS * DIM };
    static double x[N];
    static float start[N];
    gauss g = {.mean = 0.3, .spread = 0.5};
    double mean = 0.0, variance = 0.0, m = 0.0, v = 0.0;
    duet_rng_normal(duet_rng_make(5, "start", 0), 0, start, N);
    for (int i = 0; i < N; i++) x[i] = (double)start[i];
    sample(spec, noise, &g, x, ROWS, DIM, 11);
    for (int i = 0; i < N; i++) mean += x[i] / N;
    for (int i = 0; i < N; i++) variance += (x[i] - mean) * (x[i] - mean) / (N - 1);
    exact_moments(noise, &g, steps, large, &m, &v);
    print_message("%s: mean %.4f (exact %.4f), variance %.4f (exact %.4f)\n", spec, mean, m,
                  variance, v);
    assert_true(fabs(mean - m) < 5.0 * sqrt(v / N));
    assert_true(fabs(variance - v) < 5.0 * v * sqrt(2.0 / N));
    assert_true(fabs(m - 0.3) < 0.02 && fabs(v - 0.25) < bias); /* and these are the data's */
}

static void test_ddpm_moments(void **state) {
    (void)state;
    duet_noise *noise = NULL;
    assert_int_equal(duet_noise_new(&noise, "linear"), DUET_OK);
    check_moments("ddpm:steps=200,clip=false", noise, 200, false, 0.02);
    check_moments("ddpm:steps=200,variance=fixed_large,clip=false", noise, 200, true, 0.06);
    check_moments("ddim:steps=200,eta=1,clip=false", noise, 200, false,
                  0.02); /* the same as ddpm */
    duet_noise_free(noise);
}

/* Step for step against DDPM's equations with the noise the interface promises: elements from k*dim
 * of (seed, id). */
static void test_ddpm_steps(void **state) {
    (void)state;
    enum { STEPS = 7, DIM = 5 };
    duet_noise *noise = NULL;
    assert_int_equal(duet_noise_new(&noise, "linear"), DUET_OK);
    gauss g = {.mean = -0.2, .spread = 0.3};
    double x[DIM], y[DIM];
    int64_t t[STEPS];
    assert_int_equal(duet_respace(t, 1000, STEPS), DUET_OK);
    for (int i = 0; i < DIM; i++) x[i] = y[i] = 0.4 * i - 1.0;
    sample("ddpm:steps=7,clip=false", noise, &g, x, 1, DIM, 21);
    for (int k = 0; k < STEPS; k++) {
        const duet_level now = duet_noise_level(noise, t[k]);
        const double abar = now.alpha * now.alpha;
        const double prev = k + 1 < STEPS ? pow(duet_noise_level(noise, t[k + 1]).alpha, 2.0) : 1.0;
        const double beta = 1.0 - abar / prev;
        float z[DIM];
        duet_rng_normal(duet_rng_make(21, "step", 100), (uint64_t)(k * DIM), z, DIM);
        for (int i = 0; i < DIM; i++) {
            const double x0 =
                (double)(float)gauss_x0(&g, (double)(float)y[i], now.alpha, now.sigma);
            y[i] = beta * sqrt(prev) / (1.0 - abar) * x0 +
                   (1.0 - prev) * sqrt(1.0 - beta) / (1.0 - abar) * y[i];
            if (k + 1 < STEPS) y[i] += sqrt(beta * (1.0 - prev) / (1.0 - abar)) * (double)z[i];
        }
    }
    /* x is rounded to f32 for the network */
    for (int i = 0; i < DIM; i++) assert_true(fabs(x[i] - y[i]) < 1e-6);
    duet_noise_free(noise);
}

/* The consistency function of that data: along the flow to the level `low`. */
static duet_status leap(void *user, const float *x, duet_level level, const duet_denoised *out) {
    gauss *g = user;
    const double by = sqrt((g->spread * g->spread + 0.002 * 0.002) /
                           (g->spread * g->spread + level.sigma * level.sigma));
    g->calls++;
    for (int64_t i = 0; i < g->cells; i++)
        out->x0[i] = (float)(g->mean + by * ((double)x[i] - g->mean));
    assert_null(out->eps);
    return DUET_OK;
}

/* One leap is the flow; several leave the data's moments, and the noise between two of them is what
 * the interface promises. */
static void test_consistency(void **state) {
    (void)state;
    enum { ROWS = 64, DIM = 64, N = ROWS * DIM };
    static double x[N];
    static float start[N];
    max_align_t options[64];
    int64_t id[ROWS];
    duet_noise *noise = NULL;
    assert_int_equal(duet_noise_new(&noise, "karras"), DUET_OK);
    duet_rng_normal(duet_rng_make(5, "start", 0), 0, start, N);
    for (int r = 0; r < ROWS; r++) id[r] = r;
    for (int steps = 1; steps <= 4; steps++) {
        gauss g = {.mean = 0.3, .spread = 0.5, .cells = N};
        char spec[64];
        double mean = 0.0, variance = 0.0;
        for (int i = 0; i < N; i++) x[i] = 80.0 * (double)start[i];
        snprintf(spec, sizeof spec, "consistency:steps=%d,clip=false", steps);
        duet_sampler_state s = {.user = &g,
                                .denoise = leap,
                                .noise = noise,
                                .rows = ROWS,
                                .dim = DIM,
                                .x = x,
                                .seed = 3,
                                .id = id,
                                .clip = true};
        assert_int_equal(duet_sampler_run(find(spec, options, sizeof options), options, &s),
                         DUET_OK);
        assert_int_equal(g.calls, steps);
        for (int i = 0; i < N; i++) mean += x[i] / N;
        for (int i = 0; i < N; i++) variance += (x[i] - mean) * (x[i] - mean) / (N - 1);
        if (steps == 1)
            assert_true(fabs(x[7] - 0.3 -
                             0.500004 / sqrt(0.25 + 6400.0) * (80.0 * (double)start[7] - 0.3)) <
                        1e-5);
        print_message("%s: mean %.4f, variance %.4f\n", spec, mean, variance);
        assert_true(fabs(mean - 0.3) < 5.0 * 0.5 / sqrt(N));
        assert_true(fabs(variance - 0.25) < 5.0 * 0.25 * sqrt(2.0 / N));
    }
    duet_sampler_state none = {.noise = noise};
    assert_int_equal(
        duet_sampler_run(find("consistency:steps=1000", options, sizeof options), options, &none),
        DUET_ARG);
    duet_noise_free(noise);
}

/* Samplers with fresh noise give the mixture: mean, variance and weights of its parts, within three
 * standard errors. */
static void check_mixture(const char *noise_spec, const char *spec) {
    enum { ROWS = 64, DIM = 64, N = ROWS * DIM };
    static double x[N];
    max_align_t options[64];
    int64_t id[ROWS];
    mixture m = usual_mixture;
    duet_noise *noise = NULL;
    double mean = 0.0, variance = 0.0, low = 0.0, want = 0.0, square = 0.0, below = 0.0,
           fourth = 0.0;
    assert_int_equal(duet_noise_new(&noise, noise_spec), DUET_OK);
    const double top = fmax(noise->table[noise->steps - 1].sigma, 1.0);
    m.cells = N;
    for (int r = 0; r < ROWS; r++) {
        float z[DIM];
        id[r] = r;
        duet_image_noise(z, 2, r, DIM);
        for (int i = 0; i < DIM; i++) x[r * DIM + i] = top * (double)z[i];
    }
    duet_sampler_state state = {.user = &m,
                                .denoise = mixture_denoise,
                                .noise = noise,
                                .rows = ROWS,
                                .dim = DIM,
                                .x = x,
                                .seed = 2,
                                .id = id};
    assert_int_equal(duet_sampler_run(find(spec, options, sizeof options), options, &state),
                     DUET_OK);
    for (int i = 0; i < 2; i++) {
        want += m.weight[i] * m.mean[i];
        square += m.weight[i] * (m.mean[i] * m.mean[i] + m.spread[i] * m.spread[i]);
        below += m.weight[i] * 0.5 * erfc(m.mean[i] / m.spread[i] / sqrt(2.0));
    }
    square -= want * want;
    for (int i = 0; i < N; i++) mean += x[i] / N;
    for (int i = 0; i < N; i++) variance += (x[i] - mean) * (x[i] - mean) / (N - 1);
    for (int i = 0; i < N; i++) fourth += pow(x[i] - mean, 4.0) / N;
    for (int i = 0; i < N; i++) low += x[i] < 0.0 ? 1.0 / N : 0.0;
    print_message("%s: mean %.4f (%.4f), variance %.4f (%.4f), below 0 %.4f (%.4f)\n", spec, mean,
                  want, variance, square, low, below);
    assert_true(fabs(mean - want) < 3.0 * sqrt(square / N));
    assert_true(fabs(variance - square) < 3.0 * sqrt((fourth - square * square) / N));
    assert_true(fabs(low - below) < 3.0 * sqrt(below * (1.0 - below) / N));
    duet_noise_free(noise);
}

static void test_mixtures(void **state) {
    (void)state;
    static const char *const specs[] = {
        "ddpm:steps=300,spacing=logsnr",
        "ddim:steps=300,eta=1,spacing=logsnr",
        "euler_ancestral:steps=300,spacing=logsnr",
        "euler:steps=1000,s_churn=40,spacing=logsnr",
        "heun:steps=60,s_churn=20,spacing=logsnr",
        "dpm2_ancestral:steps=80,spacing=logsnr",
        "dpmpp_2s_ancestral:steps=80,spacing=logsnr",
        "dpmpp_2m_sde:steps=80,spacing=logsnr",
        "dpmpp_3m_sde:steps=80,spacing=logsnr",
        "er_sde:steps=80,spacing=logsnr",
    };
    static const char *const noises[] = {"linear", "edm", "flow"};
    for (int i = 0; i < DUET_COUNT(specs); i++)
        for (int n = 0; n < DUET_COUNT(noises); n++) check_mixture(noises[n], specs[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ddim_order), cmocka_unit_test(test_ddpm_moments),
        cmocka_unit_test(test_ddpm_steps), cmocka_unit_test(test_consistency),
        cmocka_unit_test(test_mixtures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
