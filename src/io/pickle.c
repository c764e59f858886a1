/* SPDX-License-Identifier: MIT
 * io/pickle.c: the restricted stack machine of pickle.h. */
#include "io/pickle.h"

#include <string.h>

#include <duet/registry.h>

#include "base/error.h"

#define MOST_STACK   (1 << 19)
#define MOST_MEMO    (1 << 20)
#define MOST_OBJECTS (1 << 19)
#define MOST_TEXT    (16 << 20)
#define MOST_NAME    1024

typedef duet_pickle_node node;

typedef struct machine {
    duet_arena *arena;
    const uint8_t *data;
    int64_t size, at, base; /* base: offset of data in the file */
    const duet_pickle_global *allowed;
    int allowed_count;
    node **stack, **memo;
    int64_t *marks;
    int64_t depth, stack_capacity, mark_count, mark_capacity, memo_capacity, memo_next, objects;
} machine;

static int64_t place(const machine *m) {
    return m->base + m->at;
}

static duet_status damaged(const machine *m, const char *what) {
    return duet_fail(DUET_FORMAT, "the pickle is damaged at byte %lld: %s", (long long)place(m),
                     what);
}

/* ---- what an opcode reads ---- */

static duet_status take(machine *m, int64_t count, const uint8_t **out) {
    if (count < 0 || count > m->size - m->at)
        return duet_fail(DUET_FORMAT, "the pickle is cut off: %lld bytes are wanted at byte %lld",
                         (long long)count, (long long)place(m));
    *out = m->data + m->at;
    m->at += count;
    return DUET_OK;
}

/* An unsigned little-endian number of `bytes` bytes. */
static duet_status take_number(machine *m, int bytes, uint64_t *out) {
    const uint8_t *from = NULL;
    DUET_TRY(take(m, bytes, &from));
    *out = 0;
    for (int i = bytes - 1; i >= 0; i--) *out = *out << 8 | from[i];
    return DUET_OK;
}

/* A line, without its end. */
static duet_status take_line(machine *m, const char **text, int64_t *size) {
    const uint8_t *const from = m->data + m->at, *const end =
                                                     memchr(from, '\n', (size_t)(m->size - m->at));
    if (end == NULL) return damaged(m, "a line has no end");
    *text = (const char *)from;
    *size = end - from;
    m->at += *size + 1;
    return *size > MOST_NAME ? damaged(m, "a name of over 1024 bytes") : DUET_OK;
}

/* ---- stack ---- */

static duet_status push(machine *m, node *n) {
    if (m->depth >= MOST_STACK) return damaged(m, "more than 524,288 values on the stack");
    DUET_TRY(duet_grow(&m->stack, &m->stack_capacity, m->depth + 1, sizeof *m->stack));
    m->stack[m->depth++] = n;
    return DUET_OK;
}

static duet_status make(machine *m, duet_pickle_kind kind, node **out) {
    if (++m->objects > MOST_OBJECTS) return damaged(m, "more than 524,288 values");
    *out = duet_arena_alloc(m->arena, 1, sizeof **out);
    DUET_TRY(duet_arena_status(m->arena));
    (*out)->kind = kind;
    return DUET_OK;
}

static duet_status push_new(machine *m, duet_pickle_kind kind, node **out) {
    DUET_TRY(make(m, kind, out));
    return push(m, *out);
}

/* Values above the last mark, or all: what an opcode may use. */
static int64_t above(const machine *m) {
    return m->depth - (m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0);
}

static duet_status pop(machine *m, node **out) {
    if (above(m) < 1) return damaged(m, "the stack is empty");
    *out = m->stack[--m->depth];
    return DUET_OK;
}

/* Takes the last mark away; *first: the values above it are stack[*first … depth). */
static duet_status pop_mark(machine *m, int64_t *first) {
    if (m->mark_count == 0) return damaged(m, "there is no mark");
    *first = m->marks[--m->mark_count];
    return DUET_OK;
}

