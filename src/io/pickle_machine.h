/* SPDX-License-Identifier: MIT
 * io/pickle_machine.h: the state of the stack machine that reads a pickle (io/pickle.h): its place
 * in the data, the stack of values, the marks on it, and the memo of values that are used again.
 * All sizes are bounded: 524,288 values, as many on the stack and as many marks, and a memo of
 * 1,048,576 values. */
#ifndef DUET_IO_PICKLE_MACHINE_H
#define DUET_IO_PICKLE_MACHINE_H

#include "io/pickle.h"

#define DUET_PICKLE_MOST_NAME 1024 /* bytes of a module or of a name */

typedef struct duet_pickle_machine {
    duet_arena *arena;
    const uint8_t *data;
    int64_t size, at, base; /* base: offset of data in the file */
    const duet_pickle_global *allowed;
    int allowed_count;
    duet_pickle_node **stack, **memo;
    int64_t *marks;
    int64_t depth, stack_capacity, mark_count, mark_capacity, memo_capacity, memo_next, objects;
} duet_pickle_machine;

/* The offset in the file of the next byte, for messages. */
int64_t duet_pickle_place(const duet_pickle_machine *m);
/* Fails with DUET_FORMAT: the pickle is damaged here, and `what` is wrong. */
duet_status duet_pickle_damaged(const duet_pickle_machine *m, const char *what);

/* The next `count` bytes of the data, borrowed. */
DUET_NODISCARD duet_status duet_pickle_take(duet_pickle_machine *m, int64_t count,
                                            const uint8_t **out);
/* An unsigned little-endian number of `bytes` bytes. */
DUET_NODISCARD duet_status duet_pickle_take_number(duet_pickle_machine *m, int bytes,
                                                   uint64_t *out);
/* A line without its end, borrowed. */
DUET_NODISCARD duet_status duet_pickle_take_line(duet_pickle_machine *m, const char **text,
                                                 int64_t *size);

/* A new value in the arena. */
DUET_NODISCARD duet_status duet_pickle_make(duet_pickle_machine *m, duet_pickle_kind kind,
                                            duet_pickle_node **out);
DUET_NODISCARD duet_status duet_pickle_push(duet_pickle_machine *m, duet_pickle_node *n);
DUET_NODISCARD duet_status duet_pickle_push_new(duet_pickle_machine *m, duet_pickle_kind kind,
                                                duet_pickle_node **out);
/* How many values an opcode may use: those above the last mark, or all where there is none. */
int64_t duet_pickle_above(const duet_pickle_machine *m);
DUET_NODISCARD duet_status duet_pickle_pop(duet_pickle_machine *m, duet_pickle_node **out);

/* Marks the present depth of the stack. */
DUET_NODISCARD duet_status duet_pickle_mark(duet_pickle_machine *m);
/* Removes the last mark; the values above it are stack[*first] to stack[depth - 1]. */
DUET_NODISCARD duet_status duet_pickle_pop_mark(duet_pickle_machine *m, int64_t *first);

/* The memo keeps the top of the stack under a number, and pushes it again. */
DUET_NODISCARD duet_status duet_pickle_remember(duet_pickle_machine *m, uint64_t index);
DUET_NODISCARD duet_status duet_pickle_recall(duet_pickle_machine *m, uint64_t index);

/* Appends values to the items of `to`. */
DUET_NODISCARD duet_status duet_pickle_add_items(duet_pickle_machine *m, duet_pickle_node *to,
                                                 duet_pickle_node *const *from, int64_t count);

#endif
