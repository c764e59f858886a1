/* SPDX-License-Identifier: MIT
 * Products in all transpositions with row strides, positive definite solving, symmetric
 * eigenvalues. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "base/linalg.h"
#include "base/rng.h"

enum { M = 5, N = 7, K = 6, LD = 9 };

static void fill(float *x, int count, uint64_t index) {
    duet_rng_normal(duet_rng_make(1, "linalg", index), 0, x, count);
}

static void test_gemm(void **state) {
    (void)state;
    float a[LD * LD], b[LD * LD], c[LD * LD], before[LD * LD];
    double a64[LD * LD], b64[LD * LD], c64[LD * LD];
    for (int mode = 0; mode < 4; mode++) {
        const bool ta = mode % 2 == 1, tb = mode / 2 == 1;
        fill(a, LD * LD, 1);
        fill(b, LD * LD, 2);
        fill(before, LD * LD, 3);
        for (int i = 0; i < LD * LD; i++) {
            c[i] = before[i];
            a64[i] = (double)a[i];
            b64[i] = (double)b[i];
            c64[i] = (double)c[i];
        }
        duet_gemm_f32(ta, tb, M, N, K, 2.0F, a, LD, b, LD, 0.5F, c, LD);
        duet_gemm_f64(ta, tb, M, N, K, 2.0, a64, LD, b64, LD, 0.5, c64, LD);
        for (int i = 0; i < LD; i++) {
            for (int j = 0; j < LD; j++) {
                double want = (double)before[i * LD + j];
                if (i < M && j < N) {
                    want *= 0.5;
                    for (int k = 0; k < K; k++)
                        want += 2.0 * a64[ta ? k * LD + i : i * LD + k] *
                                b64[tb ? j * LD + k : k * LD + j];
                }
                assert_true(fabs(c64[i * LD + j] - want) < 1e-13);
                assert_true(fabs((double)c[i * LD + j] - want) < 2e-5);
            }
        }
    }
    /* k = 0 only scales; beta = 0 does not read C; empty results are fine. */
    float d[2] = {3.0F, NAN};
    duet_gemm_f32(false, false, 1, 1, 0, 1.0F, a, 1, b, 1, 2.0F, d, 1);
    assert_true(d[0] == 6.0F);
    duet_gemm_f32(false, false, 1, 1, 1, 1.0F, a, 1, b, 1, 0.0F, d + 1, 1);
    assert_true(fabsf(d[1] - a[0] * b[0]) < 1e-6F);
    duet_gemm_f32(false, false, 0, 1, 1, 1.0F, a, 1, b, 1, 0.0F, d, 1);
    duet_gemm_f64(false, false, 1, 0, 1, 1.0, a64, 1, b64, 1, 0.0, c64, 1);
}

/* A = R R^T + I */
static void make_spd(double a[K * K]) {
    float r[K * K];
    fill(r, K * K, 4);
    for (int i = 0; i < K; i++) {
        for (int j = 0; j < K; j++) {
            a[i * K + j] = i == j ? 1.0 : 0.0;
            for (int k = 0; k < K; k++) a[i * K + j] += (double)r[i * K + k] * (double)r[j * K + k];
        }
    }
}

static void test_solve(void **state) {
    (void)state;
    double a[K * K], kept[K * K], x[K * 3], b[K * 3];
    make_spd(a);
    make_spd(kept);
    for (int i = 0; i < K * 3; i++) x[i] = (double)(i + 1);
    duet_gemm_f64(false, false, K, 3, K, 1.0, a, K, x, 3, 0.0, b, 3);
    assert_int_equal(duet_solve_spd_f64(K, 3, a, b), DUET_OK);
    for (int i = 0; i < K * 3; i++) assert_true(fabs(b[i] - x[i]) < 1e-10);
    double indefinite[4] = {1, 2, 2, 1}, nan[4] = {NAN, 0, 0, 1}, rhs[2] = {1, 1};
    assert_int_equal(duet_solve_spd_f64(2, 1, indefinite, rhs), DUET_NUMERIC);
    assert_int_equal(duet_solve_spd_f64(2, 1, nan, rhs), DUET_NUMERIC);
    assert_int_equal(duet_solve_spd_f64(-1, 1, nan, rhs), DUET_SHAPE);
    assert_int_equal(duet_solve_spd_f64(0, 1, nan, rhs), DUET_OK);
}

static void test_eigen(void **state) {
    (void)state;
    double a[K * K], v[K * K], w[K];
    make_spd(a);
    make_spd(v);
    assert_int_equal(duet_eigen_sym_f64(K, v, w), DUET_OK);
    for (int c = 0; c < K; c++) {
        if (c > 0) assert_true(w[c] >= w[c - 1]);
        for (int i = 0; i < K; i++) { /* (A v)_i = w v_i for column c */
            double sum = 0.0, dot = 0.0;
            for (int k = 0; k < K; k++) {
                sum += a[i * K + k] * v[k * K + c];
                dot += v[k * K + i] * v[k * K + c];
            }
            assert_true(fabs(sum - w[c] * v[i * K + c]) < 1e-10);
            assert_true(fabs(dot - (i == c ? 1.0 : 0.0)) < 1e-12);
        }
    }
    double nan[4] = {NAN, 0, 0, 1};
    assert_int_equal(duet_eigen_sym_f64(2, nan, w), DUET_NUMERIC);
    assert_int_equal(duet_eigen_sym_f64(0, nan, w), DUET_OK);
    float single[4] = {2, 1, 1, 2}, pair[2]; /* 1 along (1,-1), 3 along (1,1) */
    assert_int_equal(duet_eigen_sym_f32(2, single, pair), DUET_OK);
    assert_true(fabsf(pair[0] - 1) < 1e-6f && fabsf(pair[1] - 3) < 1e-6f);
    assert_true(fabsf(single[0] + single[2]) < 1e-6f && fabsf(single[1] - single[3]) < 1e-6f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gemm), cmocka_unit_test(test_solve),
                                       cmocka_unit_test(test_eigen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
