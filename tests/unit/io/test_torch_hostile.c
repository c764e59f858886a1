/* SPDX-License-Identifier: MIT
 * Pickles that would run code, read outside of their storage or eat the memory, through what reads
 * PyTorch's files: each is refused with its reason, by its bytes alone. (The opcodes themselves:
 * test_pickle.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "io/store/torch.h"

/* Names that known attacks on Python's loader use. */
static const char *const callables[][2] = {
    {"os", "system"},
    {"os", "popen"},
    {"os", "execv"},
    {"os", "remove"},
    {"posix", "system"},
    {"nt", "system"},
    {"subprocess", "Popen"},
    {"subprocess", "check_output"},
    {"builtins", "eval"},
    {"builtins", "exec"},
    {"builtins", "compile"},
    {"builtins", "open"},
    {"builtins", "__import__"},
    {"__builtin__", "eval"},
    {"__builtin__", "file"},
    {"importlib", "import_module"},
    {"runpy", "run_path"},
    {"runpy", "_run_code"},
    {"pty", "spawn"},
    {"shutil", "rmtree"},
    {"socket", "socket"},
    {"ctypes", "CDLL"},
    {"code", "interact"},
    {"timeit", "timeit"},
    {"webbrowser", "open"},
    {"pip", "main"},
    {"bdb", "Bdb"},
    {"pickle", "loads"},
    {"marshal", "loads"},
};

/* Values that checkpoints have beside their tensors, and near misses of names that make tensors:
 * nothing is made of them. */
static const char *const unknown[][2] = {
    {"builtins", "getattr"},
    {"operator", "attrgetter"},
    {"functools", "partial"},
    {"omegaconf.dictconfig", "DictConfig"},
    {"pathlib", "PosixPath"},
    {"datetime", "datetime"},
    {"numpy", "load"},
    {"torch", "load"},
    {"torch._utils", "_rebuild_tensor_v2.__globals__"},
    {"torch.storage", "_load_from_bytes"},
    {"collections", "OrderedDict.__init__"},
    {"collections.OrderedDict", ""},
    {"", "OrderedDict"},
    {"torch ", "FloatStorage"},
};

static int64_t tensor_count, unknown_count; /* of the object collected last */

static duet_status collect(const void *bytes, int64_t size) {
    duet_store store = {0};
    duet_torch_tensor *tensors = NULL;
    const duet_pickle_node *root = NULL;
    int64_t used = 0;
    assert_int_equal(duet_arena_new(&store.arena), DUET_OK);
    duet_status status = duet_pickle_parse(&root, &used, store.arena, bytes, size, 0,
                                           duet_torch_globals, duet_torch_global_count);
    if (status == DUET_OK) status = duet_torch_collect(&store, &tensors, root);
    tensor_count = store.count;
    unknown_count = store.pair_count > 0 && strcmp(store.pairs[0].key, "left out") == 0
                        ? store.pairs[0].value[0] - '0'
                        : 0;
    duet_arena_free(store.arena);
    return status;
}

static void code_is_never_reached(void **unused) {
    (void)unused;
    for (int i = 0; i < DUET_COUNT(callables); i++) {
        char bytes[256], want[160];
        const char *const module = callables[i][0], *const name = callables[i][1];
        snprintf(want, sizeof want, "'%s.%s'", module, name);
        int size = snprintf(bytes, sizeof bytes, "c%s\n%s\n(X", module, name); /* GLOBAL … REDUCE */
        memcpy(bytes + size,
               "\4\0\0\0true"
               "tR.",
               11);
        if (collect(bytes, size + 11) != DUET_UNSUPPORTED ||
            strstr(duet_error_message(), want) == NULL)
            fail_msg("%s.%s: %s", module, name, duet_error_message());
        size = snprintf(bytes, sizeof bytes, "\x80\4\x8c%c%s\x8c%c%s\x93)\x81}b.",
                        (char)strlen(module), module, (char)strlen(name),
                        name); /* STACK_GLOBAL NEWOBJ BUILD */
        if (strlen(module) > 0 && strlen(name) > 0 &&
            (collect(bytes, size) != DUET_UNSUPPORTED ||
             strstr(duet_error_message(), want) == NULL))
            fail_msg("%s.%s: %s", module, name, duet_error_message());
    }
}

