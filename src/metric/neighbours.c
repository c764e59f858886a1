/* SPDX-License-Identifier: MIT
 * metric/neighbours.c: k nearest rows by cosine. Every column is standardised with the mean and
 * deviation of `base` (constant columns count nothing), rows are scaled to length one. */
#include <duet/metric.h>

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/near.h"

enum { QUERIES = DUET_NEAR_QUERIES, BASE = DUET_NEAR_BASE };

typedef struct search {
    int64_t dim;
    float *mean, *scale; /* [dim] */
    float *query, *base; /* [QUERIES, dim], [BASE, dim]: standardised, of length one */
    duet_near nearest;
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

static void search_chunk(search *s, int64_t *neighbour, int64_t queries, const float *base,
                         int64_t rows) {
    duet_near_begin(&s->nearest, queries);
    for (int64_t first = 0; first < rows; first += BASE) {
        const int64_t count = rows - first < BASE ? rows - first : BASE;
        standardise(s, s->base, base + first * s->dim, count);
        duet_near_add(&s->nearest, s->query, queries, s->base, NULL, first, count);
    }
    memcpy(neighbour, s->nearest.row, (size_t)(queries * s->nearest.k) * sizeof *neighbour);
}

duet_status duet_nearest_rows(int64_t *neighbour, const float *query, int64_t queries,
                              const float *base, int64_t rows, int64_t dim, int k) {
    if (k < 1 || k > rows)
        return duet_fail(DUET_ARG, "cannot find %d nearest among %lld rows", k, (long long)rows);
    if (dim < 1 || queries < 0)
        return duet_fail(DUET_ARG, "nearest rows need columns; got %lld", (long long)dim);
    search s = {.dim = dim};
    duet_status status = DUET_OK;
    DUET_DO(duet_alloc(&s.mean, dim, sizeof(float)));
    DUET_DO(duet_alloc(&s.scale, dim, sizeof(float)));
    DUET_DO(duet_alloc(&s.query, QUERIES * dim, sizeof(float)));
    DUET_DO(duet_alloc(&s.base, BASE * dim, sizeof(float)));
    DUET_DO(duet_near_new(&s.nearest, k, dim));
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
    duet_near_free(&s.nearest);
    return status;
}
