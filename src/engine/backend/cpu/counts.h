/* SPDX-License-Identifier: MIT
 * cpu/counts.h: arithmetic of sizes that kernels share. */
#ifndef DUET_CPU_COUNTS_H
#define DUET_CPU_COUNTS_H

#include <stdatomic.h>

#include "engine/backend/cpu/vector.h"

DUET_INLINE int64_t round_up(int64_t count, int64_t to) {
    return (count + to - 1) / to * to;
}

DUET_INLINE int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

DUET_INLINE int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Pieces of work that threads take one after the other: a thread that is disturbed takes fewer. For
 * pieces whose results do not depend on who computes them. */
typedef struct queue {
    atomic_llong next;
    int64_t count;
} queue;

/* The next piece; q->count or more: none is left. */
DUET_INLINE int64_t queue_take(queue *q) {
    return (int64_t)atomic_fetch_add_explicit(&q->next, 1, memory_order_relaxed);
}

#endif
