/* SPDX-License-Identifier: MIT
 * CKA over batches against its definition, computed term by term; what it must not change under;
 * and the same bits for any number of threads. */
#include "unit/data/fixtures.h"

#include <math.h>

#include "base/rng.h"
#include "metric/hsic.h"

enum { FIRST = 3, SECOND = 2, ROWS = 37, BATCHES = 3, MOST_DIM = 700 };
static const int64_t dims[FIRST + SECOND] = {5, 700, 16, 9, 40};
static const int64_t sizes[BATCHES] = {37, 36, 20};
static float columns[BATCHES][FIRST + SECOND][ROWS * MOST_DIM];

/* Columns that share a part, with means far from 0. */
static int setup(void **state) {
    (void)state;
    for (int b = 0; b < BATCHES; b++) {
        float common[ROWS];
        duet_rng_normal(duet_rng_make(1, "common", (uint64_t)b), 0, common, ROWS);
        for (int c = 0; c < FIRST + SECOND; c++) {
            float *x = columns[b][c];
            duet_rng_normal(duet_rng_make(2, "column", (uint64_t)(b * 10 + c)), 0, x,
                            sizes[b] * dims[c]);
            for (int64_t i = 0; i < sizes[b] * dims[c]; i++)
                x[i] += (float)c * common[i / dims[c]] + 20.0F;
        }
    }
    return 0;
}

/* ---- the definition ---- */

static void products(double *k, const float *x, int64_t n, int64_t dim) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            k[i * n + j] = 0;
            for (int64_t d = 0; d < dim && i != j; d++)
                k[i * n + j] += (double)x[i * dim + d] * (double)x[j * dim + d];
        }
}

/* (tr KL + 1'K1 1'L1 / ((n-1)(n-2)) - 2 1'KL1 / (n-2)) / (n (n-3)) */
static double estimate(const double *k, const double *l, int64_t n) {
    double trace = 0, sum_k = 0, sum_l = 0, both = 0;
    for (int64_t i = 0; i < n; i++) {
        double row_k = 0, row_l = 0;
        for (int64_t j = 0; j < n; j++) {
            trace += k[i * n + j] * l[j * n + i];
            row_k += k[j * n + i];
            row_l += l[i * n + j];
        }
        sum_k += row_k;
        sum_l += row_l;
        both += row_k * row_l;
    }
    const double m = (double)n;
    return (trace + sum_k * sum_l / ((m - 1) * (m - 2)) - 2 * both / (m - 2)) / (m * (m - 3));
}

static double defined(int a, int b) {
    static double k[ROWS * ROWS], l[ROWS * ROWS];
    double cross = 0, own_a = 0, own_b = 0;
    for (int i = 0; i < BATCHES; i++) {
        const int64_t n = sizes[i];
        products(k, columns[i][a], n, dims[a]);
        products(l, columns[i][b], n, dims[b]);
        cross += (double)n * estimate(k, l, n);
        own_a += (double)n * estimate(k, k, n);
        own_b += (double)n * estimate(l, l, n);
    }
    return cross / sqrt(own_a * own_b);
}

/* ---- tests ---- */

static duet_hsic_rows rows_of(const float **x, int batch, int from, int count) {
    for (int c = 0; c < count; c++) x[c] = columns[batch][from + c];
    return (duet_hsic_rows){.x = x, .dim = dims + from};
}

static void measure(double *out, bool two, int threads) {
    duet_hsic h;
    const float *x[FIRST + SECOND], *y[SECOND];
    OK(duet_hsic_new(&h, two ? FIRST : FIRST + SECOND, two ? SECOND : 0, ROWS));
    for (int b = 0; b < BATCHES; b++) {
        const duet_hsic_rows first = rows_of(x, b, 0, two ? FIRST : FIRST + SECOND),
                             second = rows_of(y, b, FIRST, SECOND);
        OK(duet_hsic_add(&h, &first, &second, sizes[b], threads));
    }
    assert_int_equal(h.rows, 37 + 36 + 20);
    duet_hsic_cka(&h, out);
    duet_hsic_free(&h);
}

static void as_defined(void **state) {
    (void)state;
    enum { ALL = FIRST + SECOND };
    double one[ALL * ALL], two[FIRST * SECOND];
    measure(one, false, 1);
    measure(two, true, 1);
    for (int i = 0; i < ALL; i++)
        for (int j = 0; j < ALL; j++) {
            const double want = defined(i, j);
            if (!(fabs(one[i * ALL + j] - want) < 1e-9))
                fail_msg("%d, %d: %.12g, not %.12g", i, j, one[i * ALL + j], want);
            if (i < FIRST && j >= FIRST)
                assert_true(fabs(two[i * SECOND + j - FIRST] - want) < 1e-9);
        }
    assert_true(one[4] < 0.2 && one[2 * ALL + 4] > 0.5); /* column 0 has no common part */
}

static void any_threads(void **state) {
    (void)state;
    double one[25], three[25];
    measure(one, false, 1);
    measure(three, false, 3);
    assert_memory_equal(one, three, sizeof one);
}

/* A rotated and scaled column is the same; a constant one is nothing. */
static void invariant(void **state) {
    (void)state;
    enum { D = 2 };
    float x[ROWS * D], y[ROWS * D], flat[ROWS * D] = {0};
    const float *list[] = {x, y, flat};
    const int64_t dim[] = {D, D, D};
    const duet_hsic_rows rows = {.x = list, .dim = dim};
    double cka[9];
    duet_hsic h;
    duet_rng_normal(duet_rng_make(3, "x", 0), 0, x, ROWS * D);
    for (int i = 0; i < ROWS; i++) {
        y[i * D] = 3 * (0.6F * x[i * D] - 0.8F * x[i * D + 1]) + 7;
        y[i * D + 1] = 3 * (0.8F * x[i * D] + 0.6F * x[i * D + 1]);
    }
    OK(duet_hsic_new(&h, 3, 0, ROWS));
    OK(duet_hsic_add(&h, &rows, NULL, ROWS, 1));
    duet_hsic_cka(&h, cka);
    assert_true(fabs(cka[1] - 1) < 1e-6 && cka[0] == 1);
    assert_true(isnan(cka[2]) && isnan(cka[8]));
    FAILS(DUET_ARG, "batch of 3 rows", duet_hsic_add(&h, &rows, NULL, 3, 1));
    FAILS(DUET_ARG, "4 to 37", duet_hsic_add(&h, &rows, NULL, 38, 1));
    duet_hsic_free(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_defined), cmocka_unit_test(any_threads),
                                       cmocka_unit_test(invariant)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