static void unknown_objects_are_counted(void **unused) {
    (void)unused;
    for (int i = 0; i < DUET_COUNT(unknown); i++) {
        char bytes[256];
        const int size = snprintf(bytes, sizeof bytes, "(c%s\n%s\n(tRK\1cx\ny\n)\x81}bt.",
                                  unknown[i][0], unknown[i][1]);
        if (collect(bytes, size) != DUET_OK || tensor_count != 0 || unknown_count != 2)
            fail_msg("%s.%s: %lld tensors, %lld unknown, %s", unknown[i][0], unknown[i][1],
                     (long long)tensor_count, (long long)unknown_count, duet_error_message());
    }
    /* A class of dicts, one of lists, a call of a method, one with arguments by name. */
    assert_int_equal(collect("cx\nD\n)\x81(K\1K\2u.", 14), DUET_OK);
    assert_int_equal(unknown_count, 0);
    assert_int_equal(collect("cx\nL\n)\x81(K\1K\2e}b.", 16), DUET_OK);
    assert_int_equal(collect("cx\nf\n)R)R.", 10), DUET_OK);
    assert_int_equal(unknown_count, 1);
    assert_int_equal(collect("cx\nf\n)}\x92.", 9), DUET_OK);
    assert_int_equal(unknown_count, 1);
}

/* ---- tensors: {"a": _rebuild_tensor_v2(storage, offset, sizes, strides)}, pieces changed ---- */

#define TEXT(length, text) "X" length "\0\0\0" text
#define MAKE               "}" TEXT("\1", "a") "ctorch._utils\n_rebuild_tensor_v2\n("
#define STORAGE \
    "(" TEXT("\7", "storage") "ctorch\nFloatStorage\n" TEXT("\1", "0") TEXT("\3", "cpu") "K\6tQ"
#define END         "tRs."
#define BYTES(text) (text), (int64_t)sizeof text - 1
#define HUGE_INT    "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"

static const struct {
    const char *bytes;
    int64_t size;
    const char *words;
} tensors[] = {
    {BYTES(MAKE STORAGE "K\1K\2K\3\x86K\3K\1\x86" END),
     "reaches to element 1 + 6 of a storage of 6"},
    {BYTES(MAKE STORAGE "K\0K\2K\3\x86K\4K\1\x86" END), "reaches to element 0 + 7"},
    {BYTES(MAKE STORAGE "J\xff\xff\xff\xffK\2K\3\x86K\3K\1\x86" END), "reaches to element -1"},
    {BYTES(MAKE STORAGE "K\0K\2K\3\x86J\xff\xff\xff\xffK\1\x86" END),
     "a stride that is not a count"},
    {BYTES(MAKE STORAGE "K\0K\2K\3\x86" HUGE_INT HUGE_INT "\x86" END), "overflow"},
    {BYTES(MAKE STORAGE "K\0" HUGE_INT HUGE_INT "\x86K\0K\0\x86" END), "'a'"},
    {BYTES(MAKE STORAGE "K\0J\xff\xff\xff\xffK\3\x86K\3K\1\x86" END), "'a'"},
    {BYTES(MAKE STORAGE HUGE_INT "K\2K\3\x86K\3K\1\x86" END), "reaches to element"},
    {BYTES(MAKE STORAGE "K\0K\2K\3\x86K\3\x85" END), "no strides for its sizes"},
    {BYTES(MAKE STORAGE "K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1t)" END), "'a'"},
    {BYTES(MAKE STORAGE "K\0NN" END), "not described as PyTorch does"},
    {BYTES(MAKE STORAGE "K\0" END), "not described as PyTorch does"},
    {BYTES(MAKE STORAGE "NK\2K\3\x86K\3K\1\x86" END), "not described as PyTorch does"},
    {BYTES(MAKE STORAGE "K\0NK\3\x86K\3K\1\x86" END), "a size that is no number"},
    {BYTES(MAKE "NK\0K\2\x85K\1\x85" END), "has no storage"},
    {BYTES(MAKE "NQK\0K\2\x85K\1\x85" END), "has no storage"},
    {BYTES(MAKE "(" TEXT("\7", "storage") "ctorch\nTensor\n" TEXT("\1", "0")
               TEXT("\3", "cpu") "K\6tQK\0K\2\x85K\1\x85" END),
     "has no storage"},
    {BYTES(MAKE "(" TEXT("\7", "storage") "ctorch\nFloatStorage\nK\0" TEXT(
         "\3", "cpu") "K\6tQK\0K\2\x85K\1\x85" END),
     "has no storage"},
    {BYTES(MAKE "(" TEXT("\7", "storage") "ctorch\nFloatStorage\n" TEXT("\1", "0") TEXT("\3", "cpu")
               HUGE_INT "tQK\0K\2\x85K\1\x85" END),
     "has 9223372036854775807 elements"},
    {BYTES(MAKE "(" TEXT("\7", "storage") "ctorch\nFloatStorage\n" TEXT("\1", "0")
               TEXT("\3", "cpu") "J\xff\xff\xff\xfftQK\0K\2\x85K\1\x85" END),
     "has -1 elements"},
    {BYTES(MAKE "(" TEXT("\7", "storage") "ctorch\nQInt8Storage\n" TEXT("\1", "0")
               TEXT("\3", "cpu") "K\6tQK\0K\2\x85K\1\x85" END),
     "elements of torch.QInt8Storage"},
    {BYTES(MAKE "(" TEXT("\7", "storage") "ctorch\nFloatStorage\n" TEXT("\1", "0")
               TEXT("\3", "cpu") "K\6(K\0tQ"
                                 "tQK\0K\2\x85K\1\x85" END),
     "lies in a view of a storage"},
    {BYTES("]q\0h\0a."), "nested deeper"},                    /* a list in itself */
    {BYTES("}q\0" TEXT("\1", "a") "h\0s."), "nested deeper"}, /* a dict in itself */
    {BYTES("]q\0(h\0h\0h\0h\0h\0h\0h\0h\0e."), "nested deeper"},
};

