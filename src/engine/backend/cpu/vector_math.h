/* SPDX-License-Identifier: MIT
 * cpu/vector_math.h: functions by vectors beyond those of vector.h. NaN stays NaN. */
#ifndef DUET_CPU_VECTOR_MATH_H
#define DUET_CPU_VECTOR_MATH_H

#include <math.h>

#include "engine/backend/cpu/vector.h"

DUET_INLINE duet_vec vec_abs(duet_vec x) {
    return (duet_vec)((duet_vec_int)x & 0x7fffffff);
}

DUET_INLINE duet_vec vec_sqrt(duet_vec x) {
#if defined(__AVX512F__)
    return (duet_vec)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
    return (duet_vec)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__)
    return (duet_vec)_mm_sqrt_ps((__m128)x);
#else
    for (int i = 0; i < DUET_LANES; i++) x[i] = sqrtf(x[i]);
    return x;
#endif
}

/* exp(x) down to 0 and up to infinity: beyond the range of vec_exp as exp(x/2)^2. */
DUET_INLINE duet_vec vec_exp_whole(duet_vec x) {
    const duet_vec half = vec_exp(0.5f * x);
    return vec_select(vec_abs(x) > vec_set(87.0f), half * half, vec_exp(x));
}

/* Natural logarithm: x = 2^n m, m from 1/sqrt 2 to sqrt 2, log m = t - t^2/2 + t^3 q(t), t = m - 1,
 * q by least squares at Chebyshev points (relative error of log m: 4e-8). */
DUET_INLINE duet_vec vec_log(duet_vec x) {
    static const float q[] = {3.3333969e-1f, -2.5001261e-1f, 1.9961149e-1f, -1.6578959e-1f,
                              1.4934166e-1f, -1.4262822e-1f, 8.6427808e-2f};
    const duet_vec none = {0}, one = vec_set(1.0f);
    const duet_vec_int tiny = x < vec_set(1.17549435e-38f);
    const duet_vec_int bits = (duet_vec_int)vec_select(tiny, x * 8388608.0f, x); /* 2^23 */
    duet_vec m = (duet_vec)((bits & 0x7fffff) | 0x3f800000);
    duet_vec n = __builtin_convertvector((bits >> 23) - 127, duet_vec) -
                 vec_select(tiny, vec_set(23.0f), none);
    const duet_vec_int large = m > vec_set(1.41421356f);
    m = vec_select(large, 0.5f * m, m);
    n += vec_select(large, one, none);
    const duet_vec t = m - one;
    duet_vec p = vec_set(q[6]);
    for (int i = 5; i >= 0; i--) p = p * t + q[i];
    const duet_vec log_m = t + t * t * (t * p - 0.5f);
    const duet_vec y = n * 0.693359375f + (log_m - n * 2.12194440e-4f);
    const duet_vec edge = vec_select(x == none, vec_set(-INFINITY), vec_set(NAN));
    return vec_select(x > none, vec_select(x < vec_set(INFINITY), y, x), edge);
}

/* log(1 + e), 0 <= e: what the rounding of u = 1 + e lost is put right by e / (u - 1). */
DUET_INLINE duet_vec vec_log1p(duet_vec e) {
    const duet_vec u = 1.0f + e, rest = u - 1.0f;
    return vec_select(rest == (duet_vec){0}, e, vec_log(u) * (e / rest));
}

DUET_INLINE duet_vec vec_sigmoid(duet_vec x) {
    return 1.0f / (1.0f + vec_exp(-x));
}

/* |x| < 0.625: x + x^3 p(x^2), p by least squares at Chebyshev points (6e-9); beyond by exp. */
DUET_INLINE duet_vec vec_tanh(duet_vec x) {
    static const float p[] = {-3.3333281e-1f, 1.3331431e-1f, -5.3739157e-2f, 2.0637862e-2f,
                              -5.7040438e-3f};
    const duet_vec none = {0}, size = vec_abs(x), z = x * x;
    duet_vec sum = vec_set(p[4]);
    for (int i = 3; i >= 0; i--) sum = sum * z + p[i];
    const duet_vec far = 1.0f - 2.0f / (1.0f + vec_exp(2.0f * size));
    return vec_select(size < vec_set(0.625f), x + x * (z * sum), vec_select(x < none, -far, far));
}

/* The normal distribution Phi(x) = erfc(-x / sqrt 2) / 2 by erfc(z) = t exp(-z^2 + p(t)), t = 1 /
 * (1 + z/2), z >= 0, whose relative error is below 1.2e-7 everywhere (Press et al., Numerical
 * Recipes, section 6.2). */
DUET_INLINE duet_vec vec_normal(duet_vec x) {
    static const float p[] = {-1.26551223f, 1.00002368f,  0.37409196f, 0.09678418f,  -0.18628806f,
                              0.27886807f,  -1.13520398f, 1.48851587f, -0.82215223f, 0.17087277f};
    const duet_vec none = {0}, z = vec_select(x < none, -x, x) * 0.70710678118654752f,
                   t = 1.0f / (1.0f + 0.5f * z);
    duet_vec sum = vec_set(p[9]);
    for (int i = 8; i >= 0; i--) sum = sum * t + p[i];
    const duet_vec half = 0.5f * t * vec_exp(sum - z * z);
    return vec_select(x < none, half, 1.0f - half);
}

#endif
