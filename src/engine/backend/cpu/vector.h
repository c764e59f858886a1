/* SPDX-License-Identifier: MIT
 * cpu/vector.h: vectors of the instruction set this file is compiled for, by the vector types of
 * gcc and clang: loads, stores, sums, exp.
 *
 * exp: x = n ln 2 + r, |r| <= ln 2 / 2, exp(r) = 1 + r + r^2 q(r), q minimax of degree 4 (3e-9),
 * and n is added to the exponent bits. So x is kept within -87.3 .. 88: results stay normal
 * numbers, the smallest is 1.2e-38 and the largest 1.7e38; NaN stays. Below 2 ulp with fused
 * multiply-add, below 3 without. */
#ifndef DUET_CPU_VECTOR_H
#define DUET_CPU_VECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define DUET_LANES 16
#elif defined(__AVX2__)
#define DUET_LANES 8
#else
#define DUET_LANES 4
#endif

#if defined(__clang__)
#define DUET_UNROLL _Pragma("unroll")
#else
#define DUET_UNROLL _Pragma("GCC unroll 16")
#endif
#define DUET_INLINE static inline __attribute__((always_inline, unused))

typedef float duet_vec __attribute__((vector_size(4 * DUET_LANES)));
typedef int32_t duet_vec_int __attribute__((vector_size(4 * DUET_LANES)));
/* anywhere in memory */
typedef float duet_vec_loose __attribute__((vector_size(4 * DUET_LANES), aligned(4), may_alias));

DUET_INLINE duet_vec vec_load(const float *from) {
    return *(const duet_vec_loose *)from;
}

DUET_INLINE void vec_store(float *to, duet_vec v) {
    *(duet_vec_loose *)to = v;
}

DUET_INLINE duet_vec vec_set(float value) {
    return value - (duet_vec){0};
}

/* The first `count` lanes; the others are 0, and not stored. */
DUET_INLINE duet_vec vec_load_part(const float *from, int64_t count) {
    duet_vec v = {0};
    memcpy(&v, from, (size_t)count * sizeof(float));
    return v;
}

DUET_INLINE void vec_store_part(float *to, duet_vec v, int64_t count) {
    memcpy(to, &v, (size_t)count * sizeof(float));
}

/* ---- bf16: the upper half of an f32, rounded to nearest even when it is stored ---- */
typedef uint16_t duet_vec_short __attribute__((vector_size(2 * DUET_LANES)));
typedef uint16_t duet_vec_short_loose
    __attribute__((vector_size(2 * DUET_LANES), aligned(2), may_alias));
typedef uint32_t duet_vec_bits __attribute__((vector_size(4 * DUET_LANES)));

/* Compilers take the widening and the narrowing apart; the instructions exist. */
DUET_INLINE duet_vec bf16_load(const uint16_t *from) {
#if defined(__AVX512F__)
    return (duet_vec)_mm512_slli_epi32(
        _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)from)), 16);
#elif defined(__AVX2__)
    return (duet_vec)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)from)),
                                       16);
#else
    const duet_vec_short half = *(const duet_vec_short_loose *)from;
    return (duet_vec)(__builtin_convertvector(half, duet_vec_bits) << 16);
#endif
}

/* NaN keeps its upper half and becomes quiet, so that no payload is rounded to infinity. */
DUET_INLINE duet_vec_short bf16_round(duet_vec v) {
    const duet_vec_bits bits = (duet_vec_bits)v, high = bits >> 16,
                        up = (bits + 0x7fffu + (high & 1u)) >> 16;
#if defined(__AVX512F__)
    const __mmask16 nan = _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_UNORD_Q);
    return (duet_vec_short)_mm512_cvtepi32_epi16(
        _mm512_mask_blend_epi32(nan, (__m512i)up, (__m512i)(high | 0x40u)));
#elif defined(__AVX2__)
    const __m256 nan = _mm256_cmp_ps((__m256)v, (__m256)v, _CMP_UNORD_Q);
    const __m256i r =
        _mm256_castps_si256(_mm256_blendv_ps((__m256)up, (__m256)(high | 0x40u), nan));
    return (duet_vec_short)_mm_packus_epi32(_mm256_castsi256_si128(r),
                                            _mm256_extracti128_si256(r, 1));
#else
    const duet_vec_bits nan = (duet_vec_bits)(v != v);
    return __builtin_convertvector((nan & (high | 0x40u)) | (~nan & up), duet_vec_short);
#endif
}

