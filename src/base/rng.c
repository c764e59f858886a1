/* SPDX-License-Identifier: MIT
 * base/rng.c: Philox4x32-10 and what is drawn from it. Element e of a stream depends on (key,
 * index, e) alone: 64-bit draws are the halves of block e/2, normal draws the four numbers of block
 * e/4 under a second key. log, sin and cos are polynomials in plain double arithmetic (error below
 * 1e-13), so that a normal has the same bits on every machine whatever its mathematics library.
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#include "base/rng.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"

/* Separates normal draws from the 64-bit draws of the same stream. */
#define NORMAL_KEY 0xA5A3C1E70F9B2D48u

void duet_philox(uint32_t out[4], uint64_t key, uint64_t counter_high, uint64_t counter_low) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c0 = (uint32_t)counter_low, c1 = (uint32_t)(counter_low >> 32);
    uint32_t c2 = (uint32_t)counter_high, c3 = (uint32_t)(counter_high >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

duet_rng duet_rng_make(uint64_t seed, const char *stream, uint64_t index) {
    return (duet_rng){.key = duet_hash_text(stream, seed), .index = index};
}

uint64_t duet_rng_u64(duet_rng rng, uint64_t element) {
    uint32_t r[4];
    duet_philox(r, rng.key, rng.index, element / 2);
    return element % 2 == 0 ? (uint64_t)r[0] | (uint64_t)r[1] << 32
                            : (uint64_t)r[2] | (uint64_t)r[3] << 32;
}

double duet_rng_uniform(duet_rng rng, uint64_t element) {
    return (double)(duet_rng_u64(rng, element) >> 11) * 0x1p-53;
}

uint64_t duet_rng_below(duet_rng rng, uint64_t element, uint64_t bound) {
    /* High word of draw * bound, by halves: no 128-bit type in C11. */
    const uint64_t x = duet_rng_u64(rng, element);
    const uint64_t x0 = (uint32_t)x, x1 = x >> 32, b0 = (uint32_t)bound, b1 = bound >> 32;
    const uint64_t middle = x1 * b0 + ((x0 * b0) >> 32);
    const uint64_t cross = x0 * b1 + (uint32_t)middle;
    return x1 * b1 + (middle >> 32) + (cross >> 32);
}

/* log of u in (0, 1): u = 2^e m with m in [sqrt(1/2), sqrt(2)), then the series of 2
 * atanh((m-1)/(m+1)). */
static double log_of(double u) {
    uint64_t bits = 0;
    memcpy(&bits, &u, sizeof bits);
    /* bits of sqrt(1/2): moves the binade's border there */
    const uint64_t shifted = bits - 0x3FE6A09E667F3BCDu;
    const int64_t e = (int64_t)shifted >> 52;
    bits -= (uint64_t)e << 52;
    double m = 0.0;
    memcpy(&m, &bits, sizeof m);
    const double s = (m - 1.0) / (m + 1.0), z = s * s;
    double p = 1.0 / 19.0;
    p = p * z + 1.0 / 17.0;
    p = p * z + 1.0 / 15.0;
    p = p * z + 1.0 / 13.0;
    p = p * z + 1.0 / 11.0;
    p = p * z + 1.0 / 9.0;
    p = p * z + 1.0 / 7.0;
    p = p * z + 1.0 / 5.0;
    p = p * z + 1.0 / 3.0;
    return (double)e * 0x1.62e42fefa39efp-1 + 2.0 * (s + s * (p * z));
}

/* cos and sin of 2 pi v/2^32: nearest quarter turn, then Taylor polynomials on [-pi/4, pi/4]. */
static void turn(uint32_t v, double *cosine, double *sine) {
    const uint32_t quarter = (v + 0x20000000u) >> 30;
    const double x = (double)(int32_t)(v - (quarter << 30)) * (0x1.921fb54442d18p+2 * 0x1p-32),
                 z = x * x;
    const double s =
        x + x * z *
                (-1.0 / 6 +
                 z * (1.0 / 120 +
                      z * (-1.0 / 5040 +
                           z * (1.0 / 362880 + z * (-1.0 / 39916800 + z * (1.0 / 6227020800.0))))));
    const double c =
        1.0 + z * (-0.5 + z * (1.0 / 24 +
                               z * (-1.0 / 720 +
                                    z * (1.0 / 40320 +
                                         z * (-1.0 / 3628800 + z * (1.0 / 479001600.0 -
                                                                    z * (1.0 / 87178291200.0)))))));
    const double a = quarter % 2 == 0 ? c : s, b = quarter % 2 == 0 ? s : c;
    *cosine = quarter == 1 || quarter == 2 ? -a : a;
    *sine = quarter == 2 || quarter == 3 ? -b : b;
}

/* Box-Muller on the two pairs of one block. */
static void normal_block(float out[4], duet_rng rng, uint64_t block) {
    uint32_t r[4];
    duet_philox(r, rng.key ^ NORMAL_KEY, rng.index, block);
    for (int pair = 0; pair < 2; pair++) {
        const double u = ((double)r[2 * pair] + 0.5) * 0x1p-32; /* never 0 nor 1 */
        const double radius = sqrt(-2.0 * log_of(u));
        double c = 0.0, s = 0.0;
        turn(r[2 * pair + 1], &c, &s);
        out[2 * pair] = (float)(radius * c);
        out[2 * pair + 1] = (float)(radius * s);
    }
}

void duet_rng_normal(duet_rng rng, uint64_t first_element, float *out, int64_t count) {
    uint64_t block = first_element / 4;
    int64_t skip = (int64_t)(first_element % 4);
    for (int64_t i = 0; i < count; block++, skip = 0) {
        float four[4];
        normal_block(four, rng, block);
        for (int64_t j = skip; j < 4 && i < count; j++) out[i++] = four[j];
    }
}

void duet_rng_permutation(duet_rng rng, int64_t *order, int64_t count) {
    for (int64_t i = 0; i < count; i++) order[i] = i;
    for (int64_t i = count - 1; i > 0; i--) {
        const int64_t j = (int64_t)duet_rng_below(rng, (uint64_t)i, (uint64_t)i + 1);
        const int64_t held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
}
