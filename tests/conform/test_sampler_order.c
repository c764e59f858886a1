/* SPDX-License-Identifier: MIT
 * Samplers that solve the probability-flow equation converge with the order that they state, on
 * every kind of noise and with every spacing: against the exact flow of a mixture of Gaussians,
 * between two levels away from sigma = 0. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/choice.h"
#include "base/mem.h"
#include "diffusion/denoiser.h"
#include "diffusion/spacing/spacing.h"
#include "unit/diffusion/mixture.h"

enum { DIM = 9 };

/* What a network of this prediction would give, and what follows from it; NULL = x0 itself. */
typedef struct network {
    mixture m;
    const duet_predict *predict;
    const void *options;
} network;

static duet_status through_network(void *user, const double *x, duet_level level, double *x0) {
    network *n = user;
    const duet_status status = mixture_exact(&n->m, x, level, x0);
    if (n->predict == NULL || status != DUET_OK) return status;
    const duet_predict_map map = n->predict->map(n->options, level);
    for (int64_t i = 0; i < n->m.cells; i++) {
        const double eps = (x[i] - level.alpha * x0[i]) / level.sigma,
                     raw = map.raw_x0 * x0[i] + map.raw_eps * eps;
        assert_true(fabs(map.eps_x * x[i] + map.eps_raw * raw - eps) < 1e-9 * (1.0 + fabs(eps)));
        x0[i] = map.x0_x * x[i] + map.x0_raw * raw;
    }
    return DUET_OK;
}

/* Largest error of a run of `spec` from the noise `path`, beside the exact flow. */
static double error_of(const char *spec, const char *path, const char *predict) {
    network net = {.m = usual_mixture};
    duet_choice choice, prediction;
    duet_noise *noise = NULL;
    duet_level *level = NULL;
    int64_t steps = 0;
    const int64_t id = 0;
    double x[DIM], exact[DIM], worst = 0.0;
    net.m.cells = DIM;
    if (predict != NULL) {
        assert_int_equal(duet_choice_parse(&prediction, &duet_family_predict, predict), DUET_OK);
        net.predict = duet_predict_of(prediction.entry);
        net.options = &prediction.options;
    }
    assert_int_equal(duet_noise_new(&noise, path), DUET_OK);
    assert_int_equal(duet_choice_parse(&choice, &duet_family_sampler, spec), DUET_OK);
    const duet_sampler *sampler = duet_sampler_of(choice.entry);
    assert_int_equal(duet_sampler_levels(sampler, &choice.options, noise, &level, &steps), DUET_OK);
    const double curve = duet_curve_of(noise), from = duet_curve_place(curve, level[0]),
                 to = duet_curve_place(curve, level[steps]);
    const double scale = level[0].alpha + curve * level[0].sigma,
                 end = level[steps].alpha + curve * level[steps].sigma;
    const double top = noise->table[noise->steps - 1].sigma,
                 given = top > 1.0 ? top / level[0].sigma : 1.0; /* the run scales it back */
    for (int i = 0; i < DIM; i++) {
        const double y = (1.0 - curve * from) * 0.2 + from * (-2.0 + 0.5 * i);
        x[i] = given * scale * y;
        exact[i] = end * mixture_flow(&net.m, curve, y, from, to);
    }
    duet_sampler_state state = {.user = &net,
                                .denoise_exact = through_network,
                                .noise = noise,
                                .rows = 1,
                                .dim = DIM,
                                .x = x,
                                .id = &id};
    assert_int_equal(duet_sampler_run(sampler, &choice.options, &state), DUET_OK);
    for (int i = 0; i < DIM; i++) worst = fmax(worst, fabs(x[i] - exact[i]));
    duet_release(level);
    duet_noise_free(noise);
    return worst;
}

