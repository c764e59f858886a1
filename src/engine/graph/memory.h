/* SPDX-License-Identifier: MIT
 * engine/graph/memory.h: offsets for buffers with lifetimes. Two buffers whose lifetimes overlap
 * never share a byte. */
#ifndef DUET_ENGINE_MEMORY_H
#define DUET_ENGINE_MEMORY_H

#include <duet/base.h>

typedef struct duet_buffer {
    int64_t bytes;
    int64_t first, last; /* steps that need it, both included */
    int64_t offset;      /* found here; multiple of 64 */
} duet_buffer;

/* Fills the offsets; *total is the size of the slab. Greedy by size: the largest buffers first,
 * each at the lowest place free during its lifetime (Pisarchyk & Lee 2020, "Efficient memory
 * management for deep neural net inference"). */
DUET_NODISCARD duet_status duet_memory_plan(duet_buffer *buffers, int64_t count, int64_t *total);

#endif
