/* SPDX-License-Identifier: MIT
 * base/linalg.h: dense linear algebra; linalg.c is the only file that includes cblas and lapacke.
 * Row-major. */
#ifndef DUET_BASE_LINALG_H
#define DUET_BASE_LINALG_H

#include <duet/base.h>

/* C[m,n] = alpha op(A)[m,k] op(B)[k,n] + beta C; ld* are row strides. */
void duet_gemm_f32(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                   int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
void duet_gemm_f64(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a,
                   int64_t lda, const double *b, int64_t ldb, double beta, double *c, int64_t ldc);
/* Solves A X = B for symmetric positive definite A[n,n] (overwritten), B[n,m] (overwritten by X).
 * DUET_NUMERIC if not definite. */
DUET_NODISCARD duet_status duet_solve_spd_f64(int64_t n, int64_t m, double *a, double *b);
/* Symmetric A[n,n] -> eigenvalues w[n] ascending, eigenvectors in the columns of A. */
DUET_NODISCARD duet_status duet_eigen_sym_f64(int64_t n, double *a, double *w);
DUET_NODISCARD duet_status duet_eigen_sym_f32(int64_t n, float *a, float *w);
/* C[n,n] += A[k,n]^T A, both triangles. */
void duet_gram_f64(int64_t n, int64_t k, const double *a, double *c);
/* Symmetric A[n,n] without negative eigenvalues = F^T F, by Cholesky's method with pivots: F
 * [rank,n] replaces the first rows of A. */
DUET_NODISCARD duet_status duet_factor_f64(int64_t n, double *a, int64_t *rank);
/* Singular values of A[m,n], which is overwritten: s[min(m,n)], descending. */
DUET_NODISCARD duet_status duet_singular_f64(int64_t m, int64_t n, double *a, double *s);
/* Of calls outside parallel regions; returns what it was. */
int duet_linalg_set_threads(int threads);

#endif