static void tensors_stay_in_their_storage(void **unused) {
    (void)unused;
    for (int i = 0; i < DUET_COUNT(tensors); i++) {
        const duet_status status = collect(tensors[i].bytes, tensors[i].size);
        if (status == DUET_OK || strstr(duet_error_message(), tensors[i].words) == NULL)
            fail_msg("case %d: %s, expected '%s'", i,
                     status == DUET_OK ? "accepted" : duet_error_message(), tensors[i].words);
    }
}

/* ---- bombs ---- */

/* Forty lists, each with the former twice: 2^40 parts in a few hundred bytes. Each is built on top
 * of the last and kept by the memo. */
static void a_tree_of_shared_parts_ends(void **unused) {
    (void)unused;
    char bytes[1024] = {']', 'q', 1, '0'}; /* EMPTY_LIST, BINPUT 1, POP */
    int size = 4;
    for (int i = 1; i <= 40; i++) {
        const char list[] = {'(', 'h', (char)i, 'h', (char)i, 'l', 'q', (char)(i + 1), '0'};
        memcpy(bytes + size, list, sizeof list);
        size += (int)sizeof list;
    }
    const char end[] = {'h', 41, '.'};
    memcpy(bytes + size, end, sizeof end);
    assert_int_equal(collect(bytes, size + (int)sizeof end), DUET_FORMAT);
    if (strstr(duet_error_message(), "file's object") == NULL) fail_msg("%s", duet_error_message());
}

/* Values on the stack, objects thrown away, marks, long names: each has its limit. */
static void nothing_grows_without_end(void **unused) {
    (void)unused;
    static const struct {
        const char *unit;
        int length;
        const char *words;
    } bombs[] = {{"N", 1, "more than 524,288 values"},
                 {"N0", 2, "more than 524,288 values"},
                 {"(", 1, "marks"}};
    for (int i = 0; i < DUET_COUNT(bombs); i++) {
        const int64_t count = (1 << 19) + 8, size = count * bombs[i].length;
        char *bytes = NULL;
        assert_int_equal(duet_alloc(&bytes, size, 1), DUET_OK);
        for (int64_t k = 0; k < count; k++)
            memcpy(bytes + k * bombs[i].length, bombs[i].unit, (size_t)bombs[i].length);
        const duet_status status = collect(bytes, size);
        if (status != DUET_FORMAT || strstr(duet_error_message(), bombs[i].words) == NULL)
            fail_msg("bomb %d: %s", i, duet_error_message());
        duet_release(bytes);
    }
}

/* A key of a mebibyte around keys that share it: 64 names of 16 MiB in a file of 1 MiB. */
static void names_have_a_budget(void **unused) {
    (void)unused;
    enum { LONG = 1 << 20 };
    char *bytes = NULL;
    assert_int_equal(duet_alloc(&bytes, LONG + 1024, 1), DUET_OK);
    int64_t at = 0;
    memcpy(bytes, "}X\0\0\x10\0", 6);
    at = 6;
    memset(bytes + at, 'k', LONG);
    at += LONG;
    memcpy(bytes + at, "](", 2);
    at += 2;
    for (int i = 0; i < 64; i++, at += 2) memcpy(bytes + at, "K\1", 2);
    memcpy(bytes + at, "es.", 3);
    at += 3;
    assert_int_equal(collect(bytes, at), DUET_FORMAT);
    assert_non_null(strstr(duet_error_message(), "more than 16 MiB"));
    duet_release(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_is_never_reached),
        cmocka_unit_test(unknown_objects_are_counted),
        cmocka_unit_test(tensors_stay_in_their_storage),
        cmocka_unit_test(a_tree_of_shared_parts_ends),
        cmocka_unit_test(nothing_grows_without_end),
        cmocka_unit_test(names_have_a_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
