/* SPDX-License-Identifier: MIT
 * cpu/counts.h: arithmetic of sizes that kernels share. */
#ifndef DUET_CPU_COUNTS_H
#define DUET_CPU_COUNTS_H

#include "engine/backend/cpu/vector.h"

DUET_INLINE int64_t round_up(int64_t count, int64_t to)
{
    return (count + to - 1) / to * to;
}

DUET_INLINE int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

DUET_INLINE int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
