/* SPDX-License-Identifier: MIT
 * engine/op/formula.h: small formulas that references and kernels must share to the bit or to the
 * index.
 *
 * Dropout: element e of sample b (counted from the sample's begin, row-major) is dropped when u32 <
 *   floor(p 2^32), where u32 = word e%4 of Philox4x32-10(key, index, e/4), key = mix(mix(seed) +
 *   stream), index = step 2^32 + (u32) sample_id[b], mix = finaliser of splitmix64 (Steele, Lea,
 *   Flood 2014); kept elements are multiplied by (float)(1 / (1-p)). Pooling windows as PyTorch:
 *   begin(i) = floor(i n / p), end(i) = ceil((i+1) n / p). */
#ifndef DUET_ENGINE_FORMULA_H
#define DUET_ENGINE_FORMULA_H

#include <math.h>

#include "base/rng.h"
#include "engine/op/ops.h"

static inline uint64_t duet_mix64(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static inline uint64_t duet_dropout_key(uint64_t seed, int64_t stream) {
    return duet_mix64(duet_mix64(seed) + (uint64_t)stream);
}

static inline uint64_t duet_dropout_index(uint64_t step, int32_t sample_id) {
    return (step << 32) + (uint32_t)sample_id;
}

static inline uint32_t duet_dropout_threshold(double p) /* 0 <= p < 1 */
{
    return (uint32_t)(p * 4294967296.0);
}

static inline float duet_dropout_gain(double p) {
    return (float)(1.0 / (1.0 - p));
}

static inline int64_t duet_pool_begin(int64_t i, int64_t n, int64_t p) {
    return i * n / p;
}

static inline int64_t duet_pool_end(int64_t i, int64_t n, int64_t p) {
    return ((i + 1) * n + p - 1) / p;
}

/* Channel of qkv[…,3C] that holds channel c of part 0 = q, 1 = k, 2 = v of a head. */
static inline int64_t duet_qkv_channel(const duet_attention_attr *attr, int64_t channels,
                                       int64_t head, int part, int64_t c) {
    const int64_t size = channels / attr->heads;
    return attr->legacy ? (head * 3 + part) * size + c : part * channels + head * size + c;
}

/* Of a row of softmax: *peak = the largest of x[n]; returns the sum of exp(x - *peak), so that
 * log(sum of exp(x)) = *peak + log(of it). A comparison instead of fmax, whose loop GCC 12 cannot
 * compile for aarch64 (internal error). */
static inline double duet_row_total(double *peak, const float *x, int64_t n) {
    double most = (double)x[0], total = 0.0;
    for (int64_t i = 1; i < n; i++) most = (double)x[i] > most ? (double)x[i] : most;
    for (int64_t i = 0; i < n; i++) total += exp((double)x[i] - most);
    *peak = most;
    return total;
}

#endif
