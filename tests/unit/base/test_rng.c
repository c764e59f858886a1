/* SPDX-License-Identifier: MIT
 * Philox against the Random123 known answers, XXH64 against published values, moments, independence
 * of the range asked for. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"

static void test_philox_known_answers(void **state) {
    (void)state;
    /* kat_vectors of Random123: philox4x32 10. */
    static const struct {
        uint64_t key, high, low;
        uint32_t out[4];
    } known[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822,
         0x0370734413198a2e,
         0x85a308d3243f6a88,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t out[4];
        duet_philox(out, known[i].key, known[i].high, known[i].low);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

static void test_hash_known_answers(void **state) {
    (void)state;
    assert_true(duet_hash("", 0, 0) == 0xEF46DB3751D8E999u);
    assert_true(duet_hash_text("a", 0) == 0xD24EC4F1A98C6E5Bu);
    assert_true(duet_hash_text("abc", 0) == 0x44BC2CF5AD770999u);
    /* All lengths and alignments differ from each other and do not depend on where the bytes lie.
     */
    uint8_t bytes[200], moved[201];
    uint64_t seen[200];
    for (int i = 0; i < 200; i++) bytes[i] = (uint8_t)(i * 7);
    memcpy(moved + 1, bytes, 200);
    for (size_t n = 0; n < 200; n++) {
        seen[n] = duet_hash(bytes, n, 5);
        assert_true(seen[n] == duet_hash(moved + 1, n, 5));
        assert_true(seen[n] != duet_hash(bytes, n, 6));
        for (size_t m = 0; m < n; m++) assert_true(seen[m] != seen[n]);
    }
}

static void test_streams_differ(void **state) {
    (void)state;
    const duet_rng a = duet_rng_make(1, "noise", 0);
    assert_true(duet_rng_u64(a, 0) == duet_rng_u64(duet_rng_make(1, "noise", 0), 0));
    assert_true(duet_rng_u64(a, 0) != duet_rng_u64(a, 1));
    assert_true(duet_rng_u64(a, 0) != duet_rng_u64(a, 2));
    assert_true(duet_rng_u64(a, 0) != duet_rng_u64(duet_rng_make(1, "noise", 1), 0));
    assert_true(duet_rng_u64(a, 0) != duet_rng_u64(duet_rng_make(2, "noise", 0), 0));
    assert_true(duet_rng_u64(a, 0) != duet_rng_u64(duet_rng_make(1, "t", 0), 0));
}

static void test_uniform_and_below(void **state) {
    (void)state;
    const duet_rng rng = duet_rng_make(7, "u", 3);
    double sum = 0, square = 0;
    int64_t bins[10] = {0};
    const int count = 100000;
    for (int i = 0; i < count; i++) {
        const double u = duet_rng_uniform(rng, (uint64_t)i);
        assert_true(u >= 0.0 && u < 1.0);
        sum += u;
        square += u * u;
        bins[duet_rng_below(rng, (uint64_t)i, 10)]++;
    }
    assert_true(fabs(sum / count - 0.5) < 0.005);
    assert_true(fabs(square / count - 1.0 / 3) < 0.005);
    for (int i = 0; i < 10; i++) assert_true(llabs(bins[i] - count / 10) < 600); /* 6 sigma */
    /* The high word of a 128-bit product, checked where it is plain: a power of two shifts. */
    const uint64_t x = duet_rng_u64(rng, 5);
    assert_true(duet_rng_below(rng, 5, (uint64_t)1 << 63) == x >> 1);
    assert_true(duet_rng_below(rng, 5, (uint64_t)1 << 20) == x >> 44);
    assert_true(duet_rng_below(rng, 5, 1) == 0);
    /* bound - 1 = all ones: floor(x (2^64 - 1) / 2^64) = x - 1 for x > 0. */
    assert_true(duet_rng_below(rng, 5, UINT64_MAX) == x - 1);
}

enum { NORMALS = 200000 };

static void test_normal_moments(void **state) {
    (void)state;
    float *z = NULL;
    assert_int_equal(duet_alloc(&z, NORMALS, sizeof *z), DUET_OK);
    duet_rng_normal(duet_rng_make(11, "noise", 4), 0, z, NORMALS);
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0, lag1 = 0, lag2 = 0;
    int64_t tail = 0;
    for (int i = 0; i < NORMALS; i++) {
        const double v = (double)z[i];
        m1 += v;
        m2 += v * v;
        m3 += v * v * v;
        m4 += v * v * v * v;
        if (i >= 1) lag1 += v * (double)z[i - 1];
        if (i >= 2) lag2 += v * (double)z[i - 2];
        tail += fabs(v) > 1.959964;
    }
    const double n = NORMALS,
                 five = 5.0 / sqrt(n); /* five standard errors, each with its own deviation */
    assert_true(fabs(m1 / n) < five);
    assert_true(fabs(m2 / n - 1) < five * sqrt(2.0));
    assert_true(fabs(m3 / n) < five * sqrt(15.0));
    assert_true(fabs(m4 / n - 3) < five * sqrt(96.0));
    assert_true(fabs(lag1 / n) < five);
    assert_true(fabs(lag2 / n) < five);
    assert_true(fabs((double)tail / n - 0.05) < five * sqrt(0.0475));
    duet_release(z);
}

/* The polynomials against the mathematics library, from the definition. */
static void test_normal_is_box_muller(void **state) {
    (void)state;
    const duet_rng rng = duet_rng_make(5, "check", 9);
    static float z[40000];
    duet_rng_normal(rng, 0, z, 40000);
    for (int block = 0; block < 10000; block++) {
        uint32_t r[4];
        duet_philox(r, rng.key ^ 0xA5A3C1E70F9B2D48u, rng.index, (uint64_t)block);
        for (int pair = 0; pair < 2; pair++) {
            const double radius = sqrt(-2 * log(((double)r[2 * pair] + 0.5) / 4294967296.0));
            const double angle = 2 * acos(-1.0) * (double)r[2 * pair + 1] / 4294967296.0;
            assert_true(fabs((double)z[4 * block + 2 * pair] - radius * cos(angle)) <
                        3e-7 * radius);
            assert_true(fabs((double)z[4 * block + 2 * pair + 1] - radius * sin(angle)) <
                        3e-7 * radius);
        }
    }
}

static void test_normal_does_not_depend_on_the_range(void **state) {
    (void)state;
    const duet_rng rng = duet_rng_make(3, "noise", 8);
    float whole[64], part[64];
    const uint64_t base = ((uint64_t)1 << 40) + 2;
    duet_rng_normal(rng, base, whole, 64);
    for (int first = 0; first < 20; first++) {
        for (int count = 0; count <= 64 - first; count++) {
            memset(part, 0xFF, sizeof part);
            duet_rng_normal(rng, base + (uint64_t)first, part, count);
            assert_memory_equal(part, whole + first, (size_t)count * sizeof(float));
            /* nothing behind the range is written */
            if (count < 64) assert_true(isnan(part[count]));
        }
    }
}

/* Pinned: stored results depend on these draws, so a change must be seen. */
static void test_normal_golden(void **state) {
    (void)state;
    float z[4];
    duet_rng_normal((duet_rng){.key = 42, .index = 7}, 0, z, 4);
    uint32_t bits[4];
    memcpy(bits, z, sizeof bits);
    static const uint32_t golden[4] = {0x3ef93ed2, 0x3f9c5796, 0xbf602793, 0x3f353b82};
    assert_memory_equal(bits, golden, sizeof bits);
}

static void test_permutation(void **state) {
    (void)state;
    int64_t order[1000], again[1000];
    bool seen[1000] = {false};
    duet_rng_permutation(duet_rng_make(1, "order", 0), order, 1000);
    duet_rng_permutation(duet_rng_make(1, "order", 0), again, 1000);
    assert_memory_equal(order, again, sizeof order);
    int fixed = 0;
    for (int i = 0; i < 1000; i++) {
        assert_in_range(order[i], 0, 999);
        assert_false(seen[order[i]]);
        seen[order[i]] = true;
        fixed += order[i] == i;
    }
    assert_true(fixed < 10); /* Poisson with mean 1 */
    duet_rng_permutation(duet_rng_make(1, "order", 1), again, 1000);
    assert_memory_not_equal(order, again, sizeof order);
    int64_t counts[6] = {0}; /* all 6 orders of 3 equally often */
    for (uint64_t i = 0; i < 6000; i++) {
        duet_rng_permutation(duet_rng_make(1, "three", i), order, 3);
        counts[order[0] * 2 + (order[1] > order[2])]++;
    }
    for (int i = 0; i < 6; i++) assert_true(llabs(counts[i] - 1000) < 180);
    duet_rng_permutation(duet_rng_make(1, "order", 1), order, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_hash_known_answers),
        cmocka_unit_test(test_streams_differ),
        cmocka_unit_test(test_uniform_and_below),
        cmocka_unit_test(test_normal_moments),
        cmocka_unit_test(test_normal_is_box_muller),
        cmocka_unit_test(test_normal_does_not_depend_on_the_range),
        cmocka_unit_test(test_normal_golden),
        cmocka_unit_test(test_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
