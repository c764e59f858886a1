/* SPDX-License-Identifier: MIT
 * metric/kept.c: see kept.h. */
#include "metric/kept.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"

enum { BLOCK = 1024 };

typedef struct sort_key {
    int64_t number, index;
    uint64_t hash; /* of the bytes; equal rows need no order */
} sort_key;

void duet_kept_free(duet_kept *rows) {
    if (rows == NULL) return;
    for (int64_t b = 0; b * BLOCK < rows->count; b++) duet_release(rows->block[b]);
    duet_release(rows->block);
    duet_release(rows->number);
    duet_release(rows->order);
    duet_release(rows->near);
    *rows = (duet_kept){.dim = 0};
}

const float *duet_kept_at(const duet_kept *rows, int64_t index) {
    return rows->block[index / BLOCK] + index % BLOCK * rows->dim;
}

static duet_status add_one(duet_kept *rows, const float *x, int64_t number) {
    const int64_t at = rows->count, b = at / BLOCK;
    if (at % BLOCK == 0) {
        DUET_TRY(duet_grow(&rows->block, &rows->block_room, b + 1, sizeof *rows->block));
        DUET_TRY(duet_grow(&rows->number, &rows->number_room, at + BLOCK, sizeof *rows->number));
        DUET_TRY(duet_alloc(&rows->block[b], BLOCK * rows->dim, sizeof *x));
    }
    memcpy(rows->block[b] + at % BLOCK * rows->dim, x, (size_t)rows->dim * sizeof *x);
    rows->number[at] = number;
    rows->count++;
    return DUET_OK;
}

static void forget_order(duet_kept *rows) {
    duet_release(rows->order);
    duet_release(rows->near);
    rows->order = NULL;
    rows->near = NULL;
    rows->near_count = 0;
}

duet_status duet_kept_add(duet_kept *rows, const float *x, const int64_t *number, int64_t count) {
    if (count > 0) forget_order(rows);
    for (int64_t i = 0; i < count; i++)
        DUET_TRY(add_one(rows, x + i * rows->dim, number != NULL ? number[i] : 0));
    return DUET_OK;
}

duet_status duet_kept_join(duet_kept *rows, const duet_kept *other) {
    if (other->count > 0) forget_order(rows);
    for (int64_t i = 0; i < other->count; i++)
        DUET_TRY(add_one(rows, duet_kept_at(other, i), other->number[i]));
    return DUET_OK;
}

static int ascending(const void *a, const void *b) {
    const sort_key *x = a, *y = b;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

duet_status duet_kept_sort(duet_kept *rows) {
    sort_key *keys = NULL;
    if (rows->order != NULL) return DUET_OK;
    DUET_TRY(duet_alloc(&keys, rows->count, sizeof *keys));
    for (int64_t i = 0; i < rows->count; i++)
        keys[i] = (sort_key){
            .number = rows->number[i],
            .index = i,
            .hash = duet_hash(duet_kept_at(rows, i), (size_t)rows->dim * sizeof(float), 0)};
    if (rows->count > 0) qsort(keys, (size_t)rows->count, sizeof *keys, ascending);
    const duet_status status = duet_alloc(&rows->order, rows->count, sizeof *rows->order);
    for (int64_t i = 0; status == DUET_OK && i < rows->count; i++) rows->order[i] = keys[i].index;
    duet_release(keys);
    return status;
}

duet_row_list duet_kept_all(const duet_kept *rows) {
    return (duet_row_list){.rows = rows, .order = rows->order, .count = rows->count};
}

void duet_kept_mean(const duet_kept *rows, double *mean) {
    memset(mean, 0, (size_t)rows->dim * sizeof *mean);
    for (int64_t i = 0; i < rows->count; i++) {
        const float *x = duet_kept_at(rows, rows->order[i]);
        for (int64_t j = 0; j < rows->dim; j++) mean[j] += (double)x[j];
    }
    for (int64_t j = 0; j < rows->dim && rows->count > 0; j++) mean[j] /= (double)rows->count;
}
