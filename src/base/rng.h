/* SPDX-License-Identifier: MIT
 * base/rng.h: counter-based random numbers (Philox4x32-10, Salmon et al., SC 2011). No state is
 * kept anywhere: a draw is a pure function of (seed, stream, index, element), so it does not depend
 * on batch, threads or ranks. */
#ifndef DUET_BASE_RNG_H
#define DUET_BASE_RNG_H

#include <duet/base.h>

typedef struct duet_rng {
    uint64_t key;   /* seed mixed with the stream's name */
    uint64_t index; /* which item of the stream (an image, a step) */
} duet_rng;

void duet_philox(uint32_t out[4], uint64_t key, uint64_t counter_high, uint64_t counter_low);
/* A stream is named ("noise", "t", "crop"); index picks an item of it. */
duet_rng duet_rng_make(uint64_t seed, const char *stream, uint64_t index);
uint64_t duet_rng_u64(duet_rng rng, uint64_t element);
double duet_rng_uniform(duet_rng rng, uint64_t element); /* [0, 1) */
uint64_t duet_rng_below(duet_rng rng, uint64_t element,
                        uint64_t bound); /* 0..bound-1, unbiased enough: 64-bit multiply-shift */
void duet_rng_normal(duet_rng rng, uint64_t first_element, float *out,
                     int64_t count); /* N(0,1), Box-Muller on pairs */
/* order[i] = a permutation of 0..count-1 that depends on rng alone (Fisher-Yates). */
void duet_rng_permutation(duet_rng rng, int64_t *order, int64_t count);

#endif
