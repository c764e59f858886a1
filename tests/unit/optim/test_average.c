/* SPDX-License-Identifier: MIT
 * Power averages: the formulas of Karras et al. (2024), the weights of the steps, and averages of
 * other lengths from snapshots, against the exact ones of a known course of a weight. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "optim/average/average.h"
#include "optim/average/profile.h"

#define OK(call) assert_int_equal(call, DUET_OK)
enum { STEPS = 4096, MOST = 64 };

/* gamma of two lengths as the paper gives them; there and back; the root of
 * g^3 + 7 g^2 + (16 - std^-2) g + (12 - std^-2). */
static void lengths(void **state) {
    (void)state;
    assert_true(fabs(duet_power_exponent(0.05) - 16.97) < 0.005);
    assert_true(fabs(duet_power_exponent(0.10) - 6.94) < 0.005);
    for (double std = 0.005; std < 0.288; std += 0.007) {
        const double g = duet_power_exponent(std), s = 1.0 / (std * std);
        assert_true(fabs(duet_power_std(g) - std) < 1e-12);
        assert_true(fabs(g * g * g + 7.0 * g * g + (16.0 - s) * g + 12.0 - s) < 1e-9 * s * g);
    }
}

/* The decays make step t weigh (t^(g+1) - (t-1)^(g+1)) / T^(g+1); their deviation is the length. */
static void weights_of_steps(void **state) {
    (void)state;
    static double w[STEPS + 1];
    const double g = duet_power_exponent(0.1);
    double sum = 0.0, mean = 0.0, square = 0.0, left = 1.0;
    for (int64_t t = STEPS; t >= 1; t--) {
        w[t] = left * (1.0 - duet_power_decay(g, t));
        left *= duet_power_decay(g, t);
    }
    for (int64_t t = 1; t <= STEPS; t++) {
        const double at = (double)t / STEPS, before = (double)(t - 1) / STEPS;
        assert_true(fabs(w[t] - (pow(at, g + 1.0) - pow(before, g + 1.0))) < 1e-12);
        sum += w[t];
        mean += w[t] * at;
        square += w[t] * at * at;
    }
    assert_true(left == 0.0 && fabs(sum - 1.0) < 1e-12);
    assert_true(fabs(sqrt(square - mean * mean) - 0.1) < 1e-3);
}

/* The products are those of the integrals, by the midpoint rule. */
static void products(void **state) {
    (void)state;
    const duet_profile a = {.time = 3.0, .exponent = 2.5}, b = {.time = 5.0, .exponent = 7.0};
    double sum = 0.0;
    for (int i = 0; i < 30000; i++) {
        const double t = (i + 0.5) * 1e-4;
        sum += 1e-4 * 3.5 * pow(t, 2.5) / pow(3.0, 3.5) * 8.0 * pow(t, 7.0) / pow(5.0, 8.0);
    }
    assert_true(fabs(duet_profile_dot(a, b) / sum - 1.0) < 1e-6);
    assert_true(fabs(duet_profile_dot(b, a) / sum - 1.0) < 1e-6);
}

/* A weight that moves fast at first, jumps and trembles. */
static double course(int64_t t) {
    return 3.0 * exp(-(double)t / 300.0) + (t > 2900 ? 0.4 : 0.0) + 0.2 * sin(0.013 * (double)t) +
           0.3 * sin(1.7 * (double)t * (double)t);
}

/* The exact average of a length at the last step. */
static double exact(double std) {
    const double g = duet_power_exponent(std);
    double e = 0.0;
    for (int64_t t = 1; t <= STEPS; t++) e += (1.0 - duet_power_decay(g, t)) * (course(t) - e);
    return e;
}

static void from_snapshots(void **state) {
    (void)state;
    static const double followed[] = {0.05, 0.1};
    duet_profile list[MOST];
    double values[MOST], factors[MOST], error = 0.0;
    int64_t count = 0;
    for (int m = 0; m < 2; m++) {
        const double g = duet_power_exponent(followed[m]);
        double e = 0.0;
        for (int64_t t = 1; t <= STEPS; t++) {
            e += (1.0 - duet_power_decay(g, t)) * (course(t) - e);
            if (t % (STEPS / 16) != 0) continue;
            list[count] = (duet_profile){.time = (double)t, .exponent = g};
            values[count++] = e;
        }
    }
    for (double std = 0.05; std <= 0.2; std += 0.015) {
        const duet_profile wanted = {.time = STEPS, .exponent = duet_power_exponent(std)};
        double made = 0.0, all = 0.0;
        OK(duet_profile_fit(list, count, wanted, factors, &error));
        for (int64_t i = 0; i < count; i++) {
            made += factors[i] * values[i];
            all += factors[i];
        }
        assert_true(error < 0.03 && fabs(made - exact(std)) < 0.003 && fabs(all - 1.0) < 1e-2);
    }
    /* a snapshot is itself; what is out of reach is told */
    OK(duet_profile_fit(list, count, list[count - 1], factors, &error));
    assert_true(error < 1e-6 && fabs(factors[count - 1] - 1.0) < 1e-4);
    OK(duet_profile_fit(list, count, (duet_profile){STEPS, duet_power_exponent(0.005)}, factors,
                        &error));
    assert_true(error > 0.3);
    assert_int_equal(duet_profile_fit(list, 0, list[0], factors, &error), DUET_ARG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths), cmocka_unit_test(weights_of_steps), cmocka_unit_test(products),
        cmocka_unit_test(from_snapshots)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
