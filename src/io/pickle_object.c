/* SPDX-License-Identifier: MIT
 * io/pickle_object.c: the names that a pickle uses, and what it would make with them.
 * Nothing is called: an object is a node that refers to its maker and holds the arguments. */
#include "io/pickle_object.h"

#include <string.h>

#include <duet/registry.h>

#include "base/error.h"

typedef duet_pickle_node node;
typedef duet_pickle_machine machine;

/* Modules, and built-in functions of Python, that only a malicious file refers to. */
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

/* The entry of the list. A name that is not on it gets an entry of its own, or NULL where it is
 * refused. */
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
        return duet_advised(
            duet_fail(DUET_UNSUPPORTED,
                      "the file wants '%.100s.%.100s' (byte %lld): refused, since it may run code "
                      "and tensors do not need it; if you trust the file, save the weights alone: "
                      "torch.save(model.state_dict(), 'weights.pt')",
                      from, what, (long long)duet_pickle_place(m)));
    DUET_TRY(duet_pickle_push_new(m, DUET_PICKLE_GLOBAL, &n));
    n->global = found;
    return DUET_OK;
}

duet_status duet_pickle_global_of_lines(machine *m) {
    const char *module = NULL, *name = NULL;
    int64_t module_size = 0, name_size = 0;
    DUET_TRY(duet_pickle_take_line(m, &module, &module_size));
    DUET_TRY(duet_pickle_take_line(m, &name, &name_size));
    return push_global(m, module, module_size, name, name_size);
}

duet_status duet_pickle_global_of_stack(machine *m) {
    node *name = NULL, *module = NULL;
    DUET_TRY(duet_pickle_pop(m, &name));
    DUET_TRY(duet_pickle_pop(m, &module));
    if (name->kind != DUET_PICKLE_TEXT || module->kind != DUET_PICKLE_TEXT)
        return duet_pickle_damaged(m, "a name that is not a text");
    if (name->count > DUET_PICKLE_MOST_NAME || module->count > DUET_PICKLE_MOST_NAME)
        return duet_pickle_damaged(m, "a name of over 1024 bytes");
    return push_global(m, module->text, module->count, name->text, name->count);
}

bool duet_pickle_is_unknown(const node *n) {
    return n->global != NULL && n->global->role == DUET_PICKLE_UNKNOWN;
}

/* What may stand where Python calls something: a name, or the result of an unknown one (a method,
 * or a class found by its persistent id). */
static bool may_be_called(const machine *m, const node *callee) {
    const bool others = m->allowed[m->allowed_count - 1].role == DUET_PICKLE_UNKNOWN;
    return callee->kind == DUET_PICKLE_GLOBAL ||
           (callee->kind == DUET_PICKLE_OBJECT && duet_pickle_is_unknown(callee)) ||
           (callee->kind == DUET_PICKLE_PERSISTENT && others);
}

/* Nothing is called: a maker of dicts gives a dict with the pairs of its argument, if it has one;
 * anything else gives a node with the arguments. */
static duet_status make_object(machine *m, const node *callee, const node *args) {
    node *n = NULL;
    if (!may_be_called(m, callee) || args->kind != DUET_PICKLE_TUPLE)
        return duet_pickle_damaged(m, "a call of something that is not a name");
    const duet_pickle_global *const global =
        callee->kind == DUET_PICKLE_PERSISTENT ? &m->allowed[m->allowed_count - 1] : callee->global;
    const bool dict = global->role == DUET_PICKLE_DICT_MAKER;
    DUET_TRY(duet_pickle_push_new(m, dict ? DUET_PICKLE_DICT : DUET_PICKLE_OBJECT, &n));
    n->global = global;
    if (!dict) return duet_pickle_add_items(m, n, args->item, args->count);
    const node *const pairs = args->count > 0 ? args->item[args->count - 1] : NULL;
    for (int64_t i = 0; pairs != NULL && pairs->kind == DUET_PICKLE_LIST && i < pairs->count; i++) {
        if ((pairs->item[i]->kind != DUET_PICKLE_TUPLE &&
             pairs->item[i]->kind != DUET_PICKLE_LIST) ||
            pairs->item[i]->count != 2)
            return duet_pickle_damaged(m, "a dict of something that is not a pair");
        DUET_TRY(duet_pickle_add_items(m, n, pairs->item[i]->item, 2));
    }
    return DUET_OK;
}

duet_status duet_pickle_reduce(machine *m) {
    node *args = NULL, *callee = NULL;
    DUET_TRY(duet_pickle_pop(m, &args));
    DUET_TRY(duet_pickle_pop(m, &callee));
    return make_object(m, callee, args);
}

duet_status duet_pickle_new_object(machine *m) {
    node *named = NULL;
    DUET_TRY(duet_pickle_pop(m, &named));
    return duet_pickle_reduce(m);
}

/* The attributes of an object are kept as they are in the file. */
duet_status duet_pickle_build(machine *m) {
    node *state = NULL;
    DUET_TRY(duet_pickle_pop(m, &state));
    if (duet_pickle_above(m) < 1) return duet_pickle_damaged(m, "the stack is empty");
    const node *const to = m->stack[m->depth - 1];
    const duet_pickle_kind kind = to->kind;
    if (kind == DUET_PICKLE_OBJECT) m->stack[m->depth - 1]->state = state;
    return kind == DUET_PICKLE_OBJECT || kind == DUET_PICKLE_DICT || duet_pickle_is_unknown(to)
               ? DUET_OK
               : duet_pickle_damaged(m, "attributes for something that has none");
}

duet_status duet_pickle_persistent(machine *m) {
    node *id = NULL, *n = NULL;
    DUET_TRY(duet_pickle_pop(m, &id));
    DUET_TRY(duet_pickle_push_new(m, DUET_PICKLE_PERSISTENT, &n));
    return duet_pickle_add_items(m, n, &id, 1);
}
