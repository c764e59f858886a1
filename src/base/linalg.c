/* SPDX-License-Identifier: MIT
 * base/linalg.c: BLAS and LAPACK (OpenBLAS). A row-major matrix is its transpose column-major, so
 * the symmetric routines run on our layout without copies. Sizes must fit the library's 32-bit
 * integers. */
#include "base/linalg.h"

#include <cblas.h>
#include <lapacke.h>
#include <omp.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

static CBLAS_TRANSPOSE transposed(bool yes) {
    return yes ? CblasTrans : CblasNoTrans;
}

void duet_gemm_f32(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                   int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
    if (m == 0 || n == 0) return;
    cblas_sgemm(CblasRowMajor, transposed(ta), transposed(tb), (blasint)m, (blasint)n, (blasint)k,
                alpha, a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

void duet_gemm_f64(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a,
                   int64_t lda, const double *b, int64_t ldb, double beta, double *c, int64_t ldc) {
    if (m == 0 || n == 0) return;
    cblas_dgemm(CblasRowMajor, transposed(ta), transposed(tb), (blasint)m, (blasint)n, (blasint)k,
                alpha, a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

static duet_status check_size(int64_t n, int64_t m) {
    if (n < 0 || m < 0 || n > INT32_MAX || m > INT32_MAX) {
        return duet_fail(DUET_SHAPE, "matrix of %lld by %lld is out of range", (long long)n,
                         (long long)m);
    }
    return DUET_OK;
}

duet_status duet_solve_spd_f64(int64_t n, int64_t m, double *a, double *b) {
    DUET_TRY(check_size(n, m));
    if (n == 0 || m == 0) return DUET_OK;
    /* The lower triangle column-major is the upper one row-major: A = U^T U. */
    const lapack_int info = LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', (lapack_int)n, a, (lapack_int)n);
    if (info > 0) {
        return duet_fail(DUET_NUMERIC, "matrix of %lld rows is not positive definite (minor %d)",
                         (long long)n, (int)info);
    }
    if (info < 0)
        return duet_fail(DUET_NUMERIC, "matrix of %lld rows holds a value that is not a number",
                         (long long)n);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, (blasint)n,
                (blasint)m, 1.0, a, (blasint)n, b, (blasint)m);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, (blasint)n,
                (blasint)m, 1.0, a, (blasint)n, b, (blasint)m);
    return DUET_OK;
}

static duet_status check_eigen(int64_t n, lapack_int info) {
    if (info == LAPACK_WORK_MEMORY_ERROR)
        return duet_fail(DUET_NO_MEMORY, "out of memory: eigenvalues of %lld rows", (long long)n);
    if (info > 0)
        return duet_fail(DUET_NUMERIC, "eigenvalues of %lld rows did not converge", (long long)n);
    if (info < 0)
        return duet_fail(DUET_NUMERIC, "matrix of %lld rows holds a value that is not a number",
                         (long long)n);
    return DUET_OK;
}

duet_status duet_eigen_sym_f64(int64_t n, double *a, double *w) {
    DUET_TRY(check_size(n, n));
    if (n == 0) return DUET_OK;
    DUET_TRY(check_eigen(
        n, LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', (lapack_int)n, a, (lapack_int)n, w)));
    for (int64_t i = 0; i < n; i++) { /* columns column-major are rows here: transpose */
        for (int64_t j = 0; j < i; j++) {
            const double held = a[i * n + j];
            a[i * n + j] = a[j * n + i];
            a[j * n + i] = held;
        }
    }
    return DUET_OK;
}

/* With a workspace of our own: LAPACK says its size as a float, which from 2,896 rows on is rounded
 * to less than it then asks for. */
static duet_status eigen_f32(int64_t n, float *a, float *w) {
    const int64_t room = 1 + 6 * n + 2 * n * n, integers = 3 + 5 * n;
    float *work = NULL;
    lapack_int *numbers = NULL;
    duet_status status = DUET_OK;
    if (room > INT32_MAX)
        return duet_fail(DUET_NO_MEMORY, "eigenvalues of %lld rows are too many", (long long)n);
    DUET_DO(duet_alloc(&work, room, sizeof *work));
    DUET_DO(duet_alloc(&numbers, integers, sizeof *numbers));
    DUET_DO(check_eigen(n, LAPACKE_ssyevd_work(LAPACK_COL_MAJOR, 'V', 'L', (lapack_int)n, a,
                                               (lapack_int)n, w, work, (lapack_int)room, numbers,
                                               (lapack_int)integers)));
done:
    duet_release(work);
    duet_release(numbers);
    return status;
}

duet_status duet_eigen_sym_f32(int64_t n, float *a, float *w) {
    DUET_TRY(check_size(n, n));
    if (n == 0) return DUET_OK;
    DUET_TRY(eigen_f32(n, a, w));
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < i; j++) {
            const float held = a[i * n + j];
            a[i * n + j] = a[j * n + i];
            a[j * n + i] = held;
        }
    }
    return DUET_OK;
}

void duet_gram_f64(int64_t n, int64_t k, const double *a, double *c) {
    if (n == 0 || k == 0) return;
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (blasint)n, (blasint)k, 1.0, a, (blasint)n,
                1.0, c, (blasint)n);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++) c[j * n + i] = c[i * n + j];
}

/* LAPACK gives P^T A P = L L^T, L [n,rank] column-major: row i of the array is column i of L, which
 * stands from i on. Element j of it belongs to column pivot[j] of A. */
duet_status duet_factor_f64(int64_t n, double *a, int64_t *rank) {
    duet_status status = DUET_OK;
    double *row = NULL;
    lapack_int *pivot = NULL, found = 0;
    DUET_DO(check_size(n, n));
    DUET_DO(duet_alloc(&row, n, sizeof *row));
    DUET_DO(duet_alloc(&pivot, n, sizeof *pivot));
    if (n > 0 && LAPACKE_dpstrf(LAPACK_COL_MAJOR, 'L', (lapack_int)n, a, (lapack_int)n, pivot,
                                &found, -1.0) < 0)
        DUET_FAIL(DUET_NUMERIC, "matrix of %lld rows holds a value that is not a number",
                  (long long)n);
    for (int64_t i = 0; i < found; i++) {
        memset(row, 0, (size_t)n * sizeof *row);
        for (int64_t j = i; j < n; j++) row[pivot[j] - 1] = a[i * n + j];
        memcpy(a + i * n, row, (size_t)n * sizeof *row);
    }
    *rank = found;
done:
    duet_release(row);
    duet_release(pivot);
    return status;
}

/* A row-major is A^T column-major, which has the same singular values. */
duet_status duet_singular_f64(int64_t m, int64_t n, double *a, double *s) {
    DUET_TRY(check_size(m, n));
    if (m == 0 || n == 0) return DUET_OK;
    const lapack_int info = LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', (lapack_int)n, (lapack_int)m, a,
                                           (lapack_int)n, s, NULL, 1, NULL, 1);
    if (info == 0) return DUET_OK;
    if (info == LAPACK_WORK_MEMORY_ERROR)
        return duet_fail(DUET_NO_MEMORY, "out of memory: singular values of %lld by %lld",
                         (long long)m, (long long)n);
    return duet_fail(DUET_NUMERIC,
                     info > 0 ? "singular values of %lld by %lld did not converge"
                              : "matrix of %lld by %lld holds a value that is not a number",
                     (long long)m, (long long)n);
}

int duet_linalg_set_threads(int threads) {
    const int before = openblas_get_num_threads();
    if (!omp_in_parallel()) openblas_set_num_threads(threads); /* one thread there anyway */
    return before;
}
