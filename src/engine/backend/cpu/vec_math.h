/* SPDX-License-Identifier: MIT
 * cpu/vec_math.h: functions that the compiler vectorises: no branches, no calls.
 * exp: x = n ln 2 + r with |r| <= ln 2 / 2, exp(r) by a polynomial of degree 6, 2^n by its bits (error below 2 ulp). */
#ifndef DUET_CPU_VEC_MATH_H
#define DUET_CPU_VEC_MATH_H

#include <stdint.h>

static inline float duet_vec_exp(float x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    const float n = (x * 1.44269504f + magic) - magic;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = (p * r * r + r) + 1.0f;
    union { int32_t bits; float value; } scale = {.bits = ((int32_t)n + 127) << 23};
    return p * scale.value;
}

static inline float duet_vec_sigmoid(float x) { return 1.0f / (1.0f + duet_vec_exp(-x)); }

#endif
