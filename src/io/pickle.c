/* SPDX-License-Identifier: MIT
 * io/pickle.c: the opcodes of the restricted stack machine of pickle.h: what each reads from
 * the file, and which value or container it makes. */
#include "io/pickle.h"

#include <string.h>

#include "base/error.h"
#include "io/pickle_machine.h"
#include "io/pickle_object.h"

#define MOST_TEXT (16 << 20)

typedef duet_pickle_node node;
typedef duet_pickle_machine machine;

/* ---- values ---- */

static duet_status push_integer(machine *m, duet_pickle_kind kind, int64_t value) {
    node *n = NULL;
    DUET_TRY(duet_pickle_push_new(m, kind, &n));
    n->integer = value;
    return DUET_OK;
}

/* large: a text of over 16 MiB is taken as bytes and stays in `data`. */
static duet_status push_text(machine *m, duet_pickle_kind kind, int length_bytes, bool large) {
    uint64_t size = 0;
    const uint8_t *from = NULL;
    node *n = NULL;
    DUET_TRY(duet_pickle_take_number(m, length_bytes, &size));
    if (size > MOST_TEXT && !large) return duet_pickle_damaged(m, "a text of over 16 MiB");
    if (size > INT64_MAX) return duet_pickle_damaged(m, "bytes of more than 2^63 - 1");
    DUET_TRY(duet_pickle_take(m, (int64_t)size, &from));
    DUET_TRY(duet_pickle_push_new(m, size > MOST_TEXT ? DUET_PICKLE_BYTES : kind, &n));
    n->count = (int64_t)size;
    n->text = (const char *)from;
    if (size > MOST_TEXT) return DUET_OK;
    char *const copy = duet_arena_alloc(m->arena, (int64_t)size + 1, 1);
    DUET_TRY(duet_arena_status(m->arena));
    if (size > 0) memcpy(copy, from, size);
    n->text = copy;
    return DUET_OK;
}

/* Two's complement; a number of more than 8 bytes (the state of a random number generator) is kept
 * as bytes. */
static duet_status push_long(machine *m) {
    uint64_t size = 0, value = 0;
    DUET_TRY(duet_pickle_take_number(m, 1, &size));
    if (size > 8) {
        m->at--;
        return push_text(m, DUET_PICKLE_BYTES, 1, false);
    }
    DUET_TRY(duet_pickle_take_number(m, (int)size, &value));
    if (size > 0 && size < 8 && (value >> (8 * size - 1) & 1) != 0)
        value |= ~(uint64_t)0 << 8 * size;
    return push_integer(m, DUET_PICKLE_INT, (int64_t)value);
}

/* Big-endian, unlike all other numbers. */
static duet_status push_float(machine *m) {
    const uint8_t *from = NULL;
    uint64_t bits = 0;
    node *n = NULL;
    DUET_TRY(duet_pickle_take(m, 8, &from));
    for (int i = 0; i < 8; i++) bits = bits << 8 | from[i];
    DUET_TRY(duet_pickle_push_new(m, DUET_PICKLE_FLOAT, &n));
    memcpy(&n->real, &bits, sizeof bits);
    return DUET_OK;
}

/* ---- containers ---- */

/* The last `count` values as a tuple. */
static duet_status push_tuple(machine *m, int64_t count) {
    node *n = NULL;
    if (duet_pickle_above(m) < count) return duet_pickle_damaged(m, "the stack is empty");
    DUET_TRY(duet_pickle_make(m, DUET_PICKLE_TUPLE, &n));
    DUET_TRY(duet_pickle_add_items(m, n, m->stack + m->depth - count, count));
    m->depth -= count;
    return duet_pickle_push(m, n);
}

static duet_status push_marked(machine *m, duet_pickle_kind kind) {
    int64_t first = 0;
    node *n = NULL;
    DUET_TRY(duet_pickle_pop_mark(m, &first));
    DUET_TRY(duet_pickle_make(m, kind, &n));
    DUET_TRY(duet_pickle_add_items(m, n, m->stack + first, m->depth - first));
    m->depth = first;
    if (kind == DUET_PICKLE_DICT && n->count % 2 != 0)
        return duet_pickle_damaged(m, "a key without a value");
    return duet_pickle_push(m, n);
}

