/* SPDX-License-Identifier: MIT
 * cpu/vector.h: vectors of the instruction set this file is compiled for, by the vector types of gcc and clang: loads,
 * stores, sums, exp.
 *
 * exp: x = n ln 2 + r, |r| <= ln 2 / 2, exp(r) by the polynomial of Cephes' expf (degree 7 in all), 2^n in two halves, so
 * that results from the smallest subnormal to the largest float are right; inf and 0 beyond, NaN stays. Below 1 ulp with
 * fused multiply-add, below 2 without. */
#ifndef DUET_CPU_VECTOR_H
#define DUET_CPU_VECTOR_H

#include <stdint.h>
#include <string.h>

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
typedef float duet_vec_loose __attribute__((vector_size(4 * DUET_LANES), aligned(4), may_alias)); /* anywhere in memory */

DUET_INLINE duet_vec vec_load(const float *from)
{
    return *(const duet_vec_loose *)from;
}

DUET_INLINE void vec_store(float *to, duet_vec v)
{
    *(duet_vec_loose *)to = v;
}

DUET_INLINE duet_vec vec_set(float value)
{
    return value - (duet_vec){ 0 };
}

/* The first `count` lanes; the others are 0, and not stored. */
DUET_INLINE duet_vec vec_load_part(const float *from, int64_t count)
{
    duet_vec v = { 0 };
    memcpy(&v, from, (size_t)count * sizeof(float));
    return v;
}

DUET_INLINE void vec_store_part(float *to, duet_vec v, int64_t count)
{
    memcpy(to, &v, (size_t)count * sizeof(float));
}

/* mask ? a : b by lanes */
DUET_INLINE duet_vec vec_select(duet_vec_int mask, duet_vec a, duet_vec b)
{
    return (duet_vec)((mask & (duet_vec_int)a) | (~mask & (duet_vec_int)b));
}

DUET_INLINE duet_vec vec_max(duet_vec a, duet_vec b)
{
    return vec_select(a > b, a, b);
}

/* Sums of the lanes by halves: a fixed order. */
DUET_INLINE float vec_sum(duet_vec v)
{
    float lane[DUET_LANES];
    memcpy(lane, &v, sizeof lane);
    for (int n = DUET_LANES / 2; n > 0; n /= 2) {
        for (int i = 0; i < n; i++) lane[i] += lane[i + n];
    }
    return lane[0];
}

DUET_INLINE duet_vec vec_exp(duet_vec x)
{
    const duet_vec magic = vec_set(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer, which is in the low bits */
    x = vec_select(x > 89.0f, vec_set(89.0f), x);
    x = vec_select(x < -105.0f, vec_set(-105.0f), x);
    const duet_vec shifted = x * 1.44269504088896341f + magic;
    const duet_vec n = shifted - magic;
    const duet_vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    duet_vec p = vec_set(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    const duet_vec_int power = (duet_vec_int)shifted - (duet_vec_int)magic;
    const duet_vec_int half = power >> 1, rest = power - half;
    return p * (duet_vec)((half + 127) << 23) * (duet_vec)((rest + 127) << 23);
}

DUET_INLINE duet_vec vec_sigmoid(duet_vec x)
{
    return 1.0f / (1.0f + vec_exp(-x));
}

#endif