static duet_status add_items(machine *m, node *to, node *const *from, int64_t count) {
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

/* ---- values ---- */

static duet_status push_integer(machine *m, duet_pickle_kind kind, int64_t value) {
    node *n = NULL;
    DUET_TRY(push_new(m, kind, &n));
    n->integer = value;
    return DUET_OK;
}

/* large: longer ones are bytes and stay where they are. */
static duet_status push_text(machine *m, duet_pickle_kind kind, int length_bytes, bool large) {
    uint64_t size = 0;
    const uint8_t *from = NULL;
    node *n = NULL;
    DUET_TRY(take_number(m, length_bytes, &size));
    if (size > MOST_TEXT && !large) return damaged(m, "a text of over 16 MiB");
    if (size > INT64_MAX) return damaged(m, "bytes without end");
    DUET_TRY(take(m, (int64_t)size, &from));
    DUET_TRY(push_new(m, size > MOST_TEXT ? DUET_PICKLE_BYTES : kind, &n));
    n->count = (int64_t)size;
    n->text = (const char *)from;
    if (size > MOST_TEXT) return DUET_OK;
    char *const copy = duet_arena_alloc(m->arena, (int64_t)size + 1, 1);
    DUET_TRY(duet_arena_status(m->arena));
    if (size > 0) memcpy(copy, from, size);
    n->text = copy;
    return DUET_OK;
}

/* Two's complement; of more than 8 bytes (states of random number generators) the bytes. */
static duet_status push_long(machine *m) {
    uint64_t size = 0, value = 0;
    DUET_TRY(take_number(m, 1, &size));
    if (size > 8) {
        m->at--;
        return push_text(m, DUET_PICKLE_BYTES, 1, false);
    }
    DUET_TRY(take_number(m, (int)size, &value));
    if (size > 0 && size < 8 && (value >> (8 * size - 1) & 1) != 0)
        value |= ~(uint64_t)0 << 8 * size;
    return push_integer(m, DUET_PICKLE_INT, (int64_t)value);
}

/* Big-endian, alone among the numbers. */
static duet_status push_float(machine *m) {
    const uint8_t *from = NULL;
    uint64_t bits = 0;
    node *n = NULL;
    DUET_TRY(take(m, 8, &from));
    for (int i = 0; i < 8; i++) bits = bits << 8 | from[i];
    DUET_TRY(push_new(m, DUET_PICKLE_FLOAT, &n));
    memcpy(&n->real, &bits, sizeof bits);
    return DUET_OK;
}

/* Modules, and functions of Python itself, that only a file which means harm names. */
static bool runs_programs(const char *module, const char *name) {
    static const char *const modules[] = {
        "os",      "posix", "nt",        "subprocess", "sys",  "shutil",     "socket", "runpy",
        "ctypes",  "pty",   "importlib", "code",       "pdb",  "webbrowser", "pickle", "_pickle",
        "marshal", "bdb",   "timeit",    "asyncio",    "http", "urllib",     "pip"};
    static const char *const functions[] = {"eval",  "exec",       "execfile",   "compile", "open",
                                            "input", "__import__", "breakpoint", "file"};
    const size_t root = strcspn(module, ".");
    for (int i = 0; i < DUET_COUNT(modules); i++)
        if (strlen(modules[i]) == root && strncmp(module, modules[i], root) == 0) return true;
    if (strcmp(module, "builtins") != 0 && strcmp(module, "__builtin__") != 0) return false;
    for (int i = 0; i < DUET_COUNT(functions); i++)
        if (strcmp(name, functions[i]) == 0) return true;
    return false;
}

/* The list's entry; for a name that is not on it one of its own, or NULL where it is refused. */
static const duet_pickle_global *lookup(const machine *m, const char *module, const char *name) {
    for (int i = 0; i < m->allowed_count; i++)
        if (strcmp(m->allowed[i].module, module) == 0 && strcmp(m->allowed[i].name, name) == 0)
            return &m->allowed[i];
    const duet_pickle_global *const last = &m->allowed[m->allowed_count - 1];
    if (last->role != DUET_PICKLE_UNKNOWN || runs_programs(module, name)) return NULL;
    duet_pickle_global *const other = duet_arena_alloc(m->arena, 1, sizeof *other);
    if (other == NULL) return last;
    *other = (duet_pickle_global){.module = module, .name = name, .role = DUET_PICKLE_UNKNOWN};
    return other;
}

static duet_status push_global(machine *m, const char *module, int64_t module_size,
                               const char *name, int64_t name_size) {
    const char *const from = duet_arena_format(m->arena, "%.*s", (int)module_size, module),
                      *const what = duet_arena_format(m->arena, "%.*s", (int)name_size, name);
    node *n = NULL;
    DUET_TRY(duet_arena_status(m->arena));
    const duet_pickle_global *const found = lookup(m, from, what);
    if (found == NULL)
        return duet_advised(duet_fail(
            DUET_UNSUPPORTED,
            "the file wants '%.100s.%.100s' (byte %lld): refused, it may run code where it is "
            "allowed, and tensors need no such thing; of a file that you trust save the "
            "weights alone: torch.save(model.state_dict(), 'weights.pt')",
            from, what, (long long)place(m)));
    DUET_TRY(push_new(m, DUET_PICKLE_GLOBAL, &n));
    n->global = found;
    return DUET_OK;
}

static duet_status global_of_lines(machine *m) {
    const char *module = NULL, *name = NULL;
    int64_t module_size = 0, name_size = 0;
    DUET_TRY(take_line(m, &module, &module_size));
    DUET_TRY(take_line(m, &name, &name_size));
    return push_global(m, module, module_size, name, name_size);
}

static duet_status global_of_stack(machine *m) {
    node *name = NULL, *module = NULL;
    DUET_TRY(pop(m, &name));
    DUET_TRY(pop(m, &module));
    if (name->kind != DUET_PICKLE_TEXT || module->kind != DUET_PICKLE_TEXT)
        return damaged(m, "a name that is no text");
    if (name->count > MOST_NAME || module->count > MOST_NAME)
        return damaged(m, "a name of over 1024 bytes");
    return push_global(m, module->text, module->count, name->text, name->count);
}

static bool is_unknown(const node *n) {
    return n->global != NULL && n->global->role == DUET_PICKLE_UNKNOWN;
}

/* ---- containers ---- */

/* The last `count` values as a tuple. */
static duet_status push_tuple(machine *m, int64_t count) {
    node *n = NULL;
    if (above(m) < count) return damaged(m, "the stack is empty");
    DUET_TRY(make(m, DUET_PICKLE_TUPLE, &n));
    DUET_TRY(add_items(m, n, m->stack + m->depth - count, count));
    m->depth -= count;
    return push(m, n);
}

static duet_status push_marked(machine *m, duet_pickle_kind kind) {
    int64_t first = 0;
    node *n = NULL;
    DUET_TRY(pop_mark(m, &first));
    DUET_TRY(make(m, kind, &n));
    DUET_TRY(add_items(m, n, m->stack + first, m->depth - first));
    m->depth = first;
    if (kind == DUET_PICKLE_DICT && n->count % 2 != 0) return damaged(m, "a key without a value");
    return push(m, n);
}

/* The last `count` values go into the container below them. */
static duet_status fill(machine *m, int64_t count, duet_pickle_kind kind) {
    if (above(m) < count + 1) return damaged(m, "the stack is empty");
    node *const to = m->stack[m->depth - count - 1];
    if (to->kind == DUET_PICKLE_OBJECT && is_unknown(to)) { /* of a class of dicts, lists or sets */
        to->kind = kind;
        to->count = 0;
    }
    if (to->kind != kind) return damaged(m, "items for something that holds none");
    if (kind == DUET_PICKLE_DICT && count % 2 != 0) return damaged(m, "a key without a value");
    DUET_TRY(add_items(m, to, m->stack + m->depth - count, count));
    m->depth -= count;
    return DUET_OK;
}

static duet_status fill_marked(machine *m, duet_pickle_kind kind) {
    int64_t first = 0;
    DUET_TRY(pop_mark(m, &first));
    return fill(m, m->depth - first, kind);
}

/* What may stand where Python calls something: a name, or what an unknown one gave (a method, a
 * class found by its persistent id). */
static bool may_be_called(const machine *m, const node *callee) {
    const bool others = m->allowed[m->allowed_count - 1].role == DUET_PICKLE_UNKNOWN;
    return callee->kind == DUET_PICKLE_GLOBAL ||
           (callee->kind == DUET_PICKLE_OBJECT && is_unknown(callee)) ||
           (callee->kind == DUET_PICKLE_PERSISTENT && others);
}

/* Nothing is called: a dict maker gives a dict, with the pairs of its argument if there are; others
 * a node with the arguments. */
static duet_status make_object(machine *m, const node *callee, const node *args) {
    node *n = NULL;
    if (!may_be_called(m, callee) || args->kind != DUET_PICKLE_TUPLE)
        return damaged(m, "a call of something that is no name");
    const duet_pickle_global *const global =
        callee->kind == DUET_PICKLE_PERSISTENT ? &m->allowed[m->allowed_count - 1] : callee->global;
    const bool dict = global->role == DUET_PICKLE_DICT_MAKER;
    DUET_TRY(push_new(m, dict ? DUET_PICKLE_DICT : DUET_PICKLE_OBJECT, &n));
    n->global = global;
    if (!dict) return add_items(m, n, args->item, args->count);
    const node *const pairs = args->count > 0 ? args->item[args->count - 1] : NULL;
    for (int64_t i = 0; pairs != NULL && pairs->kind == DUET_PICKLE_LIST && i < pairs->count; i++) {
        if ((pairs->item[i]->kind != DUET_PICKLE_TUPLE &&
             pairs->item[i]->kind != DUET_PICKLE_LIST) ||
            pairs->item[i]->count != 2)
            return damaged(m, "a dict of something that is no pair");
        DUET_TRY(add_items(m, n, pairs->item[i]->item, 2));
    }
    return DUET_OK;
}

static duet_status reduce(machine *m) {
    node *args = NULL, *callee = NULL;
    DUET_TRY(pop(m, &args));
    DUET_TRY(pop(m, &callee));
    return make_object(m, callee, args);
}

/* NEWOBJ_EX: with arguments by name, which are left out. */
static duet_status new_object(machine *m) {
    node *named = NULL;
    DUET_TRY(pop(m, &named));
    return reduce(m);
}

/* Attributes of an object are kept as they come. */
static duet_status build(machine *m) {
    node *state = NULL;
    DUET_TRY(pop(m, &state));
    if (above(m) < 1) return damaged(m, "the stack is empty");
    const node *const to = m->stack[m->depth - 1];
    const duet_pickle_kind kind = to->kind;
    if (kind == DUET_PICKLE_OBJECT) m->stack[m->depth - 1]->state = state;
    return kind == DUET_PICKLE_OBJECT || kind == DUET_PICKLE_DICT || is_unknown(to)
               ? DUET_OK
               : damaged(m, "attributes for something that has none");
}

static duet_status persistent(machine *m) {
    node *id = NULL, *n = NULL;
    DUET_TRY(pop(m, &id));
    DUET_TRY(push_new(m, DUET_PICKLE_PERSISTENT, &n));
    return add_items(m, n, &id, 1);
}

/* ---- memo and marks ---- */

static duet_status remember(machine *m, uint64_t index) {
    if (index >= MOST_MEMO) return damaged(m, "a memo of more than 1,048,576 values");
    if (above(m) < 1) return damaged(m, "the stack is empty");
    DUET_TRY(duet_grow(&m->memo, &m->memo_capacity, (int64_t)index + 1, sizeof *m->memo));
    m->memo[index] = m->stack[m->depth - 1];
    m->memo_next = (int64_t)index + 1;
    return DUET_OK;
}

static duet_status recall(machine *m, uint64_t index) {
    if (index >= (uint64_t)m->memo_capacity || m->memo[index] == NULL)
        return damaged(m, "the memo has no such value");
    return push(m, m->memo[index]);
}

static duet_status mark(machine *m) {
    if (m->mark_count >= MOST_STACK) return damaged(m, "more than 524,288 marks");
    DUET_TRY(duet_grow(&m->marks, &m->mark_capacity, m->mark_count + 1, sizeof *m->marks));
    m->marks[m->mark_count++] = m->depth;
    return DUET_OK;
}

/* ---- opcodes ---- */

static duet_status run_number(machine *m, uint8_t op) {
    uint64_t v = 0;
    const int bytes = op == 'J' || op == 'r' || op == 'j' ? 4 : op == 'M' ? 2 : op == 0x95 ? 8 : 1;
    DUET_TRY(take_number(m, bytes, &v));
    switch (op) {
    case 'K':
    case 'M':
        return push_integer(m, DUET_PICKLE_INT, (int64_t)v);
    case 'J':
        return push_integer(m, DUET_PICKLE_INT, (int32_t)v);
    case 'q':
    case 'r':
        return remember(m, v);
    case 'h':
    case 'j':
        return recall(m, v);
    case 0x80:
        return v <= 5 ? DUET_OK : damaged(m, "a protocol newer than 5");
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
        return push_new(m, DUET_PICKLE_DICT, &n); /* EMPTY_DICT */
    case ']':
        return push_new(m, DUET_PICKLE_LIST, &n); /* EMPTY_LIST */
    case ')':
        return push_new(m, DUET_PICKLE_TUPLE, &n); /* EMPTY_TUPLE */
    case 0x8f:
        return push_new(m, DUET_PICKLE_SET, &n); /* EMPTY_SET */
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
        return push_new(m, DUET_PICKLE_NONE, &n);
    case 0x88:
        return push_integer(m, DUET_PICKLE_BOOL, 1);
    case 0x89:
        return push_integer(m, DUET_PICKLE_BOOL, 0);
    case 0x8a:
        return push_long(m);
    case 'G':
        return push_float(m);
    case 'c':
        return global_of_lines(m);
    case 0x93:
        return global_of_stack(m);
    case 'R':
    case 0x81:
        return reduce(m); /* REDUCE, NEWOBJ */
    case 0x92:
        return new_object(m); /* NEWOBJ_EX */
    case 'b':
        return build(m);
    case 'Q':
        return persistent(m);
    case '(':
        return mark(m);
    case 0x94:
        return remember(m, (uint64_t)m->memo_next); /* MEMOIZE */
    case '0':
        return pop(m, &n);
    default:
        break;
    }
    m->at--;
    return duet_fail(
        DUET_UNSUPPORTED,
        "the pickle has opcode 0x%02x at byte %lld: refused, a file of tensors needs no such thing",
        op, (long long)place(m));
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
    DUET_DO(duet_grow(&m.stack, &m.stack_capacity, 16,
                      sizeof *m.stack)); /* so that "no values of it" is a place too */
    for (;;) {
        DUET_DO(take(&m, 1, &op));
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