/* The last `count` values go into the container below them. */
static duet_status fill(machine *m, int64_t count, duet_pickle_kind kind) {
    if (duet_pickle_above(m) < count + 1) return duet_pickle_damaged(m, "the stack is empty");
    node *const to = m->stack[m->depth - count - 1];
    if (to->kind == DUET_PICKLE_OBJECT &&
        duet_pickle_is_unknown(to)) { /* an unknown class derived from dict, list or set */
        to->kind = kind;
        to->count = 0;
    }
    if (to->kind != kind) return duet_pickle_damaged(m, "items for something that holds none");
    if (kind == DUET_PICKLE_DICT && count % 2 != 0)
        return duet_pickle_damaged(m, "a key without a value");
    DUET_TRY(duet_pickle_add_items(m, to, m->stack + m->depth - count, count));
    m->depth -= count;
    return DUET_OK;
}

static duet_status fill_marked(machine *m, duet_pickle_kind kind) {
    int64_t first = 0;
    DUET_TRY(duet_pickle_pop_mark(m, &first));
    return fill(m, m->depth - first, kind);
}

/* ---- opcodes ---- */

static duet_status run_number(machine *m, uint8_t op) {
    uint64_t v = 0;
    const int bytes = op == 'J' || op == 'r' || op == 'j' ? 4 : op == 'M' ? 2 : op == 0x95 ? 8 : 1;
    DUET_TRY(duet_pickle_take_number(m, bytes, &v));
    switch (op) {
    case 'K':
    case 'M':
        return push_integer(m, DUET_PICKLE_INT, (int64_t)v);
    case 'J':
        return push_integer(m, DUET_PICKLE_INT, (int32_t)v);
    case 'q':
    case 'r':
        return duet_pickle_remember(m, v);
    case 'h':
    case 'j':
        return duet_pickle_recall(m, v);
    case 0x80:
        return v <= 5 ? DUET_OK : duet_pickle_damaged(m, "a protocol newer than 5");
    default:
        return DUET_OK; /* FRAME: a hint for reading */
    }
}

static duet_status run_text(machine *m, uint8_t op) {
    switch (op) {
    case 'U':
        return push_text(m, DUET_PICKLE_TEXT, 1, false); /* SHORT_BINSTRING */
    case 'T':
        return push_text(m, DUET_PICKLE_TEXT, 4, true); /* BINSTRING */
    case 0x8c:
        return push_text(m, DUET_PICKLE_TEXT, 1, false); /* SHORT_BINUNICODE */
    case 'X':
        return push_text(m, DUET_PICKLE_TEXT, 4, false); /* BINUNICODE */
    case 0x8d:
        return push_text(m, DUET_PICKLE_TEXT, 8, false); /* BINUNICODE8 */
    case 'C':
        return push_text(m, DUET_PICKLE_BYTES, 1, false); /* SHORT_BINBYTES */
    case 'B':
        return push_text(m, DUET_PICKLE_BYTES, 4, true); /* BINBYTES */
    default:
        return push_text(m, DUET_PICKLE_BYTES, 8, true); /* BINBYTES8, BYTEARRAY8 */
    }
}

static duet_status run_container(machine *m, uint8_t op) {
    node *n = NULL;
    switch (op) {
    case '}':
        return duet_pickle_push_new(m, DUET_PICKLE_DICT, &n); /* EMPTY_DICT */
    case ']':
        return duet_pickle_push_new(m, DUET_PICKLE_LIST, &n); /* EMPTY_LIST */
    case ')':
        return duet_pickle_push_new(m, DUET_PICKLE_TUPLE, &n); /* EMPTY_TUPLE */
    case 0x8f:
        return duet_pickle_push_new(m, DUET_PICKLE_SET, &n); /* EMPTY_SET */
    case 0x91:
        return push_marked(m, DUET_PICKLE_SET); /* FROZENSET */
    case 't':
        return push_marked(m, DUET_PICKLE_TUPLE);
    case 'l':
        return push_marked(m, DUET_PICKLE_LIST);
    case 'd':
        return push_marked(m, DUET_PICKLE_DICT);
    case 0x85:
        return push_tuple(m, 1);
    case 0x86:
        return push_tuple(m, 2);
    case 0x87:
        return push_tuple(m, 3);
    case 'a':
        return fill(m, 1, DUET_PICKLE_LIST); /* APPEND */
    case 'e':
        return fill_marked(m, DUET_PICKLE_LIST); /* APPENDS */
    case 's':
        return fill(m, 2, DUET_PICKLE_DICT); /* SETITEM */
    case 'u':
        return fill_marked(m, DUET_PICKLE_DICT); /* SETITEMS */
    default:
        return fill_marked(m, DUET_PICKLE_SET); /* ADDITEMS */
    }
}

