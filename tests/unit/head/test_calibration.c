/* SPDX-License-Identifier: MIT
 * Calibration: the temperature against a search of the cross-entropy itself, scores and sets
 * against their definition, and the promise of the sets on rows drawn from known probabilities. */
#include "unit/data/fixtures.h"

#include <math.h>

#include <duet/head.h>

#include "base/rng.h"

enum { K = 5, MOST = 24000 };

static float logits[MOST * K];
static int32_t labels[MOST];

/* Logits whose honest probabilities are softmax(logits / temperature): labels are drawn by them. */
static void draw(int rows, double temperature, uint64_t seed) {
    duet_rng_normal(duet_rng_make(seed, "logits", 0), 0, logits, (int64_t)rows * K);
    for (int i = 0; i < rows; i++) {
        double p[K], sum = 0, at = duet_rng_uniform(duet_rng_make(seed, "labels", 0), (uint64_t)i);
        for (int k = 0; k < K; k++) logits[i * K + k] *= 4;
        for (int k = 0; k < K; k++) sum += p[k] = exp((double)logits[i * K + k] / temperature);
        labels[i] = 0;
        for (at *= sum; labels[i] < K - 1 && at >= p[labels[i]]; labels[i]++) at -= p[labels[i]];
    }
}

/* The mean cross-entropy by its definition. */
static double entropy(int rows, double temperature) {
    double sum = 0;
    for (int i = 0; i < rows; i++) {
        double total = 0;
        for (int k = 0; k < K; k++) total += exp((double)logits[i * K + k] / temperature);
        sum -= (double)logits[i * K + labels[i]] / temperature - log(total);
    }
    return sum / rows;
}

/* Golden-section search in the logarithm of the temperature. */
static double search(int rows) {
    const double ratio = 0.6180339887498949;
    double low = log(0.01), high = log(100);
    while (high - low > 1e-9) {
        const double a = high - ratio * (high - low), b = low + ratio * (high - low);
        if (entropy(rows, exp(a)) < entropy(rows, exp(b)))
            high = b;
        else
            low = a;
    }
    return exp(0.5 * (low + high));
}

static duet_calibration calibrate(int rows) {
    duet_calibration c;
    OK(duet_calibrate(&c, logits, labels, rows, K));
    assert_int_equal(c.rows, rows);
    return c;
}

static void the_temperature_has_the_smallest_cross_entropy(void **unused) {
    (void)unused;
    static const double honest[] = {0.4, 1.0, 3.0, 20.0};
    for (int i = 0; i < 4; i++) {
        draw(400, honest[i], (uint64_t)i);
        assert_true(fabs(calibrate(400).temperature / search(400) - 1) < 1e-6);
    }
    draw(20000, 3.0, 9);
    const double many = calibrate(20000).temperature;
    assert_true(fabs(many / 3.0 - 1) < 0.03); /* it finds how the labels were drawn */
    for (int i = 0; i < 20000 * K; i++) logits[i] *= 8;
    assert_true(fabs(calibrate(20000).temperature / (8 * many) - 1) < 1e-6);
}

/* Without an error there is no smallest cross-entropy, and no reason to be certain. */
static void rows_that_are_all_right_do_not_make_it_certain(void **unused) {
    (void)unused;
    duet_calibration c;
    double p[K];
    for (int i = 0; i < 20; i++) {
        labels[i] = i % K;
        for (int k = 0; k < K; k++) logits[i * K + k] = k == labels[i] ? 1.0f : 0.0f;
    }
    c = calibrate(20);
    duet_calibrated(&c, logits, K, p);
    assert_true(fabs(p[0] - (1 - (1 - 1.0 / K) / 21)) < 1e-6); /* 1 - e + e/K, e = 1/21 */
    for (int i = 0; i < 20; i++) labels[i] = (i + 1) % K; /* always wrong: as good as guessing */
    c = calibrate(20);
    assert_true(fabs(c.temperature - 1000) < 1e-6);
}

static void what_cannot_be_used_is_left_out(void **unused) {
    (void)unused;
    duet_calibration whole, part;
    draw(60, 2, 3);
    whole = calibrate(50);
    for (int i = 50; i < 60; i++) {
        if (i % 2 == 0)
            labels[i] = i % 4 == 0 ? -1 : K;
        else
            logits[i * K + 2] = i % 4 == 1 ? NAN : -INFINITY;
    }
    OK(duet_calibrate(&part, logits, labels, 60, K));
    assert_int_equal(part.rows, 50);
    assert_true(part.temperature == whole.temperature);
    assert_memory_equal(part.scores, whole.scores, 50 * sizeof *part.scores);
    FAILS(DUET_ARG, "none of 10 rows", duet_calibrate(&part, logits + 50 * K, labels + 50, 10, K));
}