/* The slope of the error over steps from `few` on, doubled twice. */
static double order_of(const char *name, const char *options, const char *spacing, const char *path,
                       const char *predict, int few) {
    double error[3];
    for (int i = 0; i < 3; i++) {
        char spec[512];
        snprintf(spec, sizeof spec, "%s:steps=%d%s,spacing=(%s),end=lowest,clip=false", name,
                 (few << i) + 1, options, spacing);
        error[i] = error_of(spec, path, predict);
    }
    const double slope = 0.5 * log2(error[0] / error[2]);
    print_message("%-20s %-10.10s %-12.12s %-12.12s error %.1e %.1e %.1e, order %.2f\n", name, path,
                  spacing, predict != NULL ? predict : "exact x0", error[0], error[1], error[2],
                  slope);
    return slope;
}

/* Without noise, and without what lowers the order. */
static const char *options_of(const duet_entry *entry) {
    if (duet_params_find(&entry->params, "full") != NULL) return ",eta=0,full=true";
    if (duet_params_find(&entry->params, "eta") != NULL) return ",eta=0";
    return duet_params_find(&entry->params, "lower_final") != NULL ? ",lower_final=false" : "";
}

static void test_members(void **state) {
    (void)state;
    static const char *const path[][2] = {
        {"edm:low=0.3,high=3000", "exponential"},
        {"linear:steps=30,beta_start=0.0027,beta_end=0.0216", "exponential"},
        {"flow:steps=5", "logsnr"},
    };
    for (int m = 0; m < duet_family_sampler.count; m++) {
        const duet_entry *entry = duet_family_sampler.entries[m];
        const duet_sampler *sampler = duet_sampler_of(entry);
        if (sampler->order == 0) continue;
        const bool even = strcmp(entry->name, "plms") == 0; /* its formulas are for even steps */
        for (int i = even ? 2 : 0; i < DUET_COUNT(path); i++) {
            const double slope = order_of(entry->name, options_of(entry),
                                          even ? "time" : path[i][1], path[i][0], NULL, 192);
            assert_true(fabs(slope - sampler->order) < 0.2);
        }
    }
}

/* Whole t are so many that rounding does not show. */
static void test_spacings(void **state) {
    (void)state;
    static const char *const spec[] = {
        "uniform", "linspace", "leading", "trailing",    "time",
        "quad",    "karras",   "beta",    "exponential", "polyexponential:rho=1.2",
        "logsnr",
    };
    for (int i = 0; i < DUET_COUNT(spec); i++) {
        const double slope =
            order_of("heun", "", spec[i], "edm:steps=100000,low=0.3,high=20", NULL, 32);
        assert_true(fabs(slope - 2.0) < 0.2);
    }
}

/* Whatever the network gives: the map to its output and back loses nothing. */
static void test_predictions(void **state) {
    (void)state;
    static const char *const more[] = {"edm:data=1,low=0.002", "edm:negative=true"};
    static const char *const paths[] = {"linear:steps=30,beta_start=0.0027,beta_end=0.0216",
                                        "edm:low=0.3,high=20", "flow:steps=5"};
    const char *options = options_of(duet_family_find(&duet_family_sampler, "dpmpp_2m"));
    for (int m = 0; m < duet_family_predict.count + DUET_COUNT(more); m++) {
        const int extra = m - duet_family_predict.count;
        const char *predict = extra >= 0 ? more[extra] : duet_family_predict.entries[m]->name;
        for (int i = 0; i < DUET_COUNT(paths); i++) {
            const char *spacing = strncmp(paths[i], "flow", 4) == 0 ? "logsnr" : "exponential";
            assert_true(fabs(order_of("heun", "", spacing, paths[i], predict, 64) - 2.0) < 0.2);
            const double slope = order_of("dpmpp_2m", options, spacing, paths[i], predict, 192);
            assert_true(fabs(slope - 2.0) < 0.2);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_members),
                                       cmocka_unit_test(test_predictions),
                                       cmocka_unit_test(test_spacings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
