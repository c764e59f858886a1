/* SPDX-License-Identifier: MIT
 * base/mem.h: the only place that calls malloc. Blocks are 64-byte aligned and zeroed; arenas free
 * all at once. */
#ifndef DUET_BASE_MEM_H
#define DUET_BASE_MEM_H

#include <duet/base.h>

/* count*size checked; *out untouched on failure; a zero-sized request gives a valid, freeable
 * block. */
DUET_NODISCARD duet_status duet_alloc(void *out_pointer, int64_t count, size_t size);
/* Grows *pointer from `count` to at least `need` elements (doubling); new bytes are zero. *capacity
 * is updated. */
DUET_NODISCARD duet_status duet_grow(void *pointer_pointer, int64_t *capacity, int64_t need,
                                     size_t size);
void duet_release(void *pointer); /* NULL is fine */
/* what a library took from malloc and left to us to free (jansson's texts) */
void duet_release_foreign(void *pointer);
/* Blocks allocated so far in this process; tests use it to prove that running allocates nothing. */
int64_t duet_alloc_count(void);

/* The most bytes of blocks that lived at once, since the last call with `restart`; tests use it to
 * prove that memory does not grow with the work. */
int64_t duet_alloc_peak(bool restart);

/* Arena: many small objects, one lifetime. The first failure sticks: later calls return NULL,
 * checked once. */
typedef struct duet_arena duet_arena;
DUET_NODISCARD duet_status duet_arena_new(duet_arena **out);
void duet_arena_free(duet_arena *arena);
void *duet_arena_alloc(duet_arena *arena, int64_t count,
                       size_t size); /* zeroed; NULL once failed */
char *duet_arena_text(duet_arena *arena, const char *text);
char *duet_arena_format(duet_arena *arena, const char *format, ...) DUET_PRINTF(2, 3);
DUET_NODISCARD duet_status duet_arena_status(const duet_arena *arena);

#endif
