/* SPDX-License-Identifier: MIT
 * metric/frechet.c: the Frechet distance of two Gaussians (Dowson and Landau 1982; Heusel et al.
 * 2017),
 *   |m1 - m2|^2 + tr S1 + tr S2 - 2 tr sqrt(S1 S2).
 * With S = F^T F of each (Cholesky with pivots, also of singular S), the eigenvalues of S1 S2 are
 * the squares of the singular values of F1 F2^T, so the last trace is their sum: real, without an
 * iteration, and without the root of what rounding left of a zero. */
#include <string.h>

#include <duet/metric.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"

static duet_status factor(double **out, int64_t *rank, const duet_moments *m) {
    DUET_TRY(duet_alloc(out, m->dim * m->dim, sizeof **out));
    memcpy(*out, m->covariance, (size_t)(m->dim * m->dim) * sizeof **out);
    return duet_factor_f64(m->dim, *out, rank);
}

/* tr sqrt(S1 S2) */
static duet_status trace_root(double *out, const duet_moments *a, const duet_moments *b) {
    duet_status status = DUET_OK;
    double *fa = NULL, *fb = NULL, *product = NULL, *values = NULL, sum = 0;
    int64_t ra = 0, rb = 0;
    DUET_DO(factor(&fa, &ra, a));
    DUET_DO(factor(&fb, &rb, b));
    const int64_t least = ra < rb ? ra : rb;
    DUET_DO(duet_alloc(&product, ra * rb, sizeof *product));
    DUET_DO(duet_alloc(&values, least, sizeof *values));
    duet_gemm_f64(false, true, ra, rb, a->dim, 1.0, fa, a->dim, fb, b->dim, 0.0, product, rb);
    duet_release(fa);
    duet_release(fb);
    fa = fb = NULL;
    DUET_DO(duet_singular_f64(ra, rb, product, values));
    for (int64_t i = 0; i < least; i++) sum += values[i];
    *out = sum;
done:
    duet_release(fa);
    duet_release(fb);
    duet_release(product);
    duet_release(values);
    return status;
}

duet_status duet_frechet(double *out, const duet_moments *a, const duet_moments *b) {
    double root = 0, sum = 0;
    if (a->dim != b->dim)
        return duet_fail(DUET_SHAPE,
                         "statistics of %lld features cannot be compared with those of %lld; take "
                         "the same reader for both",
                         (long long)a->dim, (long long)b->dim);
    const int threads = duet_linalg_set_threads(1); /* the same bits for any number of them */
    const duet_status status = trace_root(&root, a, b);
    (void)duet_linalg_set_threads(threads);
    DUET_TRY(status);
    for (int64_t i = 0; i < a->dim; i++) {
        const double apart = a->mean[i] - b->mean[i];
        sum += apart * apart + a->covariance[i * (a->dim + 1)] + b->covariance[i * (a->dim + 1)];
    }
    /* Of equal statistics rounding leaves a little beside 0: at most 1e-13 of what is subtracted.
     */
    const double distance = sum - 2.0 * root;
    *out = distance > 1e-13 * sum ? distance : 0.0;
    return DUET_OK;
}
