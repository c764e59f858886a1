/* SPDX-License-Identifier: MIT
 * engine/graph/memory.c: greedy-by-size placement; see memory.h. Quadratic in the number of buffers
 * (a few thousand). */
#include "engine/graph/memory.h"

#include <stdlib.h>

#include "base/mem.h"

typedef struct order {
    int64_t bytes, index;
} order;

static int larger_first(const void *a, const void *b) {
    const order *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* The placed buffers that live at the same time, by offset; the first gap that is large enough is
 * taken. */
static int64_t lowest_place(const duet_buffer *buffers, const int64_t *placed, int64_t placed_count,
                            const duet_buffer *b) {
    int64_t at = 0;
    for (int64_t i = 0; i < placed_count; i++) { /* placed is sorted by offset */
        const duet_buffer *p = &buffers[placed[i]];
        if (p->last < b->first || b->last < p->first) continue;
        if (p->offset >= at + b->bytes) break;
        if (p->offset + p->bytes > at) at = p->offset + p->bytes;
    }
    return at;
}

duet_status duet_memory_plan(duet_buffer *buffers, int64_t count, int64_t *total) {
    order *by_size = NULL;
    int64_t *placed = NULL, placed_count = 0;
    duet_status status = duet_alloc(&by_size, count, sizeof *by_size);
    if (status == DUET_OK) status = duet_alloc(&placed, count, sizeof *placed);
    *total = 0;
    for (int64_t i = 0; i < count && status == DUET_OK; i++) {
        buffers[i].bytes = (buffers[i].bytes + 63) / 64 * 64;
        by_size[i] = (order){buffers[i].bytes, i};
    }
    if (status == DUET_OK) qsort(by_size, (size_t)count, sizeof *by_size, larger_first);
    for (int64_t i = 0; i < count && status == DUET_OK; i++) {
        duet_buffer *b = &buffers[by_size[i].index];
        b->offset = lowest_place(buffers, placed, placed_count, b);
        int64_t at = placed_count++;
        for (; at > 0 && buffers[placed[at - 1]].offset > b->offset; at--)
            placed[at] = placed[at - 1];
        placed[at] = by_size[i].index;
        if (b->offset + b->bytes > *total) *total = b->offset + b->bytes;
    }
    duet_release(by_size);
    duet_release(placed);
    return status;
}
