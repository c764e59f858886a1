/* SPDX-License-Identifier: MIT
 * AdamW and SGD against their formulas in double, the gradient norm, and independence of tiles and
 * threads. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "optim/optim.h"

enum { N = 1000 };

static const duet_rule *find(const char *spec, void *options, size_t size) {
    const duet_entry *entry = NULL;
    assert_int_equal(duet_family_parse(&duet_family_optim, &entry, options, size, spec), DUET_OK);
    return duet_optim_of(entry);
}

static void step(const duet_rule *optim, const void *options, duet_update_call *call, double factor,
                 int64_t k) {
    float coefficients[16];
    assert_true(optim->coefficients <= 16);
    optim->prepare(options, factor, k, coefficients);
    call->coefficients = coefficients;
    optim->run(call);
}

static double gradient_at(int i, int step) {
    return sin(1.7 * i + 0.3 * step) * exp(0.01 * (i % 400) - 2.0);
}

static void test_formula(void **state) {
    (void)state;
    max_align_t options[64];
    const duet_rule *adamw = find("adamw:rate=0.01,beta1=0.8,beta2=0.95,eps=1e-6,weight_decay=0.1",
                                  options, sizeof options);
    static float w[N], m[N], v[N], g[N];
    static double dw[N], dm[N], dv[N];
    const duet_update_tile tiles[2] = {
        {.weight = w, .beside = {m, v}, .count = 600, .decay = true},
        {.weight = w + 600, .beside = {m + 600, v + 600}, .grad = 600, .count = 400}};
    assert_int_equal(adamw->beside_count, 2);
    assert_true(adamw->rate(options) == 0.01);
    for (int i = 0; i < N; i++) dw[i] = w[i] = (float)cos(i);
    for (int k = 1; k <= 20; k++) {
        const double factor = 1.0 / k, scale = k % 2 == 0 ? 0.5 : 1.0;
        for (int i = 0; i < N; i++) {
            g[i] = (float)gradient_at(i, k);
            const double d = scale * (double)g[i], rate = 0.01 * factor;
            dm[i] = 0.8 * dm[i] + 0.2 * d;
            dv[i] = 0.95 * dv[i] + 0.05 * d * d;
            if (i < 600) dw[i] -= rate * 0.1 * dw[i];
            dw[i] -=
                rate * (dm[i] / (1.0 - pow(0.8, k))) / (sqrt(dv[i] / (1.0 - pow(0.95, k))) + 1e-6);
        }
        step(adamw, options,
             &(duet_update_call){
                 .grad = g, .tiles = tiles, .tile_count = 2, .scale = (float)scale, .threads = 2},
             factor, k);
    }
    for (int i = 0; i < N; i++) {
        assert_true(fabs((double)w[i] - dw[i]) < 2e-6);
        assert_true(fabs((double)m[i] - dm[i]) < 1e-6 * (1.0 + fabs(dm[i])));
        assert_true(fabs((double)v[i] - dv[i]) < 1e-5 * dv[i] + 1e-12);
    }
}

/* With and without Nesterov's step ahead; decay for the first tile only. */
static void test_sgd(void **state) {
    (void)state;
    for (int ahead = 0; ahead < 2; ahead++) {
        max_align_t options[64];
        const duet_rule *sgd = find(ahead ? "sgd:rate=0.1,momentum=0.7,weight_decay=0.2,nesterov"
                                          : "sgd:rate=0.1,momentum=0.7,weight_decay=0.2",
                                    options, sizeof options);
        static float w[N], b[N], g[N];
        static double dw[N], db[N];
        const duet_update_tile tiles[2] = {
            {.weight = w, .beside = {b}, .count = 600, .decay = true},
            {.weight = w + 600, .beside = {b + 600}, .grad = 600, .count = 400}};
        for (int i = 0; i < N; i++) dw[i] = w[i] = (float)cos(i);
        for (int i = 0; i < N; i++) db[i] = b[i] = 0;
        for (int k = 1; k <= 20; k++) {
            const double factor = 1.0 / k;
            for (int i = 0; i < N; i++) {
                g[i] = (float)gradient_at(i, k);
                const double d = 0.5 * (double)g[i] + (i < 600 ? 0.2 * dw[i] : 0.0);
                db[i] = 0.7 * db[i] + d;
                dw[i] -= 0.1 * factor * (ahead ? d + 0.7 * db[i] : db[i]);
            }
            step(sgd, options,
                 &(duet_update_call){
                     .grad = g, .tiles = tiles, .tile_count = 2, .scale = 0.5F, .threads = 2},
                 factor, k);
        }
        for (int i = 0; i < N; i++) assert_true(fabs((double)w[i] - dw[i]) < 2e-6);
        for (int i = 0; i < N; i++) assert_true(fabs((double)b[i] - db[i]) < 2e-6);
    }
}