static duet_status run_other(machine *m, uint8_t op) {
    node *n = NULL;
    switch (op) {
    case 'N':
        return duet_pickle_push_new(m, DUET_PICKLE_NONE, &n);
    case 0x88:
        return push_integer(m, DUET_PICKLE_BOOL, 1);
    case 0x89:
        return push_integer(m, DUET_PICKLE_BOOL, 0);
    case 0x8a:
        return push_long(m);
    case 'G':
        return push_float(m);
    case 'c':
        return duet_pickle_global_of_lines(m);
    case 0x93:
        return duet_pickle_global_of_stack(m);
    case 'R':
    case 0x81:
        return duet_pickle_reduce(m); /* REDUCE, NEWOBJ */
    case 0x92:
        return duet_pickle_new_object(m); /* NEWOBJ_EX */
    case 'b':
        return duet_pickle_build(m);
    case 'Q':
        return duet_pickle_persistent(m);
    case '(':
        return duet_pickle_mark(m);
    case 0x94:
        return duet_pickle_remember(m, (uint64_t)m->memo_next); /* MEMOIZE */
    case '0':
        return duet_pickle_pop(m, &n);
    default:
        break;
    }
    m->at--;
    return duet_fail(
        DUET_UNSUPPORTED,
        "the pickle has opcode 0x%02x at byte %lld: refused, a file of tensors needs no such thing",
        op, (long long)duet_pickle_place(m));
}

static duet_status run_opcode(machine *m, uint8_t op) {
    if (op != 0 && strchr("KMJqrhj\x80\x95", op) != NULL) return run_number(m, op);
    if (op != 0 && strchr("UTXCB\x8c\x8d\x8e\x96", op) != NULL) return run_text(m, op);
    if (op != 0 && strchr("})]tldaesu\x85\x86\x87\x8f\x90\x91", op) != NULL)
        return run_container(m, op);
    return run_other(m, op);
}

duet_status duet_pickle_parse(const duet_pickle_node **out, int64_t *used, duet_arena *arena,
                              const void *data, int64_t size, int64_t at,
                              const duet_pickle_global *allowed, int allowed_count) {
    machine m = {.arena = arena,
                 .data = data,
                 .size = size,
                 .base = at,
                 .allowed = allowed,
                 .allowed_count = allowed_count};
    duet_status status = DUET_OK;
    const uint8_t *op = NULL;
    /* Allocated even if nothing is pushed, so that a pointer into it is never formed from NULL. */
    DUET_DO(duet_grow(&m.stack, &m.stack_capacity, 16, sizeof *m.stack));
    for (;;) {
        DUET_DO(duet_pickle_take(&m, 1, &op));
        if (*op == '.') break;
        DUET_DO(run_opcode(&m, *op));
    }
    if (m.depth != 1 || m.mark_count != 0)
        DUET_FAIL(DUET_FORMAT, "the pickle is damaged: %lld values are left at its end",
                  (long long)m.depth);
    *out = m.stack[0];
    *used = m.at;
done:
    duet_release(m.stack);
    duet_release(m.memo);
    duet_release(m.marks);
    return status;
}

const duet_pickle_node *duet_pickle_find(const duet_pickle_node *n, const char *key) {
    const size_t size = strlen(key);
    for (int64_t i = 0; n != NULL && n->kind == DUET_PICKLE_DICT && i + 1 < n->count; i += 2) {
        const node *const k = n->item[i];
        if (k->kind == DUET_PICKLE_TEXT && (size_t)k->count == size &&
            memcmp(k->text, key, size) == 0)
            return n->item[i + 1];
    }
    return NULL;
}
