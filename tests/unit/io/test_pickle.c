/* SPDX-License-Identifier: MIT
 * The restricted pickle machine: values come back as they are, nothing is ever called, and what a
 * file of tensors does not need is refused by name and place. */
#include "unit/data/fixtures.h"

#include "base/mem.h"
#include "io/pickle.h"

enum { THING = 1 };

static const duet_pickle_global allowed[] = {
    {"collections", "OrderedDict", DUET_PICKLE_DICT_MAKER, 0}, {"some", "thing", THING, 5}};

static duet_status parse(const duet_pickle_node **out, int64_t *used, duet_arena *arena,
                         const char *bytes, int64_t size) {
    uint8_t *exact = NULL; /* on the heap: a read past the end is seen by AddressSanitizer */
    OK(duet_alloc(&exact, size, 1));
    if (size > 0) memcpy(exact, bytes, (size_t)size);
    const duet_status status =
        duet_pickle_parse(out, used, arena, exact, size, 1000, allowed, DUET_COUNT(allowed));
    duet_release(exact);
    return status;
}

#define BYTES(text) (text), (int64_t)sizeof text - 1

static void values_come_back(void **unused) {
    (void)unused;
    static const char bytes[] = "\x80\x02}q\0("
                                "X\1\0\0\0aK\5X\1\0\0\0bJ\xfe\xff\xff\xffX\1\0\0\0cG\x3f\xf8\0\0\0"
                                "\0\0\0X\1\0\0\0d\x88X\1\0\0\0eN"
                                "X\1\0\0\0f]q\1(K\1K\2eX\1\0\0\0g("
                                "K\1K\2K\3tX\1\0\0\0h\x8a\2\x00\x80X\1\0\0\0icsome\nthing\nK\7\x85R"
                                "X\1\0\0\0jK\x09QX\1\0\0\0k"
                                "ccollections\nOrderedDict\n)RX\1\0\0\0lh\1X\1\0\0\0mC\2xyu.";
    const duet_pickle_node *root = NULL;
    duet_arena *arena = NULL;
    int64_t used = 0;
    OK(duet_arena_new(&arena));
    OK(parse(&root, &used, arena, BYTES(bytes)));
    assert_int_equal(used, sizeof bytes - 1);
    assert_int_equal(root->kind, DUET_PICKLE_DICT);
    assert_int_equal(duet_pickle_find(root, "a")->integer, 5);
    assert_int_equal(duet_pickle_find(root, "b")->integer, -2);
    assert_true(duet_pickle_find(root, "c")->real == 1.5);
    assert_int_equal(duet_pickle_find(root, "d")->kind, DUET_PICKLE_BOOL);
    assert_int_equal(duet_pickle_find(root, "d")->integer, 1);
    assert_int_equal(duet_pickle_find(root, "e")->kind, DUET_PICKLE_NONE);
    assert_int_equal(duet_pickle_find(root, "f")->count, 2);
    assert_int_equal(duet_pickle_find(root, "g")->kind, DUET_PICKLE_TUPLE);
    assert_int_equal(duet_pickle_find(root, "g")->item[2]->integer, 3);
    assert_int_equal(duet_pickle_find(root, "h")->integer, -32768);
    const duet_pickle_node *const object = duet_pickle_find(root, "i");
    assert_int_equal(object->kind, DUET_PICKLE_OBJECT);
    assert_int_equal(object->global->role, THING);
    assert_int_equal(object->item[0]->integer, 7);
    assert_int_equal(duet_pickle_find(root, "j")->kind, DUET_PICKLE_PERSISTENT);
    assert_int_equal(duet_pickle_find(root, "j")->item[0]->integer, 9);
    assert_int_equal(duet_pickle_find(root, "k")->kind, DUET_PICKLE_DICT);
    assert_ptr_equal(duet_pickle_find(root, "l"),
                     duet_pickle_find(root, "f")); /* the memo shares */
    assert_int_equal(duet_pickle_find(root, "m")->kind, DUET_PICKLE_BYTES);
    assert_null(duet_pickle_find(root, "z"));
    duet_arena_free(arena);
}