/* The first step moves each weight by the rate, against the sign of its gradient, whatever its
 * size. */
static void test_first_step(void **state) {
    (void)state;
    max_align_t options[64];
    const duet_rule *adamw = find("adamw:rate=0.5,weight_decay=0", options, sizeof options);
    float w[3] = {1.0F, 1.0F, 1.0F}, m[3] = {0}, v[3] = {0};
    const float g[3] = {100.0F, -0.25F, 0.0F};
    const duet_update_tile tile = {.weight = w, .beside = {m, v}, .count = 3, .decay = true};
    step(adamw, options,
         &(duet_update_call){
             .grad = g, .tiles = &tile, .tile_count = 1, .scale = (float)1.0, .threads = 1},
         1.0, 1);
    assert_true(fabsf(w[0] - 0.5F) < 1e-6F && fabsf(w[1] - 1.5F) < 1e-6F && w[2] == 1.0F);
}

static void run_tiled(float *w, int64_t tile, int threads) {
    max_align_t options[64];
    const duet_rule *adamw = find("adamw", options, sizeof options);
    static float m[N], v[N], g[N];
    duet_update_tile tiles[N];
    int64_t count = 0;
    memset(m, 0, sizeof m);
    memset(v, 0, sizeof v);
    for (int i = 0; i < N; i++) {
        w[i] = (float)cos(i);
        g[i] = (float)gradient_at(i, 1);
    }
    for (int64_t at = 0; at < N; at += tile) {
        tiles[count++] = (duet_update_tile){.weight = w + at,
                                            .beside = {m + at, v + at},
                                            .grad = at,
                                            .count = N - at < tile ? N - at : tile,
                                            .decay = true};
    }
    for (int k = 1; k <= 5; k++) {
        step(adamw, options,
             &(duet_update_call){.grad = g,
                                 .tiles = tiles,
                                 .tile_count = count,
                                 .scale = (float)1.0,
                                 .threads = threads},
             1.0, k);
    }
}

static void test_same_bits(void **state) {
    (void)state;
    static float a[N], b[N];
    run_tiled(a, N, 1);
    run_tiled(b, 7, 1);
    assert_memory_equal(a, b, sizeof a);
    run_tiled(b, 64, 4);
    assert_memory_equal(a, b, sizeof a);
}

static void test_norm(void **state) {
    (void)state;
    static float g[N + 100];
    double sums[3], exact = 0.0;
    for (int i = 0; i < N + 100; i++) g[i] = (float)gradient_at(i, 2);
    const duet_update_tile tiles[3] = {
        {.grad = 0, .count = 300}, {.grad = 400, .count = 600}, {.grad = 1000, .count = 1}};
    for (int k = 0; k < 3; k++) {
        for (int64_t i = 0; i < tiles[k].count; i++)
            exact += pow((double)g[tiles[k].grad + i], 2.0);
    }
    const double one = duet_update_norm(g, tiles, 3, sums, 1),
                 four = duet_update_norm(g, tiles, 3, sums, 4);
    assert_true(fabs(one - sqrt(exact)) < 1e-12 * sqrt(exact));
    assert_memory_equal(&one, &four, sizeof one);
    g[450] = NAN;
    assert_true(!isfinite(duet_update_norm(g, tiles, 3, sums, 2)));
    assert_int_equal(duet_optim_first_bad(g, N), 450);
    g[450] = 0.0F;
    assert_int_equal(duet_optim_first_bad(g, N), -1);
    g[7] = -INFINITY;
    assert_int_equal(duet_optim_first_bad(g, N), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),    cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_first_step), cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_norm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
