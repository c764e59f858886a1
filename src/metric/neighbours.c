/* SPDX-License-Identifier: MIT
 * metric/neighbours.c: k nearest rows by cosine. Every column is standardised with the mean and
 * deviation of `base` (constant columns count nothing), rows are scaled to length one, and
 * similarities are products of chunks: QUERIES x BASE of them at a time. Ties go to the lower row,
 * because rows come in order and only a larger one moves up. */
#include <duet/metric.h>

#include <math.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"

enum { QUERIES = 128, BASE = 512 };

typedef struct search {
    int64_t dim;
    int k;
    float *mean, *scale; /* [dim] */
    float *query, *base; /* [QUERIES, dim], [BASE, dim]: standardised, of length one */
    float *similarity;   /* [QUERIES, BASE] */
    float *best;         /* [QUERIES, k], descending */
} search;

static void standardise(const search *s, float *out, const float *x, int64_t rows) {
    for (int64_t i = 0; i < rows; i++) {
        double square = 0;
        for (int64_t j = 0; j < s->dim; j++) {
            const float z = (x[i * s->dim + j] - s->mean[j]) * s->scale[j];
            out[i * s->dim + j] = z;
            square += (double)z * z;
        }
        const float length = square > 0 ? (float)(1.0 / sqrt(square)) : 0.0f;
        for (int64_t j = 0; j < s->dim; j++) out[i * s->dim + j] *= length;
    }
}

static duet_status measure(search *s, const float *base, int64_t rows) {
    double *sums = NULL; /* [2, dim]: sum, then squared deviation */
    DUET_TRY(duet_alloc(&sums, 2 * s->dim, sizeof *sums));
    double *square = sums + s->dim;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < s->dim; j++) sums[j] += (double)base[i * s->dim + j];
    for (int64_t j = 0; j < s->dim; j++) s->mean[j] = (float)(sums[j] / (double)rows);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < s->dim; j++) {
            const double d = (double)base[i * s->dim + j] - (double)s->mean[j];
            square[j] += d * d;
        }
    }
    for (int64_t j = 0; j < s->dim; j++) {
        const double deviation = sqrt(square[j] / (double)rows);
        s->scale[j] =
            deviation > 1e-6 * (1e-6 + fabs((double)s->mean[j])) ? (float)(1.0 / deviation) : 0.0f;
    }
    duet_release(sums);
    return DUET_OK;
}

/* Puts row `row` into the descending list unless k at least as near ones stand there. */
static void insert(float *best, int64_t *neighbour, int k, float similarity, int64_t row) {
    if (!(similarity > best[k - 1])) return;
    int at = k - 1;
    for (; at > 0 && similarity > best[at - 1]; at--) {
        best[at] = best[at - 1];
        neighbour[at] = neighbour[at - 1];
    }
    best[at] = similarity;
    neighbour[at] = row;
}

static void search_chunk(search *s, int64_t *neighbour, int64_t queries, const float *base,
                         int64_t rows) {
    for (int64_t i = 0; i < queries * s->k; i++) {
        s->best[i] = -INFINITY;
        neighbour[i] = 0;
    }
    for (int64_t first = 0; first < rows; first += BASE) {
        const int64_t count = rows - first < BASE ? rows - first : BASE;
        standardise(s, s->base, base + first * s->dim, count);
        duet_gemm_f32(false, true, queries, count, s->dim, 1.0f, s->query, s->dim, s->base, s->dim,
                      0.0f, s->similarity, BASE);
        for (int64_t q = 0; q < queries; q++) {
            for (int64_t i = 0; i < count; i++) {
                insert(s->best + q * s->k, neighbour + q * s->k, s->k, s->similarity[q * BASE + i],
                       first + i);
            }
        }
    }
}

duet_status duet_nearest_rows(int64_t *neighbour, const float *query, int64_t queries,
                              const float *base, int64_t rows, int64_t dim, int k) {
    if (k < 1 || k > rows)
        return duet_fail(DUET_ARG, "cannot find %d nearest among %lld rows", k, (long long)rows);
    if (dim < 1 || queries < 0)
        return duet_fail(DUET_ARG, "nearest rows need columns; got %lld", (long long)dim);
    search s = {.dim = dim, .k = k};
    duet_status status = DUET_OK;
    DUET_DO(duet_alloc(&s.mean, dim, sizeof(float)));
    DUET_DO(duet_alloc(&s.scale, dim, sizeof(float)));
    DUET_DO(duet_alloc(&s.query, QUERIES * dim, sizeof(float)));
    DUET_DO(duet_alloc(&s.base, BASE * dim, sizeof(float)));
    DUET_DO(duet_alloc(&s.similarity, QUERIES * BASE, sizeof(float)));
    DUET_DO(duet_alloc(&s.best, (int64_t)QUERIES * k, sizeof(float)));
    DUET_DO(measure(&s, base, rows));
    for (int64_t first = 0; first < queries; first += QUERIES) {
        const int64_t count = queries - first < QUERIES ? queries - first : QUERIES;
        standardise(&s, s.query, query + first * dim, count);
        search_chunk(&s, neighbour + first * k, count, base, rows);
    }
done:
    duet_release(s.mean);
    duet_release(s.scale);
    duet_release(s.query);
    duet_release(s.base);
    duet_release(s.similarity);
    duet_release(s.best);
    return status;
}