static const struct {
    const char *bytes;
    int64_t size;
    duet_status status;
    const char *words;
} hostile[] = {
    {BYTES("\x80\x02"
           "cos\nsystem\nX\2\0\0\0id\x85R."),
     DUET_UNSUPPORTED, "'os.system' (byte 1013)"},
    {BYTES("\x80\x02"
           "cbuiltins\neval\nX\2\0\0\0id\x85R."),
     DUET_UNSUPPORTED, "builtins.eval"},
    {BYTES("\x80\x02"
           "c__builtin__\nexec\n."),
     DUET_UNSUPPORTED, "__builtin__.exec"},
    {BYTES("\x80\x04\x8c\5posix\x8c\6system\x93."), DUET_UNSUPPORTED, "posix.system"},
    {BYTES("\x80\x04\x8c\4some\x8c\6things\x93."), DUET_UNSUPPORTED, "some.things"},
    {BYTES("\x80\x02"
           "csubprocess\nPopen\n."),
     DUET_UNSUPPORTED, "subprocess.Popen"},
    {BYTES("(S'id'\nios\nsystem\n."), DUET_UNSUPPORTED, "opcode 0x53 at byte 1001"},
    {BYTES("(X\2\0\0\0idios\nsystem\n."), DUET_UNSUPPORTED, "opcode 0x69"}, /* INST */
    {BYTES("(csome\nthing\no."), DUET_UNSUPPORTED, "opcode 0x6f"},          /* OBJ */
    {BYTES("\x82\1."), DUET_UNSUPPORTED, "opcode 0x82"},                    /* EXT1 */
    {BYTES("\x83\1\1."), DUET_UNSUPPORTED, "opcode 0x83"},
    {BYTES("\x84\1\1\1\1."), DUET_UNSUPPORTED, "opcode 0x84"},
    {BYTES("Pid\n."), DUET_UNSUPPORTED, "opcode 0x50"},
    {BYTES("\x97."), DUET_UNSUPPORTED, "opcode 0x97"}, /* NEXT_BUFFER */
    {BYTES("K\1K\2K\3s."), DUET_FORMAT,
     "items for something that holds none"}, /* SETITEM on an integer */
    {BYTES("]K\2K\3s."), DUET_FORMAT, "items for something that holds none"},
    {BYTES("}K\2a."), DUET_FORMAT, "items for something that holds none"},
    {BYTES("}(K\1u."), DUET_FORMAT, "a key without a value"},
    {BYTES("K\1K\2R."), DUET_FORMAT, "a call of something that is not a name"},
    {BYTES("csome\nthing\nK\2R."), DUET_FORMAT, "a call of something that is not a name"},
    {BYTES("csome\nthing\n)R)R."), DUET_FORMAT, "a call of something that is not a name"},
    {BYTES("K\1}b."), DUET_FORMAT, "attributes for something that has none"},
    {BYTES("R."), DUET_FORMAT, "the stack is empty"},
    {BYTES("K\1(R."), DUET_FORMAT, "the stack is empty"},
    {BYTES("u."), DUET_FORMAT, "there is no mark"},
    {BYTES("(((."), DUET_FORMAT, "values are left"},
    {BYTES("."), DUET_FORMAT, "values are left"},
    {BYTES("K\1K\2."), DUET_FORMAT, "2 values are left"},
    {BYTES("h\5."), DUET_FORMAT, "the memo has no such value"},
    {BYTES("K\1r\xff\xff\xff\xff."), DUET_FORMAT, "a memo of more than"},
    {BYTES("j\xff\xff\xff\x7f."), DUET_FORMAT, "the memo has no such value"},
    {BYTES("X\xff\xff\xff\xff"
           "abc."),
     DUET_FORMAT, "a text of over 16 MiB"},
    {BYTES("X\xff\0\0\0abc."), DUET_FORMAT, "cut off"},
    {BYTES("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
           "abc."),
     DUET_FORMAT, "a text of over 16 MiB"},
    {BYTES("\x8a\x09\1\1."), DUET_FORMAT, "cut off"},
    {BYTES("\x80\x06K\1."), DUET_FORMAT, "newer than 5"},
    {BYTES("csome\nthing"), DUET_FORMAT, "a line has no end"},
    {BYTES("ccollections\nOrderedDict\n]K\1a\x85R."), DUET_FORMAT, "not a pair"},
    {BYTES(""), DUET_FORMAT, "cut off"},
    {BYTES("\x80"), DUET_FORMAT, "cut off"},
};

static void hostile_files_are_refused(void **unused) {
    (void)unused;
    for (int i = 0; i < DUET_COUNT(hostile); i++) {
        const duet_pickle_node *root = NULL;
        duet_arena *arena = NULL;
        int64_t used = 0;
        OK(duet_arena_new(&arena));
        const duet_status status = parse(&root, &used, arena, hostile[i].bytes, hostile[i].size);
        if (status != hostile[i].status || strstr(duet_error_message(), hostile[i].words) == NULL)
            fail_msg("case %d: %s, '%s'; expected '%s'", i, duet_status_name(status),
                     status == DUET_OK ? "" : duet_error_message(), hostile[i].words);
        assert_null(root);
        duet_arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_come_back),
                                       cmocka_unit_test(hostile_files_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
