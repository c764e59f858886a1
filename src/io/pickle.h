/* SPDX-License-Identifier: MIT
 * io/pickle.h: reads Python pickles as data. A pickle is a program for a stack machine that may
 * call anything; here nothing is ever called: what a file would call becomes a node that names it.
 * Names that are not on the reader's list are refused; a list that ends with DUET_PICKLE_OTHERS
 * accepts them too, as values of unknown kind, except those that run programs. The opcodes of
 * protocols 2 to 5 that describe data are read; all others are refused with their offset. Source:
 * Python's pickletools (the description of the opcodes). */
#ifndef DUET_IO_PICKLE_H
#define DUET_IO_PICKLE_H

#include "base/mem.h"

/* A name that a file may use. role: DUET_PICKLE_DICT_MAKER, or the reader's own from 1 on. */
typedef struct duet_pickle_global {
    const char *module, *name;
    int role, value;
} duet_pickle_global;

#define DUET_PICKLE_DICT_MAKER 0    /* calling it gives a dict */
#define DUET_PICKLE_UNKNOWN    (-1) /* a name that is not on the list; what it makes is unknown */
/* The last entry of a list that accepts all other names, as DUET_PICKLE_UNKNOWN. */
#define DUET_PICKLE_OTHERS \
    { "*", "*", DUET_PICKLE_UNKNOWN, 0 }

typedef enum duet_pickle_kind {
    DUET_PICKLE_NONE,
    DUET_PICKLE_BOOL,
    DUET_PICKLE_INT,
    DUET_PICKLE_FLOAT,
    DUET_PICKLE_TEXT, /* the bytes of the file, not checked to be UTF-8 */
    DUET_PICKLE_BYTES,
    DUET_PICKLE_TUPLE,
    DUET_PICKLE_LIST,
    DUET_PICKLE_SET,
    DUET_PICKLE_DICT, /* items: key, value, key, value, … */
    DUET_PICKLE_GLOBAL,
    DUET_PICKLE_OBJECT,     /* what `global` would make of the items */
    DUET_PICKLE_PERSISTENT, /* item 0: an id of something outside the pickle */
} duet_pickle_kind;

/* Nodes may be shared, and in a hostile file a node may contain itself: a walk has to bound its
 * depth and its number of steps. */
typedef struct duet_pickle_node {
    duet_pickle_kind kind;
    int64_t integer; /* BOOL, INT */
    double real;     /* FLOAT */
    /* TEXT, BYTES: `count` bytes and a NUL; bytes of over 16 MiB stand in `data` itself, without a
     * NUL */
    const char *text;
    const duet_pickle_global *global;
    struct duet_pickle_node **item;
    struct duet_pickle_node *state; /* OBJECT: the value its attributes are set from, or NULL */
    int64_t count, capacity;
} duet_pickle_node;

/* The value of the pickle at `data`; *used is its size in bytes. Nodes live in the arena. `at`:
 * offset of `data` in its file, for messages. DUET_FORMAT for a damaged pickle, DUET_UNSUPPORTED
 * for a name or opcode that is not allowed. */
DUET_NODISCARD duet_status duet_pickle_parse(const duet_pickle_node **out, int64_t *used,
                                             duet_arena *arena, const void *data, int64_t size,
                                             int64_t at, const duet_pickle_global *allowed,
                                             int allowed_count);

/* The value of `key` in a dict; NULL where it is missing or `node` is not a dict. */
const duet_pickle_node *duet_pickle_find(const duet_pickle_node *node, const char *key);

#endif
