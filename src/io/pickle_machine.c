/* SPDX-License-Identifier: MIT
 * io/pickle_machine.c: the bounded stack, marks and memo of io/pickle_machine.h. */
#include "io/pickle_machine.h"

#include <string.h>

#include <duet/registry.h>

#include "base/error.h"

#define MOST_MEMO    (1 << 20)
#define MOST_STACK   (1 << 19)
#define MOST_OBJECTS (1 << 19)

typedef duet_pickle_node node;
typedef duet_pickle_machine machine;

int64_t duet_pickle_place(const machine *m) {
    return m->base + m->at;
}

duet_status duet_pickle_damaged(const machine *m, const char *what) {
    return duet_fail(DUET_FORMAT, "the pickle is damaged at byte %lld: %s",
                     (long long)duet_pickle_place(m), what);
}

/* ---- reading ---- */

duet_status duet_pickle_take(machine *m, int64_t count, const uint8_t **out) {
    if (count < 0 || count > m->size - m->at)
        return duet_fail(DUET_FORMAT,
                         "the pickle is cut off: %lld bytes are wanted at byte %lld, and %lld are "
                         "there",
                         (long long)count, (long long)duet_pickle_place(m),
                         (long long)(m->size - m->at));
    *out = m->data + m->at;
    m->at += count;
    return DUET_OK;
}

duet_status duet_pickle_take_number(machine *m, int bytes, uint64_t *out) {
    const uint8_t *from = NULL;
    DUET_TRY(duet_pickle_take(m, bytes, &from));
    *out = 0;
    for (int i = bytes - 1; i >= 0; i--) *out = *out << 8 | from[i];
    return DUET_OK;
}

duet_status duet_pickle_take_line(machine *m, const char **text, int64_t *size) {
    const uint8_t *const from = m->data + m->at, *const end =
                                                     memchr(from, '\n', (size_t)(m->size - m->at));
    if (end == NULL) return duet_pickle_damaged(m, "a line has no end");
    *text = (const char *)from;
    *size = end - from;
    m->at += *size + 1;
    return *size > DUET_PICKLE_MOST_NAME ? duet_pickle_damaged(m, "a name of over 1024 bytes")
                                         : DUET_OK;
}

/* ---- stack ---- */

duet_status duet_pickle_push(machine *m, node *n) {
    if (m->depth >= MOST_STACK)
        return duet_pickle_damaged(m, "more than 524,288 values on the stack");
    DUET_TRY(duet_grow(&m->stack, &m->stack_capacity, m->depth + 1, sizeof *m->stack));
    m->stack[m->depth++] = n;
    return DUET_OK;
}

duet_status duet_pickle_make(machine *m, duet_pickle_kind kind, node **out) {
    if (++m->objects > MOST_OBJECTS) return duet_pickle_damaged(m, "more than 524,288 values");
    *out = duet_arena_alloc(m->arena, 1, sizeof **out);
    DUET_TRY(duet_arena_status(m->arena));
    (*out)->kind = kind;
    return DUET_OK;
}

duet_status duet_pickle_push_new(machine *m, duet_pickle_kind kind, node **out) {
    DUET_TRY(duet_pickle_make(m, kind, out));
    return duet_pickle_push(m, *out);
}

int64_t duet_pickle_above(const machine *m) {
    return m->depth - (m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0);
}

duet_status duet_pickle_pop(machine *m, node **out) {
    if (duet_pickle_above(m) < 1) return duet_pickle_damaged(m, "the stack is empty");
    *out = m->stack[--m->depth];
    return DUET_OK;
}

duet_status duet_pickle_pop_mark(machine *m, int64_t *first) {
    if (m->mark_count == 0) return duet_pickle_damaged(m, "there is no mark");
    *first = m->marks[--m->mark_count];
    return DUET_OK;
}

duet_status duet_pickle_add_items(machine *m, node *to, node *const *from, int64_t count) {
    if (to->count + count > to->capacity) {
        const int64_t capacity =
            to->count + count > 2 * to->capacity ? to->count + count : 2 * to->capacity;
        node **const item = duet_arena_alloc(m->arena, capacity, sizeof *item);
        DUET_TRY(duet_arena_status(m->arena));
        if (to->count > 0) memcpy(item, to->item, (size_t)to->count * sizeof *item);
        to->item = item;
        to->capacity = capacity;
    }
    if (count > 0) memcpy(to->item + to->count, from, (size_t)count * sizeof *from);
    to->count += count;
    return DUET_OK;
}

/* ---- memo and marks ---- */

duet_status duet_pickle_remember(machine *m, uint64_t index) {
    if (index >= MOST_MEMO) return duet_pickle_damaged(m, "a memo of more than 1,048,576 values");
    if (duet_pickle_above(m) < 1) return duet_pickle_damaged(m, "the stack is empty");
    DUET_TRY(duet_grow(&m->memo, &m->memo_capacity, (int64_t)index + 1, sizeof *m->memo));
    m->memo[index] = m->stack[m->depth - 1];
    m->memo_next = (int64_t)index + 1;
    return DUET_OK;
}

duet_status duet_pickle_recall(machine *m, uint64_t index) {
    if (index >= (uint64_t)m->memo_capacity || m->memo[index] == NULL)
        return duet_pickle_damaged(m, "the memo has no such value");
    return duet_pickle_push(m, m->memo[index]);
}

duet_status duet_pickle_mark(machine *m) {
    if (m->mark_count >= MOST_STACK) return duet_pickle_damaged(m, "more than 524,288 marks");
    DUET_TRY(duet_grow(&m->marks, &m->mark_capacity, m->mark_count + 1, sizeof *m->marks));
    m->marks[m->mark_count++] = m->depth;
    return DUET_OK;
}
