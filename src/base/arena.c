/* SPDX-License-Identifier: MIT
 * base/arena.c: bump allocation in a chain of chunks (16 KiB, doubling to 1 MiB; a larger request
 * gets a chunk of its own). Objects are 16-byte aligned. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

#define ALIGN       16
#define FIRST_CHUNK ((int64_t)1 << 14)
#define LAST_CHUNK  ((int64_t)1 << 20)

typedef struct chunk {
    struct chunk *next; /* older */
    uint8_t *bytes;
    int64_t used, size;
} chunk;

struct duet_arena {
    chunk *head;
    int64_t next_size;
    duet_status status;
};

duet_status duet_arena_new(duet_arena **out) {
    duet_arena *arena = NULL;
    DUET_TRY(duet_alloc(&arena, 1, sizeof *arena));
    arena->next_size = FIRST_CHUNK;
    *out = arena;
    return DUET_OK;
}

void duet_arena_free(duet_arena *arena) {
    if (arena == NULL) return;
    for (chunk *c = arena->head; c != NULL;) {
        chunk *next = c->next;
        duet_release(c->bytes);
        duet_release(c);
        c = next;
    }
    duet_release(arena);
}

static duet_status add_chunk(duet_arena *arena, int64_t need) {
    duet_status status = DUET_OK;
    chunk *c = NULL;
    const int64_t size = need > arena->next_size ? need : arena->next_size;
    DUET_DO(duet_alloc(&c, 1, sizeof *c));
    DUET_DO(duet_alloc(&c->bytes, size, 1));
    c->size = size;
    c->next = arena->head;
    arena->head = c;
    if (arena->next_size < LAST_CHUNK) arena->next_size *= 2;
    return DUET_OK;
done:
    duet_release(c);
    return status;
}

void *duet_arena_alloc(duet_arena *arena, int64_t count, size_t size) {
    if (arena == NULL || arena->status != DUET_OK) return NULL;
    if (count < 0 || (size > 0 && (uint64_t)count > (uint64_t)INT64_MAX / 2 / size)) {
        arena->status = duet_fail(DUET_NO_MEMORY,
                                  "out of memory: %lld elements of %zu bytes cannot be addressed",
                                  (long long)count, size);
        return NULL;
    }
    const int64_t bytes = (count * (int64_t)size + ALIGN - 1) / ALIGN * ALIGN;
    if (arena->head == NULL || arena->head->size - arena->head->used < bytes) {
        arena->status = add_chunk(arena, bytes);
        if (arena->status != DUET_OK) return NULL;
    }
    void *object = arena->head->bytes + arena->head->used;
    arena->head->used += bytes;
    return object;
}

char *duet_arena_text(duet_arena *arena, const char *text) {
    const size_t size = strlen(text) + 1;
    char *copy = duet_arena_alloc(arena, (int64_t)size, 1);
    if (copy != NULL) memcpy(copy, text, size);
    return copy;
}

char *duet_arena_format(duet_arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int size = duet_vformat(NULL, 0, format, args);
    va_end(args);
    char *text = duet_arena_alloc(arena, size < 0 ? 1 : (int64_t)size + 1, 1);
    if (text == NULL || size < 0) return text;
    va_start(args, format);
    duet_vformat(text, (size_t)size + 1, format, args);
    va_end(args);
    return text;
}

duet_status duet_arena_status(const duet_arena *arena) {
    if (arena == NULL) return duet_fail(DUET_NO_MEMORY, "out of memory: no arena");
    if (arena->status != DUET_OK) return duet_fail(arena->status, "out of memory");
    return DUET_OK;
}
