/* SPDX-License-Identifier: MIT
 * Blocks: aligned, zeroed, counted, overflow refused; growing; arenas and their sticky failure;
 * tensors. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include <duet/tensor.h>

#include "base/error.h"
#include "base/mem.h"

static bool all_zero(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

static void test_blocks(void **state) {
    (void)state;
    static const int64_t sizes[] = {0, 1, 63, 64, 65, 4096, 100000, 1048575, 1048576, 3000001};
    for (int round = 0; round < 2; round++) { /* the second round gets used memory back */
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            uint8_t *block = NULL;
            const int64_t before = duet_alloc_count();
            assert_int_equal(duet_alloc(&block, sizes[i], 1), DUET_OK);
            assert_int_equal(duet_alloc_count(), before + 1);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % 64, 0);
            assert_true(all_zero(block, (size_t)sizes[i]));
            memset(block, 0xA5, (size_t)sizes[i]);
            duet_release(block);
        }
    }
    duet_release(NULL);
}

static void test_refused(void **state) {
    (void)state;
    int marker = 0;
    int *block = &marker;
    assert_int_equal(duet_alloc(&block, -1, 4), DUET_NO_MEMORY);
    assert_int_equal(duet_alloc(&block, INT64_MAX, 1), DUET_NO_MEMORY);
    assert_int_equal(duet_alloc(&block, INT64_MAX / 2, 8), DUET_NO_MEMORY);
    assert_int_equal(duet_alloc(&block, 2, SIZE_MAX / 2 + 1), DUET_NO_MEMORY);
    assert_non_null(strstr(duet_error_message(), "out of memory"));
    assert_ptr_equal(block, &marker);
}

static void test_grow(void **state) {
    (void)state;
    int32_t *v = NULL;
    int64_t capacity = 0;
    for (int32_t i = 0; i < 5000; i++) {
        assert_int_equal(duet_grow(&v, &capacity, i + 1, sizeof *v), DUET_OK);
        assert_true(capacity > i);
        assert_int_equal(v[i], 0);
        v[i] = i;
    }
    for (int32_t i = 0; i < 5000; i++) assert_int_equal(v[i], i);
    assert_true(all_zero((const uint8_t *)(v + 5000), (size_t)(capacity - 5000) * sizeof *v));
    const int32_t *same = v;
    const int64_t kept = capacity;
    assert_int_equal(duet_grow(&v, &capacity, INT64_MAX / 2, sizeof *v), DUET_NO_MEMORY);
    assert_ptr_equal(v, same);
    assert_int_equal(capacity, kept);
    duet_release(v);
}

static void test_arena(void **state) {
    (void)state;
    duet_arena *arena = NULL;
    assert_int_equal(duet_arena_new(&arena), DUET_OK);
    const char *first = duet_arena_text(arena, "first");
    for (int i = 0; i < 3000; i++) {
        uint8_t *p = duet_arena_alloc(arena, i, 3);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_true(all_zero(p, (size_t)i * 3));
        memset(p, 0xFF, (size_t)i * 3);
    }
    assert_non_null(duet_arena_alloc(arena, 5000000, 1));
    assert_string_equal(first, "first");
    assert_string_equal(duet_arena_format(arena, "%s-%03d", "block", 7), "block-007");
    assert_int_equal(duet_arena_status(arena), DUET_OK);
    assert_null(duet_arena_alloc(arena, INT64_MAX, 8));
    assert_null(duet_arena_alloc(arena, 1, 1)); /* the failure sticks */
    assert_null(duet_arena_text(arena, "x"));
    assert_null(duet_arena_format(arena, "%d", 1));
    assert_int_equal(duet_arena_status(arena), DUET_NO_MEMORY);
    duet_arena_free(arena);
    duet_arena_free(NULL);
    assert_int_equal(duet_arena_status(NULL), DUET_NO_MEMORY);
}

static void test_tensor(void **state) {
    (void)state;
    duet_tensor t = {0};
    const int64_t dims[] = {2, 3, 5};
    assert_int_equal(duet_tensor_new(&t, DUET_F32, 3, dims), DUET_OK);
    assert_int_equal(duet_shape_count(&t.shape), 30);
    assert_true(all_zero(t.data, 120));
    const duet_shape same = {.rank = 3, .dim = {2, 3, 5}}, other = {.rank = 3, .dim = {2, 3, 6}},
                     flat = {.rank = 2, .dim = {2, 3}};
    assert_true(duet_shape_equal(&t.shape, &same));
    assert_false(duet_shape_equal(&t.shape, &other));
    assert_false(duet_shape_equal(&t.shape, &flat));
    duet_tensor_free(&t);
    assert_null(t.data);
    assert_int_equal(duet_tensor_new(&t, DUET_F64, 0, NULL), DUET_OK);
    assert_int_equal(duet_shape_count(&t.shape), 1);
    duet_tensor_free(&t);
    duet_tensor_free(NULL);
    const int64_t empty[] = {4, 0}, negative[] = {4, -1},
                  huge[] = {(int64_t)1 << 40, (int64_t)1 << 40, 0};
    assert_int_equal(duet_tensor_new(&t, DUET_U8, 2, empty), DUET_OK);
    assert_int_equal(duet_shape_count(&t.shape), 0);
    duet_tensor_free(&t);
    assert_int_equal(duet_tensor_new(&t, DUET_U8, 2, negative), DUET_SHAPE);
    assert_int_equal(duet_tensor_new(&t, DUET_U8, 3, huge), DUET_SHAPE);
    assert_int_equal(duet_tensor_new(&t, DUET_U8, 9, huge), DUET_SHAPE);
    assert_int_equal(duet_tensor_new(&t, DUET_DTYPE_COUNT, 2, empty), DUET_ARG);
    assert_null(t.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks), cmocka_unit_test(test_refused), cmocka_unit_test(test_grow),
        cmocka_unit_test(test_arena),  cmocka_unit_test(test_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