static void probabilities_are_those_of_the_softmax(void **unused) {
    (void)unused;
    const float row[K] = {1, -2, NAN, 3, -INFINITY};
    const duet_calibration c = {.rows = 1, .temperature = 2}, none = {.rows = 0};
    double p[K], q[K];
    duet_calibrated(&c, row, K, p);
    const double sum = exp(0.5) + exp(-1) + exp(1.5);
    assert_true(fabs(p[0] - exp(0.5) / sum) < 1e-15 && fabs(p[1] - exp(-1) / sum) < 1e-15 &&
                fabs(p[3] - exp(1.5) / sum) < 1e-15 && p[2] == 0 && p[4] == 0);
    duet_calibrated(NULL, row, K, p);
    duet_calibrated(&none, row, K, q);
    assert_memory_equal(p, q, sizeof p);
    assert_true(fabs(p[0] / p[1] - exp(3)) < 1e-9);
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* 1 - the score of a rank, by sorting. */
static double at_rank(const duet_calibration *c, int rows, int rank) {
    static double scores[MOST];
    double p[K];
    for (int i = 0; i < rows; i++) {
        duet_calibrated(c, logits + i * K, K, p);
        scores[i] = 1 - p[labels[i]];
    }
    qsort(scores, (size_t)rows, sizeof *scores, ascending);
    return 1 - scores[rank - 1];
}

static void the_threshold_is_the_finite_sample_quantile(void **unused) {
    (void)unused;
    static const double levels[] = {0.01, 0.5, 0.8, 0.9, 0.95, 0.98};
    draw(4999, 2, 5);
    duet_calibration c = calibrate(49);
    assert_int_equal(c.score_count, 49);
    for (int i = 0; i < 6; i++) { /* 50 level is whole: 0.5, 25, 40, 45, 47.5, 49 */
        const int rank = (int)ceil(50 * levels[i] - 1e-9);
        assert_true(fabs(duet_conformal_least(&c, levels[i]) - at_rank(&c, 49, rank)) < 1e-7);
    }
    assert_true(duet_conformal_least(&c, 0.981) == 0); /* rank 50 of 49: everything */
    c = calibrate(4999);
    assert_int_equal(c.score_count, DUET_MOST_SCORES);
    for (int i = 0; i < 6; i++)
        assert_true(fabs(duet_conformal_least(&c, levels[i]) -
                         at_rank(&c, 4999, (int)(5000 * levels[i] + 0.5))) < 1e-7);
    /* between two of its quantiles the larger set */
    assert_true(duet_conformal_least(&c, 0.9004) == duet_conformal_least(&c, 0.901));
    assert_true(duet_conformal_least(&c, 0.9991) == 0);
    /* no row is outside a set that its own score made */
    for (int i = 0; i < c.score_count; i++) assert_true(i == 0 || c.scores[i] >= c.scores[i - 1]);
}

/* Rows like those of the calibration are covered as promised: at least the level, and not more than
 * 1/(n+1) above it, up to the spread of both samples. */
static void sets_keep_their_promise(void **unused) {
    (void)unused;
    enum { N = 3999, M = 20000 };
    static const double levels[] = {0.6, 0.8, 0.9, 0.99};
    draw(N + M, 2.5, 11);
    const duet_calibration c = calibrate(N);
    for (int l = 0; l < 4; l++) {
        const double least = duet_conformal_least(&c, levels[l]),
                     deviation = sqrt(levels[l] * (1 - levels[l]) * (1.0 / N + 1.0 / M));
        int inside = 0;
        for (int i = N; i < N + M; i++) {
            double p[K];
            duet_calibrated(&c, logits + i * K, K, p);
            inside += p[labels[i]] >= least;
        }
        assert_true(fabs(inside / (double)M - levels[l]) < 4 * deviation + 1.0 / N);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_temperature_has_the_smallest_cross_entropy),
        cmocka_unit_test(rows_that_are_all_right_do_not_make_it_certain),
        cmocka_unit_test(what_cannot_be_used_is_left_out),
        cmocka_unit_test(probabilities_are_those_of_the_softmax),
        cmocka_unit_test(the_threshold_is_the_finite_sample_quantile),
        cmocka_unit_test(sets_keep_their_promise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
