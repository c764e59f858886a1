/* SPDX-License-Identifier: MIT
 * Conversion between element types: every f16 and bf16 value, ties, one rounding only, clamping,
 * unaligned data. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include <duet/tensor.h>

/* The value of a 16-bit float from the definition of its fields. */
static double value_of(uint16_t bits, int exponent_bits, int fraction_bits) {
    const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1),
              bias = (1 << (exponent_bits - 1)) - 1;
    const int fraction = bits & ((1 << fraction_bits) - 1);
    const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
    if (exponent == (1 << exponent_bits) - 1) return fraction != 0 ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * ldexp((double)fraction, 1 - bias - fraction_bits);
    return sign * ldexp((double)(fraction | 1 << fraction_bits), exponent - bias - fraction_bits);
}

static void check_all_values(duet_dtype type, int exponent_bits, int fraction_bits) {
    static uint16_t all[65536], back[65536];
    static float single[65536];
    static double twice[65536];
    for (int i = 0; i < 65536; i++) all[i] = (uint16_t)i;
    duet_convert(single, DUET_F32, all, type, 65536);
    duet_convert(twice, DUET_F64, all, type, 65536);
    for (int i = 0; i < 65536; i++) {
        const double want = value_of((uint16_t)i, exponent_bits, fraction_bits);
        if (isnan(want))
            assert_true(isnan(single[i]) && isnan(twice[i]));
        else
            assert_true((double)single[i] == want && twice[i] == want &&
                        !signbit(want) == !signbit(twice[i]));
    }
    duet_convert(back, type, single, DUET_F32, 65536);
    assert_memory_equal(back, all, sizeof all); /* NaN payloads too */
    duet_convert(back, type, twice, DUET_F64, 65536);
    for (int i = 0; i < 65536; i++) {
        if (isnan(twice[i]))
            assert_true(isnan(value_of(back[i], exponent_bits, fraction_bits)));
        else
            assert_int_equal(back[i], all[i]);
    }
}

static void test_all_f16(void **state) {
    (void)state;
    check_all_values(DUET_F16, 5, 10);
}

static void test_all_bf16(void **state) {
    (void)state;
    check_all_values(DUET_BF16, 8, 7);
}

static uint16_t from_f32(duet_dtype type, float x) {
    uint16_t out = 0;
    duet_convert(&out, type, &x, DUET_F32, 1);
    return out;
}

static uint16_t from_f64(duet_dtype type, double x) {
    uint16_t out = 0;
    duet_convert(&out, type, &x, DUET_F64, 1);
    return out;
}

/* Between each two neighbours: just below, at, and just above the middle. */
static void check_ties(duet_dtype type, int exponent_bits, int fraction_bits) {
    const int infinite = ((1 << exponent_bits) - 1) << fraction_bits;
    for (int i = 0; i < infinite; i++) {
        const double low = value_of((uint16_t)i, exponent_bits, fraction_bits);
        /* The step above the largest finite value is as large as the one below it. */
        const double high =
            i + 1 < infinite ? value_of((uint16_t)(i + 1), exponent_bits, fraction_bits)
                             : 2 * low - value_of((uint16_t)(i - 1), exponent_bits, fraction_bits);
        const double middle = 0.5 * low + 0.5 * high;
        const int even = i % 2 == 0 ? i : i + 1;
        const float near = (float)middle;
        assert_true((double)near == middle);
        assert_int_equal(from_f32(type, near), even);
        assert_int_equal(from_f32(type, nextafterf(near, 0.0F)), i);
        assert_int_equal(from_f32(type, nextafterf(near, INFINITY)), i + 1);
        assert_int_equal(from_f32(type, -near), even | 0x8000);
        /* Closer to the middle than f32 can say: rounding twice would lose it. */
        assert_int_equal(from_f64(type, middle), even);
        assert_int_equal(from_f64(type, nextafter(middle, 0.0)), i);
        assert_int_equal(from_f64(type, nextafter(middle, INFINITY)), i + 1);
    }
    assert_int_equal(from_f64(type, 1e300), infinite);
    assert_int_equal(from_f64(type, -1e300), infinite | 0x8000);
    assert_int_equal(from_f64(type, 1e-300), 0);
    assert_int_equal(from_f64(type, -1e-300), 0x8000);
}

static void test_ties(void **state) {
    (void)state;
    check_ties(DUET_F16, 5, 10);
    check_ties(DUET_BF16, 8, 7);
}

static void test_small_nan_payload(void **state) {
    (void)state;
    /* A payload that does not fit must not become infinity. */
    const uint32_t nan_bits = 0x7F800001u;
    float x = 0.0F;
    memcpy(&x, &nan_bits, sizeof x);
    uint16_t out = 0;
    duet_convert(&out, DUET_F16, &nan_bits, DUET_F32, 1);
    assert_true(isnan(value_of(out, 5, 10)));
    duet_convert(&out, DUET_BF16, &nan_bits, DUET_F32, 1);
    assert_true(isnan(value_of(out, 8, 7)));
}

