/* SPDX-License-Identifier: MIT
 * metric/exact_sums.c: see exact_sums.h. With S the sum of v and Q the sum of v v^T, whole numbers
 * of 128 bits:  mean = unit S / N,  covariance = unit^2 (N Q - S S^T) / (N (N - 1)). */
#include "metric/exact_sums.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"

__extension__ typedef __int128 wide;

enum { PART = 1024, LOW_BITS = 21, UNIT_BITS = 32 };
#define LOW       2097152.0       /* 2^21 */
#define MOST      2199023255552.0 /* 2^41 */
#define MOST_ROWS ((int64_t)1 << 22)

/* Places in `sums`. */
enum { ROWS, TOTAL };

static int64_t *square_of(const duet_exact_sums *s, int which) {
    return s->sums + TOTAL + s->dim + which * s->dim * s->dim;
}

int64_t duet_exact_sums_count(int64_t dim) {
    return TOTAL + dim + 3 * dim * dim;
}

duet_status duet_exact_sums_new(duet_exact_sums *out, int64_t dim, int64_t *sums) {
    duet_status status = DUET_OK;
    duet_exact_sums s = {.dim = dim, .sums = sums};
    DUET_DO(duet_alloc(&s.h, PART * dim, sizeof *s.h));
    DUET_DO(duet_alloc(&s.l, PART * dim, sizeof *s.l));
    DUET_DO(duet_alloc(&s.square, dim * dim, sizeof *s.square));
    *out = s;
    return DUET_OK;
done:
    duet_exact_sums_free(&s);
    return status;
}

void duet_exact_sums_free(duet_exact_sums *sums) {
    if (sums == NULL) return;
    duet_release(sums->h);
    duet_release(sums->l);
    duet_release(sums->square);
    duet_release(sums->first);
    *sums = (duet_exact_sums){.dim = 0};
}

static void add_square(duet_exact_sums *s, int which) {
    int64_t *to = square_of(s, which);
    for (int64_t i = 0; i < s->dim * s->dim; i++) to[i] += (int64_t)s->square[i];
}

void duet_exact_sums_flush(duet_exact_sums *s) {
    const int64_t rows = s->pending, dim = s->dim;
    if (rows == 0) return;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < dim; j++)
            s->sums[TOTAL + j] += (int64_t)(s->h[i * dim + j] * LOW + s->l[i * dim + j]);
    memset(s->square, 0, (size_t)(dim * dim) * sizeof *s->square);
    duet_gram_f64(dim, rows, s->h, s->square);
    add_square(s, 0);
    duet_gemm_f64(true, false, dim, dim, rows, 1.0, s->h, dim, s->l, dim, 0.0, s->square, dim);
    add_square(s, 1);
    memset(s->square, 0, (size_t)(dim * dim) * sizeof *s->square);
    duet_gram_f64(dim, rows, s->l, s->square);
    add_square(s, 2);
    s->sums[ROWS] += rows;
    s->pending = 0;
}

static duet_status add_row(duet_exact_sums *s, const float *x) {
    const double scale = 1.0 / s->unit; /* a power of two */
    double *h = s->h + s->pending * s->dim, *l = s->l + s->pending * s->dim;
    for (int64_t j = 0; j < s->dim; j++) {
        const double v = nearbyint((double)x[j] * scale);
        if (!(fabs(v) < MOST))
            return duet_fail(DUET_NUMERIC,
                             "feature %lld of a row is %g, where the largest of the real rows are "
                             "below %g; take a reader that suits the images",
                             (long long)j, (double)x[j], ldexp(s->unit, UNIT_BITS));
        h[j] = nearbyint(v / LOW);
        l[j] = v - h[j] * LOW;
    }
    if (s->sums[ROWS] + s->pending >= MOST_ROWS)
        return duet_fail(DUET_ARG, "more than %lld rows cannot be added up", (long long)MOST_ROWS);
    if (++s->pending == PART) duet_exact_sums_flush(s);
    return DUET_OK;
}

duet_status duet_exact_sums_add(duet_exact_sums *sums, const float *x, int64_t rows) {
    for (int64_t i = 0; i < rows; i++) DUET_TRY(add_row(sums, x + i * sums->dim));
    return DUET_OK;
}

double duet_exact_sums_unit(double most) {
    int power = 0;
    (void)frexp(most > 0 ? most : 1.0, &power);
    return ldexp(1.0, power - UNIT_BITS);
}

/* The unit of the first rows; whole batches do not matter, since there are PART of them. */
static duet_status begin(duet_exact_sums *s) {
    double most = 0;
    for (int64_t i = 0; i < s->first_count * s->dim; i++) {
        const double x = fabs((double)s->first[i]);
        if (!isfinite(x))
            return duet_fail(DUET_NUMERIC, "feature %lld of a real row is not a number",
                             (long long)(i % s->dim));
        if (x > most) most = x;
    }
    s->unit = duet_exact_sums_unit(most);
    const duet_status status = duet_exact_sums_add(s, s->first, s->first_count);
    duet_release(s->first);
    s->first = NULL;
    return status;
}

duet_status duet_exact_sums_real(duet_exact_sums *s, const float *x, int64_t rows) {
    int64_t from = 0;
    if (s->unit == 0 && s->first == NULL)
        DUET_TRY(duet_alloc(&s->first, PART * s->dim, sizeof *s->first));
    for (; s->unit == 0 && from < rows; from++) {
        memcpy(s->first + s->first_count++ * s->dim, x + from * s->dim, (size_t)s->dim * sizeof *x);
        if (s->first_count == PART) DUET_TRY(begin(s));
    }
    return duet_exact_sums_add(s, x + from * s->dim, rows - from);
}

duet_status duet_exact_sums_real_end(duet_exact_sums *sums) {
    return sums->unit == 0 ? begin(sums) : DUET_OK;
}

duet_status duet_exact_sums_moments(duet_exact_sums *s, duet_moments *out) {
    duet_exact_sums_flush(s);
    const int64_t dim = s->dim, n = s->sums[ROWS], *total = s->sums + TOTAL;
    const int64_t *hh = square_of(s, 0), *hl = square_of(s, 1), *ll = square_of(s, 2);
    const double divisor = (double)n * (double)(n > 1 ? n - 1 : 1);
    DUET_TRY(duet_moments_new(out, dim));
    out->rows = n;
    for (int64_t i = 0; i < dim; i++) {
        out->mean[i] = n > 0 ? s->unit * (double)total[i] / (double)n : 0.0;
        for (int64_t j = 0; j < dim; j++) {
            const int64_t at = i * dim + j;
            const wide cross = (wide)hl[at] + (wide)hl[j * dim + i];
            const wide sum = ((wide)hh[at] * ((wide)1 << 2 * LOW_BITS)) +
                             cross * ((wide)1 << LOW_BITS) + (wide)ll[at];
            const wide apart = (wide)n * sum - (wide)total[i] * (wide)total[j];
            out->covariance[at] = n > 0 ? s->unit * s->unit * ((double)apart / divisor) : 0.0;
        }
    }
    return DUET_OK;
}
