/* SPDX-License-Identifier: MIT
 * base/near.c: see near.h. */
#include "base/near.h"

#include <math.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"

enum { BASE = DUET_NEAR_BASE };

double duet_near_square(const float *row, int64_t dim) {
    double square = 0;
    for (int64_t i = 0; i < dim; i++) square += (double)row[i] * (double)row[i];
    return square;
}

duet_status duet_near_new(duet_near *out, int k, int64_t dim) {
    *out = (duet_near){.k = k, .dim = dim};
    const int64_t places = (int64_t)DUET_NEAR_QUERIES * k;
    DUET_TRY(duet_alloc(&out->best, places, sizeof *out->best));
    DUET_TRY(duet_alloc(&out->row, places, sizeof *out->row));
    return duet_alloc(&out->product, (int64_t)DUET_NEAR_QUERIES * BASE, sizeof *out->product);
}

void duet_near_free(duet_near *nearest) {
    duet_release(nearest->best);
    duet_release(nearest->row);
    duet_release(nearest->product);
}

void duet_near_begin(duet_near *nearest, int64_t queries) {
    for (int64_t i = 0; i < queries * nearest->k; i++) {
        nearest->best[i] = -INFINITY;
        nearest->row[i] = 0;
    }
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

void duet_near_add(duet_near *nearest, const float *query, int64_t queries, const float *base,
                   const float *bias, int64_t first, int64_t rows) {
    const int k = nearest->k;
    duet_gemm_f32(false, true, queries, rows, nearest->dim, 1.0f, query, nearest->dim, base,
                  nearest->dim, 0.0f, nearest->product, BASE);
    for (int64_t q = 0; q < queries; q++)
        for (int64_t i = 0; i < rows; i++)
            insert(nearest->best + q * k, nearest->row + q * k, k,
                   nearest->product[q * BASE + i] + (bias != NULL ? bias[i] : 0.0f), first + i);
}