static void test_floats_to_integers(void **state) {
    (void)state;
    static const float in[] = {0.5F,  1.5F,   2.5F,  -0.5F,  -1.5F, 300.0F, -300.0F,
                               1e10F, -1e10F, 1e30F, -1e30F, 0.25F, NAN,    INFINITY};
    enum { N = sizeof in / sizeof in[0] };
    static const int8_t want_i8[N] = {0, 2, 2, 0, -2, 127, -128, 127, -128, 127, -128, 0, 0, 127};
    static const uint8_t want_u8[N] = {0, 2, 2, 0, 0, 255, 0, 255, 0, 255, 0, 0, 0, 255};
    static const uint8_t want_bool[N] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const int32_t want_i32[N] = {
        0, 2, 2, 0, -2, 300, -300, INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN, 0, 0, INT32_MAX};
    static const int64_t want_i64[N] = {
        0,         2,         2, 0, -2,       300, -300, 10000000000, -10000000000,
        INT64_MAX, INT64_MIN, 0, 0, INT64_MAX};
    uint8_t out[N * 8];
    duet_convert(out, DUET_I8, in, DUET_F32, N);
    assert_memory_equal(out, want_i8, sizeof want_i8);
    duet_convert(out, DUET_U8, in, DUET_F32, N);
    assert_memory_equal(out, want_u8, sizeof want_u8);
    duet_convert(out, DUET_BOOL, in, DUET_F32, N);
    assert_memory_equal(out, want_bool, sizeof want_bool);
    duet_convert(out, DUET_I32, in, DUET_F32, N);
    assert_memory_equal(out, want_i32, sizeof want_i32);
    duet_convert(out, DUET_I64, in, DUET_F32, N);
    assert_memory_equal(out, want_i64, sizeof want_i64);
}

static void test_integers(void **state) {
    (void)state;
    static const int64_t in[] = {0, 1, -1, 200, -200, 3000000000, INT64_MAX, INT64_MIN};
    enum { N = sizeof in / sizeof in[0] };
    static const int8_t want_i8[N] = {0, 1, -1, 127, -128, 127, 127, -128};
    static const uint8_t want_u8[N] = {0, 1, 0, 200, 0, 255, 255, 0},
                         want_bool[N] = {0, 1, 1, 1, 1, 1, 1, 1};
    static const int32_t want_i32[N] = {0, 1, -1, 200, -200, INT32_MAX, INT32_MAX, INT32_MIN};
    uint8_t out[N * 8];
    duet_convert(out, DUET_I8, in, DUET_I64, N);
    assert_memory_equal(out, want_i8, sizeof want_i8);
    duet_convert(out, DUET_U8, in, DUET_I64, N);
    assert_memory_equal(out, want_u8, sizeof want_u8);
    duet_convert(out, DUET_BOOL, in, DUET_I64, N);
    assert_memory_equal(out, want_bool, sizeof want_bool);
    duet_convert(out, DUET_I32, in, DUET_I64, N);
    assert_memory_equal(out, want_i32, sizeof want_i32);
    double d[N];
    float f[N];
    duet_convert(d, DUET_F64, in, DUET_I64, N);
    duet_convert(f, DUET_F32, in, DUET_I64, N);
    for (int i = 0; i < N; i++) {
        assert_true(d[i] == (double)in[i]);
        assert_true(f[i] == (float)in[i]);
    }
}

/* i64 -> f32 by way of f64 would round twice around these. */
static void test_large_integers_round_once(void **state) {
    (void)state;
    for (int bit = 24; bit < 62; bit++) {
        for (int64_t offset = -3; offset <= 3; offset++) {
            for (int sign = -1; sign <= 1; sign += 2) {
                const int64_t v =
                    sign * (((int64_t)1 << bit) + ((int64_t)1 << (bit - 24)) + offset);
                float out = 0.0F;
                duet_convert(&out, DUET_F32, &v, DUET_I64, 1);
                assert_true(out == (float)v); /* the processor's conversion rounds once */
            }
        }
    }
}

/* Every pair of types carries small whole numbers, at any alignment and over several blocks. */
static void test_all_pairs_unaligned(void **state) {
    (void)state;
    enum { N = 600 };
    static uint8_t numbers[N], a[N * 8 + 1], b[N * 8 + 1], back[N];
    for (int i = 0; i < N; i++) numbers[i] = (uint8_t)(i * 5 % 128);
    for (int from = 0; from < DUET_DTYPE_COUNT; from++) {
        for (int to = 0; to < DUET_DTYPE_COUNT; to++) {
            memset(b, 0xFF, sizeof b);
            duet_convert(a + 1, (duet_dtype)from, numbers, DUET_U8, N);
            duet_convert(b + 1, (duet_dtype)to, a + 1, (duet_dtype)from, N - 1);
            duet_convert(back, DUET_U8, b + 1, (duet_dtype)to, N - 1);
            for (int i = 0; i < N - 1; i++) {
                const bool truth = from == DUET_BOOL || to == DUET_BOOL;
                assert_int_equal(back[i], truth ? numbers[i] != 0 : numbers[i]);
            }
            const size_t size = duet_dtype_size((duet_dtype)to);
            assert_int_equal(b[1 + (N - 1) * size], 0xFF); /* nothing behind the range is written */
        }
    }
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(duet_dtype_name(DUET_BF16), "bf16");
    assert_string_equal(duet_dtype_name(DUET_DTYPE_COUNT), "unknown");
    assert_int_equal(duet_dtype_size(DUET_F64), 8);
    assert_int_equal(duet_dtype_size(DUET_DTYPE_COUNT), 0);
    for (int i = 0; i < DUET_DTYPE_COUNT; i++) assert_true(duet_dtype_size((duet_dtype)i) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_f16),
        cmocka_unit_test(test_all_bf16),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_small_nan_payload),
        cmocka_unit_test(test_floats_to_integers),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_large_integers_round_once),
        cmocka_unit_test(test_all_pairs_unaligned),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