DUET_INLINE void bf16_store(uint16_t *to, duet_vec v) {
    *(duet_vec_short_loose *)to = bf16_round(v);
}

DUET_INLINE duet_vec bf16_load_part(const uint16_t *from, int64_t count) {
    uint16_t full[DUET_LANES] = {0};
    memcpy(full, from, (size_t)count * sizeof *from);
    return bf16_load(full);
}

DUET_INLINE void bf16_store_part(uint16_t *to, duet_vec v, int64_t count) {
    const duet_vec_short half = bf16_round(v);
    memcpy(to, &half, (size_t)count * sizeof *to);
}

DUET_INLINE float bf16_get(uint16_t a) {
    const uint32_t bits = (uint32_t)a << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

DUET_INLINE uint16_t bf16_make(float value) {
    return bf16_round(vec_set(value))[0];
}

DUET_INLINE float vec_get(float value) {
    return value;
}

DUET_INLINE float vec_make(float value) {
    return value;
}

/* ---- activations: f32, or bf16 in the second compilation of a file (DUET_STORE_BF16). Arithmetic
 * is f32 either way. ---- */
#if defined(DUET_STORE_BF16)
typedef uint16_t duet_act;
#define DUET_STORED(name) bf16_##name
#else
typedef float duet_act;
#define DUET_STORED(name) vec_##name
#endif

DUET_INLINE duet_vec act_load(const duet_act *from) {
    return DUET_STORED(load)(from);
}

DUET_INLINE void act_store(duet_act *to, duet_vec v) {
    DUET_STORED(store)(to, v);
}

DUET_INLINE duet_vec act_load_part(const duet_act *from, int64_t count) {
    return DUET_STORED(load_part)(from, count);
}

DUET_INLINE void act_store_part(duet_act *to, duet_vec v, int64_t count) {
    DUET_STORED(store_part)(to, v, count);
}

DUET_INLINE float act_get(duet_act a) {
    return DUET_STORED(get)(a);
}

DUET_INLINE duet_act act_make(float value) {
    return DUET_STORED(make)(value);
}

/* to[count] = from[count] as f32 */
DUET_INLINE void act_widen(float *to, const duet_act *from, int64_t count) {
    int64_t i = 0;
    for (; i + DUET_LANES <= count; i += DUET_LANES) vec_store(to + i, act_load(from + i));
    for (; i < count; i++) to[i] = act_get(from[i]);
}

/* The opposite. */
DUET_INLINE void act_narrow(duet_act *to, const float *from, int64_t count) {
    int64_t i = 0;
    for (; i + DUET_LANES <= count; i += DUET_LANES) act_store(to + i, vec_load(from + i));
    for (; i < count; i++) to[i] = act_make(from[i]);
}

/* to[count] = from[count] as bf16 */
DUET_INLINE void act_round(uint16_t *to, const duet_act *from, int64_t count) {
#if defined(DUET_STORE_BF16)
    memcpy(to, from, (size_t)count * sizeof *to);
#else
    int64_t i = 0;
    for (; i + DUET_LANES <= count; i += DUET_LANES) bf16_store(to + i, vec_load(from + i));
    for (; i < count; i++) to[i] = bf16_make(from[i]);
#endif
}

/* The same between bf16 and f32. */
DUET_INLINE void bf16_widen(float *to, const uint16_t *from, int64_t count) {
    int64_t i = 0;
    for (; i + DUET_LANES <= count; i += DUET_LANES) vec_store(to + i, bf16_load(from + i));
    for (; i < count; i++) to[i] = bf16_get(from[i]);
}

/* Element i of a weight, stored as bf16 or f32. */
DUET_INLINE float weight_get(const void *w, int64_t i, const bool bf16) {
    return bf16 ? bf16_get(((const uint16_t *)w)[i]) : ((const float *)w)[i];
}

/* to[count] = elements from … of a weight. */
DUET_INLINE void weight_copy(float *to, const void *w, int64_t from, int64_t count,
                             const bool bf16) {
    if (bf16)
        bf16_widen(to, (const uint16_t *)w + from, count);
    else
        memcpy(to, (const float *)w + from, (size_t)count * sizeof(float));
}

/* The same, as bf16. */
DUET_INLINE void weight_round(uint16_t *to, const void *w, int64_t from, int64_t count,
                              const bool bf16) {
    int64_t i = 0;
    if (bf16) memcpy(to, (const uint16_t *)w + from, (size_t)count * sizeof *to);
    if (bf16) return;
    for (; i + DUET_LANES <= count; i += DUET_LANES)
        bf16_store(to + i, vec_load((const float *)w + from + i));
    for (; i < count; i++) to[i] = bf16_make(((const float *)w)[from + i]);
}

/* mask ? a : b by lanes */
DUET_INLINE duet_vec vec_select(duet_vec_int mask, duet_vec a, duet_vec b) {
    return (duet_vec)((mask & (duet_vec_int)a) | (~mask & (duet_vec_int)b));
}

/* a > b ? a : b and a < b ? a : b: where one is NaN it is b. One instruction, which compilers do
 * not find themselves. */
DUET_INLINE duet_vec vec_max(duet_vec a, duet_vec b) {
#if defined(__AVX512F__)
    return (duet_vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (duet_vec)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (duet_vec)_mm_max_ps((__m128)a, (__m128)b);
#else
    return vec_select(a > b, a, b);
#endif
}

DUET_INLINE duet_vec vec_min(duet_vec a, duet_vec b) {
#if defined(__AVX512F__)
    return (duet_vec)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (duet_vec)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (duet_vec)_mm_min_ps((__m128)a, (__m128)b);
#else
    return vec_select(a < b, a, b);
#endif
}

/* v[i][j] <-> v[j][i]: in round `step` the pairs of rows (i, i + step) exchange their off-diagonal
 * blocks of that size. */
#define DUET_EXCHANGE(step, keep, take)                                  \
    DUET_UNROLL                                                          \
    for (int i = 0; i < DUET_LANES; i++) {                               \
        if ((i & (step)) != 0) continue;                                 \
        const duet_vec a = v[i], b = v[i + (step)];                      \
        v[i] = __builtin_shufflevector(a, b, DUET_UNPACK keep);          \
        v[i + (step)] = __builtin_shufflevector(a, b, DUET_UNPACK take); \
    }
#define DUET_UNPACK(...) __VA_ARGS__
DUET_INLINE void vec_transpose(duet_vec *v) {
#if DUET_LANES == 16
    DUET_EXCHANGE(8, (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
                  (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
    DUET_EXCHANGE(4, (0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
                  (4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
    DUET_EXCHANGE(2, (0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
                  (2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
    DUET_EXCHANGE(1, (0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
                  (1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
#elif DUET_LANES == 8
    DUET_EXCHANGE(4, (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15))
    DUET_EXCHANGE(2, (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15))
    DUET_EXCHANGE(1, (0, 8, 2, 10, 4, 12, 6, 14), (1, 9, 3, 11, 5, 13, 7, 15))
#else
    DUET_EXCHANGE(2, (0, 1, 4, 5), (2, 3, 6, 7))
    DUET_EXCHANGE(1, (0, 4, 2, 6), (1, 5, 3, 7))
#endif
}

/* Sums of the lanes by halves: a fixed order. */
DUET_INLINE float vec_sum(duet_vec v) {
    float lane[DUET_LANES];
    memcpy(lane, &v, sizeof lane);
    for (int n = DUET_LANES / 2; n > 0; n /= 2) {
        for (int i = 0; i < n; i++) lane[i] += lane[i + n];
    }
    return lane[0];
}

DUET_INLINE duet_vec vec_exp(duet_vec x) {
    /* 1.5 * 2^23: adding it rounds to an integer, which is in the low bits */
    const duet_vec magic = vec_set(12582912.0f);
    x = vec_max(vec_set(-87.3f), vec_min(vec_set(88.0f), x));
    const duet_vec shifted = x * 1.44269504088896341f + magic;
    const duet_vec n = shifted - magic;
    const duet_vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    duet_vec p = vec_set(1.3814539416e-3f);
    p = p * r + 8.3687454462e-3f;
    p = p * r + 4.1668388993e-2f;
    p = p * r + 1.6666521132e-1f;
    p = p * r + 4.9999994040e-1f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    /* the upper bits of magic are shifted out */
    return (duet_vec)((duet_vec_int)p + ((duet_vec_int)shifted << 23));
}

DUET_INLINE duet_vec vec_silu(duet_vec x) {
    return x / (1.0f + vec_exp(-x));
}

/* silu'(x) = s + x s (1 - s), s = sigmoid(x); 1 - s = s exp(-x) without cancellation */
DUET_INLINE duet_vec vec_silu_slope(duet_vec x) {
    const duet_vec e = vec_exp(-x), s = 1.0f / (1.0f + e);
    return (x * (e * s) + 1.0f) * s;
}

#endif
